//! The statements that make, change and fill a table.

use mirrorbus_mirror::{Column, Kind, Value};

use crate::encoding::Plan;
use crate::name::{self, literal, qualified, quote, quoted_column};
use crate::types::Stored;

/// The type under which a column begins: the source's, if its default is a value of it.
pub(crate) fn declared(column: &Column) -> Stored {
    let declared = Stored::declared(column);
    let fits = |value| Plan::new([(column.kind, declared)]).put(&[value], &mut Default::default()).is_ok();
    if column.constant_default().is_none_or(fits) { declared } else { Stored::widest(column.kind) }
}

/// A type with what keeps its comparisons to bytes: a key is a key by its bytes, whatever the database's language is.
pub(crate) fn with_collation(stored: Stored, is_key: bool) -> String {
    match stored {
        Stored::Text | Stored::Varchar(_) if is_key => format!("{stored} COLLATE \"C\""),
        _ => stored.to_string(),
    }
}

/// `CREATE TABLE` and its comments.
pub(crate) fn create(schema: &str, table: &str, columns: &[Column]) -> String {
    let definitions = list(columns.iter().map(definition), ", ");
    let key = list(keys(columns).map(|column| quoted_column(&column.name)), ", ");
    let name = qualified(schema, table);
    let about =
        format!("Mirror of table {table}. What is changed here by hand is found by verify and mended.");
    let constraint = quote(&name::key(table));
    let comments = list(columns.iter().map(|column| comment(schema, table, column)), "");
    format!(
        "CREATE TABLE {name} ({definitions}, CONSTRAINT {constraint} PRIMARY KEY ({key}));
         COMMENT ON TABLE {name} IS {};{comments}",
        literal(&about)
    )
}

/// `DROP TABLE`.
pub(crate) fn drop(schema: &str, table: &str) -> String {
    format!("DROP TABLE IF EXISTS {}", qualified(schema, table))
}

fn definition(column: &Column) -> String {
    let mut text =
        format!("{} {}", quoted_column(&column.name), with_collation(declared(column), column.is_key));
    if !column.is_nullable {
        text.push_str(" NOT NULL");
    }
    if let Some(value) = default(column) {
        text = format!("{text} DEFAULT {value}");
    }
    text
}

/// The source's type and default, where people look for them.
fn comment(schema: &str, table: &str, column: &Column) -> String {
    let text = format!("{} {}", column.sql_type, column.default);
    let text = match text.trim() {
        "" => "NULL".to_owned(),
        text => literal(text),
    };
    let name = qualified(schema, table);
    format!("COMMENT ON COLUMN {name}.{} IS {text};", quoted_column(&column.name))
}

/// A default that stands for one value, as SQL.
fn default(column: &Column) -> Option<String> {
    Some(match (column.constant_default()?, column.kind) {
        (Value::Null | Value::Bytes(_), _) => return None,
        (Value::Whole(number), Kind::Bit) => (number == 1).to_string(),
        (Value::Whole(number), _) => format!("({number})"),
        (Value::Decimal(number), Kind::Decimal { scale }) => decimal(number, scale),
        (Value::Decimal(number), _) => decimal(number, 0),
        (Value::Double(number), _) => format!("'{number:e}'"),
        (Value::Text(text), _) => literal(text),
    })
}

fn decimal(number: i128, scale: u32) -> String {
    let width = usize::try_from(scale).unwrap_or_default() + 1;
    let mut digits = format!("{:0width$}", number.unsigned_abs());
    digits.insert(digits.len() + 1 - width, '.');
    format!("'{}{digits}'", if number < 0 { "-" } else { "" })
}

/// The statements that bring a table with its rows from one set of columns to another, all but the types of columns
/// that stay.
pub(crate) fn reshape(schema: &str, table: &str, before: &[Column], after: &[Column]) -> String {
    let find = |columns: &[Column], name: &str| columns.iter().find(|column| column.name == name).cloned();
    let mut actions = Vec::new();
    for column in before.iter().filter(|column| find(after, &column.name).is_none()) {
        actions.push(format!("DROP COLUMN {}", quoted_column(&column.name)));
    }
    let mut comments = String::new();
    for column in after {
        let name = quoted_column(&column.name);
        match find(before, &column.name) {
            None => added(column, &mut actions),
            Some(before) => {
                if before.is_nullable != column.is_nullable {
                    let word = if column.is_nullable { "DROP" } else { "SET" };
                    actions.push(format!("ALTER COLUMN {name} {word} NOT NULL"));
                }
                if default(&before) != default(column) {
                    actions.push(set_default(column));
                }
                if before == *column {
                    continue;
                }
            }
        }
        comments.push_str(&comment(schema, table, column));
    }
    if actions.is_empty() {
        return comments;
    }
    format!("ALTER TABLE {} {};{comments}", qualified(schema, table), actions.join(", "))
}

