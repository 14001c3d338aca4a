//! Change tracking, as SQL Server has it.
//!
//! It is off for a table until somebody switches it on; what happens to the table before is not tracked and has no
//! version. A transaction that changes rows of tracked tables takes the next version of the whole database. An entry
//! says that a row changed in a version, and whether the row existed before it. From a row's entries after a mirror's
//! version follows what the mirror must be told: the first says whether it has the row, and the table whether it is
//! there now. An entry between two others that say the same is not kept, so a row that is only ever updated has one.
//!
//! Entries are kept for a time, the retention, after their version was committed. A table's minimum valid version says
//! how far back they reach. Switching tracking on takes a version too, so that it lies above every position given out
//! before, also for a table of the same name that is gone.

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::catalogue;
use super::error::TenantError;
use super::{Tenant, commit};
use crate::clock::Clock;
use crate::sql::Value;

/// SQL Server keeps changes for 2 days unless told otherwise, the vendor for 7.
pub const DEFAULT_RETENTION_MS: i64 = 7 * 86_400_000;

impl Tenant {
    /// Switches tracking of a table on. Returns whether it was off: then every position that a mirror may have is
    /// invalid, and it must get everything.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn enable_tracking(&self, table: &str) -> Result<bool, TenantError> {
        if min_valid_version(&self.db, table)?.is_some() {
            return Ok(false);
        }
        let transaction = self.begin()?;
        let newly = min_valid_version(&transaction, table)?.is_none();
        if newly {
            begin(&transaction, table, next_version(&transaction, self.clock())?)?;
        }
        commit(transaction)?;
        Ok(newly)
    }

    /// Switches tracking of a table off and forgets its changes. Returns whether it was on.
    ///
    /// # Errors
    /// [`TenantError::NoTable`], or the database's failure.
    pub fn disable_tracking(&self, table: &str) -> Result<bool, TenantError> {
        let transaction = self.begin()?;
        let was_on = end(&transaction, table)?;
        commit(transaction)?;
        Ok(was_on)
    }

    /// Forgets the changes whose version was committed longer than the retention before `now_ms`, in milliseconds
    /// since 1970 by the clock that the tenant has. As at SQL Server, the minimum valid version rises for every
    /// tracked table, also for one that has not changed for long. Returns how many entries went.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn clean_up(&self, now_ms: i64) -> Result<usize, TenantError> {
        let before_ms = now_ms.saturating_sub(self.retention_ms);
        // Nobody waits for a writer where there is nothing to do.
        if expired(&self.db, before_ms)?.is_none() {
            return Ok(0);
        }
        let transaction = self.begin()?;
        let Some(last) = expired(&transaction, before_ms)? else { return Ok(0) };
        let mut removed = 0;
        for sql in [
            r#"UPDATE "sys.tables" SET min_valid_version = ?1 WHERE min_valid_version < ?1"#,
            r#"DELETE FROM "sys.versions" WHERE version <= ?1"#,
            r#"DELETE FROM "sys.changes" WHERE table_id IN (SELECT id FROM "sys.tables") AND version <= ?1"#,
        ] {
            removed = transaction
                .execute(sql, [last])
                .map_err(TenantError::while_doing("cleaning up change tracking"))?;
        }
        commit(transaction)?;
        Ok(removed)
    }

    /// Forgets the changes of all tracked tables and makes every position invalid: the shortest way to what a mirror
    /// meets that was away for longer than the retention.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn expire_tracking(&self) -> Result<(), TenantError> {
        let transaction = self.begin()?;
        let mut version = None;
        for table in catalogue::tables(&transaction)? {
            if min_valid_version(&transaction, &table.name)?.is_some() {
                let version = match version {
                    Some(version) => version,
                    None => *version.insert(next_version(&transaction, self.clock())?),
                };
                begin(&transaction, &table.name, version)?;
            }
        }
        commit(transaction)
    }

    /// Begins a table's tracking anew where it is tracked, as TRUNCATE TABLE does.
    pub(super) fn restart_tracking(&self, db: &Connection, table: &str) -> Result<(), TenantError> {
        match min_valid_version(db, table)? {
            Some(_) => begin(db, table, next_version(db, self.clock())?),
            None => Ok(()),
        }
    }
}

