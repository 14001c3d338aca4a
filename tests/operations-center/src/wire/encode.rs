//! A value in the `[marker:value]` encoding.
//!
//! Documented or observed are `I`, `S`, `DT`, `F`, `M`, `B`, `D` and `T`; text goes as it is, even where it looks like
//! a marked value. For types that only partners' tables have nothing is documented: bigint takes the marker of whole
//! numbers, bit and uniqueidentifier go plain as .NET writes them.

use crate::sql::{SqlType, Value, ValueRef, text};

/// The text of a value in a column of type `kind`; `None` is `i:nil`.
#[must_use]
pub fn encode(kind: SqlType, value: &Value) -> Option<String> {
    let mut encoded = String::new();
    write(kind, value.into(), &mut encoded, |text, out| out.push_str(text)).then_some(encoded)
}

/// Appends a value's text to `out`, or says that it is `i:nil`. Texts go through `put`, which may have to escape
/// them; of everything else no character means anything to XML.
pub(super) fn write(
    kind: SqlType,
    value: ValueRef<'_>,
    out: &mut String,
    put: impl FnOnce(&str, &mut String),
) -> bool {
    if value == ValueRef::Null {
        return false;
    }
    let marker = marker(kind);
    out.push_str(marker);
    match value {
        ValueRef::Text(text) => put(text, out),
        other => text::write(kind, other, out),
    }
    if !marker.is_empty() {
        out.push(']');
    }
    true
}

/// What stands before a value, to be closed with a bracket; empty where values go plain.
fn marker(kind: SqlType) -> &'static str {
    match kind {
        SqlType::Int | SqlType::BigInt => "[I:",
        SqlType::SmallInt => "[S:",
        SqlType::DateTime | SqlType::DateTime2 => "[DT:",
        SqlType::Float | SqlType::Decimal { .. } => "[F:",
        SqlType::Money => "[M:",
        SqlType::VarBinary => "[B:",
        SqlType::Date => "[D:",
        SqlType::Time => "[T:",
        SqlType::Bit | SqlType::UniqueIdentifier | SqlType::NVarChar(_) | SqlType::NText => "",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a value by the documented rules: by its column's type, which says the marker that must stand there.
    fn decode(kind: SqlType, text: &str) -> Option<Value> {
        let marker = match kind.to_string().split('(').next()? {
            "int" | "bigint" => "I",
            "smallint" => "S",
            "datetime" | "datetime2" => "DT",
            "float" | "decimal" => "F",
            "money" => "M",
            "varbinary" => "B",
            "date" => "D",
            "time" => "T",
            _ => return text::read(kind, text),
        };
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        let (found, rest) = inner.split_once(':')?;
        (found == marker).then(|| text::read(kind, rest))?
    }

    /// All types.
    pub(in crate::wire) fn types() -> impl Strategy<Value = SqlType> {
        let names = "int smallint bigint bit float decimal(38,10) decimal(5,0) decimal(9,9) money datetime datetime2 \
                     date time varbinary(max) uniqueidentifier nvarchar(max) ntext";
        prop::sample::select(names.split_ascii_whitespace().collect::<Vec<_>>())
            .prop_map(|name| name.parse().unwrap())
    }

    fn cells() -> impl Strategy<Value = (SqlType, Value)> {
        types().prop_flat_map(|kind| (Just(kind), values(kind)))
    }

    /// Values that fit a column of type `kind`, but NULL.
    pub(in crate::wire) fn values(kind: SqlType) -> BoxedStrategy<Value> {
        match kind {
            SqlType::Float => {
                any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from).boxed()
            }
            SqlType::Decimal { precision, .. } => {
                let limit = 10i128.pow(u32::from(precision));
                (1 - limit..limit).prop_map(Value::Decimal).boxed()
            }
            SqlType::Money => any::<i64>().prop_map(|n| Value::Decimal(i128::from(n))).boxed(),
            SqlType::VarBinary => any::<Vec<u8>>().prop_map(Value::Bytes).boxed(),
            SqlType::UniqueIdentifier => {
                "[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}".prop_map(Value::Text).boxed()
            }
            SqlType::NVarChar(_) | SqlType::NText => any::<String>().prop_map(Value::Text).boxed(),
            whole => {
                let (least, most) = whole.whole_range().unwrap();
                (least..=most).prop_map(Value::Whole).boxed()
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back_by_the_documented_rules((kind, value) in cells()) {
            let text = encode(kind, &value).unwrap();
            prop_assert_eq!(decode(kind, &text), Some(value), "{}", text);
        }
    }

    #[test]
    fn the_forms_are_the_documented_ones() {
        let cases: [(&str, Value, &str); 13] = [
            ("int", 123.into(), "[I:123]"),
            ("smallint", 0.into(), "[S:0]"),
            ("bigint", i64::MIN.into(), "[I:-9223372036854775808]"),
            ("datetime", 1_589_798_443_000i64.into(), "[DT:05/18/2020 10:40:43.0000000]"),
            ("float", 123.4.into(), "[F:123.4]"),
            ("decimal(9,2)", Value::Decimal(-50), "[F:-0.50]"),
            ("money", Value::Decimal(1_234_500), "[M:123.4500]"),
            ("varbinary(max)", Value::Bytes(vec![0, 1, 2, 255]), "[B:AAEC/w==]"),
            ("date", 17_479.into(), "[D:09.11.2017]"),
            ("time", 53_520_000_000i64.into(), "[T:14:52]"),
            ("bit", 1.into(), "True"),
            ("nvarchar(9)", "[I:5]".into(), "[I:5]"),
            ("ntext", " \u{1}\r\n".into(), " \u{1}\r\n"),
        ];
        for (kind, value, text) in cases {
            assert_eq!(encode(kind.parse().unwrap(), &value).as_deref(), Some(text), "{kind}");
        }
        assert_eq!(encode(SqlType::NText, &Value::Null), None);
    }
}
