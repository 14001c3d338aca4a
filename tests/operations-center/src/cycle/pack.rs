//! From rows to calls: batches are cut, small tables share a call, and the last batch of a table gets its position.

use super::{Options, TableReport};
use crate::tenant::{Change, RowRef, Snapshot, Table, TenantError};
use crate::wire::{RowData, TableInfo, Unsigned};

/// No position yet: more batches of the table follow.
const NO_LSN: i64 = 0;

/// One call to be made.
#[derive(Debug)]
pub(super) enum Step {
    /// A Wipe of this table.
    Wipe(String),
    /// A RowData call, and what it brings of which table.
    Rows { body: Unsigned, tables: Vec<(String, TableReport)> },
}

/// Why no more calls are packed.
#[derive(Debug)]
pub(super) enum Stop {
    /// The tenant's database failed.
    Tenant(TenantError),
    /// Nobody makes the calls any more: one of them has failed.
    NoSender,
}

impl From<TenantError> for Stop {
    fn from(error: TenantError) -> Self {
        Self::Tenant(error)
    }
}

/// Takes a call that is ready.
pub(super) type Emit<'e> = dyn FnMut(Step) -> Result<(), Stop> + 'e;

/// What a receiver must be sent of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// What changed after this version.
    ChangesSince(i64),
    /// A Wipe and all rows.
    Everything,
}

/// What is to be sent of one table.
#[derive(Debug)]
pub(super) struct Portion {
    pub(super) table: Table,
    pub(super) need: Need,
    /// About how many bytes of rows a call with rows of the table carries.
    pub(super) batch_bytes: usize,
}

/// A call that is being filled.
#[derive(Debug)]
struct Filling {
    body: RowData,
    bytes: usize,
    tables: Vec<(String, TableReport)>,
    /// Whether the last of the tables may get more rows.
    is_open: bool,
}

/// Fills calls with the rows of one table after another.
#[derive(Debug)]
pub(super) struct Packer {
    options: Options,
    client_state: String,
    filling: Option<Filling>,
}

impl Packer {
    pub(super) fn new(options: Options, client_state: &str) -> Self {
        Self { options, client_state: client_state.to_owned(), filling: None }
    }

    /// Packs what is needed of a table. Its last batch has the snapshot's version as its LSN, all others have none.
    /// The call with the last batch is kept where it has room for another table.
    pub(super) fn table(
        &mut self,
        snapshot: &Snapshot,
        portion: &Portion,
        emit: &mut Emit<'_>,
    ) -> Result<(), Stop> {
        let table = &portion.table;
        match portion.need {
            Need::ChangesSince(version) => snapshot
                .for_each_change(table, version, |change, row| self.add(portion, change, row, emit))?,
            Need::Everything => {
                emit(Step::Wipe(table.name.clone()))?;
                snapshot.for_each_row(table, |row| self.add(portion, Change::Insert, row, emit))?;
            }
        }
        self.end_batch(snapshot.version(), table);
        if self.options.combine && !self.is_full(portion.batch_bytes) {
            return Ok(());
        }
        self.flush().map_or(Ok(()), emit)
    }

    /// The call that is kept, if there is one.
    pub(super) fn flush(&mut self) -> Option<Step> {
        let filling = self.filling.take()?;
        Some(Step::Rows { body: filling.body.finish(), tables: filling.tables })
    }

    /// Adds a row. A call that is full goes off only now, when it is clear that its batch is not the table's last.
    fn add(
        &mut self,
        portion: &Portion,
        change: Change,
        row: RowRef<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<(), Stop> {
        if self.is_full(portion.batch_bytes) {
            self.end_batch(NO_LSN, &portion.table);
            self.flush().map_or(Ok(()), emit)?;
        }
        let filling = self.filling.get_or_insert_with(|| Filling {
            body: RowData::new(&self.client_state, portion.batch_bytes, self.options.pretty),
            bytes: 0,
            tables: Vec::new(),
            is_open: false,
        });
        Ok(filling.add(&portion.table, change, row)?)
    }

    fn is_full(&self, batch_bytes: usize) -> bool {
        self.filling.as_ref().is_some_and(|filling| filling.bytes >= batch_bytes)
    }

    fn end_batch(&mut self, lsn: i64, table: &Table) {
        if let Some(filling) = self.filling.as_mut().filter(|filling| filling.is_open) {
            filling.body.end_batch(lsn, &TableInfo::from(table));
            filling.is_open = false;
        }
    }
}

impl Filling {
    fn add(&mut self, table: &Table, change: Change, row: RowRef<'_>) -> Result<(), TenantError> {
        if !self.is_open {
            self.body.begin_batch();
            self.tables.push((table.name.clone(), TableReport { calls: 1, ..TableReport::default() }));
            self.is_open = true;
        }
        let bytes = self.body.row(change, &table.columns, row)?;
        self.bytes += bytes;
        if let Some((_, report)) = self.tables.last_mut() {
            report.count(change, bytes);
        }
        Ok(())
    }
}
