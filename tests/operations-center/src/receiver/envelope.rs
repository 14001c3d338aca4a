//! Reading a call: the token first, and what it says only once the token is trusted.
//!
//! Prefixes are arbitrary, members come in any order, unknown ones are passed over.

use crate::wire::{ARRAYS, Batch, ColumnInfo, DATA, ENVELOPE, MIRRORING, Operation, Row, TableInfo};
use crate::xml::{Tag, Xml, XmlError};

/// What a call says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Authenticate,
    TableSchema(Vec<TableInfo>),
    Wipe(String),
    RowData(Vec<Batch>),
    Completed,
}

/// A call of which token and operation have been read.
pub(super) struct Envelope<'a> {
    /// Without the white space around it; empty where there is none.
    pub(super) token: String,
    pub(super) operation: Operation,
    xml: Xml<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads up to the operation's name.
    pub(super) fn open(document: &'a str) -> Result<Self, XmlError> {
        let mut xml = Xml::new(document.strip_prefix('\u{feff}').unwrap_or(document));
        let mut token = String::new();
        enter(&mut xml, ENVELOPE, "Envelope")?;
        let mut tag = xml.child()?;
        if tag.as_ref().is_some_and(|tag| tag.is(ENVELOPE, "Header")) {
            members(&mut xml, MIRRORING, |xml, name, _| {
                if name == "SignedToken" {
                    token = xml.text()?.trim().to_owned();
                    return Ok(true);
                }
                Ok(false)
            })?;
            tag = xml.child()?;
        }
        if !tag.is_some_and(|tag| tag.is(ENVELOPE, "Body")) {
            return Err(XmlError::Stray("something other than a SOAP body"));
        }
        let request = xml.child()?.filter(|tag| tag.namespace == MIRRORING);
        let operation = request.and_then(|tag| operation(&tag.name));
        let operation = operation.ok_or(XmlError::Stray("an unknown operation"))?;
        Ok(Self { token, operation, xml })
    }

    /// Reads the rest, to the document's end.
    pub(super) fn read_call(mut self) -> Result<Call, XmlError> {
        let xml = &mut self.xml;
        let call = match self.operation {
            Operation::Authenticate => {
                members(xml, MIRRORING, |_, _, _| Ok(false)).map(|()| Call::Authenticate)
            }
            Operation::TableSchema => list(xml, "Tables", "TableSchemaInfo", table).map(Call::TableSchema),
            Operation::Wipe => wipe(xml).map(Call::Wipe),
            Operation::RowData => list(xml, "DataBatches", "RowDataBatch", batch).map(Call::RowData),
            Operation::ReplicationCompleted => {
                members(xml, MIRRORING, |_, _, _| Ok(false)).map(|()| Call::Completed)
            }
        }?;
        for _ in ["Body", "Envelope"] {
            if xml.child()?.is_some() {
                return Err(XmlError::Stray("an element after the call"));
            }
        }
        xml.end().map(|()| call)
    }
}

fn operation(request: &str) -> Option<Operation> {
    use Operation::{Authenticate, ReplicationCompleted, RowData, TableSchema, Wipe};
    let operations = [Authenticate, TableSchema, Wipe, RowData, ReplicationCompleted];
    operations.into_iter().find(|operation| request.strip_suffix("Request") == Some(operation.name()))
}

fn enter(xml: &mut Xml<'_>, namespace: &str, name: &str) -> Result<(), XmlError> {
    match xml.child()? {
        Some(tag) if tag.is(namespace, name) => Ok(()),
        _ => Err(XmlError::Stray("something other than a SOAP envelope")),
    }
}

