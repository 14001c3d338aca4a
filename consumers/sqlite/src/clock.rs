//! Dates and times as texts.
//!
//! Written pair by pair of digits, in 32 bits wherever the numbers fit: a row has several of them, and a formatter costs
//! more than all of SQLite's work on the row.
//! Whoever reads one writes it again and compares, so reading takes more forms than writing gives, and no other care.

const MICROS_PER_DAY: i64 = 86_400_000_000;
const MILLIS_PER_DAY: i64 = 86_400_000;
/// Days from 0000-03-01, where the counting of years begins so that a leap day ends one, to 1970-01-01.
const EPOCH: i64 = 719_468;
const DAYS_PER_ERA: i64 = 146_097;
/// 0001-01-01 and 9999-12-31, in days since 1970.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;

/// `YYYY-MM-DD`, from days since 1970; `None`, and nothing written, outside the years 1 to 9999.
pub(crate) fn date(days: i64, text: &mut Vec<u8>) -> Option<()> {
    text.extend_from_slice(&date_text(days)?);
    Some(())
}

/// `HH:MM:SS.ffffff`, from microseconds since midnight; `None`, and nothing written, where no clock shows that.
pub(crate) fn time(micros: i64, text: &mut Vec<u8>) -> Option<()> {
    if !(0..MICROS_PER_DAY).contains(&micros) {
        return None;
    }
    let fraction = (micros % 1_000_000) as u32;
    let ([f1, f2], [f3, f4], [f5, f6]) =
        (two(fraction / 10_000), two(fraction / 100 % 100), two(fraction % 100));
    text.extend_from_slice(&clock_text((micros / 1_000_000) as u32));
    text.extend_from_slice(&[b'.', f1, f2, f3, f4, f5, f6]);
    Some(())
}

/// `YYYY-MM-DD HH:MM:SS.ffffff`, from microseconds since 1970.
pub(crate) fn micros(number: i64, text: &mut Vec<u8>) -> Option<()> {
    date(number.div_euclid(MICROS_PER_DAY), text)?;
    text.push(b' ');
    time(number.rem_euclid(MICROS_PER_DAY), text)
}

/// `YYYY-MM-DD HH:MM:SS.fff`, from milliseconds since 1970.
pub(crate) fn millis(number: i64, text: &mut Vec<u8>) -> Option<()> {
    let date = date_text(number.div_euclid(MILLIS_PER_DAY))?;
    let millis = number.rem_euclid(MILLIS_PER_DAY) as u32;
    let ([_, f1], [f2, f3]) = (two(millis % 1000 / 100), two(millis % 100));
    text.extend_from_slice(&date);
    text.push(b' ');
    text.extend_from_slice(&clock_text(millis / 1000));
    text.extend_from_slice(&[b'.', f1, f2, f3]);
    Some(())
}

/// `YYYY-MM-DD`.
fn date_text(days: i64) -> Option<[u8; 10]> {
    if !(FIRST_DAY..=LAST_DAY).contains(&days) {
        return None;
    }
    let (year, month, day) = civil((days + EPOCH) as u32);
    let ([y1, y2], [y3, y4]) = (two(year / 100), two(year % 100));
    let ([m1, m2], [d1, d2]) = (two(month), two(day));
    Some([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2])
}

/// `HH:MM:SS`, from seconds since midnight.
fn clock_text(seconds: u32) -> [u8; 8] {
    let ([h1, h2], [m1, m2], [s1, s2]) = (two(seconds / 3600), two(seconds / 60 % 60), two(seconds % 60));
    [h1, h2, b':', m1, m2, b':', s1, s2]
}

/// Microseconds since 1970, from a date and a time.
pub(crate) fn read_moment(text: &[u8]) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    Some(read_date(day)? * MICROS_PER_DAY + read_time(rest.strip_prefix(b" ")?)?)
}

/// Days since 1970.
pub(crate) fn read_date(text: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    Some(days(number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?, number(&[*d1, *d2])?))
}

/// Microseconds since midnight, from a time with three or six digits behind the point.
pub(crate) fn read_time(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, b'.', fraction @ ..] = text else { return None };
    let micros = match fraction.len() {
        3 => number(fraction)? * 1000,
        6 => number(fraction)?,
        _ => return None,
    };
    let seconds = (number(&[*h1, *h2])? * 60 + number(&[*m1, *m2])?) * 60 + number(&[*s1, *s2])?;
    Some(seconds * 1_000_000 + micros)
}

/// 00 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Two digits of a number below 100.
fn two(number: u32) -> [u8; 2] {
    PAIRS.get(number as usize).copied().unwrap_or_default()
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        Some(number * 10 + i64::from(digit))
    })
}

/// Year, month and day, from days since 0000-03-01. Years are counted from March, in eras of 400, as Howard Hinnant's
/// `civil_from_days`.
fn civil(days: u32) -> (u32, u32, u32) {
    const PER_ERA: u32 = DAYS_PER_ERA as u32;
    let (era, day) = (days / PER_ERA, days % PER_ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let is_new_year = month >= 10;
    let month = if is_new_year { month - 9 } else { month + 3 };
    (era * 400 + year + u32::from(is_new_year), month, day)
}

/// The other way round.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * month + 2) / 5 + day - 1 + 365 * year + year / 4 - year / 100;
    era * DAYS_PER_ERA + day - EPOCH
}

#[cfg(test)]
mod tests {
    use time::Date;

    use super::*;

    /// Julian day of 1970-01-01.
    const EPOCH_DAY: i64 = 2_440_588;

    #[test]
    fn every_day_is_the_calendars_and_is_read_back() {
        let mut text = Vec::new();
        for day in FIRST_DAY..=LAST_DAY {
            let expected = Date::from_julian_day(i32::try_from(day + EPOCH_DAY).unwrap()).unwrap();
            let expected = (
                u32::try_from(expected.year()).unwrap(),
                u32::from(u8::from(expected.month())),
                u32::from(expected.day()),
            );
            assert_eq!(civil(u32::try_from(day + EPOCH).unwrap()), expected);
            text.clear();
            date(day, &mut text).unwrap();
            assert_eq!(read_date(&text), Some(day));
        }
        assert_eq!(date(FIRST_DAY - 1, &mut text), None);
        assert_eq!(date(LAST_DAY + 1, &mut text), None);
    }
}
