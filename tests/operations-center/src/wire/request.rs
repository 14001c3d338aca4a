//! The five calls.

use super::xml::Writer;
use super::{ARRAYS, Batch, DATA, ENVELOPE, INSTANCE, MIRRORING, Operation, Row, Summary, TableInfo};

/// A call without its token: the operation and what it says. Or whole bytes that somebody made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    operation: Operation,
    content: Content,
    client_state: Option<String>,
    pretty: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Authenticate,
    TableSchema(Vec<TableInfo>),
    Wipe(String),
    RowData(Vec<Batch>),
    Completed(Vec<Summary>),
    Raw(Vec<u8>),
}

impl Request {
    fn new(operation: Operation, content: Content) -> Self {
        Self { operation, content, client_state: Some(String::new()), pretty: false }
    }

    /// Begins a cycle.
    #[must_use]
    pub fn authenticate() -> Self {
        Self::new(Operation::Authenticate, Content::Authenticate)
    }

    /// Announces all tables.
    #[must_use]
    pub fn table_schema(tables: &[TableInfo]) -> Self {
        Self::new(Operation::TableSchema, Content::TableSchema(tables.to_vec()))
    }

    /// Begins a table anew.
    #[must_use]
    pub fn wipe(table: &str) -> Self {
        Self::new(Operation::Wipe, Content::Wipe(table.to_owned()))
    }

    /// Brings rows.
    #[must_use]
    pub fn row_data(batches: &[Batch]) -> Self {
        Self::from_batches(batches.to_vec())
    }

    /// Brings rows, without a copy of them.
    #[must_use]
    pub(crate) fn from_batches(batches: Vec<Batch>) -> Self {
        Self::new(Operation::RowData, Content::RowData(batches))
    }

    /// Ends a cycle.
    #[must_use]
    pub fn completed(changed: &[Summary]) -> Self {
        Self::new(Operation::ReplicationCompleted, Content::Completed(changed.to_vec()))
    }

    /// Whole bytes of a body, whatever they are, sent with the SOAPAction of `operation`. The token is not put into
    /// them.
    #[must_use]
    pub fn raw(operation: Operation, body: impl Into<Vec<u8>>) -> Self {
        Self::new(operation, Content::Raw(body.into()))
    }

    /// The ClientState that Authenticate's answer gave; empty until set, `None` is `i:nil`.
    #[must_use]
    pub fn with_client_state(mut self, client_state: Option<&str>) -> Self {
        self.client_state = client_state.map(str::to_owned);
        self
    }

    /// Indented, with line breaks around the token, as the vendor's samples are; real calls are in one line.
    #[must_use]
    pub fn pretty(mut self, pretty: bool) -> Self {
        self.pretty = pretty;
        self
    }

    /// What is called.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The body's bytes with the token in their header.
    #[must_use]
    pub fn envelope(&self, token: &str) -> Vec<u8> {
        if let Content::Raw(body) = &self.content {
            return body.clone();
        }
        let mut xml = Writer::new(self.pretty);
        xml.element("s:Envelope", &format!(" xmlns:s=\"{ENVELOPE}\""), |xml| {
            xml.element("s:Header", "", |xml| {
                let attributes = format!(" s:mustUnderstand=\"1\" xmlns:h=\"{MIRRORING}\"");
                xml.loose_leaf("h:SignedToken", &attributes, token);
            });
            xml.element("s:Body", "", |xml| {
                let name = format!("{}Request", self.operation);
                xml.element(&name, &format!(" xmlns=\"{MIRRORING}\""), |xml| self.members(xml));
            });
        });
        xml.finish().into_bytes()
    }

    fn members(&self, xml: &mut Writer) {
        match &self.client_state {
            Some(state) => xml.leaf("ClientState", "", state),
            None => xml.empty("ClientState", &format!(" i:nil=\"true\" xmlns:i=\"{INSTANCE}\"")),
        }
        match &self.content {
            Content::Authenticate | Content::Raw(_) => {}
            Content::TableSchema(tables) => list(xml, "Tables", tables, |xml, table| {
                xml.element("a:TableSchemaInfo", "", |xml| table_info(xml, table));
            }),
            Content::Wipe(table) => xml.leaf("TableName", "", table),
            Content::RowData(batches) => list(xml, "DataBatches", batches, row_data_batch),
            Content::Completed(changed) => list(xml, "ChangedTables", changed, summary),
        }
    }
}

fn list<T>(xml: &mut Writer, name: &str, items: &[T], mut item: impl FnMut(&mut Writer, &T)) {
    let attributes = format!(" xmlns:a=\"{DATA}\" xmlns:i=\"{INSTANCE}\"");
    if items.is_empty() {
        return xml.empty(name, &attributes);
    }
    xml.element(name, &attributes, |xml| items.iter().for_each(|one| item(xml, one)));
}

fn table_info(xml: &mut Writer, table: &TableInfo) {
    xml.element("a:Columns", "", |xml| {
        for column in &table.columns {
            xml.element("a:ColumnInfo", "", |xml| {
                xml.leaf("a:DefaultValue", "", &column.default_value);
                xml.leaf("a:IsNullable", "", if column.is_nullable { "true" } else { "false" });
                xml.leaf("a:Name", "", &column.name);
                xml.leaf("a:Type", "", &column.sql_type);
            });
        }
    });
    xml.leaf("a:TableName", "", &table.table);
}

fn row_data_batch(xml: &mut Writer, batch: &Batch) {
    xml.element("a:RowDataBatch", "", |xml| {
        if batch.rows.is_empty() {
            xml.empty("a:Data", "");
        } else {
            xml.element("a:Data", "", |xml| batch.rows.iter().for_each(|one| row(xml, one)));
        }
        xml.leaf("a:LSN", "", &batch.lsn.to_string());
        xml.element("a:TableInfo", "", |xml| table_info(xml, &batch.table));
    });
}

/// Every list of strings declares its prefix anew, as WCF does.
fn row(xml: &mut Writer, row: &Row) {
    xml.element("a:RowData", "", |xml| {
        xml.element("a:ColumnValues", &format!(" xmlns:b=\"{ARRAYS}\""), |xml| {
            for value in &row.values {
                match value {
                    Some(text) => xml.leaf("b:string", "", text),
                    None => xml.empty("b:string", " i:nil=\"true\""),
                }
            }
        });
        xml.leaf("a:Operation", "", &row.operation);
    });
}

fn summary(xml: &mut Writer, summary: &Summary) {
    xml.element("a:ReplicationSummary", "", |xml| {
        xml.leaf("a:Deletes", "", &summary.deletes.to_string());
        xml.leaf("a:Inserts", "", &summary.inserts.to_string());
        xml.leaf("a:TableName", "", &summary.table);
        xml.leaf("a:Updates", "", &summary.updates.to_string());
    });
}
