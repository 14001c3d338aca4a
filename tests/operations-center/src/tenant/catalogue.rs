//! The stand-in's own tables inside a tenant's database, and what they say about the tenant's tables.
//!
//! Their names have a dot, which no table of the vendor has. The tenant's columns are declared without a type, so
//! that SQLite keeps every value as it is given; their SQL Server types stand in the catalogue.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::TenantError;
use crate::sql::Column;

pub(super) const CREATE: &str = r#"
CREATE TABLE "sys.tenant" (name TEXT NOT NULL, version INTEGER NOT NULL, last_not_before INTEGER NOT NULL);
CREATE TABLE "sys.tables" (name TEXT PRIMARY KEY COLLATE NOCASE, min_valid_version INTEGER NOT NULL);
CREATE TABLE "sys.columns" (table_name TEXT NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL,
    sql_type TEXT NOT NULL, nullable INTEGER NOT NULL, default_value TEXT NOT NULL,
    PRIMARY KEY (table_name, position)) WITHOUT ROWID;
CREATE TABLE "sys.changes" (table_name TEXT NOT NULL, key NOT NULL, version INTEGER NOT NULL, created INTEGER,
    deleted INTEGER NOT NULL, PRIMARY KEY (table_name, key)) WITHOUT ROWID;
CREATE INDEX "sys.changes.version" ON "sys.changes" (table_name, version);
"#;

/// A table and its columns, the first of which is the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns in order, at least one.
    pub columns: Vec<Column>,
}

impl Table {
    /// A table from the columns' texts, as in `["y_id int", "name nvarchar(50) null"]`.
    ///
    /// # Errors
    /// [`crate::sql::ColumnError`] for a column that cannot be read.
    pub fn parse(name: &str, columns: &[&str]) -> Result<Self, crate::sql::ColumnError> {
        let columns = columns.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), columns })
    }

    /// The key: the first column.
    pub(crate) fn key(&self) -> Result<&Column, TenantError> {
        self.columns.first().ok_or_else(|| TenantError::NoKey { table: self.name.clone() })
    }

    /// Where a column stands.
    pub(super) fn position(&self, column: &str) -> Result<usize, TenantError> {
        self.columns
            .iter()
            .position(|known| known.name == column)
            .ok_or_else(|| TenantError::NoColumn { table: self.name.clone(), column: column.to_owned() })
    }

    /// `"a", "b"`, each with `prefix` before it.
    pub(super) fn column_list(&self, prefix: &str) -> String {
        let names: Vec<String> =
            self.columns.iter().map(|column| format!("{prefix}{}", quoted(&column.name))).collect();
        names.join(", ")
    }
}

/// An identifier as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All tables in the order of their names.
pub(super) fn tables(db: &Connection) -> Result<Vec<Table>, TenantError> {
    let failed = || TenantError::while_doing("reading the catalogue");
    let mut statement =
        db.prepare_cached(r#"SELECT name FROM "sys.tables" ORDER BY name"#).map_err(failed())?;
    let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed())?;
    let names = names.collect::<Result<Vec<_>, _>>().map_err(failed())?;
    names.iter().map(|name| table(db, name)).collect()
}

/// One table.
pub(super) fn table(db: &Connection, name: &str) -> Result<Table, TenantError> {
    let failed = || TenantError::while_doing("reading the catalogue");
    let mut statement = db
        .prepare_cached(
            r#"SELECT name, sql_type, nullable, default_value FROM "sys.columns" WHERE table_name = ?
               ORDER BY position"#,
        )
        .map_err(failed())?;
    let mut rows = statement.query([name]).map_err(failed())?;
    let mut columns = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let sql_type: String = row.get(1).map_err(failed())?;
        columns.push(Column {
            name: row.get(0).map_err(failed())?,
            sql_type: sql_type
                .parse()
                .map_err(|_| TenantError::Damaged { table: name.to_owned(), what: "a column's type" })?,
            nullable: row.get(2).map_err(failed())?,
            default: row.get(3).map_err(failed())?,
        });
    }
    if columns.is_empty() {
        return Err(TenantError::NoTable { table: name.to_owned() });
    }
    Ok(Table { name: name.to_owned(), columns })
}

/// Writes a table's columns anew.
pub(super) fn put_columns(db: &Connection, table: &Table) -> Result<(), TenantError> {
    let failed = || TenantError::while_doing("writing the catalogue");
    db.execute(r#"DELETE FROM "sys.columns" WHERE table_name = ?"#, [&table.name]).map_err(failed())?;
    for (position, column) in table.columns.iter().enumerate() {
        db.execute(
            r#"INSERT INTO "sys.columns" VALUES (?, ?, ?, ?, ?, ?)"#,
            params![
                table.name,
                i64::try_from(position).unwrap_or(i64::MAX),
                column.name,
                column.sql_type.to_string(),
                column.nullable,
                column.default
            ],
        )
        .map_err(failed())?;
    }
    Ok(())
}

/// The database-wide version of change tracking.
pub(super) fn version(db: &Connection) -> Result<i64, TenantError> {
    db.query_row(r#"SELECT version FROM "sys.tenant""#, [], |row| row.get(0))
        .map_err(TenantError::while_doing("reading the version"))
}

/// A new version, the next.
pub(super) fn next_version(db: &Connection) -> Result<i64, TenantError> {
    db.query_row(r#"UPDATE "sys.tenant" SET version = version + 1 RETURNING version"#, [], |row| row.get(0))
        .map_err(TenantError::while_doing("counting the version"))
}

/// The oldest LSN from which a table's changes are known.
pub(super) fn min_valid_version(db: &Connection, table: &str) -> Result<i64, TenantError> {
    db.query_row(r#"SELECT min_valid_version FROM "sys.tables" WHERE name = ?"#, [table], |row| row.get(0))
        .optional()
        .map_err(TenantError::while_doing("reading the catalogue"))?
        .ok_or_else(|| TenantError::NoTable { table: table.to_owned() })
}

/// Forgets a table's changes: only LSNs from now on, which are above all given out before, are valid.
pub(super) fn begin_tracking(db: &Connection, table: &str) -> Result<(), TenantError> {
    let failed = || TenantError::while_doing("switching change tracking on");
    let version = next_version(db)?;
    db.execute(r#"DELETE FROM "sys.changes" WHERE table_name = ?"#, [table]).map_err(failed())?;
    db.execute(r#"UPDATE "sys.tables" SET min_valid_version = ? WHERE name = ?"#, params![version, table])
        .map_err(failed())?;
    Ok(())
}
