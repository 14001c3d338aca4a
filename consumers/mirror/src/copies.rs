//! What `status`, `verify` and `regenerate` ask of a destination beside what mirroring needs.

use std::collections::BTreeMap;
use std::time::Duration;

use mirrorbus_schemas::topic::{Table, Tenant};

use crate::destination::{Applied, Destination, DestinationError, Memory, Row};
use crate::table::value::Value;

/// Which copy of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The one that users read and `run` writes.
    Live,
    /// The one that `regenerate` makes.
    Beside,
}

/// How much of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All tables.
    Tenant,
    /// One.
    Table(Table),
}

/// A destination whose copies can be read, mended and exchanged while a mirror writes to them from another process.
pub trait Copies {
    /// Tenants that have a live copy.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when they cannot be read.
    fn tenants(&mut self) -> Result<Vec<Tenant>, DestinationError>;

    /// What a copy remembers, without taking it over; `None` where there is no such copy. Does not count rows:
    /// [`Memory::damaged`] is empty.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be read.
    fn inspect(&mut self, tenant: &Tenant, copy: Copy) -> Result<Option<Memory>, DestinationError>;

    /// Memory and rows of a copy as they were at one moment, whoever writes meanwhile, and without making anybody wait.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be read, or is not there.
    fn snapshot(&mut self, tenant: &Tenant, copy: Copy) -> Result<Box<dyn Snapshot + '_>, DestinationError>;

    /// How many rows each table of a copy has. A destination that keeps the numbers itself tells those; by default all
    /// rows are read.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when they cannot be read, or the copy is not there.
    fn counts(&mut self, tenant: &Tenant, copy: Copy) -> Result<BTreeMap<Table, u64>, DestinationError> {
        let mut snapshot = self.snapshot(tenant, copy)?;
        let present = snapshot.memory().tables.iter().filter(|(_, memory)| memory.columns.is_some());
        let tables: Vec<Table> = present.map(|(table, _)| table.clone()).collect();
        let mut counts = BTreeMap::new();
        for table in tables {
            let mut rows = 0;
            snapshot.rows(&table, &mut |_| rows += 1)?;
            counts.insert(table, rows);
        }
        Ok(counts)
    }

    /// Keeps the live copy from being changed by anybody else, from now until the value is committed or dropped. Waits
    /// for a transaction that is open.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be had.
    fn hold(&mut self, tenant: &Tenant) -> Result<Box<dyn Held + '_>, DestinationError>;

    /// Makes an empty copy beside the live one, to be written to like any destination. One that was left there is thrown
    /// away.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be made.
    fn beside(&mut self, tenant: &Tenant) -> Result<Box<dyn Destination + Send>, DestinationError>;

    /// Throws away the copy beside the live one, if there is one.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be thrown away.
    fn discard(&mut self, tenant: &Tenant) -> Result<(), DestinationError>;

    /// Throws away what [`Held::exchange`] kept of a tenant and that is older than this. Names what went.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be thrown away.
    fn drop_kept(&mut self, tenant: &Tenant, older_than: Duration) -> Result<Vec<String>, DestinationError>;
}

/// A copy as it was at one moment.
pub trait Snapshot {
    /// Its positions and tables at that moment.
    fn memory(&self) -> &Memory;

    /// Shows every row of a table: one value per column of the table's memory, in their order. `None` stands for a cell
    /// that no mirror wrote so.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be read, or there is no such table.
    fn rows(
        &mut self,
        table: &Table,
        visit: &mut dyn FnMut(&[Option<Value<'_>>]),
    ) -> Result<(), DestinationError>;
}

/// A live copy that nobody else can change. Dropping it leaves everything as it was.
pub trait Held {
    /// Its positions and tables, from when it was held on.
    fn memory(&self) -> &Memory;

    /// Applies rows to a table and moves no position.
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when they cannot be applied.
    fn repair(&mut self, table: &Table, rows: &[Row<'_>]) -> Result<Applied, DestinationError>;

    /// Puts the copy beside in the live one's place: tables, memory and positions of the scope. What was there is kept
    /// under another name, which is given. Nobody owns the tenant afterwards: see [`DestinationError::Replaced`].
    ///
    /// # Errors
    /// [`DestinationError::Fault`] when it cannot be done, or there is no copy beside.
    fn exchange(&mut self, scope: &Scope) -> Result<String, DestinationError>;

    /// Makes it durable, all or nothing, and lets others go on.
    ///
    /// # Errors
    /// [`DestinationError::Fault`]; a look at [`Copies::inspect`] tells whether it is durable.
    fn commit(self: Box<Self>) -> Result<(), DestinationError>;
}
