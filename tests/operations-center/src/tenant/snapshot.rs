//! Reading a tenant as it is at one moment: its version and its rows belong together.

use mirrorbus_schemas::checksum::TableChecksum;
use rusqlite::{Connection, Row, params};

use super::catalogue::{self, Table, quoted};
use super::error::TenantError;
use crate::sql::Value;

/// What happened to a row, as far as a mirror must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// The row came to be since the mirror's version, whatever happened to it after, also where a row of the same
    /// key had been deleted before.
    Insert,
    /// The mirror may know the row in an older state.
    Update,
    /// The row is gone, whether or not the mirror has ever seen it.
    Delete,
}

/// A view that later changes do not touch.
#[derive(Debug)]
pub struct Snapshot {
    db: Connection,
    version: i64,
}

impl Snapshot {
    /// Begins on a connection of its own, which ends with the snapshot.
    pub(super) fn begin(db: Connection) -> Result<Self, TenantError> {
        db.execute_batch("BEGIN").map_err(TenantError::while_doing("beginning to read"))?;
        // The first read pins what all later ones see.
        let version = catalogue::version(&db)?;
        Ok(Self { db, version })
    }

    /// The version of change tracking: the LSN of all that this snapshot shows.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// All tables in the order of their names.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn tables(&self) -> Result<Vec<Table>, TenantError> {
        catalogue::tables(&self.db)
    }

    /// One table.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn table(&self, name: &str) -> Result<Table, TenantError> {
        catalogue::table(&self.db, name)
    }

    /// The oldest LSN from which a table's changes are known. A mirror with an older one, or with one above
    /// [`Snapshot::version`], must get everything.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn min_valid_version(&self, table: &str) -> Result<i64, TenantError> {
        catalogue::min_valid_version(&self.db, table)
    }

    /// Every row of a table in the order of keys.
    ///
    /// # Errors
    /// What `each` returns, or the database's failure.
    pub fn for_each_row<E: From<TenantError>>(
        &self,
        table: &Table,
        mut each: impl FnMut(Vec<Value>) -> Result<(), E>,
    ) -> Result<(), E> {
        let key = quoted(&table.key()?.name);
        let sql = format!("SELECT {} FROM {} ORDER BY {key}", table.column_list(""), quoted(&table.name));
        let failed = || TenantError::while_doing("reading rows");
        let mut statement = self.db.prepare(&sql).map_err(failed())?;
        let mut rows = statement.query([]).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            each(values(table, row, 0)?)?;
        }
        Ok(())
    }

    /// The final state of every row that changed after version `since`, in the order of versions. Of a deleted row
    /// only the key is known, everything else is NULL.
    ///
    /// # Errors
    /// What `each` returns, or the database's failure.
    pub fn for_each_change<E: From<TenantError>>(
        &self,
        table: &Table,
        since: i64,
        mut each: impl FnMut(Change, Vec<Value>) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = || TenantError::while_doing("reading changes");
        let key = table.key()?;
        let sql = format!(
            r#"SELECT c.deleted, c.created, c.key, {} FROM "sys.changes" c LEFT JOIN {} t ON t.{} = c.key
               WHERE c.table_name = ? AND c.version > ? ORDER BY c.version, c.key"#,
            table.column_list("t."),
            quoted(&table.name),
            quoted(&key.name)
        );
        let mut statement = self.db.prepare(&sql).map_err(failed())?;
        let mut rows = statement.query(params![table.name, since]).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            let created: Option<i64> = row.get(1).map_err(failed())?;
            let change = match row.get(0).map_err(failed())? {
                true => Change::Delete,
                false if created.is_some_and(|version| version > since) => Change::Insert,
                false => Change::Update,
            };
            let mut values = values(table, row, 3)?;
            if let (Change::Delete, Some(first)) = (change, values.first_mut()) {
                let stored = row.get_ref(2).map_err(failed())?;
                *first = Value::from_sql(key.sql_type, stored).ok_or_else(|| damaged(table))?;
            }
            each(change, values)?;
        }
        Ok(())
    }

    /// Row count and checksum of a table.
    ///
    /// # Errors
    /// [`TenantError`] when there is no such table or the database fails.
    pub fn checksum(&self, table: &str) -> Result<TableChecksum, TenantError> {
        let table = self.table(table)?;
        let mut checksum = TableChecksum::default();
        self.for_each_row(&table, |values| {
            let names = table.columns.iter().map(|column| column.name.as_str());
            checksum.add(names.zip(values.iter().map(Value::canonical)));
            Ok::<_, TenantError>(())
        })?;
        Ok(checksum)
    }
}

fn values(table: &Table, row: &Row<'_>, first: usize) -> Result<Vec<Value>, TenantError> {
    let cells = table.columns.iter().enumerate().map(|(place, column)| {
        let stored = row.get_ref(first + place).map_err(TenantError::while_doing("reading a value"))?;
        Value::from_sql(column.sql_type, stored).ok_or_else(|| damaged(table))
    });
    cells.collect()
}

fn damaged(table: &Table) -> TenantError {
    TenantError::Damaged { table: table.name.clone(), what: "a value" }
}
