//! Every form of every type, and what must be refused.

use proptest::prelude::*;

use super::*;

fn value(kind: ColumnType, text: &str) -> Result<Value<'_>, &'static str> {
    decode(kind, Some(Cow::Borrowed(text))).map(|decoded| decoded.value)
}

fn is_cut(kind: ColumnType, text: &str) -> bool {
    decode(kind, Some(Cow::Borrowed(text))).unwrap().is_cut
}

const DECIMAL: ColumnType = ColumnType::Decimal { precision: 19, scale: 4 };
const DAY_MS: i64 = 86_400_000;

#[test]
fn null_is_null_in_every_type() {
    for kind in [ColumnType::Int, ColumnType::Text, ColumnType::Date, ColumnType::Guid, DECIMAL] {
        assert_eq!(decode(kind, None).unwrap().value, Value::Null);
    }
}

#[test]
fn text_is_text_whatever_it_looks_like() {
    for text in ["[I:5]", "[DT:x]", "[", "]", "", "  a ", "\u{1}\r\n", "🦀"] {
        assert_eq!(value(ColumnType::Text, text), Ok(Value::Text(text.into())));
    }
}

#[test]
fn whole_numbers_have_their_forms_and_ranges() {
    assert_eq!(value(ColumnType::Int, "[I:123]"), Ok(Value::Int(123)));
    assert_eq!(value(ColumnType::Int, " -2147483648 "), Ok(Value::Int(i32::MIN)));
    assert_eq!(value(ColumnType::SmallInt, "[S:-1]"), Ok(Value::Int(-1)));
    assert_eq!(value(ColumnType::SmallInt, "[I:7]"), Ok(Value::Int(7)));
    for text in ["[L:9223372036854775807]", "9223372036854775807", "[I:9223372036854775807]"] {
        assert_eq!(value(ColumnType::BigInt, text), Ok(Value::Long(i64::MAX)));
    }
    for text in
        ["[I:999999999999]", "[I:]", "abc", "", "[S:5]", "+5", "5.0", "1e3", "[I:5", "I:5]", "[i:5]", "0x1"]
    {
        assert!(value(ColumnType::Int, text).is_err(), "{text:?}");
    }
    assert!(value(ColumnType::SmallInt, "[S:32768]").is_err());
    assert!(value(ColumnType::BigInt, "9223372036854775808").is_err());
}

#[test]
fn bits_have_their_forms() {
    for text in ["True", "true", "1", "[I:1]", "[S:1]"] {
        assert_eq!(value(ColumnType::Bit, text), Ok(Value::Bool(true)), "{text}");
    }
    for text in ["False", "0", "[I:0]"] {
        assert_eq!(value(ColumnType::Bit, text), Ok(Value::Bool(false)), "{text}");
    }
    for text in ["2", "yes", "", "[I:2]", "[I:True]"] {
        assert!(value(ColumnType::Bit, text).is_err(), "{text:?}");
    }
}

#[test]
fn floats_are_finite() {
    assert_eq!(value(ColumnType::Float, "[F:123.4]"), Ok(Value::Double(123.4)));
    assert_eq!(value(ColumnType::Float, "[F:-1.5E-05]"), Ok(Value::Double(-1.5e-5)));
    assert_eq!(value(ColumnType::Float, "[F:1.7976931348623157E+308]"), Ok(Value::Double(f64::MAX)));
    assert_eq!(value(ColumnType::Float, "[F:0.1]"), Ok(Value::Double(0.1)));
    assert_eq!(value(ColumnType::Float, "1e308"), Ok(Value::Double(1e308)));
    let zero = value(ColumnType::Float, "[F:-0]");
    assert!(matches!(zero, Ok(Value::Double(zero)) if zero.is_sign_negative()));
    for text in [
        "[F:NaN]",
        "INF",
        "[F:1e400]",
        "[F:1,5]",
        "[F:]",
        "[I:5]",
        "inf",
        "[F:Infinity]",
        "[F:-INF]",
        "[F:1_0]",
        "[F:1e]",
        "[F:.]",
        "[F:0x1p3]",
        "[F:1 000]",
    ] {
        assert!(value(ColumnType::Float, text).is_err(), "{text:?}");
    }
}

