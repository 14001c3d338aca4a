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
use serde::Deserialize;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::xxh3_128;

use super::error::BusError;
use crate::metrics;

/// Registrations that run at once: a tenant's first load registers hundreds.
const AT_ONCE: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(10);
const FIND_TIMEOUT: Duration = Duration::from_secs(1);
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

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

/// A schema registry, as the bus sees it.
pub trait Schemas: Send + Sync {
    /// Ids of the given schemas in the same order, registering those that are not known yet. Blocks; not for async
    /// threads.
    ///
    /// # Errors
    /// [`BusError::Registry`] when one was refused or the registry did not answer.
    fn register(&self, wanted: Vec<Registration>) -> Result<Vec<u32>, BusError>;

    /// The text of the schema with this id; `None` where the registry says that there is none. Answers or fails within
    /// a second or two: no call needs to know. Blocks.
    ///
    /// # Errors
    /// [`BusError::Registry`] when the registry did not answer.
    fn find(&self, id: u32) -> Result<Option<String>, BusError>;

    /// Forgets the ids that are known: the registry has lost them.
    fn forget(&self);

    /// Whether the registry answers; within seconds. Blocks.
    ///
    /// # Errors
    /// [`BusError::Registry`] when it does not answer as a registry does.
    fn check(&self) -> Result<(), BusError>;

    /// Where it is.
    fn address(&self) -> &str;
}

/// The process's TLS provider: ring, unless whoever started the process chose another.
pub(crate) fn ensure_tls_provider() {
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

impl Schemas for Registry {
    fn register(&self, wanted: Vec<Registration>) -> Result<Vec<u32>, BusError> {
        self.runtime.block_on(
            stream::iter(wanted)
                .map(|registration| self.register_one(registration))
                .buffered(AT_ONCE)
                .try_collect(),
        )
    }

    fn find(&self, id: u32) -> Result<Option<String>, BusError> {
        let found = self.runtime.block_on(self.find_schema(id));
        found.map_err(|reason| BusError::Registry { subject: format!("schema {id}"), reason })
    }

    fn forget(&self) {
        self.known().clear();
    }

    fn check(&self) -> Result<(), BusError> {
        self.runtime.block_on(self.ask_for_types())
    }

    fn address(&self) -> &str {
        &self.place.url
    }
}

/// The registry's answer to a schema's id; what else it says is not needed.
#[derive(Deserialize)]
struct FoundSchema {
    schema: String,
}

/// Why a registry does not carry out a request.
#[derive(Deserialize)]
struct Refusal {
    error_code: u32,
}

/// A registry's own word that it has no schema with an id. Whatever stands before it says 404, too, when it does not
/// find the registry.
const SCHEMA_NOT_FOUND: u32 = 40403;

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

    /// Every registry with this API knows the answer by heart.
    async fn ask_for_types(&self) -> Result<(), BusError> {
        let fault = |reason: String| BusError::Registry { subject: "any".to_owned(), reason };
        let mut request = self.http.get(format!("{}/schemas/types", self.place.url)).timeout(CHECK_TIMEOUT);
        if let Some((user, password)) = &self.place.basic {
            request = request.basic_auth(user, Some(password));
        }
        let answer = request.send().await.map_err(|error| fault(error.without_url().to_string()))?;
        if answer.status().is_success() { Ok(()) } else { Err(fault(answer.status().to_string())) }
    }

    async fn register_one(&self, wanted: Registration) -> Result<u32, BusError> {
        let Registration { subject, schema, begins_anew } = wanted;
        let known = (subject.clone(), xxh3_128(schema.as_bytes()));
        if let Some(id) = self.known().get(&known) {
            return Ok(*id);
        }
        let registered = self.put(&subject, schema, begins_anew).await;
        metrics::registry_request(registered.is_ok());
        let id = registered.map_err(|reason| BusError::Registry { subject, reason })?;
        self.known().insert(known, id);
        Ok(id)
    }

    async fn put(&self, subject: &str, schema: String, begins_anew: bool) -> Result<u32, String> {
        if begins_anew {
            self.set_compatibility(subject, "NONE").await?;
        }
        let supplied = SuppliedSchema::new(None, SchemaType::Avro, schema);
        let registered = post_schema(&self.settings, subject.to_owned(), supplied)
            .await
            .map_err(|error| error.to_string())?;
        if begins_anew {
            self.set_compatibility(subject, "FULL").await?;
        }
        Ok(registered.id)
    }

    async fn find_schema(&self, id: u32) -> Result<Option<String>, String> {
        let mut request = self.http.get(format!("{}/schemas/ids/{id}", self.place.url)).timeout(FIND_TIMEOUT);
        if let Some((user, password)) = &self.place.basic {
            request = request.basic_auth(user, Some(password));
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if !status.is_success() {
            let is_unknown = serde_json::from_str(&text)
                .is_ok_and(|refusal: Refusal| refusal.error_code == SCHEMA_NOT_FOUND);
            return if is_unknown { Ok(None) } else { Err(status.to_string()) };
        }
        let found: FoundSchema = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(Some(found.schema))
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
