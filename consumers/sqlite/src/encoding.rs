//! Values as SQLite keeps them, and back.
//!
//! Dates and times are texts that sort and that SQLite's date functions read; decimals are texts with all their
//! digits. What no such form exists for is kept in another storage class, which no affinity here touches: dates outside
//! the years 1 to 9999 as their number, and the two floats that SQLite does not keep, -0.0 and NaN, as their eight
//! bytes. A cell is read back only if it is exactly what the mirror would have written; a changed cell never passes.

use std::borrow::Cow;

use mirrorbus_mirror::{Kind, Value};
use mirrorbus_schemas::checksum::Canonical;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use time::{Date, Time};

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Julian day of 1970-01-01.
const EPOCH_DAY: i64 = 2_440_588;

/// A value of a column, as it is bound.
pub(crate) enum Cell<'v> {
    Null,
    Whole(i64),
    Double(f64),
    Text(Cow<'v, str>),
    Bytes(Cow<'v, [u8]>),
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.as_ref()))
    }
}

impl Cell<'_> {
    fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Cell::Null => ValueRef::Null,
            Cell::Whole(number) => ValueRef::Integer(*number),
            Cell::Double(number) => ValueRef::Real(*number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Bytes(bytes) => ValueRef::Blob(bytes),
        }
    }
}

/// A value as it is stored in a column of its kind.
pub(crate) fn cell<'v>(kind: Kind, value: Value<'v>) -> Cell<'v> {
    let text_or_number = |text: Option<String>, number| match text {
        Some(text) => Cell::Text(Cow::Owned(text)),
        None => Cell::Whole(number),
    };
    match (kind, value) {
        (_, Value::Null) => Cell::Null,
        (Kind::Millis, Value::Whole(number)) => text_or_number(millis(number), number),
        (Kind::Micros, Value::Whole(number)) => text_or_number(micros(number), number),
        (Kind::Date, Value::Whole(number)) => text_or_number(date(number), number),
        (Kind::Time, Value::Whole(number)) => text_or_number(clock(number), number),
        (_, Value::Whole(number)) => Cell::Whole(number),
        (_, Value::Double(number)) if number.is_nan() || (number == 0.0 && number.is_sign_negative()) => {
            Cell::Bytes(Cow::Owned(number.to_bits().to_be_bytes().to_vec()))
        }
        (_, Value::Double(number)) => Cell::Double(number),
        (Kind::Decimal { scale }, Value::Decimal(number)) => Cell::Text(Cow::Owned(decimal(number, scale))),
        (_, Value::Decimal(number)) => Cell::Text(Cow::Owned(decimal(number, 0))),
        (_, Value::Text(text)) => Cell::Text(Cow::Borrowed(text)),
        (_, Value::Bytes(bytes)) => Cell::Bytes(Cow::Borrowed(bytes)),
    }
}

/// A stored cell in the form of a checksum; `None` for a cell that the mirror did not write so.
pub(crate) fn canonical(kind: Kind, cell: ValueRef<'_>) -> Option<Canonical<'_>> {
    let value = value(kind, cell)?;
    let is_ours = match (self::cell(kind, value).as_ref(), cell) {
        (ValueRef::Real(ours), ValueRef::Real(theirs)) => ours.to_bits() == theirs.to_bits(),
        (ours, theirs) => ours == theirs,
    };
    is_ours.then(|| value.canonical())
}

fn value(kind: Kind, cell: ValueRef<'_>) -> Option<Value<'_>> {
    Some(match (kind, cell) {
        (_, ValueRef::Null) => Value::Null,
        (Kind::Double, ValueRef::Real(number)) => Value::Double(number),
        (Kind::Double, ValueRef::Blob(bytes)) => {
            Value::Double(f64::from_bits(u64::from_be_bytes(bytes.try_into().ok()?)))
        }
        (Kind::Bytes, ValueRef::Blob(bytes)) => Value::Bytes(bytes),
        (Kind::Text, ValueRef::Text(text)) => Value::Text(str::from_utf8(text).ok()?),
        (Kind::Decimal { .. }, ValueRef::Text(text)) => {
            let digits: String = str::from_utf8(text).ok()?.chars().filter(|c| *c != '.').collect();
            Value::Decimal(digits.parse().ok()?)
        }
        (
            Kind::Int | Kind::Long | Kind::Bit | Kind::Millis | Kind::Micros | Kind::Date | Kind::Time,
            ValueRef::Integer(number),
        ) => Value::Whole(number),
        (Kind::Millis, ValueRef::Text(text)) => Value::Whole(moment(text)? / 1000),
        (Kind::Micros, ValueRef::Text(text)) => Value::Whole(moment(text)?),
        (Kind::Date, ValueRef::Text(text)) => Value::Whole(day(str::from_utf8(text).ok()?)?),
        (Kind::Time, ValueRef::Text(text)) => Value::Whole(time_of_day(str::from_utf8(text).ok()?)?),
        _ => return None,
    })
}

fn decimal(number: i128, scale: u32) -> String {
    let width = usize::try_from(scale).unwrap_or(usize::MAX).saturating_add(1);
    let mut digits = format!("{:0width$}", number.unsigned_abs());
    if scale > 0 {
        digits.insert(digits.len() + 1 - width, '.');
    }
    if number < 0 { format!("-{digits}") } else { digits }
}

fn date(days: i64) -> Option<String> {
    let julian = i32::try_from(days.checked_add(EPOCH_DAY)?).ok()?;
    let date = Date::from_julian_day(julian).ok().filter(|date| (1..=9999).contains(&date.year()))?;
    Some(format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()))
}

fn clock(micros: i64) -> Option<String> {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let is_time = (0..MICROS_PER_DAY).contains(&micros);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    is_time.then(|| format!("{hour:02}:{minute:02}:{second:02}.{fraction:06}"))
}

fn micros(number: i64) -> Option<String> {
    let day = date(number.div_euclid(MICROS_PER_DAY))?;
    Some(format!("{day} {}", clock(number.rem_euclid(MICROS_PER_DAY))?))
}

fn millis(number: i64) -> Option<String> {
    let mut text = micros(number.checked_mul(1000)?)?;
    text.truncate(text.len() - 3);
    Some(text)
}

fn moment(text: &[u8]) -> Option<i64> {
    let (day, time) = str::from_utf8(text).ok()?.split_once(' ')?;
    Some(self::day(day)? * MICROS_PER_DAY + time_of_day(time)?)
}

fn day(text: &str) -> Option<i64> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    let date = Date::parse(text, format).ok()?;
    Some(i64::from(date.to_julian_day()) - EPOCH_DAY)
}

fn time_of_day(text: &str) -> Option<i64> {
    let format = time::macros::format_description!("[hour]:[minute]:[second].[subsecond]");
    let time = Time::parse(text, format).ok()?;
    let (hour, minute, second, micro) = time.as_hms_micro();
    Some((i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * 1_000_000 + i64::from(micro))
}

#[cfg(test)]
#[path = "encoding_tests.rs"]
mod tests;
