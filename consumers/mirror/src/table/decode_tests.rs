//! apache-avro writes, the plan reads, and reads the same.

use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema};
use proptest::prelude::*;

use super::*;

const SCHEMA: &str = r#"{"type":"record","name":"Value","fields":[
    {"name":"id","type":"long"},
    {"name":"int","type":["null","int"]},
    {"name":"flag","type":["boolean","null"]},
    {"name":"double","type":["null","double"]},
    {"name":"amount","type":["null",{"type":"bytes","logicalType":"decimal","precision":38,"scale":4}]},
    {"name":"moment","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},
    {"name":"finer","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
    {"name":"day","type":["null",{"type":"int","logicalType":"date"}]},
    {"name":"time","type":["null",{"type":"long","logicalType":"time-micros"}]},
    {"name":"bytes","type":["null","bytes"]},
    {"name":"text","type":["null","string"]}]}"#;

/// One field's value, as avro writes it and as the plan should read it.
#[derive(Clone, Debug)]
enum Given {
    Null,
    Whole(i64),
    Decimal(i128),
    Double(f64),
    Bytes(Vec<u8>),
    Text(String),
}

impl Given {
    fn value(&self) -> Value<'_> {
        match self {
            Given::Null => Value::Null,
            Given::Whole(number) => Value::Whole(*number),
            Given::Decimal(number) => Value::Decimal(*number),
            Given::Double(number) => Value::Double(*number),
            Given::Bytes(bytes) => Value::Bytes(bytes),
            Given::Text(text) => Value::Text(text),
        }
    }

    fn avro(&self, kind: Kind) -> Avro {
        match (kind, self) {
            (_, Given::Null) => Avro::Null,
            (Kind::Int, Given::Whole(number)) => Avro::Int(i32::try_from(*number).unwrap()),
            (Kind::Date, Given::Whole(number)) => Avro::Date(i32::try_from(*number).unwrap()),
            (Kind::Bit, Given::Whole(number)) => Avro::Boolean(*number == 1),
            (Kind::Millis, Given::Whole(number)) => Avro::TimestampMillis(*number),
            (Kind::Micros, Given::Whole(number)) => Avro::TimestampMicros(*number),
            (Kind::Time, Given::Whole(number)) => Avro::TimeMicros(*number),
            (_, Given::Whole(number)) => Avro::Long(*number),
            (_, Given::Decimal(number)) => Avro::Decimal(Decimal::from(number.to_be_bytes())),
            (_, Given::Double(number)) => Avro::Double(*number),
            (_, Given::Bytes(bytes)) => Avro::Bytes(bytes.clone()),
            (_, Given::Text(text)) => Avro::String(text.clone()),
        }
    }
}

fn write(row: &[Given]) -> Vec<u8> {
    let schema = Schema::parse_str(SCHEMA).unwrap();
    let (columns, fields) = schema::parse(SCHEMA).unwrap();
    let values = columns.iter().zip(&fields).zip(row).map(|((column, field), given)| {
        let value = given.avro(column.kind);
        let value = match field.null_branch {
            None => value,
            Some(null) => {
                let branch = if matches!(given, Given::Null) { null } else { 1 - null };
                Avro::Union(u32::try_from(branch).unwrap(), Box::new(value))
            }
        };
        (column.name.clone(), value)
    });
    let record = Avro::Record(values.collect());
    GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(record).unwrap()
}

fn plan() -> Plan {
    Plan::compile(7, SCHEMA).unwrap()
}

fn maybe(strategy: impl Strategy<Value = Given> + 'static) -> BoxedStrategy<Given> {
    prop_oneof![1 => Just(Given::Null), 4 => strategy].boxed()
}

fn whole(strategy: impl Strategy<Value = i64> + 'static) -> BoxedStrategy<Given> {
    maybe(strategy.prop_map(Given::Whole))
}

fn int() -> impl Strategy<Value = i64> {
    any::<i32>().prop_map(i64::from)
}

fn row() -> impl Strategy<Value = Vec<Given>> {
    let fields: Vec<BoxedStrategy<Given>> = vec![
        any::<i64>().prop_map(Given::Whole).boxed(),
        whole(int()),
        whole(0..=1i64),
        maybe(any::<f64>().prop_filter("NaN is not itself", |n| !n.is_nan()).prop_map(Given::Double)),
        maybe(any::<i128>().prop_map(Given::Decimal)),
        whole(any::<i64>()),
        whole(any::<i64>()),
        whole(int()),
        whole(any::<i64>()),
        maybe(any::<Vec<u8>>().prop_map(Given::Bytes)),
        maybe(any::<String>().prop_map(Given::Text)),
    ];
    fields
}

proptest! {
    #[test]
    fn the_plan_reads_what_avro_wrote(row in row()) {
        let datum = write(&row);
        let plan = plan();
        let read = plan.decode(&datum).unwrap();
        let expected: Vec<Value<'_>> = row.iter().map(Given::value).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_record_cut_anywhere_or_longer_is_refused(row in row(), cut in any::<prop::sample::Index>()) {
        let mut datum = write(&row);
        let plan = plan();
        prop_assert!(plan.decode(&datum[..cut.index(datum.len())]).is_err());
        datum.push(0);
        prop_assert!(plan.decode(&datum).is_err());
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(datum in any::<Vec<u8>>()) {
        let _ = plan().decode(&datum);
    }
}

#[test]
fn malformed_fields_are_refused_with_their_rule() {
    let read = |json: &str, datum: &[u8]| {
        let schema = format!(r#"{{"type":"record","name":"V","fields":[{{"name":"x","type":{json}}}]}}"#);
        let plan = Plan::compile(1, &schema).unwrap();
        let decoded = plan.decode(datum).map(|_| ());
        decoded.map_err(|error| error.to_string())
    };
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":38,"scale":0}"#;
    for (json, datum, rule) in [
        (r#"["null","int"]"#, &[4, 0][..], "field x: is of a branch that its union does not have"),
        (r#"["null","int"]"#, &[1, 0], "field x: is of a branch that its union does not have"),
        (r#""int""#, &[0x80, 0x80, 0x80, 0x80, 0x20], "field x: is longer than 32 bits"),
        (r#""long""#, &[0xFF; 11], "field x: is longer than 64 bits"),
        (r#""boolean""#, &[2], "field x: is not a boolean"),
        (r#""string""#, &[2, 0xFF], "field x: is not UTF-8"),
        (r#""string""#, &[1], "field x: has a negative length"),
        (r#""bytes""#, &[0xFE, 0xFF, 0xFF, 0xFF, 0x0F], "field x: the record ends within it"),
        (
            decimal,
            &[34, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "field x: has more than 38 digits",
        ),
        (r#""int""#, &[0, 0], "field the end: bytes are left over"),
    ] {
        assert_eq!(read(json, datum), Err(rule.to_owned()), "{json} {datum:?}");
    }
}

#[test]
fn decimals_of_every_length_are_numbers() {
    assert_eq!(unscaled(&[]), Ok(0));
    assert_eq!(unscaled(&[0xFF]), Ok(-1));
    assert_eq!(unscaled(&[0, 0x80]), Ok(128));
    assert_eq!(unscaled(&[[0xFF; 20].as_slice(), &[0x7F]].concat()), Ok(-129));
    assert_eq!(unscaled(&[[0; 20].as_slice(), &[0x7F]].concat()), Ok(127));
    let wrong_sign = [[0; 4].as_slice(), &[0x80], &[0; 15]].concat();
    assert!(unscaled(&wrong_sign).is_err(), "17 bytes of number do not fit 16");
}
