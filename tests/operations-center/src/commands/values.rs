//! Times, rates and zones as they are typed in.

use std::str::FromStr;
use std::time::Duration;

/// More changes in a minute than any machine makes.
const MOST_PER_MINUTE: f64 = 1e6;

/// In milliseconds, which is what clocks count.
pub(crate) fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// How far a zone is ahead of UTC, such as `+02:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zone(i32);

impl Zone {
    pub(crate) fn minutes(self) -> i32 {
        self.0
    }
}

impl FromStr for Zone {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a zone is + or -, two digits, a colon and two digits, up to 14:00, such as +02:00";
        let (sign, rest) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            _ => return Err(rule),
        };
        let digits = |text: &str| match text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse::<i32>().map_err(|_| rule),
            false => Err(rule),
        };
        let (hours, minutes) = rest.split_once(':').ok_or(rule)?;
        let (hours, minutes) = (digits(hours)?, digits(minutes)?);
        let ahead = hours * 60 + minutes;
        if minutes < 60 && ahead <= 14 * 60 { Ok(Self(sign * ahead)) } else { Err(rule) }
    }
}

/// A rate of changes per minute.
pub(crate) fn rate(text: &str) -> Result<f64, &'static str> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=MOST_PER_MINUTE).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number from 0 to 1000000, such as 5 or 0.5"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_an_offset_of_at_most_14_hours() {
        for (text, minutes) in [("+00:00", 0), ("+02:00", 120), ("-05:30", -330), ("+14:00", 840)] {
            assert_eq!(text.parse(), Ok(Zone(minutes)));
        }
        for wrong in ["", "02:00", "+2:00", "+02", "+02:60", "+14:01", "+-2:00", "é02:00", "Z"] {
            assert!(wrong.parse::<Zone>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_neither_negative_nor_endless() {
        assert_eq!(rate("0.5"), Ok(0.5));
        assert!(["-1", "inf", "NaN", "x"].iter().all(|wrong| rate(wrong).is_err()));
    }
}
