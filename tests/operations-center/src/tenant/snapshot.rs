//! Reading a tenant as it is at one moment: its version and its rows belong together.

use mirrorbus_schemas::checksum::TableChecksum;
use rusqlite::{Connection, params};

use super::catalogue::{self, Table, quoted};
use super::error::TenantError;
use super::row::RowRef;
use super::tracking;
use crate::sql::ValueRef;

/// What happened to a row, as far as a mirror must know: what CHANGETABLE(CHANGES) says relative to the version asked
/// from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// The row is there and was not at the mirror's version.
    Insert,
    /// The row is there and was at the mirror's version, also where it was deleted and inserted again between.
    Update,
    /// The row is gone, whether or not it was there at the mirror's version.
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
        let version = tracking::version(&db)?;
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

    /// How many rows a table has.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn count(&self, table: &str) -> Result<u64, TenantError> {
        let sql = format!("SELECT count(*) FROM {}", quoted(&self.table(table)?.name));
        self.db
            .query_row(&sql, [], |row| row.get::<_, i64>(0))
            .map(|count| u64::try_from(count).unwrap_or_default())
            .map_err(TenantError::while_doing("counting rows"))
    }

    /// One table.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn table(&self, name: &str) -> Result<Table, TenantError> {
        catalogue::table(&self.db, name)
    }

    /// The oldest LSN from which a table's changes are known; `None` where the table is not tracked.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn min_valid_version(&self, table: &str) -> Result<Option<i64>, TenantError> {
        tracking::min_valid_version(&self.db, table)
    }

    /// Whether a mirror at `lsn` can be told what changed. It must get everything where the table is not tracked,
    /// where the changes are no longer known from there on (-1 has none), and where `lsn` is above
    /// [`Snapshot::version`], from before the source was restored.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn knows_changes_since(&self, table: &str, lsn: i64) -> Result<bool, TenantError> {
        let oldest = self.min_valid_version(table)?;
        Ok(oldest.is_some_and(|oldest| (oldest..=self.version).contains(&lsn)))
    }

    /// Whether any row of a table changed after version `since`.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn has_changes(&self, table: &str, since: i64) -> Result<bool, TenantError> {
        let table_id = catalogue::id(&self.db, table)?;
        self.db
            .prepare_cached(r#"SELECT 1 FROM "sys.changes" WHERE table_id = ? AND version > ? LIMIT 1"#)
            .and_then(|mut statement| statement.exists(params![table_id, since]))
            .map_err(TenantError::while_doing("looking for changes"))
    }

    /// Every row of a table in the order of keys, where it stands.
    ///
    /// # Errors
    /// What `each` returns, or the database's failure.
    pub fn for_each_row<E: From<TenantError>>(
        &self,
        table: &Table,
        mut each: impl FnMut(RowRef<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let key = quoted(&table.key()?.name);
        let sql = format!("SELECT {} FROM {} ORDER BY {key}", table.column_list(""), quoted(&table.name));
        let failed = || TenantError::while_doing("reading rows");
        let mut statement = self.db.prepare(&sql).map_err(failed())?;
        let mut rows = statement.query([]).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            each(RowRef::new(table, row, 0))?;
        }
        Ok(())
    }

    /// The final state of every row that changed after version `since`, in the order of versions, where it stands. Of
    /// a deleted row only the key is known, everything else is NULL.
    ///
    /// # Errors
    /// What `each` returns, or the database's failure.
    pub fn for_each_change<E: From<TenantError>>(
        &self,
        table: &Table,
        since: i64,
        mut each: impl FnMut(Change, RowRef<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = || TenantError::while_doing("reading changes");
        let mut statement = self.db.prepare_cached(&changes(table)?).map_err(failed())?;
        let table_id = catalogue::id(&self.db, &table.name)?;
        let mut rows = statement.query(params![table_id, since]).map_err(failed())?;
        while let Some(row) = rows.next().map_err(failed())? {
            let (exists, existed) = (row.get(0).map_err(failed())?, row.get(1).map_err(failed())?);
            let change = match (exists, existed) {
                (false, _) => Change::Delete,
                (true, false) => Change::Insert,
                (true, true) => Change::Update,
            };
            each(change, RowRef::new(table, row, 2))?;
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
        self.for_each_row(&table, |row| {
            let values = row.values().collect::<Result<Vec<_>, _>>()?;
            let names = table.columns.iter().map(|column| column.name.as_str());
            checksum.add(names.zip(values.into_iter().map(ValueRef::canonical)));
            Ok::<_, TenantError>(())
        })?;
        Ok(checksum)
    }
}

/// Selects whether a changed row exists, whether it existed at the version, and its values. Of a row's entries after
/// the version the first says whether it existed, and is told from the others by the least `version * 2 + existed`.
fn changes(table: &Table) -> Result<String, TenantError> {
    let (name, key) = (quoted(&table.name), quoted(&table.key()?.name));
    let others = table.columns.iter().skip(1).map(|column| format!(", t.{}", quoted(&column.name)));
    let others: String = others.collect();
    Ok(format!(
        r#"SELECT t.{key} IS NOT NULL, c.first & 1, c.key{others}
           FROM (SELECT key, min(version * 2 + existed) AS first, max(version) AS last FROM "sys.changes"
                 WHERE table_id = ?1 AND version > ?2 GROUP BY key) c
           LEFT JOIN {name} t ON t.{key} = c.key ORDER BY c.last, c.key"#
    ))
}
