//! Topics as any subscriber reads them: the upsert rule, Avro, and nothing of the bridge.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use mirrorbus_schemas::checksum::{Canonical, TableChecksum};
use mirrorbus_schemas::wire;

use crate::history::Seen;
use crate::log::{Log, Record};

/// Decodes by the registry's schemas, each fetched once.
pub(crate) struct Decoder {
    registry: String,
    schemas: BTreeMap<u32, Schema>,
}

impl Decoder {
    pub(crate) fn new(registry: &str) -> Self {
        Self { registry: registry.to_owned(), schemas: BTreeMap::new() }
    }

    /// Records of a table of two columns, a number and a text.
    pub(crate) fn ledger(&mut self, records: &[Record]) -> anyhow::Result<Vec<Seen>> {
        let seen = records.iter().map(|record| {
            let key = match self.fields(&record.key)?.as_slice() {
                [(_, Value::Int(key))] => *key,
                other => bail!("a ledger's key is one number, not {other:?}"),
            };
            let value = record.value.as_deref().map(|value| self.fields(value)).transpose()?;
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

    /// Checksum of a topic's table, each row in the newest schema's columns: what came later than the row is NULL,
    /// what went is left out.
    pub(crate) fn checksum(&mut self, log: &Log, topic: &str) -> anyhow::Result<TableChecksum> {
        let mut rows = BTreeMap::new();
        for record in log.records(topic) {
            match &record.value {
                Some(value) => rows.insert(&record.key, value),
                None => rows.remove(&record.key),
            };
        }
        let mut sum = TableChecksum::default();
        if rows.is_empty() {
            return Ok(sum);
        }
        let newest = self.fetch(&format!("subjects/{topic}-value/versions/latest"))?;
        let Schema::Record(newest) = newest else { bail!("the schema of {topic} is no record") };
        for value in rows.into_values() {
            let fields: BTreeMap<_, _> = self.fields(value)?.into_iter().collect();
            let columns = newest.fields.iter().map(|column| {
                let value = fields.get(&column.name).map_or(Ok(Canonical::Null), canonical)?;
                Ok((column.name.as_str(), value))
            });
            sum.add(columns.collect::<anyhow::Result<Vec<_>>>()?);
        }
        Ok(sum)
    }

    fn fields(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<(String, Value)>> {
        let (id, mut datum) = wire::split(bytes)?;
        if !self.schemas.contains_key(&id) {
            let schema = self.fetch(&format!("schemas/ids/{id}"))?;
            self.schemas.insert(id, schema);
        }
        let schema = self.schemas.get(&id).context("the schema was fetched")?;
        match GenericDatumReader::builder(schema).build()?.read_value(&mut datum)? {
            Value::Record(fields) => Ok(fields),
            other => bail!("a record was expected, not {other:?}"),
        }
    }

    fn fetch(&self, path: &str) -> anyhow::Result<Schema> {
        let text = ureq::get(format!("{}/{path}", self.registry)).call()?.body_mut().read_to_string()?;
        let json: serde_json::Value = serde_json::from_str(&text)?;
        Ok(Schema::parse_str(json["schema"].as_str().context("the registry's answer has no schema")?)?)
    }
}

fn canonical(value: &Value) -> anyhow::Result<Canonical<'_>> {
    Ok(match value {
        Value::Null => Canonical::Null,
        Value::Union(_, value) => canonical(value)?,
        Value::Boolean(value) => Canonical::Whole(i128::from(*value)),
        Value::Int(value) | Value::Date(value) => Canonical::Whole(i128::from(*value)),
        Value::Long(value)
        | Value::TimeMicros(value)
        | Value::TimestampMillis(value)
        | Value::TimestampMicros(value) => Canonical::Whole(i128::from(*value)),
        Value::Double(value) => Canonical::Double(*value),
        Value::String(value) => Canonical::Text(value),
        Value::Bytes(value) => Canonical::Bytes(value),
        Value::Decimal(value) => {
            let bytes: Vec<u8> = value.clone().try_into()?;
            let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
            let start = if is_negative { -1i128 } else { 0 };
            Canonical::Whole(bytes.iter().fold(start, |number, byte| number << 8 | i128::from(*byte)))
        }
        other => bail!("no such type in a row: {other:?}"),
    })
}