#[test]
fn decimals_are_exact_and_finer_digits_are_cut() {
    assert_eq!(value(DECIMAL, "[M:123.45]"), Ok(Value::Decimal(1_234_500)));
    assert_eq!(value(DECIMAL, "[F:-0.0001]"), Ok(Value::Decimal(-1)));
    assert_eq!(value(DECIMAL, "922337203685477.5807"), Ok(Value::Decimal(9_223_372_036_854_775_807)));
    assert_eq!(value(DECIMAL, "[F:1.5E3]"), Ok(Value::Decimal(15_000_000)));
    assert_eq!(value(DECIMAL, "[F:5E-03]"), Ok(Value::Decimal(50)));
    assert_eq!(value(DECIMAL, "[F:0E99]"), Ok(Value::Decimal(0)));
    assert_eq!(value(DECIMAL, "[M:1.23456]"), Ok(Value::Decimal(12_345)));
    assert!(is_cut(DECIMAL, "[M:1.23456]") && !is_cut(DECIMAL, "[M:1.23450]"));
    let widest = ColumnType::Decimal { precision: 38, scale: 0 };
    assert_eq!(value(widest, &"9".repeat(38)), Ok(Value::Decimal(10i128.pow(38) - 1)));
    for text in
        ["[M:]", "[M:1,5]", "[M:.]", "[M:1e99999999999]", "[M:1E30]", "[M:1000000000000000]", "[M:--1]"]
    {
        assert!(value(DECIMAL, text).is_err(), "{text:?}");
    }
    assert!(value(widest, &"9".repeat(39)).is_err());
}

#[test]
fn moments_are_read_in_the_invariant_culture() {
    let text = "[DT:05/18/2020 10:40:43.0000000]";
    assert_eq!(value(ColumnType::DateTime, text), Ok(Value::Long(1_589_798_443_000)));
    assert_eq!(value(ColumnType::DateTime, "[DT:11/09/2017 14:53:18]"), Ok(Value::Long(1_510_239_198_000)));
    assert_eq!(value(ColumnType::DateTime, "[DT:01/01/1760 00:00:00]"), Ok(Value::Long(-6_626_966_400_000)));
    assert_eq!(value(ColumnType::DateTime, "[DT:12/31/1969 23:59:59.9990000]"), Ok(Value::Long(-1)));
    assert_eq!(value(ColumnType::DateTime2, "[DT:01/01/1970 00:00:00.0000019]"), Ok(Value::Long(1)));
    assert!(is_cut(ColumnType::DateTime2, "[DT:01/01/1970 00:00:00.0000019]"));
    assert!(is_cut(ColumnType::DateTime, "[DT:01/01/1970 00:00:00.0001]"));
    assert!(value(ColumnType::DateTime, "[DT:01/01/0001 00:00:00]").is_ok());
    assert!(value(ColumnType::DateTime, "[DT:12/31/9999 23:59:59.9999999]").is_ok());
    let refused = [
        "[DT:13/45/2020 00:00:00]",
        "[DT:02/30/2020 00:00:00]",
        "[DT:05/18/2020]",
        "[DT:2020-05-18 00:00:00]",
        "[DT:05/18/2020 24:00:00]",
        "[DT:05/18/2020 10:40:43.00000000]",
        "[DT:01/01/0000 00:00:00]",
        "05/18/2020 10:40:43",
        "",
    ];
    for text in refused {
        assert!(value(ColumnType::DateTime, text).is_err(), "{text:?}");
    }
}

#[test]
fn moments_keep_sentinels_leap_days_and_both_ends_of_the_calendar() {
    for (text, day) in [
        ("[DT:01/01/1760 00:00:00.0000000]", -76_701),
        ("[DT:01/01/1753 00:00:00]", -79_257),
        ("[DT:01/01/0001 00:00:00]", -719_162),
        ("[DT:12/31/9999 00:00:00]", 2_932_896),
        ("[DT:02/29/2000 00:00:00]", 11_016),
        ("[DT:02/29/2020 00:00:00]", 18_321),
        ("[D:29.02.2020]", 18_321),
        ("[D:1760.01.01]", -76_701),
    ] {
        assert_eq!(value(ColumnType::DateTime, text), Ok(Value::Long(day * DAY_MS)), "{text}");
        assert_eq!(value(ColumnType::DateTime2, text), Ok(Value::Long(day * DAY_MS * 1000)), "{text}");
        assert_eq!(value(ColumnType::Date, text), Ok(Value::Int(i32::try_from(day).unwrap())), "{text}");
    }
    let last = "[DT:12/31/9999 23:59:59.9999999]";
    assert_eq!(value(ColumnType::DateTime, last), Ok(Value::Long(253_402_300_799_999)));
    assert!(is_cut(ColumnType::DateTime, last) && is_cut(ColumnType::DateTime2, last));
    let before_1970 = "[DT:12/31/1969 23:59:59.9999999]";
    assert_eq!(
        value(ColumnType::DateTime, before_1970),
        Ok(Value::Long(-1)),
        "cut downwards, not towards zero"
    );
    for text in
        ["[DT:02/29/1900 00:00:00]", "[DT:02/29/2021 00:00:00]", "[DT:04/31/2020 00:00:00]", "[D:2021-02-29]"]
    {
        assert!(value(ColumnType::DateTime, text).is_err(), "{text}");
    }
}

