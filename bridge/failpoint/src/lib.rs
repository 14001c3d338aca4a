//! Moments at which a test stops a program, to kill it there or to let something happen first.
//!
//! Only builds with the feature `armed` have them, and only where the environment names a folder. A file in it arms the
//! point of its name; a program that gets there writes `<name>.reached` and waits until the file is gone. Without the
//! feature nothing is left of a point.

/// The environment variable that names the folder.
pub const FOLDER: &str = "FAILPOINTS";

#[cfg(feature = "armed")]
pub use self::armed::{is_on, reach, setting};

#[cfg(feature = "armed")]
mod armed {
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;
    use std::time::Duration;

    /// Between two looks for the file of an armed point: nothing tells when it is gone.
    const PAUSE: Duration = Duration::from_millis(2);

    static ARMED: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os(super::FOLDER).map(Into::into));

    /// Waits at the point while it is armed.
    pub fn reach(point: &str) {
        if let Some(folder) = ARMED.as_deref() {
            wait(folder, point);
        }
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(switch: &str) -> bool {
        ARMED.as_deref().is_some_and(|folder| folder.join(switch).exists())
    }

    /// What a setting's file says.
    #[must_use]
    pub fn setting(name: &str) -> Option<String> {
        std::fs::read_to_string(ARMED.as_deref()?.join(name)).ok().map(|text| text.trim().to_owned())
    }

    fn wait(folder: &Path, point: &str) {
        let file = folder.join(point);
        if !file.exists() {
            return;
        }
        if let Err(error) = std::fs::write(folder.join(format!("{point}.reached")), "") {
            tracing::error!(point, %error, "a failpoint cannot say that it was reached");
        }
        while file.exists() {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Waits at the point while it is armed: never, in this build.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn reach(_point: &str) {}

/// Whether a switch is on: never, in this build.
#[cfg(not(feature = "armed"))]
#[inline]
#[must_use]
pub fn is_on(_switch: &str) -> bool {
    false
}

/// What a setting's file says: nothing, in this build.
#[cfg(not(feature = "armed"))]
#[inline]
#[must_use]
pub fn setting(_name: &str) -> Option<String> {
    None
}
