//! One text in a column of one type: refused, or read as a value that its type can hold and that says the same when
//! the vendor writes it again.

use mirrorbus::batch::{Batch, Value};
use operations_center::sql::{self, SqlType};
use operations_center::wire::{self, ColumnInfo, Request, Row, TableInfo};

use crate::vendor::{TYPES, as_sql, read_batches, without_nuls};

/// The first byte chooses the type, the rest is the value's text.
pub fn value(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let name = TYPES[usize::from(*choice) % TYPES.len()];
    let kind: SqlType = name.parse().expect("every listed type is one that the stand-in has");
    let document = document(name, text);
    let Ok(batches) = read_batches(&document) else {
        assert!(!is_text(kind), "a text was refused");
        return;
    };
    let read = only(&batches);
    if is_text(kind) {
        assert_eq!(*read, Value::Text(without_nuls(text).into()), "a text changed");
    }
    assert!(holds(kind, read), "{name} cannot hold {read:?}");
    let again = wire::encode(kind, &as_sql(read)).expect("the value is not NULL");
    let document = self::document(name, &again);
    let batches = read_batches(&document).expect("what was read can be written and read again");
    assert_eq!(only(&batches), read, "written as {again:?}");
    assert_eq!(batches[0].cut_values, 0, "written as {again:?}");
}

fn document(sql_type: &str, text: &str) -> Vec<u8> {
    let column = ColumnInfo {
        default_value: String::new(),
        is_nullable: true,
        name: "v".to_owned(),
        sql_type: sql_type.to_owned(),
    };
    Request::row_data(&[wire::Batch {
        rows: vec![Row { values: vec![Some(text.to_owned())], operation: "I".to_owned() }],
        lsn: 0,
        table: TableInfo { columns: vec![column], table: "t".to_owned() },
    }])
    .envelope("a.b.c")
}

fn only<'b, 'a>(batches: &'b [Batch<'a>]) -> &'b Value<'a> {
    match batches {
        [Batch { values, .. }] if values.len() == 1 => &values[0],
        other => panic!("one value was written, {other:?} was read"),
    }
}

fn is_text(kind: SqlType) -> bool {
    matches!(kind, SqlType::NVarChar(_) | SqlType::NText)
}

/// By the stand-in's rules, but for three that the bridge leaves to the source: the length of a text, the braces of
/// a uniqueidentifier, and that `datetime` begins in 1753 and money ends at 64 bits.
fn holds(kind: SqlType, read: &Value<'_>) -> bool {
    let value = as_sql(read);
    match (kind, &value) {
        (SqlType::NVarChar(_) | SqlType::UniqueIdentifier, _) => matches!(value, sql::Value::Text(_)),
        (SqlType::DateTime, sql::Value::Whole(ms)) => SqlType::DateTime2.holds(&sql::Value::Whole(ms * 1000)),
        (SqlType::Money, _) => SqlType::Decimal { precision: 19, scale: 4 }.holds(&value),
        _ => kind.holds(&value),
    }
}
