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
mod cluster;
mod completed;
mod drops;
#[cfg(test)]
mod effects;
pub mod encode;
mod error;
mod event;
pub mod log;
mod manifest;
pub mod memory;
pub mod offsets;
pub mod order;
mod pair;
pub mod position;
mod producer;
mod read;
mod readers;
pub mod registry;
mod row_data;
mod rows;
pub mod schema;
mod schema_ids;
mod session;
pub mod settings;
mod sweep;
mod sweeper;
mod table_schema;
pub mod topics;
mod transaction;
mod wipe;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mirrorbus_schemas::topic::{Table, Tenant};
use tokio::runtime::Handle;

pub use self::authenticate::Authenticated;
pub use self::call::Caller;
use self::cluster::Cluster;
pub use self::error::BusError;
use self::log::{Log, Questions};
use self::registry::{Registry, RegistrySettings, Schemas};
use self::session::Session;
use self::settings::BusSettings;
use self::sweeper::Sweeper;
use crate::batch::shown;
use crate::clock::Clock;

/// One application's way to Kafka, for all its tenants.
pub struct Bus {
    settings: BusSettings,
    log: Arc<dyn Log>,
    questions: Arc<dyn Questions>,
    registry: Arc<dyn Schemas>,
    clock: Arc<dyn Clock>,
    tenants: Mutex<HashMap<Tenant, Arc<Slot>>>,
    sweeper: Sweeper,
}

/// One tenant: a call at a time.
#[derive(Default)]
struct Slot {
    session: Mutex<Option<Session>>,
    /// Calls that wait for their turn.
    waiting: AtomicUsize,
}

impl Slot {
    /// As [`Slot::lock`]; sweeps stand back meanwhile.
    fn lock_for_a_call(&self) -> MutexGuard<'_, Option<Session>> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let held = self.lock();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        held
    }

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
        let cluster = Cluster::new(settings.clone(), runtime.clone())?;
        let registry = Arc::new(Registry::new(registry, runtime)?);
        Ok(Self::on(settings, cluster.clone(), cluster, registry, clock))
    }

    /// A bus on whatever answers in the cluster's and the registry's place.
    #[must_use]
    pub fn on(
        settings: BusSettings,
        log: Arc<dyn Log>,
        questions: Arc<dyn Questions>,
        registry: Arc<dyn Schemas>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            settings,
            log,
            questions,
            registry,
            clock,
            tenants: Mutex::default(),
            sweeper: Sweeper::default(),
        }
    }

    /// Puts something between the bus and its questions to the cluster.
    #[must_use]
    pub fn with_questions(mut self, wrap: impl FnOnce(Arc<dyn Questions>) -> Arc<dyn Questions>) -> Self {
        self.questions = wrap(self.questions);
        self
    }

    /// Where the tenant's positions end, for a call whose body is still being read. Fencing makes a call fail whose tenant
    /// another bridge has taken over; this tells before, so that it need not. `None` where nothing is open, or nobody
    /// answers. Blocks.
    #[must_use]
    pub fn positions_end(&self, tenant: &Tenant) -> Option<i64> {
        let slot = self.tenants().get(tenant).cloned()?;
        let is_closed = slot.session.try_lock().is_ok_and(|session| session.is_none());
        if is_closed { None } else { session::positions_end(self, tenant).ok() }
    }

    /// Closes the producers of tenants that were not called for `idle`, and readers that nobody has used lately.
    pub fn close_idle(&self, idle: Duration) {
        self.log.tidy();
        let slots: Vec<_> = self.tenants().values().cloned().collect();
        for slot in slots {
            if let Ok(mut session) = slot.session.try_lock()
                && session.as_ref().is_some_and(|session| session.used.elapsed() > idle)
            {
                *session = None;
            }
        }
    }

    /// Sweeps are not gone on with: whoever opens the tenant next does.
    pub fn stop_sweeps(&self) {
        self.sweeper.stop();
    }

    /// Closes all producers; calls and chunks of sweeps under way are waited for.
    pub fn close(&self) {
        self.sweeper.stop();
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

    /// What metrics and health call the application: its topics' prefix.
    #[must_use]
    pub fn name(&self) -> &str {
        self.settings.prefix.as_str()
    }

    /// The cluster as it is configured.
    #[must_use]
    pub fn cluster_address(&self) -> &str {
        &self.settings.bootstrap_servers
    }

    /// The registry as it is configured.
    #[must_use]
    pub fn registry_address(&self) -> &str {
        self.registry.address()
    }

    /// Tenants that called since the start.
    #[must_use]
    pub fn tenant_count(&self) -> usize {
        self.tenants().len()
    }

    /// Asks the registry for something that costs it nothing. Blocks; not for async threads.
    ///
    /// # Errors
    /// [`BusError::Registry`] when it does not answer as a registry does.
    pub fn check_registry(&self) -> Result<(), BusError> {
        self.registry.check()
    }

    /// Asks the cluster for its brokers. Blocks; not for async threads.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when it does not answer within two seconds.
    pub fn check_cluster(&self) -> Result<(), BusError> {
        self.questions.check()
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
