//! The operations' contents.

use std::collections::{BTreeSet, HashMap};

use super::error::{ContentError, SoapError};
use super::members::{Members, items, number, optional, text};
use super::name::{Name, Namespace, Operation};
use super::xml::{Tag, Xml};
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
    let mut tables = Tables::default();
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Mirroring, &[Name::ClientState, Name::Tables])? {
        if tag.name == Name::ClientState {
            client_state(xml, tag)?;
            continue;
        }
        while items(xml, Namespace::Data, Name::TableSchemaInfo)?.is_some() {
            tables.take(table::read(xml, ignored)?, ignored)?;
            if tables.list.len() > xml.limits().max_tables {
                return Err(ContentError::new("the call names more tables than the limit").into());
            }
        }
    }
    Ok(Call::TableSchema(tables.list))
}

/// Tables in the order in which they came, and where each stands.
#[derive(Default)]
struct Tables {
    list: Vec<TableColumns>,
    places: HashMap<String, usize>,
}

impl Tables {
    /// The same table twice is one table, unless its columns differ and matter.
    fn take(&mut self, table: TableColumns, ignored: &BTreeSet<String>) -> Result<(), ContentError> {
        match self.places.get(&table.table) {
            None => {
                self.places.insert(table.table.clone(), self.list.len());
                self.list.push(table);
                Ok(())
            }
            Some(&place) if self.list[place] == table || ignored.contains(&table.table) => Ok(()),
            Some(_) => Err(ContentError::new("stands twice, with other columns").of_table(&table.table)),
        }
    }
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
    let mut counts = row_data::Counts::default();
    let mut members = Members::default();
    while let Some(tag) = members.next(xml, Namespace::Mirroring, &[Name::ClientState, Name::DataBatches])? {
        if tag.name == Name::ClientState {
            client_state(xml, tag)?;
            continue;
        }
        while items(xml, Namespace::Data, Name::RowDataBatch)?.is_some() {
            batches.push(row_data::read(xml, &mut counts, ignored)?);
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
