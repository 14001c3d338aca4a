//! Names of the properties that a value schema's fields carry beside Avro's own, so that a mirror can build a
//! faithful table from the schema alone. Key schemas carry none: their ids must never change within an epoch.

/// The SQL type as the source names it, such as `nvarchar(255)`.
pub const SQL_TYPE: &str = "sqlType";
/// Whether the source's column admits NULL (JSON boolean). The source may send NULL all the same.
pub const SQL_NULLABLE: &str = "sqlNullable";
/// The source's default expression, such as `default ((0))`; absent where there is none.
pub const SQL_DEFAULT: &str = "sqlDefault";
