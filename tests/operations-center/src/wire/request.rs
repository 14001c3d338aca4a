//! The five calls.

use super::contract::{self, list};
use super::envelope;
use super::xml::{Writer, escape};
use super::{Batch, Operation, Row, Summary, TableInfo};

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
        Self::new(Operation::RowData, Content::RowData(batches.to_vec()))
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

    /// The tables that it is about: those of a Wipe or RowData, none of the other operations.
    #[must_use]
    pub fn tables(&self) -> Vec<&str> {
        match &self.content {
            Content::Wipe(table) => vec![table],
            Content::RowData(batches) => batches.iter().map(|batch| batch.table.table.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// The body's bytes with the token in their header.
    #[must_use]
    pub fn envelope(&self, token: &str) -> Vec<u8> {
        if let Content::Raw(body) = &self.content {
            return body.clone();
        }
        let mut xml = Writer::new(self.pretty);
        envelope::begin(&mut xml, token);
        envelope::middle(&mut xml, self.operation, self.client_state.as_deref());
        self.members(&mut xml);
        envelope::end(&mut xml, self.operation);
        xml.finish()
    }

    /// All but the ClientState.
    fn members(&self, xml: &mut Writer) {
        match &self.content {
            Content::Authenticate | Content::Raw(_) => {}
            Content::TableSchema(tables) => list(xml, "Tables", tables, |xml, table| {
                xml.element("a:TableSchemaInfo", &[], |xml| contract::table_info(xml, table));
            }),
            Content::Wipe(table) => xml.leaf("TableName", &[], table),
            Content::RowData(batches) => list(xml, "DataBatches", batches, batch),
            Content::Completed(changed) => list(xml, "ChangedTables", changed, summary),
        }
    }
}

fn batch(xml: &mut Writer, batch: &Batch) {
    xml.open("a:RowDataBatch", &[]);
    if batch.rows.is_empty() {
        xml.empty("a:Data", &[]);
    } else {
        xml.element("a:Data", &[], |xml| batch.rows.iter().for_each(|one| row(xml, one)));
    }
    contract::end_batch(xml, batch.lsn, &batch.table);
}

fn row(xml: &mut Writer, row: &Row) {
    contract::row(xml, &row.operation, row.values.iter(), |value, out| {
        value.iter().for_each(|text| escape(text, out));
        value.is_some()
    });
}

fn summary(xml: &mut Writer, summary: &Summary) {
    xml.element("a:ReplicationSummary", &[], |xml| {
        xml.leaf("a:Deletes", &[], &summary.deletes.to_string());
        xml.leaf("a:Inserts", &[], &summary.inserts.to_string());
        xml.leaf("a:TableName", &[], &summary.table);
        xml.leaf("a:Updates", &[], &summary.updates.to_string());
    });
}