/// Rows that are there get the default only of a column without NULL: so it is at the source.
fn added(column: &Column, actions: &mut Vec<String>) {
    if column.is_nullable {
        let plain = Column { default: String::new(), ..column.clone() };
        let stored = with_collation(declared(column), column.is_key);
        actions.push(format!("ADD COLUMN {} {stored}", quoted_column(&plain.name)));
        actions.extend(default(column).map(|_| set_default(column)));
    } else {
        actions.push(format!("ADD COLUMN {}", definition(column)));
    }
}

fn set_default(column: &Column) -> String {
    let name = quoted_column(&column.name);
    match default(column) {
        Some(value) => format!("ALTER COLUMN {name} SET DEFAULT {value}"),
        None => format!("ALTER COLUMN {name} DROP DEFAULT"),
    }
}

/// Gives a column the type that holds every value of its kind.
pub(crate) fn widen(schema: &str, table: &str, column: &Column, from: Stored) -> String {
    let name = quoted_column(&column.name);
    format!(
        "ALTER TABLE {} ALTER COLUMN {name} TYPE {} USING {}",
        qualified(schema, table),
        with_collation(Stored::widest(column.kind), column.is_key),
        from.to_widest(column.kind, &name)
    )
}

/// Gives a column another type of its kind.
pub(crate) fn retype(schema: &str, table: &str, column: &Column, to: Stored) -> String {
    format!(
        "ALTER TABLE {} ALTER COLUMN {} TYPE {}",
        qualified(schema, table),
        quoted_column(&column.name),
        with_collation(to, column.is_key)
    )
}

/// Whether a text is longer than a new type admits: PostgreSQL would cut spaces off without an error.
pub(crate) fn has_longer(schema: &str, table: &str, column: &Column, length: u32) -> String {
    let name = quoted_column(&column.name);
    format!("SELECT EXISTS (SELECT FROM {} WHERE length({name}) > {length})", qualified(schema, table))
}

fn list(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

pub(crate) fn keys(columns: &[Column]) -> impl Iterator<Item = &Column> {
    columns.iter().filter(|column| column.is_key)
}

/// All columns by name, in their order.
pub(crate) fn names<'c>(columns: impl IntoIterator<Item = &'c Column>) -> String {
    list(columns.into_iter().map(|column| quoted_column(&column.name)), ", ")
}

/// Columns of a staging table.
pub(crate) fn stage<'c>(columns: impl IntoIterator<Item = (&'c Column, Stored)>) -> String {
    let column = |(column, stored): (&Column, Stored)| {
        format!("{} {}", quoted_column(&column.name), with_collation(stored, column.is_key))
    };
    list(columns.into_iter().map(column), ", ")
}

/// COPY into a table, its columns in the given order.
pub(crate) fn copy_in<'c>(table: &str, columns: impl IntoIterator<Item = &'c Column>) -> String {
    format!("COPY {table} ({}) FROM STDIN (FORMAT binary)", names(columns))
}

fn same_key(columns: &[Column]) -> String {
    let equal = |column: &Column| {
        let name = quoted_column(&column.name);
        format!("t.{name} = s.{name}")
    };
    list(keys(columns).map(equal), " AND ")
}

/// Replaces rows that are there by staged ones; of a table that is nothing but its key it only tells how many are.
pub(crate) fn update(schema: &str, table: &str, columns: &[Column], stage: &str) -> String {
    let set = columns.iter().filter(|column| !column.is_key).map(|column| {
        let name = quoted_column(&column.name);
        format!("{name} = s.{name}")
    });
    let (set, key) = (list(set, ", "), same_key(columns));
    let name = qualified(schema, table);
    if set.is_empty() {
        return format!("SELECT FROM {name} AS t JOIN {stage} AS s ON {key}");
    }
    format!("UPDATE {name} AS t SET {set} FROM {stage} AS s WHERE {key}")
}

/// Inserts staged rows that are not there.
pub(crate) fn insert_missing(schema: &str, table: &str, columns: &[Column], stage: &str) -> String {
    let (name, names, key) = (qualified(schema, table), names(columns), same_key(columns));
    format!(
        "INSERT INTO {name} ({names}) SELECT {names} FROM {stage} AS s
         WHERE NOT EXISTS (SELECT FROM {name} AS t WHERE {key})"
    )
}

/// Deletes the rows whose keys are staged.
pub(crate) fn delete(schema: &str, table: &str, columns: &[Column], stage: &str) -> String {
    format!("DELETE FROM {} AS t USING {stage} AS s WHERE {}", qualified(schema, table), same_key(columns))
}
