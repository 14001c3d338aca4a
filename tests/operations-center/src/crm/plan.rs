//! What a tenant shall hold: which tables, and how many rows in each.

use clap::ValueEnum;

use super::CrmError;
use super::blocked;
use super::extremes;
use super::full;
use super::tables::{self, TABLES};
use crate::tenant::Table;

/// Which tables a tenant has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Schema {
    /// 33 tables with every type and every awkward value; none is blocked.
    Sample,
    /// As many tables and columns as a real tenant: 413 that are announced, and the blocked ones.
    Full,
    /// 20 tables with some tens of rows, two of them blocked: for many tenants at once.
    Small,
}

impl Schema {
    /// Contacts where no size is asked for.
    #[must_use]
    pub fn default_contacts(self) -> u64 {
        match self {
            Self::Sample => super::DEFAULT_SIZE,
            Self::Full => 1000,
            Self::Small => 12,
        }
    }

    fn tables(self) -> Result<Vec<Planned>, CrmError> {
        match self {
            Self::Sample => TABLES.iter().map(tables::Definition::planned).collect(),
            Self::Full => {
                let mut planned = full::tables()?;
                planned.extend(blocked::planned()?);
                Ok(planned)
            }
            Self::Small => {
                let small = TABLES.iter().filter(|definition| tables::SMALL.contains(&definition.name));
                let mut planned = small.map(tables::Definition::planned).collect::<Result<Vec<_>, _>>()?;
                let is_small = |planned: &Planned| blocked::SMALL.contains(&planned.table.name.as_str());
                planned.extend(blocked::planned()?.into_iter().filter(is_small));
                Ok(planned)
            }
        }
    }
}

/// How big a tenant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So many contacts, and everything else in proportion.
    Contacts(u64),
    /// So many rows in all tables that are not blocked. One contact and what belongs to it is the least.
    Rows(u64),
}

/// How many rows a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// In proportion to the contacts.
    PerHundred(u64),
    /// In proportion, but a list of choices does not grow for ever.
    UpTo { per_hundred: u64, most: u64 },
    /// Whatever the size.
    Fixed(u64),
    /// One row per extreme value.
    Extremes,
}

impl Share {
    fn rows(self, contacts: u64) -> u64 {
        let in_proportion = |per_hundred: u64| per_hundred.saturating_mul(contacts).div_ceil(100);
        match self {
            Self::PerHundred(per_hundred) => in_proportion(per_hundred),
            Self::UpTo { per_hundred, most } => in_proportion(per_hundred).min(most),
            Self::Fixed(rows) => rows,
            Self::Extremes => extremes::COUNT,
        }
    }
}

/// A table to be made.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) table: Table,
    pub(super) share: Share,
}

/// A tenant to be made. The same plan makes the same tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its tables.
    pub schema: Schema,
    /// Its size.
    pub size: Size,
    /// What its values depend on; tables and numbers of rows do not.
    pub seed: u64,
}

/// A table and its number of rows.
#[derive(Clone, Debug)]
pub(super) struct Filling {
    pub(super) table: Table,
    pub(super) share: Share,
    pub(super) rows: u64,
}

impl Plan {
    /// All tables with their numbers of rows.
    pub(super) fn fillings(&self) -> Result<Vec<Filling>, CrmError> {
        let planned = self.schema.tables()?;
        let contacts = match self.size {
            Size::Contacts(contacts) => contacts,
            Size::Rows(rows) => contacts_for(&planned, rows),
        };
        let mut fillings: Vec<Filling> = planned
            .into_iter()
            .map(|Planned { table, share }| Filling { rows: share.rows(contacts), table, share })
            .collect();
        if let Size::Rows(rows) = self.size {
            let missing = rows.saturating_sub(announced_rows(&fillings));
            if let Some(most) = fillings.iter_mut().max_by_key(|filling| filling.rows) {
                most.rows += missing;
            }
        }
        Ok(fillings)
    }
}

fn announced_rows(fillings: &[Filling]) -> u64 {
    fillings
        .iter()
        .filter(|filling| !blocked::is_blocked(&filling.table.name))
        .map(|filling| filling.rows)
        .sum()
}

/// The most contacts with which there are no more rows than asked for, but at least one.
fn contacts_for(planned: &[Planned], rows: u64) -> u64 {
    let announced: Vec<Share> = planned
        .iter()
        .filter(|planned| !blocked::is_blocked(&planned.table.name))
        .map(|planned| planned.share)
        .collect();
    let fits = |contacts: u64| announced.iter().map(|share| share.rows(contacts)).sum::<u64>() <= rows;
    // Every contact has more than one row.
    let (mut most, mut too_many) = (1, rows.saturating_add(2));
    while most + 1 < too_many {
        let middle = most + (too_many - most) / 2;
        if fits(middle) { most = middle } else { too_many = middle }
    }
    most
}
