//! Random cells, the same for the same seed.
//!
//! A tenth of everything is something that breaks programs: texts that look like encoded values, control characters,
//! line ends, blanks at either end, characters beyond the basic plane; "no date" is as common as it is at the vendor.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngCore, SeedableRng};

use crate::sql::{Column, SqlType, Value};

/// Texts that some program on the way would change. None holds U+0000, which SQL Server's own tools lose.
pub(super) const AWKWARD_TEXTS: &[&str] = &[
    "",
    " ",
    "  leading and trailing  ",
    "[I:5]",
    "[DT:05/18/2020 10:40:43.0000000]",
    "[",
    "]]>",
    "line\r\nbreak",
    "line\nfeed\ttab\rreturn",
    "\u{1}control\u{1f}",
    "<b>&amp;\"'</b>",
    "Größe, Ærø, Łódź, Ñandú",
    "株式会社 שלום سلام",
    "🦀𝄞👩‍👩‍👧",
    "e\u{301} is not é",
    "\u{feff}mark \u{200b}\u{2028}\u{fffd}",
    "NULL",
    "'; DROP TABLE contact; --",
    "\\N\\t\\\\",
    "1760-01-01",
];

const WORDS: &[&str] = &[
    "Alpha",
    "Berg",
    "Consult",
    "Data",
    "Energi",
    "Fjord",
    "Gruppen",
    "Handel",
    "Invest",
    "Jakt",
    "Kraft",
    "Logistik",
    "Marine",
    "Nord",
    "Olje",
    "Partner",
    "Quality",
    "Recruit",
    "Systems",
    "Teknikk",
    "Union",
    "Vest",
    "Works",
    "Ålesund",
    "Österreich",
    "Øst",
];

/// A text of an e-mail or a report, which no buffer of 64 kB holds.
const LONG_TEXT_BYTES: usize = 120_000;
const MS_PER_DAY: i64 = 86_400_000;
/// 1990-01-01 to 2030-01-01 in days since 1970.
const ORDINARY_DAYS: std::ops::Range<i64> = 7_305..21_915;

/// Makes cells.
#[derive(Debug)]
pub(crate) struct Generator {
    random: StdRng,
}

