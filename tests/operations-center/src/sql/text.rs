//! Values as text in the invariant culture: what stands after the marker on the wire, and what a column's values
//! become when its type changes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::{Date, Month};

use super::sql_type::MONEY_SCALE;
use super::{SqlType, Value, ValueRef};

/// The wire's finest unit of time is 100 ns, seven digits.
const US_PER_SECOND: i64 = 1_000_000;
const US_PER_DAY: i64 = 86_400 * US_PER_SECOND;
/// 1970-01-01.
const EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// Appends a value's text to `out`; nothing for NULL.
pub(crate) fn write(kind: SqlType, value: ValueRef<'_>, out: &mut String) {
    match (kind, value) {
        (_, ValueRef::Null) => {}
        (SqlType::Bit, ValueRef::Whole(bit)) => out.push_str(if bit == 0 { "False" } else { "True" }),
        (SqlType::DateTime, ValueRef::Whole(ms)) => moment(ms * 1000, out),
        (SqlType::DateTime2, ValueRef::Whole(us)) => moment(us, out),
        (SqlType::Date, ValueRef::Whole(days)) => date(days, out),
        (SqlType::Time, ValueRef::Whole(us)) => time_of_day(us, out),
        (SqlType::Decimal { scale, .. }, ValueRef::Decimal(unscaled)) => decimal(unscaled, scale, out),
        (_, ValueRef::Decimal(unscaled)) => decimal(unscaled, MONEY_SCALE, out),
        (_, ValueRef::Whole(number)) => out.push_str(itoa::Buffer::new().format(number)),
        (_, ValueRef::Double(number)) => float(number, out),
        (_, ValueRef::Text(text)) => out.push_str(text),
        (_, ValueRef::Bytes(bytes)) => STANDARD.encode_string(bytes, out),
    }
}

/// Reads what `write` wrote for a column of type `kind`, or another type's text where it makes sense.
pub(crate) fn read(kind: SqlType, text: &str) -> Option<Value> {
    Some(match kind {
        SqlType::Int | SqlType::SmallInt | SqlType::BigInt => Value::Whole(whole(text)?),
        SqlType::Bit => Value::Whole(match text {
            "True" | "1" => 1,
            "False" | "0" => 0,
            _ => return None,
        }),
        SqlType::Float => Value::Double(text.parse().ok().filter(|number: &f64| number.is_finite())?),
        SqlType::Decimal { scale, .. } => Value::Decimal(unscaled(text, scale)?),
        SqlType::Money => Value::Decimal(unscaled(text, MONEY_SCALE)?),
        SqlType::DateTime => Value::Whole(read_moment(text)?.div_euclid(1000)),
        SqlType::DateTime2 => Value::Whole(read_moment(text)?),
        SqlType::Date => Value::Whole(read_moment(text)?.div_euclid(US_PER_DAY)),
        SqlType::Time => Value::Whole(read_time(text)?),
        SqlType::VarBinary => Value::Bytes(STANDARD.decode(text).ok()?),
        SqlType::UniqueIdentifier | SqlType::NVarChar(_) | SqlType::NText => Value::Text(text.to_owned()),
    })
}

/// A value of one type as one of another: written out and read.
pub(crate) fn convert(from: SqlType, value: &Value, to: SqlType) -> Option<Value> {
    let mut text = String::new();
    write(from, value.into(), &mut text);
    if *value == Value::Null { None } else { read(to, &text) }
}

/// `MM/dd/yyyy HH:mm:ss.fffffff`, as observed.
fn moment(us: i64, out: &mut String) {
    let (year, month, day) = calendar(us.div_euclid(US_PER_DAY));
    let us = us.rem_euclid(US_PER_DAY);
    digits::<2>(month, out);
    out.push('/');
    digits::<2>(day, out);
    out.push('/');
    digits::<4>(year, out);
    out.push(' ');
    clock(us, out);
    fraction(us, out);
}

/// `dd.MM.yyyy`, as documented.
fn date(days: i64, out: &mut String) {
    let (year, month, day) = calendar(days);
    digits::<2>(day, out);
    out.push('.');
    digits::<2>(month, out);
    out.push('.');
    digits::<4>(year, out);
}

/// `HH:mm` where that is all there is, as documented; seconds and their fraction follow where they are not zero.
fn time_of_day(us: i64, out: &mut String) {
    clock(us, out);
    if us % US_PER_SECOND != 0 {
        fraction(us, out);
    } else if us % (60 * US_PER_SECOND) == 0 {
        out.truncate(out.len() - ":00".len());
    }
}

/// `HH:mm:ss`
fn clock(us: i64, out: &mut String) {
    let seconds = us / US_PER_SECOND;
    digits::<2>(seconds / 3600, out);
    out.push(':');
    digits::<2>(seconds / 60 % 60, out);
    out.push(':');
    digits::<2>(seconds % 60, out);
}

