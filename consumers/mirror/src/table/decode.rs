//! Records to values: a plan compiled once per schema id, then one pass over the bytes, nothing copied.
//!
//! apache-avro parses the schemas and is the oracle of this module's tests; on the hot path it costs many times as
//! much.

use thiserror::Error;

use crate::table::schema::{self, Column, Field, SchemaError};
use crate::table::value::{Kind, Value};

/// Bytes that are not what their schema says. Never holds a value.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("field {field}: {rule}")]
pub struct DecodeError {
    /// The field, or `the end`.
    pub field: String,
    /// The rule in words.
    pub rule: &'static str,
}

/// How the records of one schema id are read.
#[derive(Debug)]
pub struct Plan {
    id: u32,
    columns: Vec<Column>,
    fields: Vec<Field>,
}

impl Plan {
    /// Compiles the plan for the schema that is registered under `id`.
    ///
    /// # Errors
    /// [`SchemaError`] when it is no schema that the bridge could have written.
    pub fn compile(id: u32, json: &str) -> Result<Self, SchemaError> {
        let (columns, fields) = schema::parse(json)?;
        Ok(Self { id, columns, fields })
    }

    /// The schema's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its columns, in the order of [`Plan::decode`].
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Reads one datum: the bytes after the wire format's prefix.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes do not fit the schema, to the last one.
    pub fn decode<'a>(&self, datum: &'a [u8]) -> Result<Vec<Value<'a>>, DecodeError> {
        let mut rest = datum;
        let mut values = Vec::with_capacity(self.fields.len());
        for (field, column) in self.fields.iter().zip(&self.columns) {
            let value = read(*field, &mut rest);
            values.push(value.map_err(|rule| DecodeError { field: column.name.clone(), rule })?);
        }
        if rest.is_empty() {
            Ok(values)
        } else {
            Err(DecodeError { field: "the end".to_owned(), rule: "bytes are left over" })
        }
    }
}

fn read<'a>(field: Field, rest: &mut &'a [u8]) -> Result<Value<'a>, &'static str> {
    if let Some(null) = field.null_branch {
        match long(rest)? {
            branch if branch == null => return Ok(Value::Null),
            0 | 1 => {}
            _ => return Err("is of a branch that its union does not have"),
        }
    }
    Ok(match field.kind {
        Kind::Int | Kind::Date => Value::Whole(int(rest)?),
        Kind::Long | Kind::Millis | Kind::Micros | Kind::Time => Value::Whole(long(rest)?),
        Kind::Bit => Value::Whole(bit(rest)?),
        Kind::Double => Value::Double(double(rest)?),
        Kind::Decimal { .. } => Value::Decimal(unscaled(sized(rest)?)?),
        Kind::Bytes => Value::Bytes(sized(rest)?),
        Kind::Text => Value::Text(str::from_utf8(sized(rest)?).map_err(|_| "is not UTF-8")?),
    })
}

const CUT: &str = "the record ends within it";

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], &'static str> {
    let (taken, left) = rest.split_at_checked(length).ok_or(CUT)?;
    *rest = left;
    Ok(taken)
}

fn long(rest: &mut &[u8]) -> Result<i64, &'static str> {
    let mut number: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, left) = rest.split_first().ok_or(CUT)?;
        *rest = left;
        if shift == 63 && byte > 1 {
            return Err("is longer than 64 bits");
        }
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()));
        }
    }
    Err("is longer than 64 bits")
}

fn int(rest: &mut &[u8]) -> Result<i64, &'static str> {
    let number = long(rest)?;
    i32::try_from(number).map(i64::from).map_err(|_| "is longer than 32 bits")
}

fn bit(rest: &mut &[u8]) -> Result<i64, &'static str> {
    match take(rest, 1)? {
        [0] => Ok(0),
        [1] => Ok(1),
        _ => Err("is not a boolean"),
    }
}

fn double(rest: &mut &[u8]) -> Result<f64, &'static str> {
    take(rest, 8)?.try_into().map(f64::from_le_bytes).map_err(|_| CUT)
}

fn sized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(long(rest)?).map_err(|_| "has a negative length")?;
    take(rest, length)
}

/// A big-endian two's complement of any length that fits; no bytes at all are 0, as in Java.
fn unscaled(bytes: &[u8]) -> Result<i128, &'static str> {
    let sign = bytes.first().map_or(0, |first| (first.cast_signed() >> 7).cast_unsigned());
    let spare = bytes.len().saturating_sub(16);
    let (head, tail) = bytes.split_at(spare);
    let is_padding = head.iter().all(|byte| *byte == sign)
        && tail.first().is_none_or(|first| spare == 0 || (first ^ sign) & 0x80 == 0);
    if !is_padding {
        return Err("has more than 38 digits");
    }
    let start = if sign == 0 { 0 } else { -1 };
    Ok(tail.iter().fold(start, |number: i128, byte| number << 8 | i128::from(*byte)))
}

/// A number in digits as a whole number of units of its scale; `None` when it has more digits than that.
pub(crate) fn unscaled_text(text: &str, scale: u32) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::try_from(scale).ok()?;
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0
        || fraction.len() > scale
        || !are_digits(whole)
        || !are_digits(fraction)
    {
        return None;
    }
    format!("{whole}{fraction:0<scale$}").parse::<i128>().ok().map(|number| sign * number)
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
