//! Values as a view shows them.
//!
//! The forms are those of SQL and of most languages; where there are several in
//! use, all are understood:
//!
//! | type | text |
//! | --- | --- |
//! | int, smallint, bigint | `-5` |
//! | bit | `0` and `1`, or `true` and `false` in any case |
//! | float | `123.4`, `1E+300` |
//! | decimal, money | `123.4500`, zeros at the end do not count |
//! | datetime, datetime2 | `2020-05-18 10:40:43.123`, or with `T` between; the fraction has up to seven digits or is absent |
//! | date | `2017-11-09`, also with a time of midnight behind it |
//! | time | `14:52`, `14:52:00.1234567` |
//! | varbinary | hex digits, with or without `0x` in front |
//! | uniqueidentifier | in any case, with or without braces |
//! | nvarchar, ntext | as it is |

use crate::sql::{SqlType, Value, text};

/// A value as a view shows it; `None` is NULL.
#[must_use]
pub fn shown(kind: SqlType, value: &Value) -> Option<String> {
    if *value == Value::Null {
        return None;
    }
    let mut text = String::new();
    text::write(kind, value.into(), &mut text);
    Some(match (kind, value) {
        (_, Value::Bytes(bytes)) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        (SqlType::DateTime | SqlType::DateTime2, _) => match text.split_once(' ') {
            Some((date, time)) => format!("{} {time}", year_first(date, '/', [2, 0, 1])),
            None => text,
        },
        (SqlType::Date, _) => year_first(&text, '.', [2, 1, 0]),
        _ => text,
    })
}

/// A date's parts in another order.
fn year_first(date: &str, separator: char, order: [usize; 3]) -> String {
    let parts: Vec<&str> = date.split(separator).collect();
    order.map(|place| parts.get(place).copied().unwrap_or_default()).join("-")
}

/// Whether a mirror's text says `value`.
pub(in crate::conformance) fn shows(kind: SqlType, value: &Value, shown: Option<&str>) -> bool {
    match shown {
        None => *value == Value::Null,
        Some(shown) => read(kind, shown).is_some_and(|shown| shown == *value),
    }
}

fn read(kind: SqlType, shown: &str) -> Option<Value> {
    Some(match kind {
        SqlType::NVarChar(_) | SqlType::NText => Value::Text(shown.to_owned()),
        SqlType::UniqueIdentifier => {
            Value::Text(shown.trim().trim_start_matches('{').trim_end_matches('}').to_ascii_lowercase())
        }
        SqlType::VarBinary => Value::Bytes(hex(shown.trim())?),
        SqlType::Bit => Value::Whole(match shown.trim().to_ascii_lowercase().as_str() {
            "0" | "false" => 0,
            "1" | "true" => 1,
            _ => return None,
        }),
        SqlType::DateTime | SqlType::DateTime2 | SqlType::Date => text::read(kind, &moment(shown.trim())?)?,
        _ => text::read(kind, shown.trim())?,
    })
}

/// `yyyy-MM-dd[T ]HH:mm:ss.f` as `dd.MM.yyyy HH:mm:ss.f`.
fn moment(shown: &str) -> Option<String> {
    let (date, time) = shown.split_once(['T', ' ']).unwrap_or((shown, "00:00"));
    let [year, month, day] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
    Some(format!("{day}.{month}.{year} {time}"))
}

fn hex(shown: &str) -> Option<Vec<u8>> {
    let digits = shown.strip_prefix("0x").or_else(|| shown.strip_prefix("0X")).unwrap_or(shown);
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(kind: &str, value: impl Into<Value>, shown: &str) -> bool {
        shows(kind.parse().unwrap(), &value.into(), Some(shown))
    }

    #[test]
    fn every_form_in_use_is_understood() {
        assert!(is("int", -5, "-5") && is("bit", 1, "True") && is("bit", 0, "0"));
        assert!(is("float", 123.4, "123.4") && is("float", 1e300, "1E+300"));
        assert!(is("money", Value::Decimal(1_234_500), "123.45"));
        assert!(is("money", Value::Decimal(1_234_500), "123.4500"));
        for shown in ["2017-11-09 14:53:18", "2017-11-09T14:53:18.000", "2017-11-09 14:53:18.0000000"] {
            assert!(is("datetime", 1_510_239_198_000i64, shown), "{shown}");
        }
        assert!(is("date", 17_479, "2017-11-09") && is("date", 17_479, "2017-11-09T00:00:00"));
        assert!(is("time", 53_520_000_000i64, "14:52") && is("time", 53_520_000_000i64, "14:52:00.0000000"));
        for shown in ["0x00ff", "00FF"] {
            assert!(is("varbinary(max)", Value::Bytes(vec![0, 255]), shown), "{shown}");
        }
        let guid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert!(is("uniqueidentifier", guid, "{0F8FAD5B-D9CB-469F-A165-70867728950E}"));
        assert!(is("ntext", " x ", " x "));
    }

    #[test]
    fn what_is_shown_is_understood() {
        let types = "int smallint bigint bit float decimal(9,3) money datetime datetime2 date time varbinary(max) \
                     uniqueidentifier nvarchar(9) ntext";
        for kind in types.split_ascii_whitespace().map(|name| name.parse::<SqlType>().unwrap()) {
            let zero = kind.zero();
            let text = shown(kind, &zero);
            assert!(shows(kind, &zero, text.as_deref()), "{kind}: {text:?}");
        }
        let moment = Value::Whole(1_510_239_198_120);
        assert_eq!(shown(SqlType::DateTime, &moment).unwrap(), "2017-11-09 14:53:18.1200000");
        assert_eq!(shown(SqlType::Date, &17_479.into()).unwrap(), "2017-11-09");
        assert_eq!(shown(SqlType::NText, &Value::Null), None);
    }

    #[test]
    fn another_value_or_null_is_told_apart() {
        assert!(!is("ntext", "x", "x ") && !is("int", 5, "6") && !is("int", 5, "five"));
        assert!(
            !is("datetime", 0, "1970-01-01 00:00:00.001")
                && !is("varbinary(max)", Value::Bytes(vec![0]), "0")
        );
        let text = SqlType::NText;
        assert!(shows(text, &Value::Null, None) && !shows(text, &Value::Null, Some("")));
        assert!(!shows(text, &"".into(), None));
    }
}
