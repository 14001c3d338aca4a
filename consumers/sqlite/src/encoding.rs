//! Values as SQLite keeps them, and back.
//!
//! Dates and times are texts that sort and that SQLite's date functions read; decimals are texts with all their
//! digits. What no such form exists for is kept in another storage class, which no affinity here touches: dates outside
//! the years 1 to 9999 as their number, and the two floats that SQLite does not keep, -0.0 and NaN, as their eight
//! bytes. A cell is read back only if it is exactly what the mirror would have written; a changed cell never passes.

use mirrorbus_mirror::{Kind, Value};
use rusqlite::types::ValueRef;

use crate::clock;

/// A value as it is stored in a column of its kind. What has to be written out is put into `buffer`, whose contents go.
pub(crate) fn encode<'v>(kind: Kind, value: Value<'v>, buffer: &'v mut Vec<u8>) -> ValueRef<'v> {
    buffer.clear();
    let is_written = match (kind, value) {
        (_, Value::Null) => return ValueRef::Null,
        (_, Value::Text(text)) => return ValueRef::Text(text.as_bytes()),
        (_, Value::Bytes(bytes)) => return ValueRef::Blob(bytes),
        (_, Value::Double(number)) if is_kept(number) => return ValueRef::Real(number),
        (_, Value::Double(number)) => {
            buffer.extend(number.to_bits().to_be_bytes());
            return ValueRef::Blob(buffer);
        }
        (Kind::Decimal { scale }, Value::Decimal(number)) => decimal(number, scale, buffer),
        (_, Value::Decimal(number)) => decimal(number, 0, buffer),
        (Kind::Millis, Value::Whole(number)) => clock::millis(number, buffer),
        (Kind::Micros, Value::Whole(number)) => clock::micros(number, buffer),
        (Kind::Date, Value::Whole(number)) => clock::date(number, buffer),
        (Kind::Time, Value::Whole(number)) => clock::time(number, buffer),
        (_, Value::Whole(_)) => None,
    };
    match (is_written, value) {
        (None, Value::Whole(number)) => ValueRef::Integer(number),
        _ => ValueRef::Text(buffer),
    }
}

fn is_kept(number: f64) -> bool {
    !(number.is_nan() || number == 0.0 && number.is_sign_negative())
}

/// The number that a stored cell stands for; `None` for a cell that the mirror did not write so. `buffer`'s contents go.
pub(crate) fn decode<'c>(kind: Kind, cell: ValueRef<'c>, buffer: &mut Vec<u8>) -> Option<Value<'c>> {
    let value = value(kind, cell)?;
    let is_ours = match (encode(kind, value, buffer), cell) {
        (ValueRef::Real(ours), ValueRef::Real(theirs)) => ours.to_bits() == theirs.to_bits(),
        (ours, theirs) => ours == theirs,
    };
    is_ours.then_some(value)
}

/// May read what is no form of the mirror's: writing it again tells.
fn value(kind: Kind, cell: ValueRef<'_>) -> Option<Value<'_>> {
    Some(match (kind, cell) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Double, ValueRef::Real(number)) => Value::Double(number),
        (Kind::Double, ValueRef::Blob(bytes)) => {
            Value::Double(f64::from_bits(u64::from_be_bytes(bytes.try_into().ok()?)))
        }
        (Kind::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(bytes),
        (Kind::Text, ValueRef::Text(text)) => Value::Text(str::from_utf8(text).ok()?),
        (Kind::Decimal { .. }, ValueRef::Text(text)) => Value::Decimal(unscaled(text)?),
        (
            Kind::Int | Kind::Long | Kind::Bit | Kind::Millis | Kind::Micros | Kind::Date | Kind::Time,
            ValueRef::Integer(number),
        ) => Value::Whole(number),
        (Kind::Millis, ValueRef::Text(text)) => Value::Whole(clock::read_moment(text)?.div_euclid(1000)),
        (Kind::Micros, ValueRef::Text(text)) => Value::Whole(clock::read_moment(text)?),
        (Kind::Date, ValueRef::Text(text)) => Value::Whole(clock::read_date(text)?),
        (Kind::Time, ValueRef::Text(text)) => Value::Whole(clock::read_time(text)?),
        _ => return None,
    })
}

/// Always has a form.
fn decimal(number: i128, scale: u32, text: &mut Vec<u8>) -> Option<()> {
    let mut buffer = itoa::Buffer::new();
    // Nearly all fit in 64 bits, which are much quicker.
    let digits = match u64::try_from(number.unsigned_abs()) {
        Ok(short) => buffer.format(short),
        Err(_) => buffer.format(number.unsigned_abs()),
    };
    let digits = digits.as_bytes();
    let scale = usize::try_from(scale).unwrap_or(usize::MAX);
    if number < 0 {
        text.push(b'-');
    }
    match digits
        .len()
        .checked_sub(scale)
        .filter(|whole| *whole > 0)
        .and_then(|at| digits.split_at_checked(at))
    {
        Some((whole, fraction)) => {
            text.extend(whole);
            if scale > 0 {
                text.push(b'.');
            }
            text.extend(fraction);
        }
        None => {
            text.extend(b"0.");
            text.extend(std::iter::repeat_n(b'0', scale - digits.len()));
            text.extend(digits);
        }
    }
    Some(())
}

/// The digits without sign and point, as one number.
fn unscaled(text: &[u8]) -> Option<i128> {
    let (digits, sign) = text.strip_prefix(b"-").map_or((text, 1), |digits| (digits, -1));
    // Towards the sign, since the smallest number has no opposite.
    digits.iter().filter(|byte| **byte != b'.').try_fold(0i128, |number, byte| {
        let digit = i128::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        number.checked_mul(10)?.checked_add(sign * digit)
    })
}

#[cfg(test)]
#[path = "encoding_tests.rs"]
mod tests;