/// Hands each member to `take`, which says whether it has read it; the others are passed over.
fn members(
    xml: &mut Xml<'_>,
    namespace: &str,
    mut take: impl FnMut(&mut Xml<'_>, &str, bool) -> Result<bool, XmlError>,
) -> Result<(), XmlError> {
    while let Some(Tag { namespace: found, name, is_nil }) = xml.child()? {
        if found != namespace || !take(xml, &name, is_nil)? {
            xml.skip()?;
        }
    }
    Ok(())
}

/// The one list that an operation has.
fn list<T>(
    xml: &mut Xml<'_>,
    name: &str,
    item: &str,
    read: impl Fn(&mut Xml<'_>) -> Result<T, XmlError>,
) -> Result<Vec<T>, XmlError> {
    let mut items = Vec::new();
    members(xml, MIRRORING, |xml, found, _| {
        if found == name {
            read_items(xml, item, &read, &mut items)?;
        }
        Ok(found == name)
    })?;
    Ok(items)
}

/// An unknown item is refused: to pass over it could lose a row.
fn read_items<T>(
    xml: &mut Xml<'_>,
    item: &str,
    read: impl Fn(&mut Xml<'_>) -> Result<T, XmlError>,
    items: &mut Vec<T>,
) -> Result<(), XmlError> {
    while let Some(tag) = xml.child()? {
        if !tag.is(DATA, item) {
            return Err(XmlError::Stray("an unknown item in a list"));
        }
        items.push(read(xml)?);
    }
    Ok(())
}

fn wipe(xml: &mut Xml<'_>) -> Result<String, XmlError> {
    let mut table = String::new();
    members(xml, MIRRORING, |xml, name, _| text_of(xml, name, "TableName", &mut table))?;
    Ok(table)
}

fn text_of(xml: &mut Xml<'_>, found: &str, name: &str, to: &mut String) -> Result<bool, XmlError> {
    if found == name {
        *to = xml.text()?;
    }
    Ok(found == name)
}

fn table(xml: &mut Xml<'_>) -> Result<TableInfo, XmlError> {
    let mut table = TableInfo { columns: Vec::new(), table: String::new() };
    members(xml, DATA, |xml, name, _| match name {
        "Columns" => read_items(xml, "ColumnInfo", column, &mut table.columns).map(|()| true),
        _ => text_of(xml, name, "TableName", &mut table.table),
    })?;
    Ok(table)
}

fn column(xml: &mut Xml<'_>) -> Result<ColumnInfo, XmlError> {
    let text = String::new;
    let mut column = ColumnInfo { default_value: text(), is_nullable: false, name: text(), sql_type: text() };
    members(xml, DATA, |xml, name, _| {
        match name {
            "DefaultValue" => column.default_value = xml.text()?,
            "IsNullable" => column.is_nullable = matches!(xml.text()?.trim(), "true" | "1"),
            "Name" => column.name = xml.text()?,
            "Type" => column.sql_type = xml.text()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(column)
}

/// The columns come after the rows, so values stay text until both are there.
fn batch(xml: &mut Xml<'_>) -> Result<Batch, XmlError> {
    let (mut rows, mut lsn, mut info) = (Vec::new(), 0, None);
    members(xml, DATA, |xml, name, is_nil| {
        match name {
            "Data" => read_items(xml, "RowData", row, &mut rows)?,
            "LSN" if !is_nil => {
                lsn = xml.text()?.trim().parse().map_err(|_| XmlError::Stray("an LSN that is no number"))?;
            }
            "TableInfo" => info = Some(table(xml)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let table = info.ok_or(XmlError::Stray("a batch without TableInfo"))?;
    Ok(Batch { rows, lsn, table })
}

fn row(xml: &mut Xml<'_>) -> Result<Row, XmlError> {
    let (mut values, mut operation) = (Vec::new(), String::new());
    members(xml, DATA, |xml, name, _| match name {
        "ColumnValues" => read_values(xml, &mut values).map(|()| true),
        _ => text_of(xml, name, "Operation", &mut operation),
    })?;
    Ok(Row { values, operation })
}

fn read_values(xml: &mut Xml<'_>, values: &mut Vec<Option<String>>) -> Result<(), XmlError> {
    while let Some(tag) = xml.child()? {
        if !tag.is(ARRAYS, "string") {
            return Err(XmlError::Stray("something other than a string among values"));
        }
        let text = xml.text()?;
        values.push((!tag.is_nil).then_some(text));
    }
    Ok(())
}