/// The oldest position from which a table's changes are known; `None` where it is not tracked.
pub(super) fn min_valid_version(db: &Connection, table: &str) -> Result<Option<i64>, TenantError> {
    db.prepare_cached(r#"SELECT min_valid_version FROM "sys.tables" WHERE name = ?"#)
        .and_then(|mut statement| statement.query_row([table], |row| row.get(0)).optional())
        .map_err(TenantError::while_doing("reading the catalogue"))?
        .ok_or_else(|| TenantError::NoTable { table: table.to_owned() })
}

/// The present version.
pub(super) fn version(db: &Connection) -> Result<i64, TenantError> {
    db.prepare_cached(r#"SELECT version FROM "sys.tenant""#)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(TenantError::while_doing("reading the version"))
}

/// The last version that was committed before a time.
fn expired(db: &Connection, before_ms: i64) -> Result<Option<i64>, TenantError> {
    db.prepare_cached(r#"SELECT max(version) FROM "sys.versions" WHERE committed_ms < ?"#)
        .and_then(|mut statement| statement.query_row([before_ms], |row| row.get(0)))
        .map_err(TenantError::while_doing("cleaning up change tracking"))
}

/// A new version, the next, and the time at which it is committed: the transaction has little left to do. Where another
/// process has worked by a clock that is ahead, that time counts on, so that no version expires before older ones.
pub(super) fn next_version(db: &Connection, clock: &dyn Clock) -> Result<i64, TenantError> {
    let failed = || TenantError::while_doing("counting the version");
    let version = db
        .prepare_cached(r#"UPDATE "sys.tenant" SET version = version + 1 RETURNING version"#)
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
        .map_err(failed())?;
    db.prepare_cached(
        r#"INSERT INTO "sys.versions" SELECT ?1, max(?2, ifnull(max(committed_ms), ?2)) FROM "sys.versions""#,
    )
    .and_then(|mut statement| statement.execute(params![version, clock.now_ms()]))
    .map_err(failed())?;
    Ok(version)
}

/// Begins a table's tracking, or begins it anew: only positions from `version` on, which is new, are valid.
pub(super) fn begin(db: &Connection, table: &str, version: i64) -> Result<(), TenantError> {
    end(db, table)?;
    db.execute(r#"UPDATE "sys.tables" SET min_valid_version = ? WHERE name = ?"#, params![version, table])
        .map(|_| ())
        .map_err(TenantError::while_doing("switching change tracking on"))
}

/// Ends a table's tracking. Returns whether there was any.
pub(super) fn end(db: &Connection, table: &str) -> Result<bool, TenantError> {
    let failed = || TenantError::while_doing("switching change tracking off");
    let was_on = min_valid_version(db, table)?.is_some();
    let id = catalogue::id(db, table)?;
    db.execute(r#"DELETE FROM "sys.changes" WHERE table_id = ?"#, [id]).map_err(failed())?;
    db.execute(r#"UPDATE "sys.tables" SET min_valid_version = NULL WHERE id = ?"#, [id]).map_err(failed())?;
    Ok(was_on)
}

/// Notes that a row changed in `version`, and whether it `existed` before this change.
pub(super) fn note(
    db: &Connection,
    table_id: i64,
    key: &Value,
    version: i64,
    existed: bool,
) -> Result<(), TenantError> {
    let execute = |sql: &str, parameters: &[&dyn ToSql]| {
        db.prepare_cached(sql)
            .and_then(|mut statement| statement.execute(parameters))
            .map(|_| ())
            .map_err(TenantError::while_doing("tracking a change"))
    };
    match last(db, table_id, key)? {
        // What was there before the transaction was there before its first change.
        Some((at, _)) if at == version => Ok(()),
        Some((at, before)) if before == existed => execute(
            r#"UPDATE "sys.changes" SET version = ? WHERE table_id = ? AND key = ? AND version = ?"#,
            params![version, table_id, key, at],
        ),
        _ => execute(
            r#"INSERT INTO "sys.changes" VALUES (?, ?, ?, ?)"#,
            params![table_id, key, version, existed],
        ),
    }
}

/// The version of a row's last entry, and whether the row existed before it.
fn last(db: &Connection, table_id: i64, key: &Value) -> Result<Option<(i64, bool)>, TenantError> {
    let sql = r#"SELECT version, existed FROM "sys.changes" WHERE table_id = ? AND key = ?
                 ORDER BY version DESC LIMIT 1"#;
    db.prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_row(params![table_id, key], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(TenantError::while_doing("tracking a change"))
}
