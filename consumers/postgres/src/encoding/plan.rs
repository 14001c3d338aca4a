//! How rows of one table are written, decided once for all of them.

use bytes::{BufMut, BytesMut};
use mirrorbus_mirror::{Kind, Value};

use super::{EPOCH_DAYS, EPOCH_MICROS, NUL_PICTURE, numeric};
use crate::types::Stored;

/// Midnight at the end of a day, which PostgreSQL has too.
const DAY_MICROS: i64 = 86_400_000_000;
/// Days since 2000 that PostgreSQL has: 4714 BC to 5874897.
const DAYS: std::ops::Range<i64> = -2_451_545..2_145_031_949;
/// Microseconds since 2000 that PostgreSQL has: 4714 BC to 294276.
const MICROS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// A value that its column does not hold: the index of the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfit(pub(crate) usize);

/// How one column's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Int2,
    Int4,
    Int8,
    Bool,
    Float8,
    /// The scale, and the number that is too large.
    Numeric(u32, u128),
    Millis,
    Micros,
    Date,
    Time,
    Bytes,
    Uuid,
    /// Characters at most.
    Text(usize),
}

/// How rows of some columns are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    codes: Vec<Code>,
}

impl Plan {
    /// A plan for columns of these kinds and types, where every type takes its kind.
    pub(crate) fn new(columns: impl IntoIterator<Item = (Kind, Stored)>) -> Self {
        Self { codes: columns.into_iter().map(|(kind, stored)| code(kind, stored)).collect() }
    }

    /// Writes a row as a binary COPY has it. What was written of one that does not fit is taken back.
    pub(crate) fn put(&self, values: &[Value<'_>], out: &mut BytesMut) -> Result<(), Unfit> {
        let begin = out.len();
        out.put_i16(i16::try_from(self.codes.len()).unwrap_or(i16::MAX));
        if values.len() != self.codes.len() {
            return Err(Unfit(values.len()));
        }
        for (index, (code, value)) in self.codes.iter().zip(values).enumerate() {
            if field(*code, *value, out).is_none() {
                out.truncate(begin);
                return Err(Unfit(index));
            }
        }
        Ok(())
    }
}

fn code(kind: Kind, stored: Stored) -> Code {
    match (kind, stored) {
        (Kind::Millis, Stored::Timestamp(_)) => Code::Millis,
        (_, Stored::Timestamp(_)) => Code::Micros,
        (Kind::Decimal { scale }, Stored::Numeric(limits)) => {
            let limit = limits.and_then(|(precision, _)| 10u128.checked_pow(precision));
            Code::Numeric(scale, limit.unwrap_or(u128::MAX))
        }
        (_, Stored::Numeric(_)) => Code::Numeric(0, u128::MAX),
        (_, Stored::Smallint) => Code::Int2,
        (_, Stored::Integer) => Code::Int4,
        (_, Stored::Bigint) => Code::Int8,
        (_, Stored::Boolean) => Code::Bool,
        (_, Stored::Double) => Code::Float8,
        (_, Stored::Date) => Code::Date,
        (_, Stored::Time(_)) => Code::Time,
        (_, Stored::Bytea) => Code::Bytes,
        (_, Stored::Uuid) => Code::Uuid,
        (_, Stored::Varchar(length)) => Code::Text(usize::try_from(length).unwrap_or(usize::MAX)),
        (_, Stored::Text) => Code::Text(usize::MAX),
    }
}

/// Writes one field; `None` when the value does not fit.
fn field(code: Code, value: Value<'_>, out: &mut BytesMut) -> Option<()> {
    match (code, value) {
        (_, Value::Null) => out.put_i32(-1),
        (Code::Int2, Value::Whole(number)) => {
            let number = i16::try_from(number).ok()?;
            out.put_i32(2);
            out.put_i16(number);
        }
        (Code::Int4, Value::Whole(number)) => put_i32(i32::try_from(number).ok()?, out),
        (Code::Int8, Value::Whole(number)) => put_i64(number, out),
        (Code::Bool, Value::Whole(number @ (0 | 1))) => {
            out.put_i32(1);
            out.put_u8(u8::from(number == 1));
        }
        (Code::Float8, Value::Double(number)) => put_i64(number.to_bits().cast_signed(), out),
        (Code::Numeric(scale, limit), Value::Decimal(number)) => {
            if number.unsigned_abs() >= limit {
                return None;
            }
            numeric::put(number, scale, out);
        }
        (Code::Millis, Value::Whole(number)) => put_i64(moment(number.checked_mul(1000)?)?, out),
        (Code::Micros, Value::Whole(number)) => put_i64(moment(number)?, out),
        (Code::Date, Value::Whole(number)) => {
            let days = number.checked_sub(EPOCH_DAYS).filter(|days| DAYS.contains(days))?;
            put_i32(i32::try_from(days).ok()?, out);
        }
        (Code::Time, Value::Whole(number)) => {
            put_i64(Some(number).filter(|number| (0..=DAY_MICROS).contains(number))?, out);
        }
        (Code::Bytes, Value::Bytes(bytes)) => put_bytes(bytes, out)?,
        (Code::Uuid, Value::Text(text)) => {
            let number = uuid(text.as_bytes())?;
            out.put_i32(16);
            out.put_u128(number);
        }
        (Code::Text(longest), Value::Text(text)) => put_text(text, longest, out)?,
        _ => return None,
    }
    Some(())
}

fn put_i32(number: i32, out: &mut BytesMut) {
    out.put_i32(4);
    out.put_i32(number);
}

fn put_i64(number: i64, out: &mut BytesMut) {
    out.put_i32(8);
    out.put_i64(number);
}

fn put_bytes(bytes: &[u8], out: &mut BytesMut) -> Option<()> {
    out.put_i32(i32::try_from(bytes.len()).ok()?);
    out.put_slice(bytes);
    Some(())
}

fn put_text(text: &str, longest: usize, out: &mut BytesMut) -> Option<()> {
    // No text has more characters than bytes, so most need not be counted.
    if text.len() > longest && text.chars().count() > longest {
        return None;
    }
    if text.as_bytes().contains(&0) {
        return put_bytes(text.replace('\0', NUL_PICTURE).as_bytes(), out);
    }
    put_bytes(text.as_bytes(), out)
}

fn moment(micros: i64) -> Option<i64> {
    micros.checked_sub(EPOCH_MICROS).filter(|micros| MICROS.contains(micros))
}

/// Reads the very form in which PostgreSQL writes a uuid: lower case, hyphens in their places.
fn uuid(text: &[u8]) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    let mut number = 0u128;
    for (index, byte) in text.iter().enumerate() {
        let digit = match (index, byte) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => byte - b'0',
            (_, b'a'..=b'f') => byte - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u128::from(digit);
    }
    Some(number)
}
