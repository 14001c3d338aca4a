//! The operations' contents.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::error::{ContentError, Fault, SoapError};
use super::name::{Name, Namespace, Operation};
use super::xml::{Tag, Text, Xml};
use super::{row_data, table};
use crate::batch::{Batch, TableColumns, TableCounts};

/// What a caller wants.
#[derive(Debug, PartialEq)]
pub enum Call<'a> {
    /// Opens a cycle.
    Authenticate,
    /// Announces all tables.
    TableSchema(Vec<TableColumns>),
    /// Begins a table anew.
    Wipe {
        /// The table's name as it came.
        table: String,
    },
    /// Brings rows.
    RowData(Vec<Batch<'a>>),
    /// Ends a cycle.
    ReplicationCompleted(Vec<TableCounts>),
}

pub(super) fn read<'a>(
    xml: &mut Xml<'a>,
    operation: Operation,
    ignored: &BTreeSet<String>,
) -> Result<Call<'a>, SoapError> {
    match operation {
        Operation::Authenticate => authenticate(xml),
        Operation::TableSchema => table_schema(xml, ignored),
        Operation::Wipe => wipe(xml),
        Operation::RowData => row_data(xml, ignored),
        Operation::ReplicationCompleted => completed(xml),
    }
}

/// Which members of an element have been read: none may stand twice.
#[derive(Default)]
pub(super) struct Members(Vec<Name>);

impl Members {
    /// The next member in `namespace`, skipping all that the contract does not name.
    pub(super) fn next(
        &mut self,
        xml: &mut Xml<'_>,
        namespace: Namespace,
        known: &[Name],
    ) -> Result<Option<Tag>, SoapError> {
        while let Some(tag) = xml.child()? {
            if tag.namespace != namespace || !known.contains(&tag.name) {
                xml.skip()?;
                continue;
            }
            if self.0.contains(&tag.name) {
                return Err(ContentError::new(format!("{} stands twice", tag.name.text())).into());
            }
            self.0.push(tag.name);
            return Ok(Some(tag));
        }
        Ok(None)
    }
}

/// The items of a list member: every `item` in `namespace`, skipping others.
pub(super) fn items(xml: &mut Xml<'_>, namespace: Namespace, item: Name) -> Result<Option<Tag>, SoapError> {
    while let Some(tag) = xml.child()? {
        if tag.is(namespace, item) {
            return Ok(Some(tag));
        }
        xml.skip()?;
    }
    Ok(None)
}

/// A leaf's text; `None` for `i:nil`.
pub(super) fn optional<'a>(xml: &mut Xml<'a>, tag: Tag) -> Result<Option<Text<'a>>, Fault> {
    let text = xml.leaf()?;
    match tag.is_nil {
        true if text.text.trim_ascii().is_empty() => Ok(None),
        true => Err(Fault::client("a nil element holds text")),
        false => Ok(Some(text)),
    }
}

/// A leaf's text, empty for `i:nil`.
pub(super) fn text<'a>(xml: &mut Xml<'a>, tag: Tag) -> Result<Cow<'a, str>, Fault> {
    Ok(optional(xml, tag)?.unwrap_or_default().text)
}

/// A whole number by the rules of `xs:long`, without its optional plus sign; nil counts as absent.
pub(super) fn number<T: std::str::FromStr>(xml: &mut Xml<'_>, tag: Tag) -> Result<Option<T>, SoapError> {
    let Some(text) = optional(xml, tag)? else { return Ok(None) };
    let text = text.text.trim_ascii();
    let number = if text.starts_with('+') { None } else { text.parse().ok() };
    let rule = || ContentError::new(format!("{} is not a whole number in range", tag.name.text()));
    number.map(Some).ok_or_else(|| rule().into())
}

fn authenticate<'a>(xml: &mut Xml<'_>) -> Result<Call<'a>, SoapError> {
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Mirroring, &[Name::ClientState])? {
        client_state(xml, tag)?;
    }
    Ok(Call::Authenticate)
}

