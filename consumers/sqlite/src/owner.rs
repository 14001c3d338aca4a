//! Who may write to a file. The epoch grows with every taking over, so that whoever had it before can tell.

use rusqlite::{Connection, params};

use crate::error::SqliteError;

/// Whether a mirror that took a file over still has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It has.
    Ours,
    /// Another mirror has it.
    Lost,
    /// Nobody has.
    Nobody,
}

/// Takes the file over. Gives the epoch that this one writes under.
pub(crate) fn take_over(connection: &Connection) -> Result<i64, SqliteError> {
    let owner = format!("process {}", std::process::id());
    connection
        .query_row(
            "UPDATE _mirrorbus_tenant SET owner = ?, owner_epoch = owner_epoch + 1 RETURNING owner_epoch",
            [owner],
            |row| row.get(0),
        )
        .map_err(SqliteError::sql("take the tenant over"))
}

/// Leaves the file to nobody.
pub(crate) fn give_up(connection: &Connection) -> Result<(), SqliteError> {
    let sql = "UPDATE _mirrorbus_tenant SET owner = NULL, owner_epoch = owner_epoch + 1";
    connection.execute(sql, params![]).map_err(SqliteError::sql("leave the tenant to nobody"))?;
    Ok(())
}

/// Whether the file is still owned under this epoch.
pub(crate) fn ownership(connection: &Connection, epoch: i64) -> Result<Ownership, SqliteError> {
    let (is_owned, found): (bool, i64) = connection
        .prepare_cached("SELECT owner IS NOT NULL, owner_epoch FROM _mirrorbus_tenant")
        .and_then(|mut select| select.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(SqliteError::sql("read the tenant's owner"))?;
    Ok(match (is_owned, found == epoch) {
        (false, _) => Ownership::Nobody,
        (true, true) => Ownership::Ours,
        (true, false) => Ownership::Lost,
    })
}
