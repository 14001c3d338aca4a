//! Which columns admit NULL, and what stands where a record says nothing.
//!
//! A column is NOT NULL where the source says so and nothing contradicts it: neither a NULL that came all the same, nor
//! rows that are there already and that nobody can fill. A column that admits NULL goes on to, while its rows stay.

use crate::destination::Row;
use crate::table::schema::Column;
use crate::table::value::Value;

/// What a column holds in rows that were written before it was there.
pub(crate) fn missing(column: &Column) -> Value<'_> {
    match column.constant_default() {
        Some(value) if !column.is_nullable => value,
        _ => Value::Null,
    }
}

/// Lets columns admit NULL that cannot do without: `present` are the columns of the rows that stay, `None` where none
/// do, and `rows` are those that come.
pub(crate) fn admit(columns: &mut [Column], present: Option<&[Column]>, rows: &[Row<'_>]) {
    let mut strict = Vec::new();
    for (index, column) in columns.iter_mut().enumerate() {
        if column.is_nullable || column.is_key {
            continue;
        }
        column.is_nullable =
            present.is_some_and(|present| match present.iter().find(|other| other.name == column.name) {
                Some(before) => before.is_nullable,
                None => column.constant_default().is_none(),
            });
        if !column.is_nullable {
            strict.push(index);
        }
    }
    for row in rows {
        let Row::Upsert(values) = row else { continue };
        strict.retain(|index| {
            let is_null = values.get(*index) == Some(&Value::Null);
            if is_null && let Some(column) = columns.get_mut(*index) {
                column.is_nullable = true;
            }
            !is_null
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::value::Kind;

    fn column(name: &str, is_nullable: bool, default: &str) -> Column {
        Column { is_nullable, default: default.into(), ..Column::new(name, Kind::Int, "int", false) }
    }

    fn admitted(column: &Column, present: Option<&[Column]>, value: Value<'_>) -> bool {
        let mut columns = [column.clone()];
        admit(&mut columns, present, &[Row::Upsert(vec![value])]);
        columns[0].is_nullable
    }

    #[test]
    fn a_column_is_not_null_unless_something_contradicts_it() {
        let (strict, loose) = (column("a", false, ""), column("a", true, ""));
        let filled = column("a", false, "default ((3))");
        let one = Value::Whole(1);
        assert!(!admitted(&strict, None, one));
        assert!(!admitted(&strict, Some(std::slice::from_ref(&strict)), one));
        assert!(admitted(&strict, None, Value::Null), "a NULL came");
        assert!(admitted(&strict, Some(std::slice::from_ref(&loose)), one), "NULLs may be there");
        assert!(admitted(&strict, Some(&[]), one), "nobody can fill the rows that are there");
        assert!(!admitted(&filled, Some(&[]), one));
        assert_eq!(missing(&filled), Value::Whole(3));
        assert_eq!(missing(&column("a", true, "default ((3))")), Value::Null);
    }
}
