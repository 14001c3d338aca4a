//! SQL Server's types by the names that the vendor announces.

use std::fmt;
use std::str::FromStr;

use super::Value;

/// `money` has four digits after the point.
pub(crate) const MONEY_SCALE: u8 = 4;
/// 1760-01-01, the vendor's "no date", in days since 1970.
pub(crate) const NO_DATE_DAYS: i64 = -76_701;
const MS_PER_DAY: i64 = 86_400_000;
/// 0001-01-01 and 9999-12-31 in days since 1970.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;
/// `datetime` begins in 1753.
const FIRST_DATETIME_DAY: i64 = -79_257;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// 32 bits.
    Int,
    /// 16 bits.
    SmallInt,
    /// 64 bits.
    BigInt,
    /// 0 or 1.
    Bit,
    /// IEEE 754 double.
    Float,
    /// Exact; kept as the unscaled number.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// 64 bits with four digits after the point; kept as the unscaled number.
    Money,
    /// Kept as milliseconds since 1970, no zone.
    DateTime,
    /// Kept as microseconds since 1970, no zone.
    DateTime2,
    /// Kept as days since 1970.
    Date,
    /// Kept as microseconds since midnight.
    Time,
    /// `varbinary(max)`.
    VarBinary,
    /// Kept as its text.
    UniqueIdentifier,
    /// `nvarchar(n)` with its number of UTF-16 units, or `nvarchar(max)`.
    NVarChar(Option<u16>),
    /// Like `nvarchar(max)`.
    NText,
}

/// The type is none that the stand-in can store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the SQL type {0:?} is not one that a tenant can store")]
pub struct UnknownType(String);

impl SqlType {
    /// What the vendor's defaults put into a column that is not nullable: zero, nothing, 1760.
    #[must_use]
    pub fn zero(self) -> Value {
        match self {
            Self::Int | Self::SmallInt | Self::BigInt | Self::Bit | Self::Time => Value::Whole(0),
            Self::Float => Value::Double(0.0),
            Self::Decimal { .. } | Self::Money => Value::Decimal(0),
            Self::DateTime => Value::Whole(NO_DATE_DAYS * MS_PER_DAY),
            Self::DateTime2 => Value::Whole(NO_DATE_DAYS * MS_PER_DAY * 1000),
            Self::Date => Value::Whole(NO_DATE_DAYS),
            Self::VarBinary => Value::Bytes(Vec::new()),
            Self::UniqueIdentifier => Value::Text("00000000-0000-0000-0000-000000000000".to_owned()),
            Self::NVarChar(_) | Self::NText => Value::Text(String::new()),
        }
    }

    /// Whether a column of this type can hold `value`; NULL fits every type.
    #[must_use]
    pub fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Null)
            | (Self::BigInt, Value::Whole(_))
            | (Self::VarBinary, Value::Bytes(_))
            | (Self::NText | Self::NVarChar(None), Value::Text(_)) => true,
            (Self::Float, Value::Double(number)) => number.is_finite(),
            (Self::Decimal { precision, .. }, Value::Decimal(unscaled)) => {
                unscaled.unsigned_abs() < 10u128.pow(u32::from(precision))
            }
            (Self::Money, Value::Decimal(unscaled)) => i64::try_from(*unscaled).is_ok(),
            (Self::UniqueIdentifier, Value::Text(text)) => is_guid(text),
            (Self::NVarChar(Some(length)), Value::Text(text)) => {
                text.encode_utf16().count() <= usize::from(length)
            }
            (_, Value::Whole(number)) => {
                self.whole_range().is_some_and(|(least, most)| (least..=most).contains(number))
            }
            _ => false,
        }
    }

    /// Least and greatest whole number, where whole numbers are what the column keeps.
    #[must_use]
    pub(crate) fn whole_range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Self::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
            Self::BigInt => (i64::MIN, i64::MAX),
            Self::Bit => (0, 1),
            Self::DateTime => (FIRST_DATETIME_DAY * MS_PER_DAY, (LAST_DAY + 1) * MS_PER_DAY - 1),
            Self::DateTime2 => (FIRST_DAY * MS_PER_DAY * 1000, (LAST_DAY + 1) * MS_PER_DAY * 1000 - 1),
            Self::Date => (FIRST_DAY, LAST_DAY),
            Self::Time => (0, MS_PER_DAY * 1000 - 1),
            _ => return None,
        })
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Int => "int",
            Self::SmallInt => "smallint",
            Self::BigInt => "bigint",
            Self::Bit => "bit",
            Self::Float => "float",
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::Money => "money",
            Self::DateTime => "datetime",
            Self::DateTime2 => "datetime2",
            Self::Date => "date",
            Self::Time => "time",
            Self::VarBinary => "varbinary(max)",
            Self::UniqueIdentifier => "uniqueidentifier",
            Self::NVarChar(Some(length)) => return write!(f, "nvarchar({length})"),
            Self::NVarChar(None) => "nvarchar(max)",
            Self::NText => "ntext",
        };
        f.write_str(name)
    }
}

