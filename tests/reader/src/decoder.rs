//! From bytes to values and checksums, by the registry's schemas.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use mirrorbus_schemas::checksum::{Canonical, TableChecksum};
use mirrorbus_schemas::wire;

use crate::{Record, upsert};

/// Decodes by the registry's schemas, each of which is fetched once.
#[derive(Debug)]
pub struct Decoder {
    registry: String,
    schemas: BTreeMap<u32, Schema>,
}

impl Decoder {
    /// Of the registry at this address, without a slash at its end.
    #[must_use]
    pub fn new(registry: &str) -> Self {
        Self { registry: registry.to_owned(), schemas: BTreeMap::new() }
    }

    /// The fields of a key or value, by the schema that its first bytes name.
    ///
    /// # Errors
    /// When the registry does not have the schema, or the bytes are not one whole record of it.
    pub fn fields(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<(String, Value)>> {
        let (id, mut datum) = wire::split(bytes)?;
        let schema = self.schema(id)?;
        let value = GenericDatumReader::builder(schema).build()?.read_value(&mut datum)?;
        ensure!(datum.is_empty(), "bytes after the datum");
        match value {
            Value::Record(fields) => Ok(fields),
            other => bail!("a record was expected, not {other:?}"),
        }
    }

    /// The schema that the registry has under this id.
    ///
    /// # Errors
    /// When it has none.
    pub fn schema(&mut self, id: u32) -> anyhow::Result<&Schema> {
        if !self.schemas.contains_key(&id) {
            let schema = Schema::parse_str(&self.fetch(&format!("schemas/ids/{id}"))?)?;
            self.schemas.insert(id, schema);
        }
        self.schemas.get(&id).context("the schema was fetched")
    }

    /// The newest value schema of a topic, as it was registered.
    ///
    /// # Errors
    /// When there is none.
    pub fn newest(&self, topic: &str) -> anyhow::Result<String> {
        self.fetch(&format!("subjects/{topic}-value/versions/latest"))
    }

    /// Checksum of the table that a topic's records are, in the columns of the value schema that was registered last.
    /// That one is the table's unless a column came back: then the registry has its older version already.
    ///
    /// # Errors
    /// When a schema is missing, or bytes are not what their schema says.
    pub fn checksum(&mut self, topic: &str, records: &[Record]) -> anyhow::Result<TableChecksum> {
        if upsert(records).is_empty() {
            return Ok(TableChecksum::default());
        }
        let Schema::Record(newest) = Schema::parse_str(&self.newest(topic)?)? else {
            bail!("the schema of {topic} is no record");
        };
        let columns: Vec<&str> = newest.fields.iter().map(|column| column.name.as_str()).collect();
        self.checksum_of(&columns, records)
    }

    /// Checksum of the table that records are, in these columns: what came later than a row is NULL, and others are left
    /// out.
    ///
    /// # Errors
    /// As [`Decoder::checksum`].
    pub fn checksum_of(&mut self, columns: &[&str], records: &[Record]) -> anyhow::Result<TableChecksum> {
        let mut sum = TableChecksum::default();
        for value in upsert(records).into_values() {
            let fields: BTreeMap<_, _> = self.fields(value)?.into_iter().collect();
            let columns = columns.iter().map(|column| {
                let value = fields.get(*column).map_or(Ok(Canonical::Null), canonical)?;
                Ok((*column, value))
            });
            sum.add(columns.collect::<anyhow::Result<Vec<_>>>()?);
        }
        Ok(sum)
    }

    fn fetch(&self, path: &str) -> anyhow::Result<String> {
        let text = ureq::get(format!("{}/{path}", self.registry)).call()?.body_mut().read_to_string()?;
        let json: serde_json::Value = serde_json::from_str(&text)?;
        let schema = json.get("schema").and_then(serde_json::Value::as_str);
        Ok(schema.context("the registry's answer has no schema")?.to_owned())
    }
}

/// A value in the form that is hashed.
///
/// # Errors
/// When no row has values of its type.
pub fn canonical(value: &Value) -> anyhow::Result<Canonical<'_>> {
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