impl Generator {
    /// A generator whose cells depend on the seed and the name of what it makes them for, and on nothing else.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        // FNV-1a: stable over versions of Rust, unlike its own hasher.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { random: StdRng::seed_from_u64(seed ^ hash) }
    }

    /// A number below `limit`, or 0 if that is 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.random.gen_range(0..limit) }
    }

    /// A number below `limit`, or 0 if that is 0, half of them below a fifth of it: few contacts have most of the work.
    pub(crate) fn skewed(&mut self, limit: u64) -> u64 {
        let limit = self.below(limit) + 1;
        self.below(limit)
    }

    /// A whole number that is `rate` on average: the one below or the one above. A rate below 0 is 0.
    pub(crate) fn about(&mut self, rate: f64) -> u64 {
        let rate = rate.max(0.0);
        let more = self.random.gen_bool(rate.fract());
        // Cuts the fraction off.
        (rate as u64).saturating_add(u64::from(more))
    }

    /// Any number, for another generator.
    pub(crate) fn seed(&mut self) -> u64 {
        self.random.r#gen()
    }

    /// Puts items into any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.random);
    }

    /// `true` once in `number` times.
    pub(crate) fn one_in(&mut self, number: u32) -> bool {
        self.random.gen_ratio(1, number)
    }

    /// A cell of a column that is not the key.
    pub(crate) fn cell(&mut self, column: &Column) -> Value {
        if column.nullable && self.one_in(5) {
            return Value::Null;
        }
        if self.one_in(10) {
            return column.sql_type.zero();
        }
        self.value(column.sql_type)
    }

    /// A value that is neither NULL nor, but for chance, the type's zero.
    pub(crate) fn value(&mut self, kind: SqlType) -> Value {
        match kind {
            SqlType::Int => Value::Whole(i64::from(self.random.gen_range(0..1_000_000i32))),
            SqlType::SmallInt => Value::Whole(i64::from(self.random.gen_range(-100..1000i16))),
            SqlType::BigInt => Value::Whole(self.random.r#gen()),
            SqlType::Bit => Value::Whole(i64::from(self.random.r#gen::<bool>())),
            SqlType::Float => self.float(),
            SqlType::Decimal { precision, .. } => {
                let limit = 10i128.pow(u32::from(precision));
                Value::Decimal(self.random.gen_range(1 - limit..limit))
            }
            SqlType::Money => {
                Value::Decimal(i128::from(self.random.gen_range(-1_000_000..100_000_000_000i64)))
            }
            SqlType::DateTime => self.date_time(),
            SqlType::DateTime2 => {
                Value::Whole(self.day() * MS_PER_DAY * 1000 + self.random.gen_range(0..MS_PER_DAY * 1000))
            }
            SqlType::Date => Value::Whole(self.day()),
            SqlType::Time if self.one_in(2) => Value::Whole(self.random.gen_range(0..1440) * 60_000_000),
            SqlType::Time => Value::Whole(self.random.gen_range(0..MS_PER_DAY * 1000)),
            SqlType::VarBinary => self.bytes(),
            SqlType::UniqueIdentifier => self.guid(),
            SqlType::NVarChar(length) => self.text(length.map_or(4000, usize::from)),
            SqlType::NText => self.text(4000),
        }
    }

    /// A text of more than 100 kB.
    pub(super) fn long_text(&mut self) -> Value {
        let mut text = String::with_capacity(LONG_TEXT_BYTES + 64);
        while text.len() < LONG_TEXT_BYTES {
            text.push_str(self.word());
            text.push_str(if self.one_in(12) { ".\r\n" } else { " " });
        }
        Value::Text(text)
    }

    fn day(&mut self) -> i64 {
        self.random.gen_range(ORDINARY_DAYS)
    }

    fn float(&mut self) -> Value {
        let cents = self.random.gen_range(-100_000..100_000_000i32);
        Value::Double(if self.one_in(4) { f64::from(cents) * 1e-7 } else { f64::from(cents) / 100.0 })
    }

    /// SQL Server's datetime has steps of 1/300 s: its milliseconds end in 0, 3 or 7.
    fn date_time(&mut self) -> Value {
        let ticks = self.random.gen_range(0..MS_PER_DAY / 10 * 3);
        let ms =
            ticks / 3 * 10 + [0, 3, 7].get(usize::try_from(ticks % 3).unwrap_or(0)).copied().unwrap_or(0);
        Value::Whole(self.day() * MS_PER_DAY + ms)
    }

    fn bytes(&mut self) -> Value {
        let mut bytes = vec![0; self.random.gen_range(1..300)];
        self.random.fill_bytes(&mut bytes);
        Value::Bytes(bytes)
    }

    fn guid(&mut self) -> Value {
        let hex = format!("{:032x}", self.random.r#gen::<u128>());
        let mut parts = Vec::new();
        let mut rest = hex.as_str();
        for length in [8, 4, 4, 4, 12] {
            let (part, after) = rest.split_at(length);
            parts.push(part);
            rest = after;
        }
        Value::Text(parts.join("-"))
    }

    fn text(&mut self, most: usize) -> Value {
        if self.one_in(10) {
            let index = self.random.gen_range(0..AWKWARD_TEXTS.len());
            let awkward = AWKWARD_TEXTS.get(index).copied().unwrap_or_default();
            if awkward.encode_utf16().count() <= most {
                return awkward.into();
            }
        }
        let mut text = String::new();
        for _ in 0..self.random.gen_range(1..=6) {
            let word = self.word();
            if (text.as_str().encode_utf16().count() + word.len() + 1) > most {
                break;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        Value::Text(text)
    }

    fn word(&mut self) -> &'static str {
        let index = self.random.gen_range(0..WORDS.len());
        WORDS.get(index).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_fits_its_column_and_the_same_seed_makes_the_same() {
        let columns = "a int|a smallint null|a bigint|a bit|a float|a decimal(5,2)|a decimal(38,0)|a money|a datetime|\
                       a datetime2|a date|a time|a varbinary(max)|a uniqueidentifier|a nvarchar(3)|a nvarchar(max)|\
                       a ntext null";
        for text in columns.split('|') {
            let column: Column = text.parse().unwrap();
            let (mut one, mut two) = (Generator::new(7, "t"), Generator::new(7, "t"));
            for _ in 0..500 {
                let cell = one.cell(&column);
                assert!(
                    column.sql_type.holds(&cell) && (column.nullable || cell != Value::Null),
                    "{text}: {cell:?}"
                );
                assert_eq!(cell, two.cell(&column));
            }
        }
        let first = |seed, name| Generator::new(seed, name).value(SqlType::BigInt);
        assert!(first(7, "t") != first(8, "t") && first(7, "t") != first(7, "u"));
    }
}
