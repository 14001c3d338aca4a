//! Rows of a binary COPY as values.

use mirrorbus_mirror::{Kind, Value};

use super::{EPOCH_DAYS, EPOCH_MICROS, HEADER, numeric};
use crate::types::Stored;

/// Reads rows of some columns. A column whose type the mirror does not write has `None` for it.
#[derive(Debug)]
pub(crate) struct Reader {
    columns: Vec<(Kind, Option<Stored>)>,
    has_begun: bool,
    uuids: Vec<String>,
}

impl Reader {
    pub(crate) fn new(columns: Vec<(Kind, Option<Stored>)>) -> Self {
        let uuids = vec![String::new(); columns.len()];
        Self { columns, has_begun: false, uuids }
    }

    /// Shows the rows of one message, which never cuts a row. `None` when it is not what a COPY sends.
    pub(crate) fn read(
        &mut self,
        mut message: &[u8],
        visit: &mut dyn FnMut(&[Option<Value<'_>>]),
    ) -> Option<()> {
        if !self.has_begun {
            message = message.strip_prefix(HEADER)?;
            self.has_begun = true;
        }
        while let Some((count, rest)) = message.split_first_chunk::<2>() {
            // The end has no fields.
            if i16::from_be_bytes(*count) < 0 {
                return rest.is_empty().then_some(());
            }
            message = self.row(rest, visit)?;
        }
        message.is_empty().then_some(())
    }

    fn row<'m>(
        &mut self,
        mut message: &'m [u8],
        visit: &mut dyn FnMut(&[Option<Value<'_>>]),
    ) -> Option<&'m [u8]> {
        let mut fields = Vec::with_capacity(self.columns.len());
        for ((_, stored), uuid) in self.columns.iter().zip(&mut self.uuids) {
            let (length, rest) = message.split_first_chunk::<4>()?;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                fields.push(None);
                message = rest;
                continue;
            };
            let (field, rest) = rest.split_at_checked(length)?;
            if *stored == Some(Stored::Uuid) {
                write_uuid(u128::from_be_bytes(field.try_into().ok()?), uuid);
            }
            fields.push(Some(field));
            message = rest;
        }
        let mut values = Vec::with_capacity(self.columns.len());
        for (((kind, stored), uuid), field) in self.columns.iter().zip(&self.uuids).zip(fields) {
            values.push(match (*stored, field) {
                (None, _) => None,
                (_, None) => Some(Value::Null),
                (Some(Stored::Uuid), _) => Some(Value::Text(uuid)),
                (Some(stored), Some(field)) => value(*kind, stored, field),
            });
        }
        visit(&values);
        Some(message)
    }
}

fn write_uuid(number: u128, out: &mut String) {
    out.clear();
    let digits = format!("{number:032x}");
    for (index, digit) in digits.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(digit);
    }
}

fn value(kind: Kind, stored: Stored, field: &[u8]) -> Option<Value<'_>> {
    Some(match (stored, kind) {
        (Stored::Smallint, _) => Value::Whole(i16::from_be_bytes(field.try_into().ok()?).into()),
        (Stored::Integer, _) => Value::Whole(i32::from_be_bytes(field.try_into().ok()?).into()),
        (Stored::Bigint, _) => Value::Whole(i64::from_be_bytes(field.try_into().ok()?)),
        (Stored::Boolean, _) => Value::Whole(i64::from(*field.first()? != 0)),
        (Stored::Double, _) => Value::Double(f64::from_be_bytes(field.try_into().ok()?)),
        (Stored::Numeric(_), Kind::Decimal { scale }) => Value::Decimal(numeric::get(field, scale)?),
        (Stored::Timestamp(_), Kind::Millis) => {
            let micros = moment(field)?;
            Value::Whole((micros % 1000 == 0).then_some(micros / 1000)?)
        }
        (Stored::Timestamp(_), _) => Value::Whole(moment(field)?),
        (Stored::Date, _) => {
            // The two ends are PostgreSQL's infinities.
            let days = i32::from_be_bytes(field.try_into().ok()?);
            Value::Whole((!matches!(days, i32::MIN | i32::MAX)).then_some(i64::from(days) + EPOCH_DAYS)?)
        }
        (Stored::Time(_), _) => Value::Whole(i64::from_be_bytes(field.try_into().ok()?)),
        (Stored::Bytea, _) => Value::Bytes(field),
        (Stored::Varchar(_) | Stored::Text, _) => Value::Text(str::from_utf8(field).ok()?),
        (Stored::Numeric(_) | Stored::Uuid, _) => return None,
    })
}

/// Microseconds since 1970; `None` for PostgreSQL's infinities, which are the two ends.
fn moment(field: &[u8]) -> Option<i64> {
    let micros = i64::from_be_bytes(field.try_into().ok()?);
    if matches!(micros, i64::MIN | i64::MAX) { None } else { micros.checked_add(EPOCH_MICROS) }
}
