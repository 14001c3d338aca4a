//! The reader as its caller sees it: documents in, calls or refusals out. Rows of reliability.md's tables of bad input
//! are named by their ids (`bi_..`, `co_..`).

mod answers;
mod calls;
mod content;
mod documents;
mod envelopes;
mod plain;
mod properties;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::*;
use crate::batch::{Batch, TableColumns, Value};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const DATA: &str = "http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1";
const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const MIRRORING: &str = "http://www.superoffice.com/online/mirroring/0.1";
const TOKEN: &str = "aGVhZGVy.cGF5bG9hZA.c2lnbmF0dXJl";

static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

/// A compact envelope as WCF writes it around `body`.
fn envelope(body: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{SOAP}\">{}<s:Body>{body}</s:Body></s:Envelope>", header())
}

fn header() -> String {
    format!(
        "<s:Header><h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"{MIRRORING}\" xmlns=\"{MIRRORING}\">{TOKEN}\
         </h:SignedToken></s:Header>"
    )
}

/// A request with `members`; prefix `a` is the data contract's, `b` that of arrays.
fn request(operation: &str, members: &str) -> String {
    envelope(&format!(
        "<{operation}Request xmlns=\"{MIRRORING}\" xmlns:a=\"{DATA}\" xmlns:b=\"{ARRAYS}\" xmlns:i=\"{INSTANCE}\">\
         {members}</{operation}Request>"
    ))
}

fn row_data(batches: &str) -> String {
    request("RowData", &format!("<DataBatches>{batches}</DataBatches>"))
}

fn batch(rows: &str, lsn: &str, info: &str) -> String {
    format!("<a:RowDataBatch><a:Data>{rows}</a:Data>{lsn}{info}</a:RowDataBatch>")
}

/// `values` are elements.
fn row(operation: &str, values: &str) -> String {
    format!(
        "<a:RowData><a:ColumnValues>{values}</a:ColumnValues><a:Operation>{operation}</a:Operation></a:RowData>"
    )
}

fn columns(columns: &[(&str, &str)]) -> String {
    let column = |(name, sql_type): &(&str, &str)| {
        format!(
            "<a:ColumnInfo><a:DefaultValue/><a:IsNullable>true</a:IsNullable><a:Name>{name}</a:Name>\
             <a:Type>{sql_type}</a:Type></a:ColumnInfo>"
        )
    };
    format!("<a:Columns>{}</a:Columns>", columns.iter().map(column).collect::<String>())
}

fn info(table: &str, names: &[(&str, &str)]) -> String {
    format!("<a:TableInfo>{}<a:TableName>{table}</a:TableName></a:TableInfo>", columns(names))
}

/// The table that most tests use.
fn contact() -> String {
    info("contact", &[("contact_id", "int"), ("name", "nvarchar(255)")])
}

fn read(document: &str) -> Result<Call<'_>, SoapError> {
    read_with(document.as_bytes(), &LIMITS, &[])
}

fn read_with<'a>(document: &'a [u8], limits: &'a Limits, ignored: &[&str]) -> Result<Call<'a>, SoapError> {
    let ignored: BTreeSet<String> = ignored.iter().map(|&table| table.to_owned()).collect();
    Envelope::open(document, limits)?.read_call(&ignored)
}

fn batches(document: &str) -> Vec<Batch<'_>> {
    match read(document).unwrap() {
        Call::RowData(batches) => batches,
        other => panic!("not rows: {other:?}"),
    }
}

fn tables(document: &str) -> Vec<TableColumns> {
    match read(document).unwrap() {
        Call::TableSchema(tables) => tables,
        other => panic!("not tables: {other:?}"),
    }
}

/// The fault's code; anything else fails the test.
#[track_caller]
fn fault(document: &[u8]) -> FaultCode {
    match read_with(document, &LIMITS, &[]) {
        Err(SoapError::Fault(fault)) => fault.code,
        other => panic!("no fault but {other:?} for {}", String::from_utf8_lossy(document)),
    }
}

#[track_caller]
fn content_error(document: &str) -> String {
    match read(document) {
        Err(SoapError::Content(error)) => error.to_string(),
        other => panic!("no content error but {other:?} for {document}"),
    }
}

/// A text value as it is read from `written`, the inside of its element.
fn text(written: &str) -> Result<String, SoapError> {
    let value = format!("<b:string>[I:1]</b:string><b:string>{written}</b:string>");
    let document = row_data(&batch(&row("I", &value), "", &contact()));
    match read(&document)? {
        Call::RowData(batches) => match &batches[0].values[1] {
            Value::Text(text) => Ok(text.clone().into_owned()),
            other => panic!("not text: {other:?}"),
        },
        other => panic!("not rows: {other:?}"),
    }
}
