//! Dates and times of the source: no zone, and none is assumed.

use time::{Date, Month};

use super::{Decoded, Form};
use crate::batch::Value;

/// Ticks of 100 ns, the finest that the wire has.
const TICKS_PER_SECOND: i64 = 10_000_000;
const TICKS_PER_DAY: i64 = 86_400 * TICKS_PER_SECOND;
/// 1970-01-01.
const JULIAN_DAY_OF_1970: i64 = 2_440_588;
const NOT_A_DATE: &str = "is not a date";
const NOT_A_TIME: &str = "is not a time of day";

/// A moment as a count of `ticks_per_unit` of 100 ns since 1970.
pub(super) fn date_time(form: Form<'_>, ticks_per_unit: i64) -> Result<Decoded<'static>, &'static str> {
    let ticks = match form.marker {
        Some("D") => days(form.text)? * TICKS_PER_DAY,
        _ => moment(form.marked(&["DT"])?)?,
    };
    let value = Value::Long(ticks.div_euclid(ticks_per_unit));
    Ok(Decoded { value, is_cut: ticks.rem_euclid(ticks_per_unit) != 0 })
}

/// Days since 1970; also from a moment, if that is midnight.
pub(super) fn date(form: Form<'_>) -> Result<Decoded<'static>, &'static str> {
    let days = match form.marker {
        Some("DT") => match moment(form.text)? {
            ticks if ticks.rem_euclid(TICKS_PER_DAY) == 0 => ticks.div_euclid(TICKS_PER_DAY),
            _ => return Err("has a time of day, which a date does not hold"),
        },
        _ => days(form.marked(&["D"])?)?,
    };
    i32::try_from(days).map(|days| Decoded::whole(Value::Int(days))).map_err(|_| NOT_A_DATE)
}

/// Microseconds since midnight. A time span (`[TS:...]`) has no documented unit and is refused.
pub(super) fn time(form: Form<'_>) -> Result<Decoded<'static>, &'static str> {
    let ticks = time_of_day(form.marked(&["T"])?)?;
    Ok(Decoded { value: Value::Long(ticks / 10), is_cut: ticks % 10 != 0 })
}

/// `MM/dd/yyyy HH:mm:ss[.fffffff]` as ticks since 1970.
fn moment(text: &str) -> Result<i64, &'static str> {
    let space = text.bytes().position(|byte| byte == b' ').ok_or("is not a date and time")?;
    let (date, time) = (text.get(..space).ok_or(NOT_A_DATE)?, text.get(space + 1..).ok_or(NOT_A_TIME)?);
    let [month, day, year] = numbers(date, b'/', [2, 2, 4]).ok_or(NOT_A_DATE)?;
    Ok(calendar(year, month, day)? * TICKS_PER_DAY + time_of_day(time)?)
}

/// The four forms that the vendor's pages show; the separator tells them apart.
fn days(text: &str) -> Result<i64, &'static str> {
    let year_first = text.bytes().take_while(u8::is_ascii_digit).count() == 4;
    let separator = text.bytes().find(|byte| !byte.is_ascii_digit());
    let [year, month, day] = match (separator, year_first) {
        (Some(b'-'), true) => numbers(text, b'-', [4, 2, 2]),
        (Some(b'.'), true) => numbers(text, b'.', [4, 2, 2]),
        (Some(b'.'), false) => numbers(text, b'.', [2, 2, 4]).map(|[day, month, year]| [year, month, day]),
        (Some(b'/'), false) => numbers(text, b'/', [2, 2, 4]).map(|[month, day, year]| [year, month, day]),
        _ => None,
    }
    .ok_or(NOT_A_DATE)?;
    calendar(year, month, day)
}

fn calendar(year: i64, month: i64, day: i64) -> Result<i64, &'static str> {
    let date = || {
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let year = i32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
        Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
    };
    let date = date().ok_or(NOT_A_DATE)?;
    Ok(i64::from(date.to_julian_day()) - JULIAN_DAY_OF_1970)
}

/// `HH:mm[:ss[.fffffff]]` as ticks since midnight.
fn time_of_day(text: &str) -> Result<i64, &'static str> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let [hour, minute, second] = match (numbers(clock, b':', [2, 2, 2]), fraction) {
        (Some(clock), _) => clock,
        (None, None) => {
            numbers(clock, b':', [2, 2]).map(|[hour, minute]| [hour, minute, 0]).ok_or(NOT_A_TIME)?
        }
        _ => return Err(NOT_A_TIME),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(NOT_A_TIME);
    }
    let seconds = (hour * 60 + minute) * 60 + second;
    Ok(seconds * TICKS_PER_SECOND + fraction.map_or(Ok(0), ticks)?)
}

/// One to seven digits after the point.
fn ticks(fraction: &str) -> Result<i64, &'static str> {
    let fits = (1..=7).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !fits {
        return Err(NOT_A_TIME);
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(7);
    Ok(digits.fold(0, |ticks, digit| ticks * 10 + i64::from(digit - b'0')))
}

/// Exactly `N` numbers, each with as many digits as `widths` says. A single digit is not let pass: it is the sign of a
/// culture that may also put the day first.
fn numbers<const N: usize>(text: &str, separator: u8, widths: [usize; N]) -> Option<[i64; N]> {
    let mut rest = text.as_bytes();
    let mut numbers = [0; N];
    for (place, (number, width)) in numbers.iter_mut().zip(widths).enumerate() {
        if place > 0 {
            rest = rest.strip_prefix(&[separator])?;
        }
        let (digits, after) = rest.split_at_checked(width)?;
        for digit in digits {
            *number =
                *number * 10 + if digit.is_ascii_digit() { i64::from(digit - b'0') } else { return None };
        }
        rest = after;
    }
    rest.is_empty().then_some(numbers)
}
