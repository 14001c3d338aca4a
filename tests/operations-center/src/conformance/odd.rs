//! A RowData call in other words: the same by the rules of XML and of the contract, and not what the vendor writes.

use quick_xml::escape::escape;

use crate::wire::{ARRAYS, Batch, DATA, ENVELOPE, INSTANCE, MIRRORING};

/// Prefixes of the namespaces of envelope, operations, data contracts, lists and `nil`.
pub(super) const STRANGE_PREFIXES: [&str; 5] = ["soapenv", "ns1", "a", "q42", "xsi"];
const USUAL_PREFIXES: [&str; 5] = ["s", "m", "d", "b", "i"];

/// How a call is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) prefixes: [&'static str; 5],
    /// Members stand in the reverse of the contract's order.
    pub(super) is_reversed: bool,
    /// Every member list begins and ends with one that no contract names.
    pub(super) has_unknown: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { prefixes: USUAL_PREFIXES, is_reversed: false, has_unknown: false }
    }
}

/// The call.
pub(super) fn row_data(batch: &Batch, token: &str, style: Style) -> String {
    let [s, m, d, b, i] = style.prefixes;
    let batch = style.element(
        d,
        "RowDataBatch",
        &[
            style.list(d, "Data", batch.rows.iter().map(|row| style.row(row))),
            leaf(d, "LSN", &batch.lsn.to_string()),
            style.table(batch),
        ],
    );
    let request = style.element(
        m,
        "RowDataRequest",
        &[leaf(m, "ClientState", ""), style.list(m, "DataBatches", [batch].into_iter())],
    );
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{s}:Envelope xmlns:{s}=\"{ENVELOPE}\" xmlns:{m}=\"{MIRRORING}\" \
         xmlns:{d}=\"{DATA}\" xmlns:{b}=\"{ARRAYS}\" xmlns:{i}=\"{INSTANCE}\"><{s}:Header>\
         <{m}:SignedToken {s}:mustUnderstand=\"1\">{token}</{m}:SignedToken></{s}:Header><{s}:Body>{request}</{s}:Body>\
         </{s}:Envelope>"
    )
}

impl Style {
    fn row(self, row: &crate::wire::Row) -> String {
        let [_, _, d, b, i] = self.prefixes;
        let value = |value: &Option<String>| match value {
            Some(text) => leaf(b, "string", text),
            None => format!("<{b}:string {i}:nil=\"true\"/>"),
        };
        let values = self.list(d, "ColumnValues", row.values.iter().map(value));
        self.element(d, "RowData", &[values, leaf(d, "Operation", &row.operation)])
    }

    fn table(self, batch: &Batch) -> String {
        let [_, _, d, _, _] = self.prefixes;
        let columns = batch.table.columns.iter().map(|column| {
            self.element(
                d,
                "ColumnInfo",
                &[
                    leaf(d, "DefaultValue", &column.default_value),
                    leaf(d, "IsNullable", if column.is_nullable { "true" } else { "false" }),
                    leaf(d, "Name", &column.name),
                    leaf(d, "Type", &column.sql_type),
                ],
            )
        });
        let columns = self.list(d, "Columns", columns);
        self.element(d, "TableInfo", &[columns, leaf(d, "TableName", &batch.table.table)])
    }

    /// An element whose members have names, and so an order.
    fn element(self, prefix: &str, name: &str, members: &[String]) -> String {
        let unknown = if self.has_unknown { leaf(prefix, "Unknown", "5") } else { String::new() };
        let members: Vec<&str> = match self.is_reversed {
            true => members.iter().rev().map(String::as_str).collect(),
            false => members.iter().map(String::as_str).collect(),
        };
        format!("<{prefix}:{name}>{unknown}{}{unknown}</{prefix}:{name}>", members.concat())
    }

    /// An element whose items keep their order.
    fn list(self, prefix: &str, name: &str, items: impl Iterator<Item = String>) -> String {
        format!("<{prefix}:{name}>{}</{prefix}:{name}>", items.collect::<String>())
    }
}

fn leaf(prefix: &str, name: &str, text: &str) -> String {
    format!("<{prefix}:{name}>{}</{prefix}:{name}>", escape(text))
}
