//! A writer's Avro schema as columns.
//!
//! Key columns are the fields that cannot be NULL: the bridge makes every other field of a value schema a union with
//! null. A key schema holds nothing but such fields.

use apache_avro::Schema;
use apache_avro::schema::{InnerDecimalSchema, RecordField};
use mirrorbus_schemas::property;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::table::value::Kind;

/// A column of a table, or of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// The SQL type as the source names it; empty where the schema says nothing.
    pub sql_type: String,
    /// Part of the primary key.
    pub is_key: bool,
    /// Whether NULL may stand in it. The source may send NULL where its own column has none: such a column becomes
    /// nullable, and stays so while its rows stay.
    #[serde(default = "yes")]
    pub is_nullable: bool,
    /// The source's default expression; empty where there is none. See [`Column::constant_default`].
    #[serde(default)]
    pub default: String,
}

fn yes() -> bool {
    true
}

impl Column {
    /// A column without a default; NULL may stand in it unless it is of the key.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind, sql_type: impl Into<String>, is_key: bool) -> Self {
        let (name, sql_type, default) = (name.into(), sql_type.into(), String::new());
        Self { name, kind, sql_type, is_key, is_nullable: !is_key, default }
    }
}

/// A schema that rows cannot be read with.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// Avro's own verdict.
    #[error("not an Avro schema")]
    Avro(#[source] Box<apache_avro::Error>),
    /// Something other than a flat record.
    #[error("not a record of plain fields: {at} is of a type that the bridge never writes")]
    Shape {
        /// The schema itself, or one of its fields.
        at: String,
    },
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) kind: Kind,
    /// The branch that stands for NULL, where there is one.
    pub(crate) null_branch: Option<i64>,
}

/// Columns of a record schema and how each is written, in the order they are written.
pub(crate) fn parse(json: &str) -> Result<(Vec<Column>, Vec<Field>), SchemaError> {
    let schema = Schema::parse_str(json).map_err(|error| SchemaError::Avro(Box::new(error)))?;
    let Schema::Record(record) = &schema else {
        return Err(SchemaError::Shape { at: "the schema".to_owned() });
    };
    record.fields.iter().map(column).collect()
}

fn column(field: &RecordField) -> Result<(Column, Field), SchemaError> {
    let shape = || SchemaError::Shape { at: format!("field {}", field.name) };
    let (schema, null_branch) = match &field.schema {
        Schema::Union(union) => match union.variants() {
            [Schema::Null, schema] => (schema, Some(0)),
            [schema, Schema::Null] => (schema, Some(1)),
            _ => return Err(shape()),
        },
        schema => (schema, None),
    };
    let kind = kind(schema).ok_or_else(shape)?;
    let property = |name| field.custom_attributes.get(name);
    let text = |name| property(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let is_key = null_branch.is_none();
    let is_nullable = property(property::SQL_NULLABLE).and_then(|value| value.as_bool()).unwrap_or(!is_key);
    let column = Column {
        name: field.name.clone(),
        kind,
        sql_type: text(property::SQL_TYPE),
        is_key,
        is_nullable: is_nullable && !is_key,
        default: text(property::SQL_DEFAULT),
    };
    Ok((column, Field { kind, null_branch }))
}

fn kind(schema: &Schema) -> Option<Kind> {
    Some(match schema {
        Schema::Int => Kind::Int,
        Schema::Long => Kind::Long,
        Schema::Boolean => Kind::Bit,
        Schema::Double => Kind::Double,
        Schema::Decimal(decimal) if matches!(decimal.inner, InnerDecimalSchema::Bytes) => {
            Kind::Decimal { scale: u32::try_from(decimal.scale).ok()? }
        }
        Schema::TimestampMillis => Kind::Millis,
        Schema::TimestampMicros => Kind::Micros,
        Schema::Date => Kind::Date,
        Schema::TimeMicros => Kind::Time,
        Schema::Bytes => Kind::Bytes,
        Schema::String => Kind::Text,
        _ => return None,
    })
}

/// Why rows of `before` cannot live in a table of `after`; `None` when they can.
pub(crate) fn conflict(before: &[Column], after: &[Column]) -> Option<String> {
    for column in before {
        match after.iter().find(|other| other.name == column.name) {
            Some(other) if other.is_key != column.is_key => return Some("other key columns".to_owned()),
            Some(other) if other.kind != column.kind => {
                return Some(format!("column {} changed its type", column.name));
            }
            None if column.is_key => return Some("other key columns".to_owned()),
            _ => {}
        }
    }
    let is_new_key =
        |column: &&Column| column.is_key && !before.iter().any(|other| other.name == column.name);
    after.iter().find(is_new_key).map(|_| "other key columns".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: Kind, is_key: bool) -> Column {
        Column::new(name, kind, "", is_key)
    }

    #[test]
    fn a_schema_gives_columns_with_the_sources_types_and_the_key() {
        let json = r#"{"type":"record","name":"Value","fields":[
            {"name":"id","type":"int","sqlType":"int","sqlNullable":false},
            {"name":"price","type":["null",{"type":"bytes","logicalType":"decimal","precision":19,"scale":4}],
             "default":null,"sqlType":"money","sqlNullable":true},
            {"name":"rank","type":["null","int"],"default":null,"sqlType":"int","sqlNullable":false,
             "sqlDefault":"default ((0))"}]}"#;
        let (columns, fields) = parse(json).unwrap();
        assert_eq!(columns[0], Column { sql_type: "int".into(), ..column("id", Kind::Int, true) });
        let price = column("price", Kind::Decimal { scale: 4 }, false);
        assert_eq!(columns[1], Column { sql_type: "money".into(), ..price });
        let rank = Column {
            is_nullable: false,
            default: "default ((0))".into(),
            ..column("rank", Kind::Int, false)
        };
        assert_eq!(columns[2], Column { sql_type: "int".into(), ..rank });
        assert_eq!((fields[0].null_branch, fields[1].null_branch), (None, Some(0)));
    }

    #[test]
    fn anything_but_a_flat_record_is_refused_by_name() {
        for (json, named) in [
            (r#""int""#, "the schema"),
            (
                r#"{"type":"record","name":"V","fields":[{"name":"x","type":{"type":"map","values":"int"}}]}"#,
                "x",
            ),
            (r#"{"type":"record","name":"V","fields":[{"name":"y","type":["int","long"]}]}"#, "y"),
        ] {
            let error = parse(json).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        assert!(matches!(parse("{"), Err(SchemaError::Avro(_))));
    }

    #[test]
    fn only_keys_and_kinds_conflict() {
        let id = column("id", Kind::Int, true);
        let name = column("name", Kind::Text, false);
        let before = [id.clone(), name.clone()];
        assert_eq!(conflict(&before, std::slice::from_ref(&id)), None);
        let longer = Column { sql_type: "nvarchar(max)".into(), ..name.clone() };
        assert_eq!(conflict(&before, &[id.clone(), longer, column("x", Kind::Bit, false)]), None);
        assert!(conflict(&before, &[id.clone(), column("name", Kind::Bytes, false)]).is_some());
        assert!(conflict(&before, &[column("id", Kind::Int, false), name.clone()]).is_some());
        assert!(conflict(&before, std::slice::from_ref(&name)).is_some());
        assert!(conflict(&before, &[id, name, column("no", Kind::Int, true)]).is_some());
    }
}
