//! The bus: puts calls on Kafka so that nothing acknowledged is lost and nothing refused is seen.
//!
//! One file per call, in the order of a cycle: [`authenticate`], [`table_schema`], [`wipe`], [`row_data`],
//! [`completed`]; what they share: [`order`] (which calls are still welcome), [`position`] (what is remembered of a
//! table), [`session`] (the producer, and the only place that commits), [`sweep`] (tombstones for what a new
//! population did not bring again). It knows nothing of SOAP: another source would hand it the same batches.
//!
//! Everything here blocks and belongs on threads made for that.

mod authenticate;
mod call;
mod completed;
mod drops;
mod encode;
mod error;
mod event;
mod memory;
pub mod offsets;
pub mod order;
pub mod position;
mod producer;
mod read;
pub mod registry;
mod row_data;
mod rows;
pub mod schema;
mod session;
pub mod settings;
mod sweep;
mod table_schema;
mod topics;
mod wipe;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mirrorbus_schemas::topic::{Table, Tenant};
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use tokio::runtime::Handle;

pub use self::authenticate::Authenticated;
pub use self::call::Caller;
pub use self::error::BusError;
use self::offsets::{Cluster, Questions};
use self::registry::{Registry, RegistrySettings};
use self::session::Session;
use self::settings::BusSettings;
use crate::batch::shown;
use crate::clock::Clock;

/// How long the cluster may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one question to the cluster may take.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(10);

/// One application's way to Kafka, for all its tenants.
pub struct Bus {
    settings: BusSettings,
    producer_config: ClientConfig,
    reader_config: ClientConfig,
    cluster: Cluster,
    questions: Arc<dyn Questions>,
    registry: Registry,
    clock: Arc<dyn Clock>,
    runtime: Handle,
    tenants: Mutex<HashMap<Tenant, Arc<Slot>>>,
}

/// One tenant: a call at a time.
#[derive(Default)]
struct Slot {
    session: Mutex<Option<Session>>,
}

impl Slot {
    /// A thread that panicked inside a call left a session nobody can trust.
    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(|poisoned| {
            let mut session = poisoned.into_inner();
            *session = None;
            self.session.clear_poison();
            session
        })
    }
}

impl Bus {
    /// Connects nothing yet: Kafka and the registry are asked with the first call.
    ///
    /// # Errors
    /// [`BusError::Kafka`] or [`BusError::Registry`] when a client cannot be made of the settings.
    pub fn new(
        settings: BusSettings,
        registry: RegistrySettings,
        clock: Arc<dyn Clock>,
        runtime: Handle,
    ) -> Result<Self, BusError> {
        let admin: AdminClient<DefaultClientContext> = settings
            .admin()
            .create()
            .map_err(|error| BusError::kafka("create admin client", error.to_string()))?;
        let cluster = Cluster { admin: Arc::new(admin), timeout: QUESTION_TIMEOUT };
        Ok(Self {
            producer_config: settings.producer(),
            reader_config: settings.reader(),
            questions: Arc::new(cluster.clone()),
            cluster,
            registry: Registry::new(registry, runtime.clone())?,
            clock,
            runtime,
            settings,
            tenants: Mutex::default(),
        })
    }

    /// Puts something between the bus and its questions to the cluster.
    #[must_use]
    pub fn with_questions(mut self, wrap: impl FnOnce(Arc<dyn Questions>) -> Arc<dyn Questions>) -> Self {
        self.questions = wrap(self.questions);
        self
    }

    /// Closes the producers of tenants that were not called for `idle`.
    pub fn close_idle(&self, idle: Duration) {
        let slots: Vec<_> = self.tenants().values().cloned().collect();
        for slot in slots {
            if let Ok(mut session) = slot.session.try_lock()
                && session.as_ref().is_some_and(|session| session.used.elapsed() > idle)
            {
                *session = None;
            }
        }
    }

    /// Closes all producers; calls under way are waited for.
    pub fn close(&self) {
        let slots: Vec<_> = self.tenants().values().cloned().collect();
        for slot in slots {
            *slot.lock() = None;
        }
    }

    fn slot(&self, tenant: &Tenant) -> Arc<Slot> {
        Arc::clone(self.tenants().entry(tenant.clone()).or_default())
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<Tenant, Arc<Slot>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Topic of a table's rows, if its name allows one.
    fn rows_topic(&self, tenant: &Tenant, table: &str) -> Result<String, BusError> {
        let name = Table::new(table).map_err(|error| BusError::table(shown(table), error.to_string()))?;
        self.settings.prefix.rows(tenant, &name).map_err(|error| BusError::table(table, error.to_string()))
    }

    /// Tables whose rows are discarded.
    #[must_use]
    pub fn ignored_tables(&self) -> &std::collections::BTreeSet<String> {
        &self.settings.ignore_tables
    }

    /// Asks the cluster for its brokers. Blocks; not for async threads.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when it does not answer within two seconds.
    pub fn check_cluster(&self) -> Result<(), BusError> {
        let asked = self.cluster.admin.inner().fetch_metadata(Some(""), READY_TIMEOUT);
        asked.map(drop).map_err(|error| BusError::kafka("ask for brokers", error.to_string()))
    }

    fn is_ignored(&self, table: &str) -> bool {
        self.settings.ignore_tables.contains(table)
    }

    /// Names of the key columns: configured, or the first column.
    fn key_of(&self, table: &crate::batch::TableColumns) -> Vec<String> {
        self.settings
            .key_columns
            .get(&table.table)
            .cloned()
            .unwrap_or_else(|| table.columns.first().map(|column| column.name.clone()).into_iter().collect())
    }
}
