//! The big schema: as many tables and columns, of the same types, as the vendor's sampled tenant announced.
//!
//! Only the figures are the vendor's. Names and columns follow from word lists by rule, so that the schema is the
//! same in every tenant and nobody keeps hundreds of definitions by hand; the sample's tables are part of it.

mod columns;
mod deal;
mod names;
#[cfg(test)]
mod tests;

use deal::Deal;

use super::CrmError;
use super::plan::{Planned, Share};
use super::tables::TABLES;

/// Tables announced; the blocked ones come on top.
pub(super) const TABLE_COUNT: usize = 413;
/// Columns in all announced tables.
pub(super) const COLUMN_COUNT: usize = 5270;
/// Of the tables that are not the sample's, how many have rows: some 150 of all.
const FILLED: usize = 121;
/// A stride without a common divisor with the number of generated tables: it scatters the filled ones.
const STRIDE: usize = 149;
/// Rows per hundred contacts of the greatest generated table; the `n`-th has about an `n`-th of it.
const GREATEST: u64 = 600;

/// Tables that are bigger, per hundred contacts, than in a sample: what grows with the years.
const BIG: &[(&str, u64)] =
    &[("appointment", 1500), ("document", 600), ("text", 500), ("email", 400), ("selectionmember", 400)];
/// Lists of choices, and the number of users, have an end.
const LISTS: &[&str] = &["associate", "business", "category", "country", "currency", "task"];
const LONGEST_LIST: u64 = 250;

/// The sample's tables, then the generated ones.
pub(super) fn tables() -> Result<Vec<Planned>, CrmError> {
    let mut planned = Vec::with_capacity(TABLE_COUNT);
    for definition in TABLES {
        planned.push(grown(definition.planned()?));
    }
    let names = names::all(TABLE_COUNT - planned.len());
    let mut deal = Deal::new(&planned, &names);
    for (index, name) in names.iter().enumerate() {
        let table = columns::table(index, name, &mut deal);
        planned.push(Planned { table, share: share(index, names.len()) });
    }
    Ok(planned)
}

/// A sample's table as a full tenant has it.
fn grown(planned: Planned) -> Planned {
    let name = planned.table.name.as_str();
    let share = match (planned.share, BIG.iter().find(|(big, _)| *big == name)) {
        (_, Some((_, per_hundred))) => Share::PerHundred(*per_hundred),
        (Share::PerHundred(per_hundred), None) if LISTS.contains(&name) => {
            Share::UpTo { per_hundred, most: LONGEST_LIST }
        }
        (share, None) => share,
    };
    Planned { share, ..planned }
}

/// A few big tables, a long tail, and most of them empty.
fn share(index: usize, count: usize) -> Share {
    let rank = (index * STRIDE) % count;
    if rank >= FILLED {
        return Share::Fixed(0);
    }
    Share::PerHundred((GREATEST / (u64::try_from(rank).unwrap_or(0) + 1)).max(1))
}
