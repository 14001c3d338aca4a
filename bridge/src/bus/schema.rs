//! A table's columns as Avro schemas, and which change of columns keeps its rows readable.
//!
//! The bridge decides what is compatible, from SQL types: registries let `timestamp-millis` become
//! `timestamp-micros` and decimals change their scale even when told to refuse everything.

use mirrorbus_schemas::property;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::batch::{Column, ColumnType, TableColumns};

/// The columns of a population and the ids under which its schemas are registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// The columns in the order of the newest value schema.
    pub columns: Vec<StoredColumn>,
    /// Columns that earlier versions of this population had and the newest has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<StoredColumn>,
    /// Names of the key columns, in key order.
    pub key: Vec<String>,
    /// Registered id of the key schema: part of every record's key, hence frozen for the population.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_schema_id: Option<u32>,
    /// Registered id of the value schema for `columns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_schema_id: Option<u32>,
    /// Whether a value schema was registered before in this population: the next one must fit it.
    #[serde(default)]
    pub has_value_versions: bool,
}

/// A column as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredColumn {
    /// Its name.
    pub name: String,
    /// Its SQL type as the source writes it.
    pub sql_type: String,
    /// Whether the source admits NULL.
    pub nullable: bool,
    /// The source's default expression.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub default: String,
}

/// What new columns mean for a population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing changed.
    None,
    /// A new version of the value schema; everything written stays readable and right.
    Compatible(TableSchema),
    /// The rows must be sent again.
    Incompatible {
        /// Why, in words with the column's name.
        rule: String,
    },
}

impl From<&Column> for StoredColumn {
    fn from(column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            sql_type: column.sql_type.clone(),
            nullable: column.nullable,
            default: column.default.clone(),
        }
    }
}

impl TableSchema {
    /// The schema of a table that was never seen, its ids not yet registered.
    #[must_use]
    pub fn new(table: &TableColumns, key: &[String]) -> Self {
        Self {
            columns: table.columns.iter().map(StoredColumn::from).collect(),
            retired: Vec::new(),
            key: key.to_vec(),
            key_schema_id: None,
            value_schema_id: None,
            has_value_versions: false,
        }
    }

    /// Keeps the id under which the value schema for the present columns was registered.
    pub fn value_registered(&mut self, id: u32) {
        self.value_schema_id = Some(id);
        self.has_value_versions = true;
    }

    /// Compares with the columns of a call. Only length, nullability and default of a column may change, and
    /// columns may come and go. One that comes back is another column under an old name.
    #[must_use]
    pub fn change_to(&self, table: &TableColumns, key: &[String]) -> Change {
        let columns: Vec<StoredColumn> = table.columns.iter().map(StoredColumn::from).collect();
        if self.key != key {
            return Change::Incompatible { rule: "other key columns".to_owned() };
        }
        if self.columns == columns {
            return Change::None;
        }
        if let Some(back) = self.retired.iter().find(|known| columns.iter().any(|c| c.name == known.name)) {
            // Rows written before it went still hold what it had then.
            return Change::Incompatible { rule: format!("column {} came back", back.name) };
        }
        for column in &columns {
            let known = self.columns.iter().find(|known| known.name == column.name);
            if let Some(known) = known
                && base_type(&known.sql_type) != base_type(&column.sql_type)
            {
                return Change::Incompatible { rule: format!("column {} changed its type", column.name) };
            }
        }
        let retired = self
            .columns
            .iter()
            .chain(&self.retired)
            .filter(|known| !columns.iter().any(|column| column.name == known.name))
            .cloned()
            .collect();
        Change::Compatible(Self { columns, retired, value_schema_id: None, ..self.clone() })
    }

    /// The value schema's text.
    #[must_use]
    pub fn value_json(&self, table: &TableColumns) -> String {
        let fields: Vec<Value> = table.columns.iter().map(|column| self.value_field(column)).collect();
        record(&table.table, "Value", &fields)
    }

    /// The key schema's text: names and Avro types only.
    #[must_use]
    pub fn key_json(&self, table: &TableColumns) -> String {
        let fields: Vec<Value> = self
            .key
            .iter()
            .filter_map(|name| table.columns.iter().find(|column| column.name == *name))
            .map(|column| json!({"name": column.name, "type": avro_type(column.kind)}))
            .collect();
        record(&table.table, "Key", &fields)
    }

    fn value_field(&self, column: &Column) -> Value {
        let mut field = Map::new();
        field.insert("name".into(), json!(column.name));
        let avro = avro_type(column.kind);
        if self.key.contains(&column.name) {
            field.insert("type".into(), avro);
        } else {
            field.insert("type".into(), json!(["null", avro]));
            field.insert("default".into(), Value::Null);
        }
        field.insert(property::SQL_TYPE.into(), json!(column.sql_type));
        field.insert(property::SQL_NULLABLE.into(), json!(column.nullable));
        if !column.default.is_empty() {
            field.insert(property::SQL_DEFAULT.into(), json!(column.default));
        }
        Value::Object(field)
    }
}

/// Neither name nor namespace holds the tenant, so equal tables of many tenants share one schema id.
fn record(table: &str, name: &str, fields: &[Value]) -> String {
    json!({"type": "record", "name": name, "namespace": format!("mirrorbus.{table}"), "fields": fields})
        .to_string()
}

