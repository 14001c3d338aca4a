//! A value by its column's type. Values come as text: strings as they are, other types as `[marker:value]` in the
//! invariant culture. The column's type decides what a value may look like, never its marker alone: text that reads
//! `[I:5]` is text.

mod number;
mod time;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::batch::{ColumnType, Value};

/// A value and whether digits finer than its type holds were cut.
#[derive(Debug, PartialEq)]
pub(super) struct Decoded<'a> {
    pub(super) value: Value<'a>,
    pub(super) is_cut: bool,
}

impl<'a> Decoded<'a> {
    fn whole(value: Value<'a>) -> Self {
        Self { value, is_cut: false }
    }
}

/// Decodes a value; `None` is NULL.
///
/// # Errors
/// The rule that the value breaks, without the value.
pub(super) fn decode(kind: ColumnType, text: Option<Cow<'_, str>>) -> Result<Decoded<'_>, &'static str> {
    let Some(text) = text else { return Ok(Decoded::whole(Value::Null)) };
    if kind == ColumnType::Text {
        return Ok(Decoded::whole(Value::Text(text)));
    }
    let form = Form::of(&text)?;
    match kind {
        ColumnType::Text => unreachable!("text was returned above"),
        ColumnType::SmallInt => number::int(form, i64::from(i16::MIN), i64::from(i16::MAX), &["I", "S"]),
        ColumnType::Int => number::int(form, i64::from(i32::MIN), i64::from(i32::MAX), &["I"]),
        ColumnType::BigInt => number::long(form),
        ColumnType::Bit => number::bit(form),
        ColumnType::Float => number::float(form),
        ColumnType::Decimal { precision, scale } => number::decimal(form, precision, scale),
        ColumnType::DateTime => time::date_time(form, 10_000),
        ColumnType::DateTime2 => time::date_time(form, 10),
        ColumnType::Date => time::date(form),
        ColumnType::Time => time::time(form),
        ColumnType::Binary => binary(form),
        ColumnType::Guid => return guid(text),
    }
    .map(Decoded::into_static)
}

impl Decoded<'static> {
    fn into_static<'a>(self) -> Decoded<'a> {
        self
    }
}

/// A value as it is written: with a marker or plain.
#[derive(Clone, Copy, Debug)]
struct Form<'t> {
    marker: Option<&'t str>,
    text: &'t str,
}

impl<'t> Form<'t> {
    fn of(text: &'t str) -> Result<Self, &'static str> {
        let text = text.trim_ascii();
        let Some(inner) = text.strip_prefix('[') else { return Ok(Self { marker: None, text }) };
        let inner = inner.strip_suffix(']').and_then(|inner| inner.split_once(':'));
        let (marker, text) = inner.ok_or("begins like a marked value and is none")?;
        Ok(Self { marker: Some(marker), text: text.trim_ascii() })
    }

    /// The text, where the marker is one of `markers`.
    fn marked(self, markers: &[&str]) -> Result<&'t str, &'static str> {
        match self.marker {
            Some(marker) if markers.contains(&marker) => Ok(self.text),
            Some(_) => Err("has the marker of another type"),
            None => Err("has no marker"),
        }
    }

    /// The text, plain or with one of `markers`.
    fn plain_or(self, markers: &[&str]) -> Result<&'t str, &'static str> {
        if self.marker.is_none() { Ok(self.text) } else { self.marked(markers) }
    }
}

fn binary(form: Form<'_>) -> Result<Decoded<'static>, &'static str> {
    let bytes = STANDARD.decode(form.marked(&["B"])?).map_err(|_| "is not base64")?;
    Ok(Decoded::whole(Value::Bytes(bytes)))
}

/// Kept as it is written: 8-4-4-4-12 hex digits, with or without braces.
fn guid(text: Cow<'_, str>) -> Result<Decoded<'_>, &'static str> {
    let trimmed = text.trim_ascii();
    let bare = trimmed.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(trimmed);
    let is_guid = bare.len() == 36
        && bare.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !is_guid {
        return Err("is not a uniqueidentifier");
    }
    let value = if trimmed.len() == text.len() { text } else { Cow::Owned(trimmed.to_owned()) };
    Ok(Decoded::whole(Value::Text(value)))
}

#[cfg(test)]
mod tests;
