//! SQL types as the source names them, and what the bridge makes of them.

use crate::batch::ColumnType;

/// SQL Server's largest precision; an i128 holds it.
const MAX_PRECISION: u8 = 38;

/// The type of a column. Types that are not known are kept as text, exactly as they come.
///
/// # Errors
/// The rule that was broken: no type at all, or a decimal that SQL Server would not take.
pub(super) fn parse(sql_type: &str) -> Result<ColumnType, String> {
    let (base, arguments) = split(sql_type);
    if base.is_empty() {
        return Err("has no type".to_owned());
    }
    Ok(match base.as_str() {
        "decimal" | "numeric" | "dec" => return decimal(arguments),
        other => known(other).unwrap_or(ColumnType::Text),
    })
}

/// Whether the type is one that the bridge knows.
pub(super) fn is_known(sql_type: &str) -> bool {
    let (base, _) = split(sql_type);
    matches!(base.as_str(), "decimal" | "numeric" | "dec") || known(&base).is_some()
}

fn known(base: &str) -> Option<ColumnType> {
    Some(match base {
        "int" | "integer" => ColumnType::Int,
        "smallint" | "tinyint" => ColumnType::SmallInt,
        "bigint" => ColumnType::BigInt,
        "bit" => ColumnType::Bit,
        "float" | "real" | "double" => ColumnType::Float,
        "money" => ColumnType::Decimal { precision: 19, scale: 4 },
        "smallmoney" => ColumnType::Decimal { precision: 10, scale: 4 },
        "datetime" | "smalldatetime" => ColumnType::DateTime,
        "datetime2" => ColumnType::DateTime2,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time,
        "binary" | "varbinary" | "image" | "timestamp" | "rowversion" => ColumnType::Binary,
        "uniqueidentifier" => ColumnType::Guid,
        "char" | "varchar" | "text" | "nchar" | "nvarchar" | "ntext" | "xml" | "sysname" => ColumnType::Text,
        _ => return None,
    })
}

/// Lower-case name, and what stands in parentheses after it.
fn split(sql_type: &str) -> (String, Option<&str>) {
    let (base, arguments) = match sql_type.split_once('(') {
        Some((base, rest)) => (base, Some(rest.split_once(')').map_or("", |(arguments, _)| arguments))),
        None => (sql_type, None),
    };
    let base = base.split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    (base, arguments)
}

/// `decimal(p,s)`; SQL Server's defaults are 18 and 0.
fn decimal(arguments: Option<&str>) -> Result<ColumnType, String> {
    let rule = || format!("a decimal needs 1 to {MAX_PRECISION} digits, and no more of them after the point");
    let mut numbers = arguments.unwrap_or("18").split(',').map(|number| number.trim().parse::<u8>());
    let precision = numbers.next().and_then(Result::ok).ok_or_else(rule)?;
    let scale = numbers.next().unwrap_or(Ok(0)).map_err(|_| rule())?;
    let fits = (1..=MAX_PRECISION).contains(&precision) && scale <= precision && numbers.next().is_none();
    if fits { Ok(ColumnType::Decimal { precision, scale }) } else { Err(rule()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_whatever_their_case_and_arguments() {
        let cases = [
            ("int", ColumnType::Int),
            ("NVARCHAR(max)", ColumnType::Text),
            ("nvarchar (255)", ColumnType::Text),
            ("varbinary(max)", ColumnType::Binary),
            ("datetime2(7)", ColumnType::DateTime2),
            ("int identity(1,1)", ColumnType::Int),
            ("decimal", ColumnType::Decimal { precision: 18, scale: 0 }),
            ("decimal(9)", ColumnType::Decimal { precision: 9, scale: 0 }),
            ("numeric(38, 38)", ColumnType::Decimal { precision: 38, scale: 38 }),
            ("money", ColumnType::Decimal { precision: 19, scale: 4 }),
            ("geography", ColumnType::Text),
        ];
        for (sql_type, kind) in cases {
            assert_eq!(parse(sql_type), Ok(kind), "{sql_type}");
        }
        assert!(!is_known("geography"));
        assert!(is_known("decimal(9)") && is_known("ntext"));
    }

    #[test]
    fn impossible_types_are_refused() {
        for sql_type in [
            "",
            "  ",
            "decimal(0)",
            "decimal(39,0)",
            "decimal(5,6)",
            "decimal(a)",
            "decimal(1,2,3)",
            "decimal(9,2",
        ] {
            assert!(parse(sql_type).is_err(), "{sql_type:?}");
        }
    }
}
