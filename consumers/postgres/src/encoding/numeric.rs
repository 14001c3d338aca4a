//! Decimals in PostgreSQL's binary form: digits to the base of 10,000, grouped around the point.

use bytes::{BufMut, BytesMut};

/// A number of 128 bits has 39 digits, which the point can cut into this many groups.
const GROUPS: usize = 12;
const NEGATIVE: u16 = 0x4000;

/// Writes `unscaled / 10^scale` with its length before it.
pub(super) fn put(unscaled: i128, scale: u32, out: &mut BytesMut) {
    let mut groups = Groups { digits: [0; GROUPS], used: 0 };
    let (whole, fraction) = part(unscaled.unsigned_abs(), scale);
    let fraction_groups = groups.fraction(fraction, scale);
    groups.whole(whole);
    let digits = groups.digits.get(..groups.used).unwrap_or_default();
    // Zeros at both ends are not written; the weight of the first digit and the scale tell that they were there.
    let low = digits.iter().take_while(|digit| **digit == 0).count();
    let high = digits.len() - digits.iter().rev().take_while(|digit| **digit == 0).count();
    let written = digits.get(low..high).unwrap_or_default();
    let weight = if written.is_empty() { 0 } else { small(high) - small(fraction_groups) - 1 };
    out.put_i32(8 + 2 * i32::from(small(written.len())));
    out.put_i16(small(written.len()));
    out.put_i16(weight);
    out.put_u16(if unscaled < 0 { NEGATIVE } else { 0 });
    out.put_u16(u16::try_from(scale).unwrap_or(u16::MAX));
    for digit in written.iter().rev() {
        out.put_u16(*digit);
    }
}

fn small(number: usize) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

fn part(number: u128, scale: u32) -> (u128, u128) {
    let Some(unit) = 10u128.checked_pow(scale) else { return (0, number) };
    match (u64::try_from(number), u64::try_from(unit)) {
        (Ok(number), Ok(unit)) => ((number / unit).into(), (number % unit).into()),
        _ => (number / unit, number % unit),
    }
}

/// Groups of four digits, the lowest first.
struct Groups {
    digits: [u16; GROUPS],
    used: usize,
}

impl Groups {
    fn push(&mut self, digit: u16) {
        if let Some(place) = self.digits.get_mut(self.used) {
            *place = digit;
            self.used += 1;
        }
    }

    /// All groups behind the point, zeros too. Says how many.
    fn fraction(&mut self, mut number: u128, scale: u32) -> usize {
        let last = scale % 4;
        if last > 0 {
            let unit = 10u128.pow(last);
            self.push(group(number % unit * 10u128.pow(4 - last)));
            number /= unit;
        }
        for _ in 0..scale / 4 {
            number = self.take(number);
        }
        self.used
    }

    fn whole(&mut self, mut number: u128) {
        while number > 0 {
            number = self.take(number);
        }
    }

    fn take(&mut self, number: u128) -> u128 {
        // Division of 128 bits is many times slower, and few numbers need it.
        match u64::try_from(number) {
            Ok(number) => {
                self.push(group((number % 10_000).into()));
                (number / 10_000).into()
            }
            Err(_) => {
                self.push(group(number % 10_000));
                number / 10_000
            }
        }
    }
}

fn group(number: u128) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

/// Reads a number of exactly this scale; `None` for any other, and for what is no number.
pub(super) fn get(bytes: &[u8], scale: u32) -> Option<i128> {
    let (header, digits) = bytes.split_first_chunk::<8>()?;
    let word = |index: usize| Some(u16::from_be_bytes([*header.get(index)?, *header.get(index + 1)?]));
    let weight = i32::from(word(2)?.cast_signed());
    let (sign, digits_after_point) = (word(4)?, word(6)?);
    if u32::from(digits_after_point) != scale || (sign != 0 && sign != NEGATIVE) {
        return None;
    }
    let mut total: i128 = 0;
    for (index, digit) in digits.chunks_exact(2).enumerate() {
        let digit = i128::from(u16::from_be_bytes(digit.try_into().ok()?));
        let exponent = 4 * (weight - i32::try_from(index).ok()?) + i32::try_from(scale).ok()?;
        total = total.checked_add(shifted(digit, exponent)?)?;
    }
    Some(if sign == NEGATIVE { -total } else { total })
}

fn shifted(digit: i128, exponent: i32) -> Option<i128> {
    let power = 10i128.checked_pow(exponent.unsigned_abs());
    match (digit, power) {
        (0, _) => Some(0),
        (_, None) => None,
        (digit, Some(power)) if exponent >= 0 => digit.checked_mul(power),
        (digit, Some(power)) => (digit % power == 0).then_some(digit / power),
    }
}
