//! A table's name and columns.

use std::collections::{BTreeSet, HashSet};

use super::column_type;
use super::error::{ContentError, SoapError};
use super::members::{Members, contained, items, optional, text};
use super::name::{Name, Namespace};
use super::xml::Xml;
use crate::batch::{Column, TableColumns, shown};

/// A column as it came.
#[derive(Debug, Default)]
pub(super) struct RawColumn {
    name: String,
    sql_type: String,
    nullable: bool,
    default: String,
}

/// A table as it came, its columns not checked yet.
#[derive(Debug, Default)]
pub(super) struct RawTable {
    pub(super) table: String,
    columns: Vec<RawColumn>,
    /// Why the columns could not be read to their end.
    fault: Option<ContentError>,
}

/// Reads a `TableSchemaInfo` and checks it. An ignored table's columns do not matter: it has none where they are
/// wrong.
pub(super) fn read(xml: &mut Xml<'_>, ignored: &BTreeSet<String>) -> Result<TableColumns, SoapError> {
    let raw = read_raw(xml)?;
    let is_ignored = ignored.contains(&raw.table);
    let table = raw.table.clone();
    match check(raw) {
        Err(_) if is_ignored => Ok(TableColumns { table, columns: Vec::new() }),
        Ok(checked) => {
            tell_unknown_types(&checked);
            Ok(checked)
        }
        Err(error) => Err(error.into()),
    }
}

fn tell_unknown_types(table: &TableColumns) {
    for column in table.columns.iter().filter(|column| !column_type::is_known(&column.sql_type)) {
        let (table, name, sql_type) = (shown(&table.table), &column.name, shown(&column.sql_type));
        tracing::warn!(table, column = name, sql_type, "type is not known, its values are kept as text");
    }
}

/// Reads a `TableSchemaInfo`.
pub(super) fn read_raw(xml: &mut Xml<'_>) -> Result<RawTable, SoapError> {
    let mut raw = RawTable::default();
    let mut has_name = false;
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Data, &[Name::Columns, Name::TableName])? {
        if tag.name == Name::TableName {
            if let Some(name) = optional(xml, tag)? {
                raw.table = name.text.into_owned();
                has_name = true;
            }
            continue;
        }
        raw.fault = contained(xml, |xml| read_columns(xml, &mut raw.columns))?.err();
    }
    if has_name { Ok(raw) } else { Err(ContentError::new("TableName is missing").into()) }
}

fn read_columns(xml: &mut Xml<'_>, columns: &mut Vec<RawColumn>) -> Result<(), SoapError> {
    while items(xml, Namespace::Data, Name::ColumnInfo)?.is_some() {
        if columns.len() == xml.limits().max_columns {
            return Err(ContentError::new("has more columns than the limit").into());
        }
        columns.push(read_column(xml)?);
    }
    Ok(())
}

fn read_column(xml: &mut Xml<'_>) -> Result<RawColumn, SoapError> {
    let mut column = RawColumn::default();
    let mut nullable = Ok(false);
    let mut members = Members::default();
    let known = [Name::DefaultValue, Name::IsNullable, Name::Name, Name::Type];
    while let Some(tag) = members.next(xml, Namespace::Data, &known)? {
        let text = text(xml, tag)?;
        match tag.name {
            Name::DefaultValue => column.default = text.into_owned(),
            Name::Name => column.name = text.into_owned(),
            Name::Type => column.sql_type = text.into_owned(),
            _ => nullable = boolean(&text),
        }
    }
    column.nullable = nullable.map_err(|error| error.of_column(&column.name))?;
    Ok(column)
}

fn boolean(text: &str) -> Result<bool, ContentError> {
    match text.trim_ascii() {
        "true" | "1" => Ok(true),
        "false" | "0" | "" => Ok(false),
        _ => Err(ContentError::new("IsNullable is not a boolean")),
    }
}

/// Checks names and types: at least one column, each a name that Avro takes, no two alike.
pub(super) fn check(raw: RawTable) -> Result<TableColumns, ContentError> {
    let RawTable { table, columns, fault } = raw;
    if let Some(fault) = fault {
        return Err(fault.of_table(&table));
    }
    if columns.is_empty() {
        return Err(ContentError::new("has no columns").of_table(&table));
    }
    let mut names = HashSet::new();
    for column in &columns {
        let fault = |rule: &str| Err(ContentError::new(rule).of_column(&column.name).of_table(&table));
        if !is_avro_name(&column.name) {
            return fault("the name does not match ^[A-Za-z_][A-Za-z0-9_]*$ in 128 bytes");
        }
        if !names.insert(column.name.to_ascii_lowercase()) {
            return fault("stands twice, or differs from another only in case");
        }
    }
    let columns = columns.into_iter().map(|column| typed(&table, column)).collect::<Result<_, _>>()?;
    Ok(TableColumns { table, columns })
}

fn typed(table: &str, column: RawColumn) -> Result<Column, ContentError> {
    let RawColumn { name, sql_type, nullable, default } = column;
    match column_type::parse(&sql_type) {
        Ok(kind) => Ok(Column { name, sql_type, kind, nullable, default }),
        Err(rule) => Err(ContentError::new(rule).of_column(&name).of_table(table)),
    }
}

fn is_avro_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
