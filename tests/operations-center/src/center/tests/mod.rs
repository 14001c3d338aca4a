//! What stays on disk, and what is refused.

mod applications;
mod at_once;
mod tenants;

use std::sync::Arc;

use super::applications::CERTIFICATE_FILE;
use super::*;
use crate::application::{Application, Details, Environment, Registration};
use crate::fixture::{HandClock, application};
use crate::tenant::Tenant;

/// An Operations Center in a folder of its own, whose development environment signs with the fixture's key.
struct World {
    folder: tempfile::TempDir,
    clock: Arc<HandClock>,
    center: Center,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock::at_seconds(1_600_000_000));
        let center = Center::with_clock(folder.path(), Arc::<HandClock>::clone(&clock)).unwrap();
        let environment = center.environment_folder(Environment::Development);
        std::fs::create_dir_all(&environment).unwrap();
        application().signer().save(&environment, CERTIFICATE_FILE).unwrap();
        Self { folder, clock, center }
    }

    /// The same folder as another process sees it.
    fn reopened(&self) -> Center {
        Center::open(self.folder.path()).unwrap()
    }

    fn register(&self, id: &str) -> Application {
        self.center.register(registration(id)).unwrap()
    }

    fn create_tenant(&self, name: &str) -> Tenant {
        self.center.create_tenant(name, empty).unwrap()
    }
}

/// With a short key, which is quickly made.
fn registration(id: &str) -> Registration {
    let details = Details::named(&format!("the application {id}"));
    Registration { id: id.to_owned(), key_bits: 1024, ..Registration::new(details) }
}

/// Makes a tenant without tables.
fn empty(path: &Path) -> Result<(), CenterError> {
    Tenant::create(path)?;
    Ok(())
}
