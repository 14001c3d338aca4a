//! A ledger's records, decoded.

use anyhow::bail;
use apache_avro::types::Value;
use reader::{Decoder, Record};

use crate::history::Seen;

/// Records of a table of two columns, a number and a text.
///
/// # Errors
/// When a record is none of such a table.
pub(crate) fn ledger(decoder: &mut Decoder, records: &[Record]) -> anyhow::Result<Vec<Seen>> {
    let seen = records.iter().map(|record| {
        let key = match decoder.fields(&record.key)?.as_slice() {
            [(_, Value::Int(key))] => *key,
            other => bail!("a ledger's key is one number, not {other:?}"),
        };
        let value = record.value.as_deref().map(|value| decoder.fields(value)).transpose()?;
        let value = value.map(|fields| match fields.as_slice() {
            [_, (_, Value::Union(_, text))] => match &**text {
                Value::String(text) => Ok(text.clone()),
                other => bail!("a ledger's value is a text, not {other:?}"),
            },
            other => bail!("a ledger has two columns, not {other:?}"),
        });
        Ok(Seen { offset: record.offset, key, value: value.transpose()? })
    });
    seen.collect()
}
