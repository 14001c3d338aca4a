//! Values as people and text files write them.

use std::borrow::Cow;
use std::fmt::Write;

use time::Date;

use crate::table::value::{Kind, Value};

const MICROS_PER_DAY: i64 = 86_400_000_000;
/// The Julian day of 1970-01-01.
const EPOCH_DAY: i64 = 2_440_588;

impl<'a> Value<'a> {
    /// The value as text, `None` for NULL: numbers in decimal with all digits of their scale, `2026-11-27`,
    /// `2026-11-27 10:11:12.345` without a zone, bytes in lower-case hex. A day outside of the years 1 to 9999, and a
    /// time outside of the day, stays the number that it is.
    #[must_use]
    pub fn text(self, kind: Kind) -> Option<Cow<'a, str>> {
        Some(match (self, kind) {
            (Self::Null, _) => return None,
            (Self::Text(text), _) => Cow::Borrowed(text),
            (Self::Bytes(bytes), _) => Cow::Owned(hex(bytes)),
            (Self::Double(number), _) => Cow::Owned(number.to_string()),
            (Self::Decimal(number), Kind::Decimal { scale }) => Cow::Owned(decimal(number, scale)),
            (Self::Decimal(number), _) => Cow::Owned(number.to_string()),
            (Self::Whole(number), kind) => {
                Cow::Owned(moment(number, kind).unwrap_or_else(|| number.to_string()))
            }
        })
    }

    /// The value as JSON: whole numbers and finite floats as numbers, everything else as its [text](Value::text).
    pub(crate) fn json(self, kind: Kind) -> serde_json::Value {
        let number = match (self, kind) {
            (Self::Whole(number), Kind::Int | Kind::Long | Kind::Bit) => Some(number.into()),
            (Self::Double(number), _) => serde_json::Number::from_f64(number),
            _ => None,
        };
        let text = || self.text(kind).map_or(serde_json::Value::Null, |text| text.into_owned().into());
        number.map_or_else(text, serde_json::Value::Number)
    }
}

fn moment(number: i64, kind: Kind) -> Option<String> {
    let day_and_time = |micros: i64, digits| {
        let (day, time) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
        Some(format!("{} {}", date(day)?, clock(time, digits)?))
    };
    match kind {
        Kind::Millis => day_and_time(number.checked_mul(1000)?, 3),
        Kind::Micros => day_and_time(number, 6),
        Kind::Date => date(number),
        Kind::Time => clock(number, 6),
        _ => None,
    }
}

fn date(days: i64) -> Option<String> {
    let julian = i32::try_from(days.checked_add(EPOCH_DAY)?).ok()?;
    let date = Date::from_julian_day(julian).ok().filter(|date| (1..=9999).contains(&date.year()))?;
    Some(format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day()))
}

fn clock(micros: i64, digits: usize) -> Option<String> {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let fraction = if digits == 3 { fraction / 1000 } else { fraction };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let is_time = (0..MICROS_PER_DAY).contains(&micros);
    is_time.then(|| format!("{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}"))
}

fn decimal(number: i128, scale: u32) -> String {
    let width = usize::try_from(scale).unwrap_or(usize::MAX).saturating_add(1);
    let mut digits = format!("{:0width$}", number.unsigned_abs());
    if scale > 0 {
        digits.insert(digits.len() + 1 - width, '.');
    }
    if number < 0 { format!("-{digits}") } else { digits }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_people_write_them() {
        for (value, kind, expected) in [
            (Value::Whole(-7), Kind::Int, "-7"),
            (Value::Decimal(-1_234_500), Kind::Decimal { scale: 4 }, "-123.4500"),
            (Value::Decimal(5), Kind::Decimal { scale: 0 }, "5"),
            (Value::Whole(0), Kind::Date, "1970-01-01"),
            (Value::Whole(-1), Kind::Millis, "1969-12-31 23:59:59.999"),
            (Value::Whole(-6_627_052_799_877_000), Kind::Micros, "1759-12-31 00:00:00.123000"),
            (Value::Whole(1_000_001), Kind::Time, "00:00:01.000001"),
            (Value::Whole(i64::MAX), Kind::Millis, "9223372036854775807"),
            (Value::Whole(-1), Kind::Time, "-1"),
            (Value::Bytes(&[0, 255]), Kind::Bytes, "00ff"),
            (Value::Text("a"), Kind::Text, "a"),
        ] {
            assert_eq!(value.text(kind).as_deref(), Some(expected));
        }
        assert_eq!(Value::Null.text(Kind::Int), None);
        assert_eq!(Value::Whole(3).json(Kind::Long), serde_json::json!(3));
        assert_eq!(Value::Whole(0).json(Kind::Date), serde_json::json!("1970-01-01"));
        assert_eq!(Value::Null.json(Kind::Text), serde_json::Value::Null);
    }
}
