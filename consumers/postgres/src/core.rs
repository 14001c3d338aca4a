//! The destination: who owns a tenant, and which connection its transaction is open on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use mirrorbus_mirror::{Applied, Batch, Copy, Cycle, Destination, DestinationError, Memory};
use mirrorbus_schemas::topic::Tenant;
use tokio::runtime::{Builder, Runtime};

use crate::apply::{self, Standing};
use crate::client::{Pool, Session};
use crate::error::PostgresError;
use crate::place::Place;
use crate::{layout, name, owner};

/// What stands behind a tenant's schema while its copy beside is made.
pub(crate) const BESIDE: &str = "_beside";

/// Schemas of tenants in PostgreSQL.
///
/// Its methods block; they are not for async threads.
pub struct Postgres {
    pub(crate) place: Place,
    pub(crate) copy: Copy,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) pool: Pool,
    /// Told apart from every other mirror, also from an earlier one of this process.
    name: String,
    owned: HashMap<Tenant, Owned>,
    /// Run after a tenant's cycle; empty for nothing.
    after_cycle: String,
}

/// A tenant that was taken over.
struct Owned {
    schema: String,
    epoch: i64,
    standing: Standing,
    /// Where a transaction is open that has not ended.
    open: Option<Session>,
}

impl Postgres {
    /// Makes ready; connects when a tenant is loaded.
    ///
    /// # Errors
    /// [`PostgresError::Thread`] when there is no thread to be had.
    pub fn new(place: Place) -> Result<Self, PostgresError> {
        // The one thread writes to sockets and reads from them while the caller's encodes.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()
            .map_err(PostgresError::Thread)?;
        Ok(Self::with(place, Copy::Live, Arc::new(runtime)))
    }

    pub(crate) fn with(place: Place, copy: Copy, runtime: Arc<Runtime>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let name = format!("process {}, {since:x}", std::process::id());
        Self {
            place,
            copy,
            runtime,
            pool: Pool::default(),
            name,
            owned: HashMap::new(),
            after_cycle: String::new(),
        }
    }

    /// Runs these SQL statements after each of a tenant's cycles, in one transaction, with the tenant's schema before all
    /// others in the search path.
    #[must_use]
    pub fn with_after_cycle(self, statements: impl Into<String>) -> Self {
        Self { after_cycle: statements.into(), ..self }
    }

    /// The schema of a copy.
    pub(crate) fn schema(&self, tenant: &Tenant, copy: Copy) -> String {
        let suffix = match copy {
            Copy::Live => "",
            Copy::Beside => BESIDE,
        };
        name::schema(&self.place.schema(tenant), suffix)
    }

    async fn take_over(&mut self, tenant: &Tenant) -> Result<Memory, PostgresError> {
        let schema = self.schema(tenant, self.copy);
        let mut session = self.pool.take(&self.place, tenant).await?;
        layout::ensure(&mut session, &schema, tenant.as_str()).await?;
        let epoch = owner::take(&mut session, &schema, &self.name).await?;
        let (memory, standing) = apply::load(&mut session, &schema).await?;
        session.run("take the tenant over", "COMMIT").await?;
        self.pool.put(self.place.address(tenant), session);
        self.owned.insert(tenant.clone(), Owned { schema, epoch, standing, open: None });
        Ok(memory)
    }

    async fn apply_batch(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let owned = self.owned.get_mut(tenant).ok_or(PostgresError::NotLoaded)?;
        let mut session = match owned.open.take() {
            Some(session) => session,
            None => {
                let mut session = self.pool.take(&self.place, tenant).await?;
                apply::begin(&mut session).await?;
                owner::check(&mut session, &owned.schema, owned.epoch, &self.name).await?;
                session
            }
        };
        let applied = apply::batch(&mut session, tenant, &owned.schema, &mut owned.standing, batch).await?;
        if batch.ends {
            session.run("commit", "COMMIT").await?;
            self.pool.put(self.place.address(tenant), session);
        } else {
            owned.open = Some(session);
        }
        Ok(applied)
    }

    /// Whether the tenant is still ours, asked on the connection whose transaction is open, or on any.
    async fn ask(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        let owned = self.owned.get_mut(tenant).ok_or(PostgresError::NotLoaded)?;
        if let Some(session) = &mut owned.open {
            return owner::look(session, &owned.schema, owned.epoch, &self.name).await;
        }
        let mut session = self.pool.take(&self.place, tenant).await?;
        owner::look(&mut session, &owned.schema, owned.epoch, &self.name).await?;
        self.pool.put(self.place.address(tenant), session);
        Ok(())
    }

    async fn run_after_cycle(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        let owned = self.owned.get(tenant).ok_or(PostgresError::NotLoaded)?;
        let mut session = self.pool.take(&self.place, tenant).await?;
        session.run("begin a transaction", "BEGIN").await?;
        owner::check(&mut session, &owned.schema, owned.epoch, &self.name).await?;
        let path = format!("SET LOCAL search_path TO {}, public", name::quote(&owned.schema));
        session.run("choose the schema", &path).await?;
        session.run("run the statements after a cycle", &self.after_cycle).await?;
        session.run("commit", "COMMIT").await?;
        self.pool.put(self.place.address(tenant), session);
        Ok(())
    }

    /// What a failure of a tenant was: another mirror that takes the tenant over ends our connection for that. The
    /// transaction is rolled back, and what was learnt of the tenant may not be so any more.
    fn explain(&mut self, tenant: &Tenant, error: DestinationError) -> DestinationError {
        let runtime = self.runtime.clone();
        if let (DestinationError::Fault(_), Some(owned)) = (&error, self.owned.get_mut(tenant)) {
            owned.open = None;
            let asked = runtime.block_on(self.ask(tenant));
            self.owned.remove(tenant);
            return match asked {
                Err(taken @ (DestinationError::Fenced { .. } | DestinationError::Replaced)) => taken,
                Ok(()) | Err(DestinationError::Fault(_)) => error,
            };
        }
        self.owned.remove(tenant);
        error
    }
}

impl Destination for Postgres {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        let runtime = self.runtime.clone();
        // With it goes a transaction that did not end.
        self.owned.remove(tenant);
        Ok(runtime.block_on(self.take_over(tenant))?)
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let runtime = self.runtime.clone();
        let applied = runtime.block_on(self.apply_batch(tenant, batch));
        applied.map_err(|error| self.explain(tenant, error))
    }

    fn after_cycle(&mut self, tenant: &Tenant, _: &Cycle) -> Result<(), DestinationError> {
        if self.after_cycle.is_empty() {
            return Ok(());
        }
        let runtime = self.runtime.clone();
        let ran = runtime.block_on(self.run_after_cycle(tenant));
        ran.map_err(|error| self.explain(tenant, error))
    }

    fn release(&mut self, tenant: &Tenant) {
        self.owned.remove(tenant);
        if self.place.is_per_tenant() {
            self.pool.close(&self.place.address(tenant));
        }
    }

    fn check(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        let runtime = self.runtime.clone();
        let asked = runtime.block_on(self.ask(tenant));
        asked.map_err(|error| self.explain(tenant, error))
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres")
            .field("place", &self.place)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
