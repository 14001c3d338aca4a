//! Columns as SQLite declares them, and the statements that make, change and fill a table.
//!
//! The declared type is the source's own, so that a person finds the table as it was, but SQLite reads an affinity out
//! of it and converts what is stored: `decimal(19,4)` would turn the text '123.4500' into the number 123.45. A type
//! whose affinity could change a value gets a word behind it that brings the right one, as in `decimal(19,4) text`.
//! Types are written as quoted names: SQLite's grammar takes neither `nvarchar(max)` nor a word after parentheses.

use mirrorbus_mirror::{Column, Kind};
use rusqlite::types::ValueRef;

use crate::encoding::encode;

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
    let not_null = if is_not_null(column) { " NOT NULL" } else { "" };
    let default = default(column).map(|literal| format!(" DEFAULT {literal}")).unwrap_or_default();
    format!("{} {}{not_null}{default}", quote(&column.name), quote(&declared_type(column)))
}

fn is_not_null(column: &Column) -> bool {
    column.is_key || !column.is_nullable
}

/// The source's default as a literal, in the form in which the mirror stores that value.
fn default(column: &Column) -> Option<String> {
    let value = column.constant_default()?;
    match encode(column.kind, value, &mut Vec::new()) {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(format!("{number:?}")),
        // A statement ends at U+0000.
        ValueRef::Text(text) if text.contains(&0) => Some(format!("(CAST({} AS TEXT))", blob(text))),
        ValueRef::Text(text) => Some(format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''"))),
        ValueRef::Blob(bytes) => Some(blob(bytes)),
    }
}

fn blob(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("X'{digits}'")
}

fn list(columns: impl Iterator<Item = String>, separator: &str) -> String {
    columns.collect::<Vec<_>>().join(separator)
}

fn keys(columns: &[Column]) -> impl Iterator<Item = &Column> {
    columns.iter().filter(|column| column.is_key)
}

fn find<'c>(columns: &'c [Column], name: &str) -> Option<&'c Column> {
    columns.iter().find(|column| column.name == name)
}

/// `CREATE TABLE`. A key of one whole number is declared INTEGER, whatever the source calls it: only under that name does
/// SQLite keep rows by it, instead of by a number of its own with an index beside. That is a third of the time of every
/// insert and update.
pub(crate) fn create(table: &str, columns: &[Column]) -> String {
    let is_only_key = keys(columns).count() == 1;
    let define = |column: &Column| match column.kind {
        Kind::Int | Kind::Long if column.is_key && is_only_key => {
            format!("{} INTEGER NOT NULL", quote(&column.name))
        }
        _ => definition(column),
    };
    let definitions = list(columns.iter().map(define), ", ");
    let key = list(keys(columns).map(|column| quote(&column.name)), ", ");
    format!("CREATE TABLE {} ({definitions}, PRIMARY KEY ({key}))", quote(table))
}

/// The statements that bring a table with its rows from one set of columns to another, where columns are only added
/// and what they hold in the rows that are there needs no writing. `None` where the table must be rebuilt.
pub(crate) fn additions(table: &str, before: &[Column], after: &[Column]) -> Option<Vec<String>> {
    let stays = |column: &Column| {
        find(after, &column.name).is_some_and(|other| definition(other) == definition(column))
    };
    // A default fills rows, as at the source, unless NULL may stand there: then the source leaves them NULL.
    let is_addable = |column: &&Column| match default(column) {
        Some(literal) => is_not_null(column) && !literal.starts_with('('),
        None => true,
    };
    let added: Vec<&Column> = after.iter().filter(|column| find(before, &column.name).is_none()).collect();
    let is_enough = before.iter().all(stays) && added.iter().all(is_addable);
    let add = |column: &&Column| format!("ALTER TABLE {} ADD COLUMN {}", quote(table), definition(column));
    is_enough.then(|| added.iter().map(add).collect())
}

/// SQLite can neither change a column nor drop one without writing every row: the rows move to a new table. The name
/// begins as no table of a source does.
pub(crate) fn rebuild(table: &str, before: &[Column], after: &[Column]) -> Vec<String> {
    let new = "_mirrorbus_new";
    let names = list(after.iter().map(|column| quote(&column.name)), ", ");
    let old = |column: &Column| match (find(before, &column.name), default(column)) {
        (Some(_), _) => format!("old.{}", quote(&column.name)),
        (None, Some(literal)) if is_not_null(column) => literal,
        (None, _) => "NULL".to_owned(),
    };
    let values = list(after.iter().map(old), ", ");
    vec![
        create(new, after),
        format!("INSERT INTO {} ({names}) SELECT {values} FROM {} AS old", quote(new), quote(table)),
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

/// All rows, columns in the given order. SQLite takes the name of no column for a text, unless a table stands before it.
pub(crate) fn select(table: &str, columns: &[Column]) -> String {
    let names = list(columns.iter().map(|column| format!("mirrored.{}", quote(&column.name))), ", ");
    format!("SELECT {names} FROM {} AS mirrored", quote(table))
}

/// How many rows there are.
pub(crate) fn count(table: &str) -> String {
    format!("SELECT count(*) FROM {}", quote(table))
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
