//! Moments as they are written: RFC 3339 in UTC with milliseconds, such as `2026-01-01T08:20:00.125Z`.

use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A moment in milliseconds since 1970 UTC.
#[must_use]
pub fn format(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    date(ms).and_then(|date| date.format(&format).ok()).unwrap_or_else(|| format!("{ms} ms"))
}

/// A moment to whole seconds, fit for the name of a file: `20260101T082000Z`.
pub(crate) fn format_compact(ms: i64) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    date(ms).and_then(|date| date.format(&format).ok()).unwrap_or_else(|| ms.to_string())
}

fn date(ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}

pub(super) fn serialize<S: Serializer>(ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*ms))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let moment = OffsetDateTime::parse(&text, &Rfc3339).map_err(D::Error::custom)?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_with_milliseconds() {
        assert_eq!(format(1_767_255_600_125), "2026-01-01T08:20:00.125Z");
        assert_eq!(format_compact(1_767_255_600_125), "20260101T082000Z");
        assert_eq!(format(i64::MAX), format!("{} ms", i64::MAX));
    }
}
