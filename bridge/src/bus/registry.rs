//! The schema registry: registers what a topic's records are written with, and only when it must.
//!
//! Every subject is set to FULL, because global defaults differ between registries. The first schema of a new
//! population is let in with NONE: it need not fit what earlier populations had, the bridge has seen to that.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use schema_registry_converter::async_impl::schema_registry::{SrSettings, post_schema};
use schema_registry_converter::schema_registry_common::{SchemaType, SuppliedSchema};
use tokio::runtime::Handle;
use xxhash_rust::xxh3::xxh3_128;

use super::error::BusError;

/// Registrations that run at once: a tenant's first load registers hundreds.
const AT_ONCE: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where the registry is and who we are there. Holds a password, so it has no `Debug`.
#[derive(Clone, Default)]
pub struct RegistrySettings {
    /// Base of the Confluent-compatible API, without a slash at its end.
    pub url: String,
    /// User name and password for basic authentication.
    pub basic: Option<(String, String)>,
}

/// A schema to be registered under a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Registration {
    /// `<topic>-key` or `<topic>-value`.
    pub subject: String,
    /// The schema's text.
    pub schema: String,
    /// Whether it may differ from everything registered under the subject before.
    pub begins_anew: bool,
}

/// The process's TLS provider: ring, unless whoever started the process chose another.
fn ensure_tls_provider() {
    // An error says that there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client of the registry with a cache of what it registered.
pub struct Registry {
    settings: SrSettings,
    http: reqwest::Client,
    place: RegistrySettings,
    runtime: Handle,
    /// Ids by subject and hash of the schema's text.
    known: Mutex<HashMap<(String, u128), u32>>,
}

impl Registry {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// [`BusError::Registry`] when the address cannot be used.
    pub fn new(place: RegistrySettings, runtime: Handle) -> Result<Self, BusError> {
        let fault = |reason: String| BusError::Registry { subject: "any".to_owned(), reason };
        ensure_tls_provider();
        let mut builder = SrSettings::new_builder(place.url.clone());
        builder.set_timeout(TIMEOUT);
        if let Some((user, password)) = &place.basic {
            builder.set_basic_authorization(user, Some(password));
        }
        let settings = builder.build().map_err(|error| fault(error.to_string()))?;
        let http =
            reqwest::Client::builder().timeout(TIMEOUT).build().map_err(|error| fault(error.to_string()))?;
        Ok(Self { settings, http, place, runtime, known: Mutex::default() })
    }

    /// Ids of the given schemas in the same order, registering those that this process has not registered yet.
    /// Blocks; not for async threads.
    ///
    /// # Errors
    /// [`BusError::Registry`] when one was refused or the registry did not answer.
    pub fn register(&self, wanted: Vec<Registration>) -> Result<Vec<u32>, BusError> {
        self.runtime.block_on(
            stream::iter(wanted)
                .map(|registration| self.register_one(registration))
                .buffered(AT_ONCE)
                .try_collect(),
        )
    }

    async fn register_one(&self, wanted: Registration) -> Result<u32, BusError> {
        let Registration { subject, schema, begins_anew } = wanted;
        let known = (subject.clone(), xxh3_128(schema.as_bytes()));
        if let Some(id) = self.known().get(&known) {
            return Ok(*id);
        }
        let fault = |reason: String| BusError::Registry { subject: subject.clone(), reason };
        if begins_anew {
            self.set_compatibility(&subject, "NONE").await.map_err(fault)?;
        }
        let supplied = SuppliedSchema::new(None, SchemaType::Avro, schema);
        let registered = post_schema(&self.settings, subject.clone(), supplied)
            .await
            .map_err(|error| fault(error.to_string()))?;
        if begins_anew {
            self.set_compatibility(&subject, "FULL").await.map_err(fault)?;
        }
        self.known().insert(known, registered.id);
        Ok(registered.id)
    }

    async fn set_compatibility(&self, subject: &str, level: &str) -> Result<(), String> {
        let mut request = self
            .http
            .put(format!("{}/config/{subject}", self.place.url))
            .header("Content-Type", "application/vnd.schemaregistry.v1+json")
            .body(format!("{{\"compatibility\":\"{level}\"}}"));
        if let Some((user, password)) = &self.place.basic {
            request = request.basic_auth(user, Some(password));
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("setting {level}: {}", answer.status()))
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<(String, u128), u32>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
