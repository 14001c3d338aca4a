//! apache-avro must read what the plan wrote, and read the same.

use std::borrow::Cow;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use apache_avro::{Decimal, Schema};
use proptest::prelude::*;

use super::*;
use crate::batch::Column;

fn column(name: &str, kind: ColumnType) -> Column {
    Column { name: name.into(), sql_type: format!("{kind:?}"), kind, nullable: true, default: String::new() }
}

fn table() -> TableColumns {
    TableColumns {
        table: "t".into(),
        columns: vec![
            column("id", ColumnType::Int),
            column("flag", ColumnType::Bit),
            column("big", ColumnType::BigInt),
            column("float", ColumnType::Float),
            column("amount", ColumnType::Decimal { precision: 19, scale: 4 }),
            column("moment", ColumnType::DateTime),
            column("day", ColumnType::Date),
            column("bytes", ColumnType::Binary),
            column("text", ColumnType::Text),
        ],
    }
}

fn schema() -> TableSchema {
    let mut schema = TableSchema::new(&table(), &["id".to_owned()]);
    schema.key_schema_id = Some(1);
    schema.value_schema_id = Some(2);
    schema
}

fn read(json: &str, datum: &[u8]) -> Vec<Avro> {
    let schema = Schema::parse_str(json).unwrap();
    let reader = GenericDatumReader::builder(&schema).build().unwrap();
    let mut rest = datum;
    let Avro::Record(fields) = reader.read_value(&mut rest).unwrap() else { panic!("not a record") };
    assert!(rest.is_empty(), "bytes left over");
    fields.into_iter().map(|(_, value)| value).collect()
}

fn expected(kind: ColumnType, value: &Value<'_>) -> Avro {
    match (kind, value) {
        (_, Value::Null) => Avro::Null,
        (_, Value::Bool(value)) => Avro::Boolean(*value),
        (ColumnType::Date, Value::Int(value)) => Avro::Date(*value),
        (_, Value::Int(value)) => Avro::Int(*value),
        (ColumnType::DateTime, Value::Long(value)) => Avro::TimestampMillis(*value),
        (_, Value::Long(value)) => Avro::Long(*value),
        (_, Value::Double(value)) => Avro::Double(*value),
        (_, Value::Decimal(value)) => Avro::Decimal(Decimal::from(value.to_be_bytes())),
        (_, Value::Text(value)) => Avro::String(value.to_string()),
        (_, Value::Bytes(value)) => Avro::Bytes(value.clone()),
    }
}

fn unwrapped(value: Avro) -> Avro {
    match value {
        Avro::Union(_, value) => *value,
        value => value,
    }
}

/// Decimals of different lengths can be the same number.
fn same(left: &Avro, right: &Avro) -> bool {
    match (left, right) {
        (Avro::Decimal(left), Avro::Decimal(right)) => {
            num(&<Vec<u8>>::try_from(left).unwrap()) == num(&<Vec<u8>>::try_from(right).unwrap())
        }
        (left, right) => left == right,
    }
}

fn num(bytes: &[u8]) -> i128 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    bytes.iter().fold(if negative { -1 } else { 0 }, |number, byte| number << 8 | i128::from(*byte))
}

prop_compose! {
    fn row()(
        id: i32, flag in option(any::<bool>()), big in option(any::<i64>()), float in option(-1e300..1e300),
        amount in option(-10i128.pow(19) + 1..10i128.pow(19)), moment in option(any::<i64>()),
        day in option(any::<i32>()), bytes in option(any::<Vec<u8>>()), text in option(any::<String>()),
    ) -> Vec<Value<'static>> {
        vec![
            Value::Int(id), of(flag, Value::Bool), of(big, Value::Long), of(float, Value::Double),
            of(amount, Value::Decimal), of(moment, Value::Long), of(day, Value::Int), of(bytes, Value::Bytes),
            of(text, |text| Value::Text(Cow::Owned(text))),
        ]
    }
}

fn option<T: Strategy>(strategy: T) -> impl Strategy<Value = Option<T::Value>>
where
    T::Value: Clone,
{
    proptest::option::of(strategy)
}

fn of<T>(value: Option<T>, make: impl Fn(T) -> Value<'static>) -> Value<'static> {
    value.map_or(Value::Null, make)
}

proptest! {
    #[test]
    fn avro_reads_what_the_plan_wrote(row in row()) {
        let (table, schema) = (table(), schema());
        let plan = Plan::compile(&schema, &table).unwrap();
        let mut buffer = Vec::new();
        plan.value(&row, &mut buffer).unwrap();
        let (id, datum) = wire::split(&buffer).unwrap();
        prop_assert_eq!(id, 2);
        let read = read(&schema.value_json(&table), datum);
        for ((column, value), read) in table.columns.iter().zip(&row).zip(read) {
            prop_assert!(fits(column.kind, value));
            let (read, expected) = (unwrapped(read), expected(column.kind, value));
            prop_assert!(same(&read, &expected), "{}: {:?} instead of {:?}", column.name, read, expected);
        }
    }
}

#[test]
fn a_key_is_its_columns_alone_and_never_null() {
    let (table, schema) = (table(), schema());
    let plan = Plan::compile(&schema, &table).unwrap();
    let mut buffer = Vec::new();
    let mut row = vec![Value::Null; table.columns.len()];
    assert_eq!(plan.key(&row, &mut buffer), Err(Misfit { column: 0, rule: "a key column is NULL" }));
    assert!(plan.value(&row, &mut buffer).is_err());
    row[0] = Value::Int(7);
    plan.key(&row, &mut buffer).unwrap();
    assert_eq!(buffer, [0, 0, 0, 0, 1, 14]);
}

#[test]
fn columns_in_another_order_land_in_their_fields() {
    let (table, schema) = (table(), schema());
    let mut turned = table.clone();
    turned.columns.reverse();
    let plan = Plan::compile(&schema, &turned).unwrap();
    let mut row = vec![Value::Null; table.columns.len()];
    *row.last_mut().unwrap() = Value::Int(7);
    row[0] = Value::Text("x".into());
    let mut buffer = Vec::new();
    plan.value(&row, &mut buffer).unwrap();
    let read = read(&schema.value_json(&table), &buffer[wire::PREFIX_BYTES..]);
    assert_eq!(read[0], Avro::Int(7));
    assert_eq!(unwrapped(read[8].clone()), Avro::String("x".into()));
}

#[test]
fn the_shortest_twos_complement_keeps_the_number() {
    for number in [0, 1, -1, 127, 128, -128, -129, 255, 256, i128::MAX, i128::MIN] {
        let bytes = number.to_be_bytes();
        assert_eq!(num(shortest(&bytes)), number);
    }
    assert_eq!(shortest(&0i128.to_be_bytes()), [0]);
    assert_eq!(shortest(&(-129i128).to_be_bytes()), [0xFF, 0x7F]);
}