impl FromStr for SqlType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, UnknownType> {
        let unknown = || UnknownType(text.to_owned());
        let (base, arguments) = match text.split_once('(') {
            Some((base, rest)) => (base, rest.strip_suffix(')').ok_or_else(unknown)?),
            None => (text, ""),
        };
        Ok(match (base, arguments) {
            ("int", "") => Self::Int,
            ("smallint", "") => Self::SmallInt,
            ("bigint", "") => Self::BigInt,
            ("bit", "") => Self::Bit,
            ("float", "") => Self::Float,
            ("decimal", _) => decimal(arguments).ok_or_else(unknown)?,
            ("money", "") => Self::Money,
            ("datetime", "") => Self::DateTime,
            ("datetime2", "") => Self::DateTime2,
            ("date", "") => Self::Date,
            ("time", "") => Self::Time,
            ("varbinary", "max") => Self::VarBinary,
            ("uniqueidentifier", "") => Self::UniqueIdentifier,
            ("nvarchar", "max") => Self::NVarChar(None),
            ("nvarchar", length) => Self::NVarChar(Some(length.parse().map_err(|_| unknown())?)),
            ("ntext", "") => Self::NText,
            _ => return Err(unknown()),
        })
    }
}

fn decimal(arguments: &str) -> Option<SqlType> {
    let (precision, scale) = arguments.split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    ((1..=38).contains(&precision) && scale <= precision).then_some(SqlType::Decimal { precision, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_as_it_is_written() {
        let names = "int smallint bigint bit float decimal(38,10) money datetime datetime2 date time \
                     varbinary(max) uniqueidentifier nvarchar(255) nvarchar(max) ntext";
        for name in names.split_ascii_whitespace() {
            assert_eq!(name.parse::<SqlType>().unwrap().to_string(), name);
        }
        for name in ["", "geography", "decimal(39,0)", "decimal(5,6)", "nvarchar(x)", "int(4)", "nvarchar(5"]
        {
            assert!(name.parse::<SqlType>().is_err(), "{name}");
        }
    }

    #[test]
    fn values_out_of_a_types_range_do_not_fit() {
        assert!(
            SqlType::SmallInt.holds(&Value::Whole(32_767)) && !SqlType::SmallInt.holds(&Value::Whole(32_768))
        );
        let narrow = SqlType::Decimal { precision: 3, scale: 1 };
        assert!(narrow.holds(&Value::Decimal(-999)) && !narrow.holds(&Value::Decimal(1000)));
        let text = SqlType::NVarChar(Some(2));
        assert!(text.holds(&"🦀".into()) && !text.holds(&"🦀a".into()));
        assert!(!SqlType::Float.holds(&Value::Double(f64::NAN)) && !SqlType::Int.holds(&"1".into()));
    }

    #[test]
    fn every_types_zero_fits_it() {
        for name in ["int", "bit", "float", "decimal(5,2)", "money", "datetime", "datetime2", "date", "time"]
        {
            let kind: SqlType = name.parse().unwrap();
            assert!(kind.holds(&kind.zero()), "{name}");
        }
    }
}
