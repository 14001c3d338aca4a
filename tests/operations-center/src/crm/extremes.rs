//! One row per value at the edge of its type, in any sample whatever its size and seed.

use super::generator::{AWKWARD_TEXTS, Generator};
use crate::sql::{Column, SqlType, Value};
use crate::tenant::Table;

/// As many as the longest list of extremes has, that of a text, and one.
pub(super) const COUNT: u64 = 23;

/// Row `i` has the `i`-th extreme of every column, NULL where a type has no more; the last row is NULL throughout.
pub(super) fn rows(table: &Table, generator: &mut Generator) -> Vec<Vec<Value>> {
    let columns: Vec<Vec<Value>> =
        table.columns.iter().skip(1).map(|column| extremes(column, generator)).collect();
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    (1..)
        .map(Value::Whole)
        .zip(0..COUNT)
        .map(|(key, _)| {
            let cells = columns.iter_mut().map(|column| column.next().unwrap_or(Value::Null));
            std::iter::once(key).chain(cells).collect()
        })
        .collect()
}

fn extremes(column: &Column, generator: &mut Generator) -> Vec<Value> {
    let kind = column.sql_type;
    let mut values = match kind {
        SqlType::Float => [
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            0.1,
            1e15,
            123_456_789.125,
            1e-5,
            9_007_199_254_740_993.0,
        ]
        .map(Value::Double)
        .to_vec(),
        SqlType::Decimal { precision, .. } => {
            let most = 10i128.pow(u32::from(precision)) - 1;
            [most, -most, 1, -1].map(Value::Decimal).to_vec()
        }
        SqlType::Money => [i64::MAX, i64::MIN, 1, -1].map(|money| Value::Decimal(i128::from(money))).to_vec(),
        SqlType::VarBinary => vec![Value::Bytes((0..=255).collect()), Value::Bytes(vec![0; 3])],
        SqlType::UniqueIdentifier => vec!["ffffffff-ffff-ffff-ffff-ffffffffffff".into()],
        SqlType::NVarChar(Some(length)) => {
            let mut texts: Vec<Value> = AWKWARD_TEXTS.iter().map(|text| Value::from(*text)).collect();
            texts.push(Value::Text("x".repeat(usize::from(length))));
            texts
        }
        SqlType::NVarChar(None) | SqlType::NText => vec![generator.long_text(), generator.long_text()],
        whole => whole.whole_range().map(|(least, most)| vec![least.into(), most.into()]).unwrap_or_default(),
    };
    values.push(kind.zero());
    values
}
