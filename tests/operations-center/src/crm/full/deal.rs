//! Which type each column gets, so that the sums over all tables are the vendor's.

use super::COLUMN_COUNT;
use super::columns::frame;
use super::names::{Name, Style};
use crate::crm::plan::Planned;
use crate::sql::{Column, SqlType};

/// What a generated column may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    NVarChar,
    SmallInt,
    DateTime,
    Float,
}

impl Kind {
    fn of(column: &Column) -> Option<Self> {
        Some(match column.sql_type {
            SqlType::Int => Self::Int,
            SqlType::SmallInt => Self::SmallInt,
            SqlType::DateTime => Self::DateTime,
            SqlType::Float => Self::Float,
            SqlType::NVarChar(_) => Self::NVarChar,
            _ => return None,
        })
    }
}

/// Columns in all tables, as counted in the sampled tenant. `int` is whatever is left, so that types of partners
/// take its place.
const SAMPLED: [(Kind, usize); 4] =
    [(Kind::NVarChar, 1165), (Kind::SmallInt, 866), (Kind::DateTime, 707), (Kind::Float, 109)];

/// Deals types out in proportion, one column after the other.
#[derive(Debug)]
pub(super) struct Deal {
    shares: Vec<Share>,
    slots: usize,
    dealt: usize,
    widths: Vec<usize>,
}

#[derive(Debug)]
struct Share {
    kind: Kind,
    total: usize,
    used: usize,
}

impl Deal {
    /// For the tables `names`, beside the tables that are there already.
    pub(super) fn new(present: &[Planned], names: &[Name]) -> Self {
        let frames: Vec<Column> = names
            .iter()
            .flat_map(|name| {
                let (before, after) = frame(name);
                before.into_iter().chain(after)
            })
            .collect();
        let present = present.iter().flat_map(|planned| &planned.table.columns);
        let taken: Vec<&Column> = present.clone().chain(&frames).collect();
        let widths = widths(names, COLUMN_COUNT.saturating_sub(present.count()));
        let slots = COLUMN_COUNT.saturating_sub(taken.len());
        let left = |(kind, sampled): (Kind, usize)| {
            let taken = taken.iter().filter(|column| Kind::of(column) == Some(kind)).count();
            Share { kind, total: sampled.saturating_sub(taken), used: 0 }
        };
        let mut shares: Vec<Share> = SAMPLED.into_iter().map(left).collect();
        let others: usize = shares.iter().map(|share| share.total).sum();
        shares.push(Share { kind: Kind::Int, total: slots.saturating_sub(others), used: 0 });
        Self { shares, slots, dealt: 0, widths }
    }

    /// How many columns the table at `index` has.
    pub(super) fn width(&self, index: usize) -> usize {
        self.widths.get(index).copied().unwrap_or_default()
    }

    /// The type that lags most behind its share.
    pub(super) fn next(&mut self) -> Kind {
        self.dealt += 1;
        let (dealt, slots) = (self.dealt, self.slots);
        let due = |share: &&mut Share| (share.total * dealt).checked_sub(share.used * slots);
        match self.shares.iter_mut().max_by_key(due) {
            Some(share) => {
                share.used += 1;
                share.kind
            }
            None => Kind::Int,
        }
    }
}

/// The names' widths, with what lacks to `total` spread over the ordinary tables.
fn widths(names: &[Name], total: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = names.iter().map(|name| name.width).collect();
    let mut missing = total.saturating_sub(widths.iter().sum());
    let ordinary = |name: &Name| matches!(name.style, Style::Classic | Style::Recent);
    while missing > 0 && names.iter().any(ordinary) {
        for (width, _) in widths.iter_mut().zip(names).filter(|(_, name)| ordinary(name)).take(missing) {
            *width += 1;
            missing -= 1;
        }
    }
    widths
}