#[test]
fn moments_of_other_cultures_are_refused() {
    for text in [
        "[DT:5/18/2020 10:40:43]",
        "[DT:5/6/2020 10:40:43]",
        "[DT:18/05/2020 10:40:43]",
        "[DT:18.05.2020 10:40:43]",
        "[DT:05-18-2020 10:40:43]",
        "[DT:2020-05-18T10:40:43]",
        "[DT:05/18/2020T10:40:43]",
        "[DT:05/18/20 10:40:43]",
        "[DT:05/18/2020 10.40.43]",
        "[DT:05/18/2020 10:40:43 AM]",
        "[DT:05/18/2020 10:40:43,5]",
        "[DT:05/18/2020 10:40:43.]",
        "[DT:05/18/2020 10:40:43Z]",
        "[DT:05/18/2020 10:40:43+01:00]",
        "[DT:05/18/2020  10:40:43]",
        "[DT:05/18/2020 10:40:60]",
        "[DT:05/18/2020 1:40:43]",
        "[DT:05/18/-020 10:40:43]",
        "[DT:\u{660}5/18/2020 10:40:43]",
        "[T:10:40:43]",
        "[dt:05/18/2020 10:40:43]",
        "[I:5]",
    ] {
        assert!(value(ColumnType::DateTime, text).is_err(), "{text}");
    }
}

#[test]
fn a_value_of_another_type_is_refused_by_each() {
    let types = [
        (ColumnType::SmallInt, "IS"),
        (ColumnType::Int, "I"),
        (ColumnType::BigInt, "ISLT"),
        (ColumnType::Bit, "IS"),
        (ColumnType::Float, "F"),
        (DECIMAL, "FM"),
        (ColumnType::DateTime, "D"),
        (ColumnType::Date, "D"),
        (ColumnType::Time, "H"),
        (ColumnType::Binary, "B"),
        (ColumnType::Guid, ""),
    ];
    let values = [
        ('I', "[I:1]"),
        ('S', "[S:1]"),
        ('L', "[L:1]"),
        ('T', "[TS:500]"),
        ('F', "[F:1]"),
        ('M', "[M:1]"),
        ('D', "[D:01.01.2020]"),
        ('D', "[DT:01/01/2020 00:00:00]"),
        ('H', "[T:14:52]"),
        ('B', "[B:AAAA]"),
        ('A', "[A:3,4,5]"),
        ('-', "[X:1]"),
        ('-', "[:1]"),
        ('-', "[]"),
        ('-', "["),
        ('-', ""),
    ];
    for (kind, taken) in types {
        for (class, text) in values {
            assert_eq!(value(kind, text).is_ok(), taken.contains(class), "{kind:?} {text:?}");
        }
    }
}

#[test]
fn dates_have_four_forms_told_apart_by_their_separator() {
    for text in
        ["[D:09.11.2017]", "[D:11/09/2017]", "[D:2017.11.09]", "[D:2017-11-09]", "[DT:11/09/2017 00:00:00]"]
    {
        assert_eq!(value(ColumnType::Date, text), Ok(Value::Int(17_479)), "{text}");
    }
    assert_eq!(value(ColumnType::DateTime, "[D:02.01.1970]"), Ok(Value::Long(DAY_MS)));
    for text in [
        "[D:31.02.2017]",
        "[D:9.11.2017]",
        "[D:9/11/2017]",
        "[D:11.2017.09]",
        "[D:09-11-2017]",
        "[D:09.11-2017]",
        "[D:09.11.17]",
        "[D:20171109]",
        "[D:13/13/2017]",
        "[D:2017/11/09]",
        "[D:9 Nov 2017]",
        "[D:]",
        "2017-11-09",
        "[DT:11/09/2017 00:00:01]",
    ] {
        assert!(value(ColumnType::Date, text).is_err(), "{text:?}");
    }
}

