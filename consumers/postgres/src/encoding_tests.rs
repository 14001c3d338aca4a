use bytes::BytesMut;
use mirrorbus_mirror::{Kind, Value};
use proptest::prelude::*;

use super::*;
use crate::types::Stored;

/// Writes a value into a column and reads it back.
fn round(kind: Kind, stored: Stored, value: Value<'_>) -> Option<String> {
    let mut bytes = BytesMut::from(HEADER);
    Plan::new([(kind, stored)]).put(&[value], &mut bytes).ok()?;
    bytes.extend_from_slice(TRAILER);
    let mut read = Vec::new();
    Reader::new(vec![(kind, Some(stored))])
        .read(&bytes, &mut |row| read.push(row.iter().map(|value| format!("{value:?}")).collect::<String>()))
        .unwrap();
    assert_eq!(read.len(), 1);
    read.pop()
}

fn assert_round(kind: Kind, stored: Stored, value: Value<'_>) {
    assert_eq!(round(kind, stored, value), Some(format!("{:?}", Some(value))), "{kind:?} {stored}");
}

fn assert_unfit(kind: Kind, stored: Stored, value: Value<'_>) {
    assert_eq!(round(kind, stored, value), None, "{kind:?} {stored} {value:?}");
    assert_round(kind, Stored::widest(kind), value);
}

#[test]
fn the_limits_of_types_are_known() {
    assert_round(Kind::Int, Stored::Smallint, Value::Whole(32_767));
    assert_unfit(Kind::Int, Stored::Smallint, Value::Whole(32_768));
    assert_unfit(Kind::Date, Stored::Date, Value::Whole(i64::from(i32::MAX)));
    assert_unfit(Kind::Date, Stored::Date, Value::Whole(i64::from(i32::MIN)));
    assert_unfit(Kind::Millis, Stored::Timestamp(3), Value::Whole(i64::MAX));
    assert_unfit(Kind::Millis, Stored::Timestamp(3), Value::Whole(i64::MIN));
    assert_unfit(Kind::Micros, Stored::Timestamp(6), Value::Whole(i64::MIN));
    assert_round(Kind::Time, Stored::Time(6), Value::Whole(86_400_000_000));
    assert_unfit(Kind::Time, Stored::Time(6), Value::Whole(-1));
    let decimal = Kind::Decimal { scale: 2 };
    assert_round(decimal, Stored::Numeric(Some((5, 2))), Value::Decimal(-99_999));
    assert_unfit(decimal, Stored::Numeric(Some((5, 2))), Value::Decimal(100_000));
    assert_round(Kind::Text, Stored::Varchar(2), Value::Text("äö"));
    assert_unfit(Kind::Text, Stored::Varchar(2), Value::Text("a  "));
    let uuid = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    assert_round(Kind::Text, Stored::Uuid, Value::Text(uuid));
    assert_unfit(Kind::Text, Stored::Uuid, Value::Text(&uuid.to_uppercase()));
    assert_unfit(Kind::Text, Stored::Uuid, Value::Text(&format!("{{{uuid}}}")));
    assert_unfit(Kind::Text, Stored::Uuid, Value::Text(""));
    assert_eq!(round(Kind::Bit, Stored::Boolean, Value::Whole(2)), None);
    assert_eq!(round(Kind::Int, Stored::Integer, Value::Text("1")), None, "a value of another kind");
}

#[test]
fn a_text_with_u0000_is_written_as_the_bridge_writes_it() {
    let written = round(Kind::Text, Stored::Text, Value::Text("a\0b")).unwrap();
    assert_eq!(written, format!("{:?}", Some(Value::Text("a\u{2400}b"))));
}

#[test]
fn a_row_that_does_not_fit_leaves_nothing_behind() {
    let plan = Plan::new([(Kind::Int, Stored::Integer), (Kind::Int, Stored::Smallint)]);
    let mut bytes = BytesMut::new();
    plan.put(&[Value::Whole(1), Value::Whole(2)], &mut bytes).unwrap();
    let whole = bytes.clone();
    assert_eq!(plan.put(&[Value::Whole(1), Value::Whole(70_000)], &mut bytes), Err(Unfit(1)));
    assert_eq!(bytes, whole);
}

proptest! {
    #[test]
    fn decimals_come_back(number in any::<i128>(), scale in 0u32..=38) {
        assert_round(Kind::Decimal { scale }, Stored::Numeric(None), Value::Decimal(number));
    }

    #[test]
    fn small_decimals_come_back(number in -1_000_000i128..1_000_000, scale in 0u32..=9) {
        assert_round(Kind::Decimal { scale }, Stored::Numeric(None), Value::Decimal(number));
    }

    #[test]
    fn floats_come_back_bit_by_bit(bits in any::<u64>()) {
        let mut bytes = BytesMut::from(HEADER);
        let column = (Kind::Double, Stored::Double);
        Plan::new([column]).put(&[Value::Double(f64::from_bits(bits))], &mut bytes).unwrap();
        let mut read = None;
        Reader::new(vec![(column.0, Some(column.1))]).read(&bytes, &mut |row| {
            if let Some(Value::Double(number)) = row[0] { read = Some(number.to_bits()) }
        }).unwrap();
        prop_assert_eq!(read, Some(bits));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>()) {
        let message = [HEADER, &bytes].concat();
        let columns = [Stored::Integer, Stored::Numeric(None), Stored::Uuid, Stored::Text];
        let kinds = [Kind::Int, Kind::Decimal { scale: 2 }, Kind::Text, Kind::Text];
        let columns = kinds.into_iter().zip(columns.map(Some)).collect();
        let _ = Reader::new(columns).read(&message, &mut |_| ());
    }
}
