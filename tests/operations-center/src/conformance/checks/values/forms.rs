//! The forms of values on the wire, type by type, and what each means.

use crate::sql::{SqlType, Value};

const VALUES: &str = "column values, documented";
const OBSERVED: &str = "column values, observed";
const INFERRED: &str = "column values, inferred";

/// A type with forms of its values on the wire, and what each means.
pub(super) struct Forms {
    pub(super) accepted: &'static str,
    pub(super) kept: &'static str,
    pub(super) source: &'static str,
    pub(super) rule: &'static str,
    pub(super) kind: SqlType,
    pub(super) values: Vec<(&'static str, Value)>,
}

/// All types, each with the lines that it has.
pub(super) fn forms() -> Vec<Forms> {
    let row = |ids: [&'static str; 2], source, rule, kind, values| {
        let [accepted, kept] = ids;
        Forms { accepted, kept, source, rule, kind, values }
    };
    vec![
        row(
            ["values.int", "values.int-kept"],
            OBSERVED,
            "int comes as [I:123]",
            SqlType::Int,
            vec![
                ("[I:123]", 123.into()),
                ("[I:-2147483648]", i32::MIN.into()),
                ("[I:2147483647]", i32::MAX.into()),
                ("[I:0]", 0.into()),
            ],
        ),
        row(
            ["values.smallint", "values.smallint-kept"],
            OBSERVED,
            "smallint comes as [S:0]",
            SqlType::SmallInt,
            vec![("[S:0]", 0.into()), ("[S:-32768]", (-32768).into()), ("[S:32767]", 32767.into())],
        ),
        row(
            ["values.datetime", "values.datetime-kept"],
            OBSERVED,
            "datetime comes as [DT:05/18/2020 10:40:43.0000000], the month first, also without a fraction, and from 1753 on",
            SqlType::DateTime,
            vec![
                ("[DT:05/18/2020 10:40:43.0000000]", 1_589_798_443_000i64.into()),
                ("[DT:11/09/2017 14:53:18]", 1_510_239_198_000i64.into()),
                ("[DT:02/03/2021 00:00:00.0070000]", 1_612_310_400_007i64.into()),
                ("[DT:01/01/1760 00:00:00.0000000]", (-76_701 * 86_400_000i64).into()),
                ("[DT:01/01/1753 00:00:00.0000000]", (-79_257 * 86_400_000i64).into()),
            ],
        ),
        row(
            ["values.float", "values.float-kept"],
            VALUES,
            "float comes as [F:123.4]",
            SqlType::Float,
            vec![
                ("[F:123.4]", 123.4.into()),
                ("[F:-0.5]", (-0.5).into()),
                ("[F:1E+300]", 1e300.into()),
                ("[F:0]", 0.0.into()),
            ],
        ),
        row(
            ["values.decimal", "values.decimal-kept"],
            VALUES,
            "decimal comes as [F:123.4]",
            SqlType::Decimal { precision: 18, scale: 4 },
            vec![
                ("[F:123.4]", Value::Decimal(1_234_000)),
                ("[F:-99999999999999.9999]", Value::Decimal(-999_999_999_999_999_999)),
            ],
        ),
        row(
            ["values.money", "values.money-kept"],
            VALUES,
            "money comes as [M:123.45]",
            SqlType::Money,
            vec![("[M:123.45]", Value::Decimal(1_234_500)), ("[M:-0.0001]", Value::Decimal(-1))],
        ),
        row(
            ["values.binary", "values.binary-kept"],
            VALUES,
            "binary comes as [B:...] in base64",
            SqlType::VarBinary,
            vec![("[B:AAEC/w==]", Value::Bytes(vec![0, 1, 2, 255])), ("[B:]", Value::Bytes(Vec::new()))],
        ),
        row(
            ["values.date", "values.date-kept"],
            VALUES,
            "date comes in four forms, which the separator tells apart: 09.11.2017, 11/09/2017, 2017.11.09 and 2017-11-09",
            SqlType::Date,
            ["[D:09.11.2017]", "[D:11/09/2017]", "[D:2017.11.09]", "[D:2017-11-09]"]
                .map(|form| (form, 17_479.into()))
                .into(),
        ),
        row(
            ["values.time", "values.time-kept"],
            VALUES,
            "time comes as [T:14:52]",
            SqlType::Time,
            vec![("[T:14:52]", 53_520_000_000i64.into()), ("[T:00:00]", 0.into())],
        ),
        row(
            ["values.bigint", "values.bigint-kept"],
            INFERRED,
            "bigint, in tables of partners, comes with the marker I or L or plain",
            SqlType::BigInt,
            vec![
                ("[I:5000000000]", 5_000_000_000i64.into()),
                ("[L:-9223372036854775808]", i64::MIN.into()),
                ("17", 17.into()),
            ],
        ),
        row(
            ["values.bit", "values.bit-kept"],
            INFERRED,
            "bit, in tables of partners, comes as True and False or as 1 and 0",
            SqlType::Bit,
            vec![("True", 1.into()), ("False", 0.into()), ("1", 1.into()), ("0", 0.into())],
        ),
        row(
            ["values.guid", "values.guid-kept"],
            INFERRED,
            "uniqueidentifier, in tables of partners, comes plain",
            SqlType::UniqueIdentifier,
            vec![("0f8fad5b-d9cb-469f-a165-70867728950e", "0f8fad5b-d9cb-469f-a165-70867728950e".into())],
        ),
        row(
            ["values.datetime2", "values.datetime2-kept"],
            INFERRED,
            "datetime2, in tables of partners, comes as datetime does, with its finer fraction",
            SqlType::DateTime2,
            vec![("[DT:05/18/2020 10:40:43.1234560]", 1_589_798_443_123_456i64.into())],
        ),
    ]
}