/// `.fffffff`
fn fraction(us: i64, out: &mut String) {
    out.push('.');
    digits::<6>(us % US_PER_SECOND, out);
    out.push('0');
}

/// The last `N` decimal digits of a number that is not negative.
fn digits<const N: usize>(mut number: i64, out: &mut String) {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    out.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

/// Year, month and day of a number of days since 1970.
fn calendar(days: i64) -> (i64, i64, i64) {
    let day = i32::try_from(days + i64::from(EPOCH_JULIAN_DAY))
        .ok()
        .and_then(|day| Date::from_julian_day(day).ok());
    let (year, month, day) = day.unwrap_or(Date::MAX).to_calendar_date();
    (i64::from(year), i64::from(u8::from(month)), i64::from(day))
}

/// Like .NET's shortest form: an exponent only for the very large and the very small, `1.5E-05`.
fn float(number: f64, out: &mut String) {
    let size = number.abs();
    if size == 0.0 || (1e-5..1e15).contains(&size) {
        let _ = write!(out, "{number}");
        return;
    }
    let text = format!("{number:E}");
    let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    let _ = write!(out, "{mantissa}E{sign}{digits:0>2}");
}

fn decimal(unscaled: i128, scale: u8, out: &mut String) {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (integer, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    out.extend([sign, integer, point, fraction]);
}

fn whole(text: &str) -> Option<i64> {
    match text {
        "True" => Some(1),
        "False" => Some(0),
        _ => text.split_once('.').map_or(text, |(integer, _)| integer).parse().ok(),
    }
}

/// Digits past the scale are cut.
fn unscaled(text: &str, scale: u8) -> Option<i128> {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    let scale = usize::from(scale);
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(scale).collect();
    format!("{integer}{fraction}").parse().ok()
}

/// `MM/dd/yyyy HH:mm:ss[.f]` or `dd.MM.yyyy` as microseconds since 1970.
fn read_moment(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    let [month, day, year] = match date.contains('/') {
        true => numbers(date, '/')?,
        false => numbers(date, '.').map(|[day, month, year]| [month, day, year])?,
    };
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    Some(i64::from(date.to_julian_day() - EPOCH_JULIAN_DAY) * US_PER_DAY + read_time(time)?)
}

/// `HH:mm[:ss[.f]]` as microseconds since midnight.
fn read_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let [hours, minutes, seconds] = match numbers(clock, ':') {
        Some(clock) => clock,
        None => numbers(clock, ':').map(|[hours, minutes]| [hours, minutes, 0])?,
    };
    let fraction: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let us = ((hours * 60 + minutes) * 60 + seconds) * US_PER_SECOND + fraction.parse::<i64>().ok()?;
    (us < US_PER_DAY).then_some(us)
}

fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let numbers: Option<Vec<i64>> = text.split(separator).map(|part| part.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: &str, value: impl Into<Value>) -> String {
        let mut text = String::new();
        write(kind.parse().unwrap(), ValueRef::from(&value.into()), &mut text);
        text
    }

    #[test]
    fn values_read_as_the_vendor_writes_them() {
        assert_eq!(written("datetime", 1_589_798_443_000i64), "05/18/2020 10:40:43.0000000");
        assert_eq!(written("datetime", -6_626_966_400_000i64), "01/01/1760 00:00:00.0000000");
        assert_eq!(written("datetime", -1), "12/31/1969 23:59:59.9990000");
        assert_eq!(written("date", 17_479), "09.11.2017");
        assert_eq!(written("time", 53_520_000_000i64), "14:52");
        assert_eq!(written("time", 1_500_000), "00:00:01.5000000");
        assert_eq!(written("money", Value::Decimal(1_234_500)), "123.4500");
        assert_eq!(written("decimal(5,3)", Value::Decimal(-5)), "-0.005");
        assert_eq!(written("decimal(38,0)", Value::Decimal(7)), "7");
        assert_eq!(written("float", 123.4), "123.4");
        assert_eq!(written("float", -0.000_001_5), "-1.5E-06");
        assert_eq!(written("float", 1e300), "1E+300");
        assert_eq!(written("bit", 1), "True");
        assert_eq!(written("int", Value::Null), "");
    }

    #[test]
    fn values_convert_where_their_text_makes_sense() {
        let int = Value::Whole(42);
        assert_eq!(convert(SqlType::Int, &int, SqlType::NVarChar(None)), Some("42".into()));
        assert_eq!(convert(SqlType::Int, &int, SqlType::Float), Some(42.0.into()));
        assert_eq!(convert(SqlType::Int, &int, SqlType::Money), Some(Value::Decimal(420_000)));
        assert_eq!(convert(SqlType::NText, &"x".into(), SqlType::Int), None);
        let noon = Value::Whole(86_400_000 + 43_200_000);
        assert_eq!(convert(SqlType::DateTime, &noon, SqlType::Date), Some(1.into()));
        assert_eq!(convert(SqlType::Date, &1.into(), SqlType::DateTime), Some(86_400_000i64.into()));
    }
}
