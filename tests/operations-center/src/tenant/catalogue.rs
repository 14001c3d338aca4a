//! The stand-in's own tables inside a tenant's database, and what they say about the tenant's tables.
//!
//! Their names have a dot, which no table of the vendor has. The tenant's columns are declared without a type, so
//! that SQLite keeps every value as it is given; their SQL Server types stand in the catalogue.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::error::TenantError;
use crate::sql::Column;

pub(super) const CREATE: &str = r#"
CREATE TABLE "sys.tenant" (name TEXT NOT NULL, version INTEGER NOT NULL, last_not_before INTEGER NOT NULL);
CREATE TABLE "sys.tables" (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    min_valid_version INTEGER);
CREATE TABLE "sys.columns" (table_id INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL,
    sql_type TEXT NOT NULL, nullable INTEGER NOT NULL, default_value TEXT NOT NULL,
    PRIMARY KEY (table_id, position)) WITHOUT ROWID;
CREATE TABLE "sys.former_columns" (table_name TEXT NOT NULL, name TEXT NOT NULL, sql_type TEXT NOT NULL,
    PRIMARY KEY (table_name, name, sql_type)) WITHOUT ROWID;
CREATE TABLE "sys.changes" (table_id INTEGER NOT NULL, key NOT NULL, version INTEGER NOT NULL,
    existed INTEGER NOT NULL, PRIMARY KEY (table_id, key, version)) WITHOUT ROWID;
CREATE INDEX "sys.changes.version" ON "sys.changes" (table_id, version, key, existed);
CREATE TABLE "sys.versions" (version INTEGER PRIMARY KEY, committed_ms INTEGER NOT NULL);
CREATE INDEX "sys.versions.committed_ms" ON "sys.versions" (committed_ms);
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
    let sql = r#"SELECT t.name, c.name, c.sql_type, c.nullable, c.default_value
                 FROM "sys.tables" t JOIN "sys.columns" c ON c.table_id = t.id ORDER BY t.name, c.position"#;
    read(db, sql, [])
}

/// One table.
pub(super) fn table(db: &Connection, name: &str) -> Result<Table, TenantError> {
    let sql = r#"SELECT t.name, c.name, c.sql_type, c.nullable, c.default_value
                 FROM "sys.tables" t JOIN "sys.columns" c ON c.table_id = t.id WHERE t.name = ?
                 ORDER BY c.position"#;
    read(db, sql, [name])?.pop().ok_or_else(|| TenantError::NoTable { table: name.to_owned() })
}

/// Tables from rows of table and column, in the order in which they come.
fn read(db: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<Table>, TenantError> {
    let failed = || TenantError::while_doing("reading the catalogue");
    let mut statement = db.prepare_cached(sql).map_err(failed())?;
    let mut rows = statement.query(parameters).map_err(failed())?;
    let mut tables: Vec<Table> = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let name: String = row.get(0).map_err(failed())?;
        let sql_type: String = row.get(2).map_err(failed())?;
        let column = Column {
            name: row.get(1).map_err(failed())?,
            sql_type: sql_type
                .parse()
                .map_err(|_| TenantError::Damaged { table: name.clone(), what: "a column's type" })?,
            nullable: row.get(3).map_err(failed())?,
            default: row.get(4).map_err(failed())?,
        };
        match tables.last_mut() {
            Some(table) if table.name == name => table.columns.push(column),
            _ => tables.push(Table { name, columns: vec![column] }),
        }
    }
    Ok(tables)
}

/// A table's number, which no later table of the same name has while this one stands.
pub(super) fn id(db: &Connection, table: &str) -> Result<i64, TenantError> {
    db.prepare_cached(r#"SELECT id FROM "sys.tables" WHERE name = ?"#)
        .and_then(|mut statement| statement.query_row([table], |row| row.get(0)).optional())
        .map_err(TenantError::while_doing("reading the catalogue"))?
        .ok_or_else(|| TenantError::NoTable { table: table.to_owned() })
}

/// Adds a table, which is not tracked yet.
pub(super) fn add(db: &Connection, table: &Table) -> Result<(), TenantError> {
    db.execute(r#"INSERT INTO "sys.tables" (name) VALUES (?)"#, [&table.name])
        .map_err(TenantError::while_doing("writing the catalogue"))?;
    put_columns(db, table)
}

/// Forgets a table and all that is known of it.
pub(super) fn remove(db: &Connection, table: &str) -> Result<(), TenantError> {
    let id = id(db, table)?;
    for sql in [
        r#"DELETE FROM "sys.columns" WHERE table_id = ?"#,
        r#"DELETE FROM "sys.changes" WHERE table_id = ?"#,
        r#"DELETE FROM "sys.tables" WHERE id = ?"#,
    ] {
        db.execute(sql, [id]).map_err(TenantError::while_doing("writing the catalogue"))?;
    }
    Ok(())
}

/// Writes a table's columns anew.
pub(super) fn put_columns(db: &Connection, table: &Table) -> Result<(), TenantError> {
    let failed = || TenantError::while_doing("writing the catalogue");
    let id = id(db, &table.name)?;
    db.execute(r#"DELETE FROM "sys.columns" WHERE table_id = ?"#, [id]).map_err(failed())?;
    let mut statement =
        db.prepare_cached(r#"INSERT INTO "sys.columns" VALUES (?, ?, ?, ?, ?, ?)"#).map_err(failed())?;
    for (position, column) in table.columns.iter().enumerate() {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let sql_type = column.sql_type.to_string();
        statement
            .execute(params![id, position, column.name, sql_type, column.nullable, column.default])
            .map_err(failed())?;
    }
    Ok(())
}

/// Notes that the table once had a column of this name and type. It stays noted when the table goes.
pub(super) fn put_former(db: &Connection, table: &str, column: &Column) -> Result<(), TenantError> {
    db.execute(
        r#"INSERT OR IGNORE INTO "sys.former_columns" VALUES (?, ?, ?)"#,
        params![table, column.name, column.sql_type.to_string()],
    )
    .map(|_| ())
    .map_err(TenantError::while_doing("writing the catalogue"))
}

/// Whether one of the columns is what a column of a table of this name was once before.
pub(super) fn has_former<'c>(
    db: &Connection,
    table: &str,
    columns: impl IntoIterator<Item = &'c Column>,
) -> Result<bool, TenantError> {
    let mut statement = db
        .prepare_cached(
            r#"SELECT 1 FROM "sys.former_columns" WHERE table_name = ? AND name = ? AND sql_type = ?"#,
        )
        .map_err(TenantError::while_doing("reading the catalogue"))?;
    for column in columns {
        let found = statement.exists(params![table, column.name, column.sql_type.to_string()]);
        if found.map_err(TenantError::while_doing("reading the catalogue"))? {
            return Ok(true);
        }
    }
    Ok(false)
}
