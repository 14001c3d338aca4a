//! A value by its column's type. Text is text even where it looks like `[I:5]`; any other type's value stands in
//! `[marker:value]` or, where the contract allows it, plain.

use crate::sql::{SqlType, Value, text};

/// Decodes a value; `None` is NULL. A type that is not known keeps its values as text.
///
/// # Errors
/// The rule that the value breaks, without the value.
pub(super) fn decode(kind: Option<SqlType>, value: Option<&str>) -> Result<Value, &'static str> {
    let Some(value) = value else { return Ok(Value::Null) };
    let Some(kind) = kind else { return Ok(Value::Text(value.to_owned())) };
    let decoded = match kind {
        SqlType::NVarChar(_) | SqlType::NText => Value::Text(value.to_owned()),
        SqlType::UniqueIdentifier => Value::Text(value.trim().to_owned()),
        _ => marked(kind, value.trim()).ok_or("does not fit the column's type")?,
    };
    if kind.holds(&decoded) { Ok(decoded) } else { Err("does not fit the column's type") }
}

/// Markers of a type, and whether its values may come without.
fn markers(kind: SqlType) -> (&'static [&'static str], bool) {
    match kind {
        SqlType::SmallInt => (&["S", "I"], true),
        SqlType::BigInt => (&["I", "L"], true),
        SqlType::Bit => (&["I"], true),
        SqlType::Float => (&["F"], false),
        SqlType::Decimal { .. } | SqlType::Money => (&["F", "M"], false),
        SqlType::DateTime | SqlType::DateTime2 | SqlType::Date => (&["DT", "D"], false),
        SqlType::Time => (&["T"], false),
        SqlType::VarBinary => (&["B"], false),
        _ => (&["I"], true),
    }
}

fn marked(kind: SqlType, value: &str) -> Option<Value> {
    let (markers, plain) = markers(kind);
    let Some(inner) = value.strip_prefix('[') else { return plain.then(|| read(kind, value))? };
    let (marker, inner) = inner.strip_suffix(']')?.split_once(':')?;
    markers.contains(&marker).then(|| read(kind, inner))?
}

fn read(kind: SqlType, value: &str) -> Option<Value> {
    match kind {
        SqlType::Int | SqlType::SmallInt | SqlType::BigInt => value.parse().ok().map(Value::Whole),
        SqlType::DateTime | SqlType::DateTime2 | SqlType::Date => text::read(kind, &day_first(value)),
        _ => text::read(kind, value),
    }
}

/// `yyyy-MM-dd` and `yyyy.MM.dd` as `dd.MM.yyyy`; the other two forms are told apart by their separators.
fn day_first(date: &str) -> String {
    let parts: Vec<&str> = date.split(['-', '.']).collect();
    match parts.as_slice() {
        [year, month, day] if year.len() == 4 => format!("{day}.{month}.{year}"),
        _ => date.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(kind: &str, value: &str) -> Option<Value> {
        decode(Some(kind.parse().unwrap()), Some(value)).ok()
    }

    #[test]
    fn a_value_is_decoded_by_its_columns_type() {
        let date = Some(Value::Whole(17_479));
        for form in ["[D:09.11.2017]", "[D:11/09/2017]", "[D:2017.11.09]", "[D:2017-11-09]"] {
            assert_eq!(decoded("date", form), date, "{form}");
        }
        assert_eq!(decoded("nvarchar(9)", "[I:5]"), Some("[I:5]".into()));
        assert_eq!(decoded("int", "[I:5]"), Some(5.into()));
        assert_eq!(decoded("bigint", "[L:5]"), Some(5.into()));
        assert_eq!(decoded("bit", "True"), Some(1.into()));
        assert_eq!(decoded("money", "[M:123.45]"), Some(Value::Decimal(1_234_500)));
        assert_eq!(decoded("time", "[T:14:52]"), Some(53_520_000_000i64.into()));
        assert_eq!(decoded("datetime", "[DT:11/09/2017 14:53:18]"), Some(1_510_239_198_000i64.into()));
        assert_eq!(decode(Some(SqlType::Int), None), Ok(Value::Null));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let misfits = [
            ("int", "abc"),
            ("int", "[I:5.5]"),
            ("int", "[I:2147483648]"),
            ("int", "[DT:5]"),
            ("int", ""),
            ("smallint", "[S:40000]"),
            ("float", "[F:NaN]"),
            ("datetime", "[DT:13/45/2020 00:00:00]"),
            ("date", "[D:2017/11/09]"),
            ("varbinary(max)", "[B:?]"),
            ("nvarchar(2)", "abc"),
        ];
        for (kind, value) in misfits {
            assert_eq!(decoded(kind, value), None, "{kind} {value}");
        }
    }
}
