//! Default expressions of the source that stand for one value.
//!
//! SQL Server fills a new NOT NULL column of the rows that are there with its default, and counts none of them as
//! changed: no row ever tells. So a mirror does the same, where the expression says the value: a number or a text in any
//! number of parentheses, behind the word `default` or not.

use super::nullable;
use crate::table::decode::unscaled_text;
use crate::table::schema::Column;
use crate::table::value::{Kind, Value};

impl Column {
    /// What the column holds in rows that were written before it was there: those that stay in a table, too.
    #[must_use]
    pub fn missing(&self) -> Value<'_> {
        nullable::missing(self)
    }

    /// The value that the column's default stands for; `None` where there is no default, or one that only the source
    /// can tell, such as `getdate()`.
    #[must_use]
    pub fn constant_default(&self) -> Option<Value<'_>> {
        let expression = bare(&self.default);
        if let Some(text) = quoted(expression) {
            return text_default(self.kind, text);
        }
        match self.kind {
            Kind::Int => expression.parse::<i32>().ok().map(|number| Value::Whole(number.into())),
            Kind::Long => expression.parse().ok().map(Value::Whole),
            Kind::Bit => matches!(expression, "0" | "1").then(|| Value::Whole((expression == "1").into())),
            Kind::Double => {
                expression.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Double)
            }
            Kind::Decimal { scale } => unscaled_text(expression, scale).map(Value::Decimal),
            _ => None,
        }
    }
}

/// The expression without `default`, parentheses and what surrounds them.
fn bare(default: &str) -> &str {
    let mut expression = default.trim();
    if let Some((word, rest)) = expression.split_at_checked("default".len())
        && word.eq_ignore_ascii_case("default")
    {
        expression = rest.trim();
    }
    while let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        expression = inner.trim();
    }
    expression
}

/// What stands between quotes; nothing with quotes in it, which would have to be halved.
fn quoted(expression: &str) -> Option<&str> {
    let text = expression.strip_prefix(['N', 'n']).unwrap_or(expression);
    let text = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!text.contains('\'')).then_some(text)
}

fn text_default(kind: Kind, text: &str) -> Option<Value<'_>> {
    (kind == Kind::Text).then_some(Value::Text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: Kind, default: &str) -> Option<String> {
        let column = Column { default: default.into(), ..Column::new("x", kind, "", false) };
        column.constant_default().map(|value| format!("{value:?}"))
    }

    #[test]
    fn constants_are_read_as_the_source_writes_them() {
        for (kind, default, expected) in [
            (Kind::Int, "default ((0))", "Whole(0)"),
            (Kind::Int, "default ((-1))", "Whole(-1)"),
            (Kind::Int, "(25)", "Whole(25)"),
            (Kind::Long, "DEFAULT 9000000000", "Whole(9000000000)"),
            (Kind::Bit, "((1))", "Whole(1)"),
            (Kind::Double, "default ((1.5))", "Double(1.5)"),
            (Kind::Decimal { scale: 4 }, "default ((-0.25))", "Decimal(-2500)"),
            (Kind::Decimal { scale: 0 }, "((7))", "Decimal(7)"),
            (Kind::Text, "default (N'')", "Text(\"\")"),
            (Kind::Text, "default ('a b')", "Text(\"a b\")"),
        ] {
            assert_eq!(value(kind, default).as_deref(), Some(expected), "{default}");
        }
    }

    #[test]
    fn what_only_the_source_can_tell_is_no_constant() {
        for (kind, default) in [
            (Kind::Int, ""),
            (Kind::Int, "default (next value for x)"),
            (Kind::Int, "default ((3000000000))"),
            (Kind::Bit, "((2))"),
            (Kind::Millis, "default (getdate())"),
            (Kind::Millis, "default (N'1760-01-01 00:00:00')"),
            (Kind::Text, "default (N'it''s')"),
            (Kind::Text, "default (newid())"),
            (Kind::Decimal { scale: 2 }, "((0.125))"),
            (Kind::Bytes, "default (0x00)"),
        ] {
            assert_eq!(value(kind, default), None, "{default}");
        }
    }
}