#[test]
fn times_of_day_and_no_spans() {
    assert_eq!(value(ColumnType::Time, "[T:14:52]"), Ok(Value::Long(53_520_000_000)));
    assert_eq!(value(ColumnType::Time, "[T:00:00:01.5]"), Ok(Value::Long(1_500_000)));
    for text in [
        "[TS:500]",
        "[T:24:00]",
        "[T:1452]",
        "14:52",
        "[T:]",
        "[T:14:52.5]",
        "[T:9:05]",
        "[T:14]",
        "[T:23:60]",
    ] {
        assert!(value(ColumnType::Time, text).is_err(), "{text:?}");
    }
}

#[test]
fn bytes_are_base64_and_guids_have_their_shape() {
    assert_eq!(value(ColumnType::Binary, "[B:AAEC/w==]"), Ok(Value::Bytes(vec![0, 1, 2, 255])));
    assert_eq!(value(ColumnType::Binary, "[B:]"), Ok(Value::Bytes(Vec::new())));
    for text in ["AAEC", "[B:AAE]", "[B:?]", "0x00"] {
        assert!(value(ColumnType::Binary, text).is_err(), "{text:?}");
    }
    let guid = "6F9619FF-8B86-D011-B42D-00C04FC964FF";
    assert_eq!(value(ColumnType::Guid, guid), Ok(Value::Text(guid.into())));
    for text in ["", "6F9619FF8B86D011B42D00C04FC964FF", "6F9619FF-8B86-D011-B42D-00C04FC964FG"] {
        assert!(value(ColumnType::Guid, text).is_err(), "{text:?}");
    }
}

proptest! {
    /// The column's type decides, never the look of the value.
    #[test]
    fn p6_text_is_text_and_a_number_is_one_only_where_its_column_is(
        text in "\\PC{0,12}|\\[?(DT|D|T|TS|I|S|L|F|M|B|A|[a-z])?:?[-+0-9:./ eE,]{0,12}\\]?|.{0,12}", number in any::<i32>(),
    ) {
        prop_assert_eq!(value(ColumnType::Text, &text), Ok(Value::Text(text.as_str().into())));
        let marked = format!("[I:{number}]");
        prop_assert_eq!(value(ColumnType::Text, &marked), Ok(Value::Text(marked.as_str().into())));
        prop_assert_eq!(value(ColumnType::Int, &marked), Ok(Value::Int(number)));
        prop_assert_eq!(value(ColumnType::BigInt, &marked), Ok(Value::Long(i64::from(number))));
        prop_assert!(value(ColumnType::Float, &marked).is_err() && value(ColumnType::DateTime, &marked).is_err());
        // Where a column has a type, what is read is of that type or nothing is.
        for (kind, fits) in OF_THEIR_TYPE {
            if let Ok(read) = value(kind, &text) {
                prop_assert!(fits(&read), "{:?}: {:?}", kind, read);
            }
        }
    }
}

type IsOfType = fn(&Value<'_>) -> bool;

const OF_THEIR_TYPE: [(ColumnType, IsOfType); 9] = [
    (ColumnType::SmallInt, |value| matches!(value, Value::Int(-32_768..=32_767))),
    (ColumnType::Int, |value| matches!(value, Value::Int(_))),
    (ColumnType::BigInt, |value| matches!(value, Value::Long(_))),
    (ColumnType::Bit, |value| matches!(value, Value::Bool(_))),
    (ColumnType::Float, |value| matches!(value, Value::Double(number) if number.is_finite())),
    (DECIMAL, |value| matches!(value, Value::Decimal(number) if number.abs() < 10i128.pow(19))),
    (ColumnType::Date, |value| matches!(value, Value::Int(-719_162..=2_932_896))),
    (ColumnType::Time, |value| matches!(value, Value::Long(0..86_400_000_000))),
    (ColumnType::Binary, |value| matches!(value, Value::Bytes(_))),
];
