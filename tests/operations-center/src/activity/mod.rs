//! What users do to a tenant's rows: at a rate, as a CRM's users do, or at random.
//!
//! Ordinary work keeps references whole: new rows name rows that exist, and a row that others name is not deleted,
//! unless it is merged into another and all that named it moved there first. Only [`random()`] heeds nothing.

mod alteration;
mod burst;
mod calendar;
mod merge;
mod random;
mod rates;
mod save;
mod tables;
#[cfg(test)]
mod tests;
mod work;
mod worker;

pub use alteration::Alteration;
pub use burst::{import, upgrade};
pub use merge::merge;
pub use random::{Amount, random};
pub use rates::Rates;
pub use work::{Changed, Work};

use calendar::{Act, What};
use tables::Tables;

use crate::tenant::{Tenant, TenantError};

/// A tenant's users at work, by the schedule's clock.
///
/// What they do and when depends on rates and seed alone, and on no moment at which they are asked: two steps of ten
/// minutes do what one of twenty does.
#[derive(Clone, Debug)]
pub struct Activity {
    rates: Rates,
    seed: u64,
    done_until_ms: i64,
}

impl Activity {
    /// Users who begin to work at `from_ms`, in milliseconds since 1970.
    #[must_use]
    pub fn new(rates: Rates, seed: u64, from_ms: i64) -> Self {
        Self { rates, seed, done_until_ms: from_ms }
    }

    /// Does all that is due before `now_ms` and was not done yet, each save, merge and burst in a transaction of its
    /// own. Where nothing is due the database is not touched. After an error the next step goes on behind the last
    /// thing that was done.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn step(&mut self, tenant: &Tenant, now_ms: i64) -> Result<Work, TenantError> {
        let mut work = Work::default();
        let mut tables = None;
        while self.done_until_ms < now_ms {
            let minute = self.done_until_ms.div_euclid(calendar::MINUTE_MS);
            let due = self.done_until_ms..now_ms.min((minute + 1) * calendar::MINUTE_MS);
            for act in calendar::acts(&self.rates, self.seed, minute) {
                if due.contains(&act.at_ms) {
                    let tables = match &tables {
                        Some(tables) => tables,
                        None => tables.insert(Tables::of(tenant)?),
                    };
                    work.add(self.apply(tenant, tables, &act)?);
                    self.done_until_ms = act.at_ms + 1;
                }
            }
            self.done_until_ms = due.end;
        }
        Ok(work)
    }

    fn apply(&self, tenant: &Tenant, tables: &Tables, act: &Act) -> Result<Work, TenantError> {
        match &act.what {
            What::Save(changes) => save::save(tenant, tables, act, changes),
            What::Merge => merge::merge_in(tenant, tables, act.at_ms, act.seed),
            What::Import => burst::import_in(tenant, tables, self.rates.burst_rows, act.at_ms, act.seed),
            What::Upgrade => burst::upgrade_in(tenant, tables, None, act.at_ms, act.seed),
        }
    }
}
