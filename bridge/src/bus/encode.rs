//! Rows to records: a plan compiled once per schema and column order, then one pass over the values.
//!
//! apache-avro is the oracle of this module's tests; on the hot path it costs forty times as much.

use mirrorbus_schemas::wire;

use super::schema::TableSchema;
use crate::batch::{ColumnType, TableColumns, Value};

/// How the rows of one batch become keys and values.
#[derive(Debug)]
pub struct Plan {
    key_schema_id: u32,
    /// `None` while only deletes came, which need no value schema.
    value_schema_id: Option<u32>,
    /// Index in the batch, per key field.
    key: Vec<usize>,
    /// Per value field; `None` where the batch lacks the column.
    fields: Vec<Option<Field>>,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    index: usize,
    is_key: bool,
}

/// A value that does not fit its field: a fault of the decoder, or NULL in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Index of the column in the batch.
    pub column: usize,
    /// The rule in words.
    pub rule: &'static str,
}

impl Plan {
    /// Compiles a plan for batches with `table`'s columns. `None` when a key column is missing or the key schema is
    /// not registered.
    #[must_use]
    pub fn compile(schema: &TableSchema, table: &TableColumns) -> Option<Self> {
        let index_of = |name: &str| table.columns.iter().position(|column| column.name == name);
        Some(Self {
            key_schema_id: schema.key_schema_id?,
            value_schema_id: schema.value_schema_id,
            key: schema.key.iter().map(|name| index_of(name)).collect::<Option<_>>()?,
            fields: schema
                .columns
                .iter()
                .map(|column| {
                    let index = index_of(&column.name)?;
                    Some(Field { index, is_key: schema.key.contains(&column.name) })
                })
                .collect(),
        })
    }

    /// Writes a row's key to `buffer`, which is cleared first.
    ///
    /// # Errors
    /// [`Misfit`] when a key column is NULL.
    pub fn key(&self, row: &[Value<'_>], buffer: &mut Vec<u8>) -> Result<(), Misfit> {
        buffer.clear();
        wire::begin(buffer, self.key_schema_id);
        for &column in &self.key {
            match row.get(column) {
                None | Some(Value::Null) => return Err(Misfit { column, rule: "a key column is NULL" }),
                Some(value) => datum(value, buffer),
            }
        }
        Ok(())
    }

    /// Writes a row's value to `buffer`, which is cleared first. Columns that the batch lacks become NULL.
    ///
    /// # Errors
    /// [`Misfit`] when a key column is NULL or the value schema is not registered.
    pub fn value(&self, row: &[Value<'_>], buffer: &mut Vec<u8>) -> Result<(), Misfit> {
        buffer.clear();
        let unregistered = Misfit { column: 0, rule: "no value schema is registered" };
        wire::begin(buffer, self.value_schema_id.ok_or(unregistered)?);
        for field in &self.fields {
            let value = field.and_then(|field| row.get(field.index)).unwrap_or(&Value::Null);
            match (field, value) {
                (Some(field), Value::Null) if field.is_key => {
                    return Err(Misfit { column: field.index, rule: "a key column is NULL" });
                }
                (Some(field), value) if field.is_key => datum(value, buffer),
                (_, Value::Null) => buffer.push(0),
                (_, value) => {
                    buffer.push(2);
                    datum(value, buffer);
                }
            }
        }
        Ok(())
    }
}

/// Whether a decoded value is of the kind that its column's type promises.
#[must_use]
pub(super) fn fits(kind: ColumnType, value: &Value<'_>) -> bool {
    matches!(
        (kind, value),
        (_, Value::Null)
            | (ColumnType::SmallInt | ColumnType::Int | ColumnType::Date, Value::Int(_))
            | (
                ColumnType::BigInt | ColumnType::DateTime | ColumnType::DateTime2 | ColumnType::Time,
                Value::Long(_)
            )
            | (ColumnType::Bit, Value::Bool(_))
            | (ColumnType::Float, Value::Double(_))
            | (ColumnType::Decimal { .. }, Value::Decimal(_))
            | (ColumnType::Binary, Value::Bytes(_))
            | (ColumnType::Guid | ColumnType::Text, Value::Text(_))
    )
}

fn datum(value: &Value<'_>, buffer: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(value) => buffer.push(u8::from(*value)),
        Value::Int(value) => zigzag(buffer, i64::from(*value)),
        Value::Long(value) => zigzag(buffer, *value),
        Value::Double(value) => buffer.extend_from_slice(&value.to_le_bytes()),
        Value::Decimal(value) => {
            let bytes = value.to_be_bytes();
            sized(buffer, shortest(&bytes));
        }
        Value::Text(value) => sized(buffer, value.as_bytes()),
        Value::Bytes(value) => sized(buffer, value),
    }
}

fn sized(buffer: &mut Vec<u8>, bytes: &[u8]) {
    zigzag(buffer, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    buffer.extend_from_slice(bytes);
}

fn zigzag(buffer: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        buffer.push((rest & 0x7F) as u8 | 0x80);
        rest >>= 7;
    }
    buffer.push(rest as u8);
}

/// The shortest two's complement of the same number.
fn shortest(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let Some(second) = tail.first() else { break };
        let is_sign_only = (*first == 0 && second & 0x80 == 0) || (*first == 0xFF && second & 0x80 != 0);
        if !is_sign_only {
            break;
        }
        rest = tail;
    }
    rest
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
