//! Whole numbers, bits, floats and exact decimals.

use super::{Decoded, Form};
use crate::batch::Value;

/// A whole number between two bounds that fit an int.
pub(super) fn int(
    form: Form<'_>,
    least: i64,
    most: i64,
    markers: &[&str],
) -> Result<Decoded<'static>, &'static str> {
    let number = whole(form.plain_or(markers)?)?;
    let number = if (least..=most).contains(&number) { i32::try_from(number).ok() } else { None };
    number.map(|number| Decoded::whole(Value::Int(number))).ok_or("is out of the type's range")
}

/// A bigint, also as a time span, which is a plain number on the wire.
pub(super) fn long(form: Form<'_>) -> Result<Decoded<'static>, &'static str> {
    whole(form.plain_or(&["L", "I", "S", "TS"])?).map(|number| Decoded::whole(Value::Long(number)))
}

pub(super) fn bit(form: Form<'_>) -> Result<Decoded<'static>, &'static str> {
    let text = form.plain_or(&["I", "S"])?;
    let bit = match text {
        "0" => false,
        "1" => true,
        text if form.marker.is_none() && text.eq_ignore_ascii_case("true") => true,
        text if form.marker.is_none() && text.eq_ignore_ascii_case("false") => false,
        _ => return Err("is not a bit"),
    };
    Ok(Decoded::whole(Value::Bool(bit)))
}

/// A finite float. SQL Server has no others.
pub(super) fn float(form: Form<'_>) -> Result<Decoded<'static>, &'static str> {
    let text = form.plain_or(&["F"])?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number = if is_number { text.parse::<f64>().ok() } else { None };
    number
        .filter(|number| number.is_finite())
        .map(|number| Decoded::whole(Value::Double(number)))
        .ok_or("is not a finite number")
}

fn whole(text: &str) -> Result<i64, &'static str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number");
    }
    text.parse().map_err(|_| "is out of the type's range")
}

/// An exact decimal; digits past the scale are cut.
pub(super) fn decimal(form: Form<'_>, precision: u8, scale: u8) -> Result<Decoded<'static>, &'static str> {
    let parts = Parts::of(form.plain_or(&["F", "M"])?).ok_or("is not a decimal number")?;
    let (unscaled, is_cut) = parts.unscaled(scale).ok_or("has more digits than the type")?;
    if unscaled >= 10i128.pow(u32::from(precision)) {
        return Err("has more digits than the type");
    }
    let unscaled = if parts.is_negative { -unscaled } else { unscaled };
    Ok(Decoded { value: Value::Decimal(unscaled), is_cut })
}

/// A number taken apart: `[-]integer[.fraction][E exponent]`.
struct Parts<'t> {
    is_negative: bool,
    integer: &'t str,
    fraction: &'t str,
    exponent: i32,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (text, 0),
        };
        let (is_negative, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, mantissa),
        };
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let has_digits = !integer.is_empty() || !fraction.is_empty();
        let only_digits = integer.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        (has_digits && only_digits).then_some(Self { is_negative, integer, fraction, exponent })
    }

    /// The number times ten to `scale`, and whether digits were cut. `None` when it does not fit.
    fn unscaled(&self, scale: u8) -> Option<(i128, bool)> {
        let kept = i64::try_from(self.integer.len()).ok()? + i64::from(self.exponent) + i64::from(scale);
        let digits = self.integer.bytes().chain(self.fraction.bytes());
        let mut unscaled: i128 = 0;
        let mut is_cut = false;
        let mut count = 0;
        for digit in digits {
            let digit = i128::from(digit - b'0');
            if count < kept {
                unscaled = unscaled.checked_mul(10)?.checked_add(digit)?;
            } else {
                is_cut |= digit != 0;
            }
            count += 1;
        }
        while count < kept && unscaled != 0 {
            unscaled = unscaled.checked_mul(10)?;
            count += 1;
        }
        Some((unscaled, is_cut))
    }
}
