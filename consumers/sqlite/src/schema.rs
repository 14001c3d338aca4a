//! Columns as SQLite declares them, and the statements that make, change and fill a table.
//!
//! The declared type is the source's own, so that a person finds the table as it was, but SQLite reads an affinity out
//! of it and converts what is stored: `decimal(19,4)` would turn the text '123.4500' into the number 123.45. A type
//! whose affinity could change a value gets a word behind it that brings the right one, as in `decimal(19,4) text`.
//! Types are written as quoted names: SQLite's grammar takes neither `nvarchar(max)` nor a word after parentheses.

use mirrorbus_mirror::{Column, Kind};

/// What SQLite makes of a declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

/// SQLite's own rules, in its order.
fn affinity(declared: &str) -> Affinity {
    let declared = declared.to_ascii_uppercase();
    let has = |word| declared.contains(word);
    if has("INT") {
        Affinity::Integer
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") || declared.is_empty() {
        Affinity::Blob
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// Whether an affinity leaves every value of a kind as it is. Text of dates and times is no number and stays text
/// under NUMERIC; bytes stay bytes under all of them.
fn keeps(kind: Kind, affinity: Affinity) -> bool {
    match kind {
        Kind::Int | Kind::Long | Kind::Bit => matches!(affinity, Affinity::Integer | Affinity::Numeric),
        Kind::Double => affinity == Affinity::Real,
        Kind::Decimal { .. } | Kind::Text => affinity == Affinity::Text,
        Kind::Millis | Kind::Micros | Kind::Date | Kind::Time => affinity == Affinity::Numeric,
        Kind::Bytes => true,
    }
}

/// The type under which a column is declared.
pub(crate) fn declared_type(column: &Column) -> String {
    let source = column.sql_type.trim();
    let (word, alone) = match column.kind {
        Kind::Int | Kind::Long | Kind::Bit => ("integer", "integer"),
        Kind::Double => ("real", "real"),
        Kind::Decimal { .. } | Kind::Text => ("text", "text"),
        Kind::Millis | Kind::Micros => ("numeric", "datetime"),
        Kind::Date => ("numeric", "date"),
        Kind::Time => ("numeric", "time"),
        Kind::Bytes => ("blob", "blob"),
    };
    let candidates = [source.to_owned(), format!("{source} {word}")];
    let fits = |candidate: &&String| !source.is_empty() && keeps(column.kind, affinity(candidate));
    candidates.iter().find(fits).cloned().unwrap_or_else(|| alone.to_owned())
}

/// The one place where names enter SQL.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\"").replace('\0', ""))
}

fn definition(column: &Column) -> String {
    let not_null = if column.is_key { " NOT NULL" } else { "" };
    format!("{} {}{not_null}", quote(&column.name), quote(&declared_type(column)))
}

fn list(columns: impl Iterator<Item = String>, separator: &str) -> String {
    columns.collect::<Vec<_>>().join(separator)
}

fn keys(columns: &[Column]) -> impl Iterator<Item = &Column> {
    columns.iter().filter(|column| column.is_key)
}

/// `CREATE TABLE`.
pub(crate) fn create(table: &str, columns: &[Column]) -> String {
    let definitions = list(columns.iter().map(definition), ", ");
    let key = list(keys(columns).map(|column| quote(&column.name)), ", ");
    format!("CREATE TABLE {} ({definitions}, PRIMARY KEY ({key}))", quote(table))
}

/// The statements that bring a table with its rows from one set of columns to another.
pub(crate) fn reshape(table: &str, before: &[Column], after: &[Column]) -> Vec<String> {
    let find = |columns: &[Column], name: &str| columns.iter().find(|column| column.name == name).cloned();
    let is_retyped = |column: &Column| {
        find(after, &column.name).is_some_and(|other| declared_type(&other) != declared_type(column))
    };
    if before.iter().any(is_retyped) {
        return rebuild(table, before, after);
    }
    let dropped = before.iter().filter(|column| find(after, &column.name).is_none());
    let added = after.iter().filter(|column| find(before, &column.name).is_none());
    let drop =
        dropped.map(|column| format!("ALTER TABLE {} DROP COLUMN {}", quote(table), quote(&column.name)));
    let add = added.map(|column| format!("ALTER TABLE {} ADD COLUMN {}", quote(table), definition(column)));
    drop.chain(add).collect()
}

/// SQLite cannot change a declared type: the rows move to a new table. The name begins as no table of a source does.
fn rebuild(table: &str, before: &[Column], after: &[Column]) -> Vec<String> {
    let new = "_mirrorbus_new";
    let kept = after.iter().filter(|column| before.iter().any(|other| other.name == column.name));
    let kept = list(kept.map(|column| quote(&column.name)), ", ");
    vec![
        create(new, after),
        format!("INSERT INTO {} ({kept}) SELECT {kept} FROM {}", quote(new), quote(table)),
        drop(table),
        format!("ALTER TABLE {} RENAME TO {}", quote(new), quote(table)),
    ]
}

/// `DROP TABLE`.
pub(crate) fn drop(table: &str) -> String {
    format!("DROP TABLE IF EXISTS {}", quote(table))
}

/// Inserts a row unless its key is there.
pub(crate) fn insert(table: &str, columns: &[Column]) -> String {
    let names = list(columns.iter().map(|column| quote(&column.name)), ", ");
    let places = list((1..=columns.len()).map(|number| format!("?{number}")), ", ");
    let key = list(keys(columns).map(|column| quote(&column.name)), ", ");
    format!("INSERT INTO {} ({names}) VALUES ({places}) ON CONFLICT ({key}) DO NOTHING", quote(table))
}

/// Replaces all but the key of a row; `None` where a row is nothing but its key. Takes the values of [`insert`].
pub(crate) fn update(table: &str, columns: &[Column]) -> Option<String> {
    let assign = |is_key: bool, separator: &str| {
        let wanted = (1..).zip(columns).filter(|(_, column)| column.is_key == is_key);
        list(wanted.map(|(number, column)| format!("{} = ?{number}", quote(&column.name))), separator)
    };
    let set = assign(false, ", ");
    (!set.is_empty()).then(|| format!("UPDATE {} SET {set} WHERE {}", quote(table), assign(true, " AND ")))
}

/// Deletes a row by its key columns, in the order of the table's columns.
pub(crate) fn delete(table: &str, columns: &[Column]) -> String {
    let key = (1..).zip(keys(columns)).map(|(number, column)| format!("{} = ?{number}", quote(&column.name)));
    format!("DELETE FROM {} WHERE {}", quote(table), list(key, " AND "))
}

/// All rows, columns in the given order.
pub(crate) fn select(table: &str, columns: &[Column]) -> String {
    format!("SELECT {} FROM {}", list(columns.iter().map(|column| quote(&column.name)), ", "), quote(table))
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