fn avro_type(kind: ColumnType) -> Value {
    match kind {
        ColumnType::SmallInt | ColumnType::Int => json!("int"),
        ColumnType::BigInt => json!("long"),
        ColumnType::Bit => json!("boolean"),
        ColumnType::Float => json!("double"),
        ColumnType::Decimal { precision, scale } => {
            json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale})
        }
        ColumnType::DateTime => json!({"type": "long", "logicalType": "timestamp-millis"}),
        ColumnType::DateTime2 => json!({"type": "long", "logicalType": "timestamp-micros"}),
        ColumnType::Date => json!({"type": "int", "logicalType": "date"}),
        ColumnType::Time => json!({"type": "long", "logicalType": "time-micros"}),
        ColumnType::Binary => json!("bytes"),
        ColumnType::Guid | ColumnType::Text => json!("string"),
    }
}

/// What of a SQL type decides how its values are stored: the type's name, and its precision and scale where the
/// parentheses hold those and not a length.
fn base_type(sql_type: &str) -> String {
    let text: String =
        sql_type.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let name = text.split('(').next().unwrap_or_default();
    let is_length = name.ends_with("char") || name.ends_with("binary");
    if is_length { name.to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use apache_avro::Schema;

    use super::*;

    fn column(name: &str, sql_type: &str, kind: ColumnType) -> Column {
        Column { name: name.into(), sql_type: sql_type.into(), kind, nullable: true, default: String::new() }
    }

    fn table(columns: Vec<Column>) -> TableColumns {
        TableColumns { table: "contact".into(), columns }
    }

    fn id() -> Column {
        column("id", "int", ColumnType::Int)
    }

    fn key() -> Vec<String> {
        vec!["id".into()]
    }

    #[test]
    fn added_dropped_and_longer_columns_are_compatible_and_one_that_comes_back_is_not() {
        let one = table(vec![id(), column("name", "nvarchar(10)", ColumnType::Text)]);
        let schema = TableSchema::new(&one, &key());
        assert_eq!(schema.change_to(&one, &key()), Change::None);
        let longer = table(vec![id(), column("name", "nvarchar(max)", ColumnType::Text)]);
        assert!(matches!(schema.change_to(&longer, &key()), Change::Compatible(_)));
        let Change::Compatible(without) = schema.change_to(&table(vec![id()]), &key()) else {
            panic!("a dropped column is compatible")
        };
        assert_eq!(without.retired.len(), 1);
        assert!(matches!(without.change_to(&one, &key()), Change::Incompatible { .. }));
    }

    #[test]
    fn another_base_type_precision_scale_or_key_is_not_even_after_a_detour() {
        let one =
            table(vec![id(), column("x", "decimal(19,4)", ColumnType::Decimal { precision: 19, scale: 4 })]);
        let schema = TableSchema::new(&one, &key());
        for (sql_type, kind) in [
            ("decimal(19,2)", ColumnType::Decimal { precision: 19, scale: 2 }),
            ("int", ColumnType::Int),
            ("nvarchar(10)", ColumnType::Text),
        ] {
            let other = table(vec![id(), column("x", sql_type, kind)]);
            assert!(matches!(schema.change_to(&other, &key()), Change::Incompatible { .. }), "{sql_type}");
            let Change::Compatible(without) = schema.change_to(&table(vec![id()]), &key()) else { panic!() };
            assert!(matches!(without.change_to(&other, &key()), Change::Incompatible { .. }), "{sql_type}");
        }
        assert!(matches!(schema.change_to(&one, &["x".to_owned()]), Change::Incompatible { .. }));
    }

    #[test]
    fn every_type_makes_a_schema_that_avro_accepts() {
        let columns = [
            ("a", "smallint", ColumnType::SmallInt),
            ("b", "bigint", ColumnType::BigInt),
            ("c", "bit", ColumnType::Bit),
            ("d", "float", ColumnType::Float),
            ("e", "money", ColumnType::Decimal { precision: 19, scale: 4 }),
            ("f", "datetime", ColumnType::DateTime),
            ("g", "datetime2", ColumnType::DateTime2),
            ("h", "date", ColumnType::Date),
            ("i", "time", ColumnType::Time),
            ("j", "varbinary(max)", ColumnType::Binary),
            ("k", "uniqueidentifier", ColumnType::Guid),
            ("l", "ntext", ColumnType::Text),
        ];
        let mut all = vec![id()];
        all.extend(columns.map(|(name, sql_type, kind)| column(name, sql_type, kind)));
        let table = table(all);
        let schema = TableSchema::new(&table, &key());
        let value = Schema::parse_str(&schema.value_json(&table)).unwrap();
        assert_eq!(value.name().unwrap().to_string(), "mirrorbus.contact.Value");
        let key = schema.key_json(&table);
        assert!(!key.contains("sql"), "the key schema holds names and types only");
        Schema::parse_str(&key).unwrap();
    }

    #[test]
    fn a_field_carries_the_sources_type_nullability_and_default() {
        let mut added = column("x", "int", ColumnType::Int);
        added.default = "default ((0))".into();
        let table = table(vec![id(), added]);
        let json: Value = serde_json::from_str(&TableSchema::new(&table, &key()).value_json(&table)).unwrap();
        assert_eq!(json["fields"][1]["sqlType"], "int");
        assert_eq!(json["fields"][1]["sqlNullable"], true);
        assert_eq!(json["fields"][1]["sqlDefault"], "default ((0))");
        assert_eq!(json["fields"][1]["default"], Value::Null);
        assert_eq!(json["fields"][0]["type"], "int");
    }
}
