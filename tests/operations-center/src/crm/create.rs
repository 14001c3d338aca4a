//! Making a tenant from its plan.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

use super::generator::Generator;
use super::plan::{Filling, Plan, Share};
use super::{CrmError, extremes, reference};
use crate::sql::{Column, SqlType, Value};
use crate::tenant::{Table, Tenant};

/// Every hundredth text of unlimited length is a long one.
const LONG_TEXT_EVERY: u64 = 100;
/// Rows between two reports.
const REPORT_EVERY: u64 = 10_000;

/// How far the making of a tenant is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Tables that have all their rows.
    pub tables: usize,
    /// Tables in all.
    pub all_tables: usize,
    /// Rows so far.
    pub rows: u64,
    /// Rows in all.
    pub all_rows: u64,
}

impl Plan {
    /// Makes the tenant in a new file. All rows are older than change tracking, as most of a real tenant's are.
    /// `report` is called after each table and every 10,000 rows.
    ///
    /// # Errors
    /// [`CrmError`] when the file exists or cannot be written. What was made until then stays.
    pub fn create(&self, path: &Path, mut report: impl FnMut(Progress)) -> Result<Tenant, CrmError> {
        let fillings = self.fillings()?;
        let tenant = Tenant::create(path)?;
        tenant.add_tables(fillings.iter().map(|filling| &filling.table))?;
        let counts: HashMap<&str, u64> =
            fillings.iter().map(|filling| (filling.table.name.as_str(), filling.rows)).collect();
        let mut progress =
            Progress { all_tables: fillings.len(), all_rows: counts.values().sum(), ..Progress::default() };
        for filling in &fillings {
            if filling.rows > 0 {
                let rows = self.rows(filling, &counts).inspect(|_| {
                    progress.rows += 1;
                    if progress.rows.is_multiple_of(REPORT_EVERY) {
                        report(progress);
                    }
                });
                tenant.load(&filling.table.name, rows)?;
            }
            progress.tables += 1;
            report(progress);
        }
        Ok(tenant)
    }

    /// The rows of one table. Their keys are 1, 2, 3 and so on in every table, so that a reference is a number up to
    /// the other table's count.
    fn rows<'p>(
        &self,
        filling: &'p Filling,
        counts: &'p HashMap<&str, u64>,
    ) -> Box<dyn Iterator<Item = Vec<Value>> + 'p> {
        let table = &filling.table;
        let mut generator = Generator::new(self.seed, &table.name);
        if filling.share == Share::Extremes {
            return Box::new(extremes::rows(table, &mut generator).into_iter());
        }
        let links = reference::links(table, |name| counts.contains_key(name));
        Box::new((1..=filling.rows).map(move |number| {
            let pick = |target: &str, generator: &mut Generator| -> Result<_, Infallible> {
                let count = counts.get(target).copied().filter(|count| *count > 0);
                Ok(count.map(|count| whole(generator.skewed(count) + 1)))
            };
            let Ok(mut row) = reference::row(table, &links, whole(number), &mut generator, pick);
            if number % LONG_TEXT_EVERY == 1 {
                lengthen(table, &mut row, &mut generator);
            }
            row
        }))
    }
}

fn whole(number: u64) -> Value {
    Value::Whole(i64::try_from(number).unwrap_or(i64::MAX))
}

fn lengthen(table: &Table, row: &mut [Value], generator: &mut Generator) {
    let is_unlimited = |column: &Column| matches!(column.sql_type, SqlType::NText | SqlType::NVarChar(None));
    for (cell, _) in row.iter_mut().zip(&table.columns).filter(|(_, column)| is_unlimited(column)) {
        *cell = generator.long_text();
    }
}
