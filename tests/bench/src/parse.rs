//! Parsing, decoding and encoding alone: what every receiver of these calls must do at least, and nothing else.

use std::collections::BTreeSet;
use std::hint::black_box;

use anyhow::Context as _;
use mirrorbus::batch::Operation;
use mirrorbus::bus::encode::Plan;
use mirrorbus::bus::schema::TableSchema;
use mirrorbus::soap::{Call, Envelope, Limits, SoapError};

/// A record as the bridge would send it.
pub(crate) struct Record {
    pub(crate) key: Vec<u8>,
    /// `None` for a delete.
    pub(crate) value: Option<Vec<u8>>,
}

/// Takes a body apart and makes records of it in two buffers that are used again; gives the rows.
pub(crate) fn parse(body: &[u8]) -> anyhow::Result<usize> {
    let (mut rows, mut bytes) = (0, 0);
    for_each_record(body, |key, value| {
        rows += 1;
        bytes += key.len() + value.map_or(0, <[u8]>::len);
    })?;
    black_box(bytes);
    Ok(rows)
}

/// The records of a body, kept.
pub(crate) fn records(body: &[u8]) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    for_each_record(body, |key, value| {
        records.push(Record { key: key.to_vec(), value: value.map(<[u8]>::to_vec) });
    })?;
    Ok(records)
}

fn for_each_record(body: &[u8], mut take: impl FnMut(&[u8], Option<&[u8]>)) -> anyhow::Result<()> {
    let limits = Limits::default();
    let envelope = Envelope::open(body, &limits).map_err(SoapError::from)?;
    let Call::RowData(batches) = envelope.read_call(&BTreeSet::new())? else { anyhow::bail!("no RowData") };
    let (mut key, mut value) = (Vec::new(), Vec::new());
    for batch in &batches {
        let key_column = batch.table.columns.first().context("no columns")?.name.clone();
        let mut schema = TableSchema::new(&batch.table, &[key_column]);
        schema.key_schema_id = Some(1);
        schema.value_registered(2);
        let plan = Plan::compile(&schema, &batch.table).context("no plan")?;
        for (operation, row) in batch.rows() {
            plan.key(row, &mut key).map_err(|misfit| anyhow::anyhow!(misfit.rule))?;
            if operation == Operation::Delete {
                take(&key, None);
            } else {
                plan.value(row, &mut value).map_err(|misfit| anyhow::anyhow!(misfit.rule))?;
                take(&key, Some(&value));
            }
        }
    }
    Ok(())
}