/// ClientState decides nothing: it is checked and forgotten.
fn client_state(xml: &mut Xml<'_>, tag: Tag) -> Result<(), SoapError> {
    const MAX_BYTES: usize = 64 * 1024;
    match text(xml, tag)?.len() {
        length if length <= MAX_BYTES => Ok(()),
        _ => Err(ContentError::new("ClientState is longer than 64 KiB").into()),
    }
}

fn table_schema<'a>(xml: &mut Xml<'_>, ignored: &BTreeSet<String>) -> Result<Call<'a>, SoapError> {
    let mut tables: Vec<TableColumns> = Vec::new();
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Mirroring, &[Name::ClientState, Name::Tables])? {
        if tag.name == Name::ClientState {
            client_state(xml, tag)?;
            continue;
        }
        while items(xml, Namespace::Data, Name::TableSchemaInfo)?.is_some() {
            take_table(&mut tables, table::read(xml, ignored)?)?;
            if tables.len() > xml.limits().max_tables {
                return Err(ContentError::new("the call names more tables than the limit").into());
            }
        }
    }
    Ok(Call::TableSchema(tables))
}

/// The same table twice is one table, unless its columns differ.
fn take_table(tables: &mut Vec<TableColumns>, table: TableColumns) -> Result<(), ContentError> {
    match tables.iter().find(|known| known.table == table.table) {
        None => tables.push(table),
        Some(known) if *known == table => {}
        Some(_) => {
            return Err(ContentError::new("stands twice, with other columns").of_table(&table.table));
        }
    }
    Ok(())
}

fn wipe<'a>(xml: &mut Xml<'_>) -> Result<Call<'a>, SoapError> {
    let mut table = None;
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Mirroring, &[Name::ClientState, Name::TableName])? {
        if tag.name == Name::ClientState {
            client_state(xml, tag)?;
        } else {
            table = optional(xml, tag)?.map(|name| name.text.into_owned());
        }
    }
    let table = table.ok_or_else(|| ContentError::new("TableName is missing"))?;
    Ok(Call::Wipe { table })
}

fn row_data<'a>(xml: &mut Xml<'a>, ignored: &BTreeSet<String>) -> Result<Call<'a>, SoapError> {
    let mut batches = Vec::new();
    let mut rows = 0;
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Mirroring, &[Name::ClientState, Name::DataBatches])? {
        if tag.name == Name::ClientState {
            client_state(xml, tag)?;
            continue;
        }
        while items(xml, Namespace::Data, Name::RowDataBatch)?.is_some() {
            batches.push(row_data::read(xml, &mut rows, ignored)?);
            if batches.len() > xml.limits().max_tables {
                return Err(ContentError::new("the call has more batches than the limit of tables").into());
            }
        }
    }
    Ok(Call::RowData(batches))
}

fn completed<'a>(xml: &mut Xml<'_>) -> Result<Call<'a>, SoapError> {
    let mut tables = Vec::new();
    let mut members = Members::default();
    while let Some(tag) =
        members.next(xml, Namespace::Mirroring, &[Name::ClientState, Name::ChangedTables])?
    {
        if tag.name == Name::ClientState {
            client_state(xml, tag)?;
            continue;
        }
        while items(xml, Namespace::Data, Name::ReplicationSummary)?.is_some() {
            tables.push(summary(xml)?);
            if tables.len() > xml.limits().max_tables {
                return Err(ContentError::new("the call names more tables than the limit").into());
            }
        }
    }
    Ok(Call::ReplicationCompleted(tables))
}

fn summary(xml: &mut Xml<'_>) -> Result<TableCounts, SoapError> {
    let mut counts = TableCounts { table: String::new(), inserts: 0, updates: 0, deletes: 0 };
    let mut members = Members::default();
    let known = [Name::Deletes, Name::Inserts, Name::TableName, Name::Updates];
    while let Some(tag) = members.next(xml, Namespace::Data, &known)? {
        match tag.name {
            Name::TableName => counts.table = text(xml, tag)?.into_owned(),
            Name::Inserts => counts.inserts = number(xml, tag)?.unwrap_or(0),
            Name::Updates => counts.updates = number(xml, tag)?.unwrap_or(0),
            _ => counts.deletes = number(xml, tag)?.unwrap_or(0),
        }
    }
    Ok(counts)
}
