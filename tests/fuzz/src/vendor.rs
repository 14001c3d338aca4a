//! The stand-in's types beside the bridge's: what was meant, and what must be read.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use mirrorbus::batch::{Batch, ColumnType, Value};
use mirrorbus::soap::{Call, Envelope, Limits, SoapError};
use operations_center::application::Application;
use operations_center::sql;

static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

/// Keys of this process alone, so that none stands in a repository.
pub(crate) static APPLICATION: LazyLock<Application> = LazyLock::new(|| {
    Application::generate_with_key("fuzz", 1024).expect("a key pair can be made on every machine")
});

/// Every type that a tenant of the stand-in can have.
pub(crate) const TYPES: [&str; 19] = [
    "int",
    "smallint",
    "bigint",
    "bit",
    "float",
    "decimal(38,10)",
    "decimal(5,0)",
    "decimal(9,9)",
    "money",
    "datetime",
    "datetime2",
    "date",
    "time",
    "varbinary(max)",
    "uniqueidentifier",
    "nvarchar(40)",
    "nvarchar(max)",
    "ntext",
    "decimal(38,38)",
];

/// The batches of a RowData call.
pub(crate) fn read_batches(document: &[u8]) -> Result<Vec<Batch<'_>>, SoapError> {
    match Envelope::open(document, &LIMITS)?.read_call(&BTreeSet::new())? {
        Call::RowData(batches) => Ok(batches),
        other => panic!("a RowData call was read as {other:?}"),
    }
}

/// What the bridge must make of the vendor's `value` in a column of type `kind`.
pub(crate) fn expected(kind: ColumnType, value: &sql::Value) -> Value<'static> {
    match (kind, value) {
        (_, sql::Value::Null) => Value::Null,
        (ColumnType::Bit, sql::Value::Whole(number)) => Value::Bool(*number != 0),
        (ColumnType::SmallInt | ColumnType::Int | ColumnType::Date, sql::Value::Whole(number)) => {
            Value::Int(i32::try_from(*number).expect("the type's range is within 32 bits"))
        }
        (_, sql::Value::Whole(number)) => Value::Long(*number),
        (_, sql::Value::Decimal(unscaled)) => Value::Decimal(*unscaled),
        (_, sql::Value::Double(number)) => Value::Double(*number),
        (_, sql::Value::Text(text)) => Value::Text(Cow::Owned(without_nuls(text))),
        (_, sql::Value::Bytes(bytes)) => Value::Bytes(bytes.clone()),
    }
}

/// The way back: a value that was read, as the vendor would hold it.
pub(crate) fn as_sql(value: &Value<'_>) -> sql::Value {
    match value {
        Value::Null => sql::Value::Null,
        Value::Bool(bit) => sql::Value::Whole(i64::from(*bit)),
        Value::Int(number) => sql::Value::Whole(i64::from(*number)),
        Value::Long(number) => sql::Value::Whole(*number),
        Value::Double(number) => sql::Value::Double(*number),
        Value::Decimal(unscaled) => sql::Value::Decimal(*unscaled),
        Value::Text(text) => sql::Value::Text(text.clone().into_owned()),
        Value::Bytes(bytes) => sql::Value::Bytes(bytes.clone()),
    }
}

/// U+0000 becomes U+2400, the one stated change of a text.
pub(crate) fn without_nuls(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}
