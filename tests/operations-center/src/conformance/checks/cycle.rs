//! Whole cycles by the Mirroring Task itself, from a tenant's database with change tracking.

use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;

use crate::caller::Caller;
use crate::causes::with_causes;
use crate::clock::{Clock, SystemClock};
use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::stage::Stage;
use crate::conformance::table::TestTable;
use crate::cycle::{Cycle, CycleError, Options, Report};
use crate::sql::Value;
use crate::tenant::{Table, Tenant, TenantError};

const CYCLE: &str = "operations, documented";
/// The task's time is that much behind, so that cycles need not wait for each other.
const BEHIND_MS: i64 = 120_000;
const COLUMNS: [&str; 4] =
    ["contact_id int", "name nvarchar(100) null", "rank smallint", "updated datetime null"];
/// Rows of the tenant, more than one batch of them.
const ROWS: i32 = 60;
/// Small, so that a table comes in several batches.
const BATCH_BYTES: usize = 8_000;

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new(
            "cycle.population",
            CYCLE,
            "a new tenant's first cycle runs through, and sends everything",
            population,
        ),
        Line::new("cycle.changes", CYCLE, "the second cycle sends the changes only", changes),
        Line::new(
            "cycle.broken-off",
            "scenarios, documented",
            "after a cycle that broke off, the next sends what is missing",
            broken_off,
        ),
        Line::new(
            "cycle.mirror",
            "scenarios, documented",
            "after these cycles the mirror equals its source",
            mirror,
        )
        .by_mirror(),
    ]
}

/// The task's clock: it moves on instead of letting anybody wait.
struct TaskClock(AtomicI64);

impl Clock for TaskClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() - BEHIND_MS + self.0.load(Ordering::SeqCst)
    }

    fn wait_until_ms(&self, moment_ms: i64) {
        let left = moment_ms - self.now_ms();
        self.0.fetch_add(left.max(0), Ordering::SeqCst);
    }
}

/// A tenant with a database.
struct Source<'s> {
    stage: &'s Stage<'s>,
    tenant: Tenant,
    clock: TaskClock,
    _folder: TempDir,
}

fn cannot(error: impl std::fmt::Display) -> Miss {
    Miss::unobserved(format!("the tenant's database cannot be made: {error}"))
}

impl<'s> Source<'s> {
    fn new(stage: &'s Stage<'s>) -> Result<Self, Miss> {
        let folder = tempfile::tempdir().map_err(cannot)?;
        let path = folder.path().join(format!("{}.db", stage.subject().tenant));
        let tenant = Tenant::create(&path).map_err(cannot)?;
        for name in ["contact", "y_quiet"] {
            tenant.add_table(&Table::parse(name, &COLUMNS).map_err(cannot)?).map_err(cannot)?;
        }
        let source = Self { stage, tenant, clock: TaskClock(AtomicI64::new(0)), _folder: folder };
        source.insert("contact", 1..=ROWS)?;
        source.insert("y_quiet", 1..=1)?;
        Ok(source)
    }

    fn insert(&self, table: &str, keys: std::ops::RangeInclusive<i32>) -> Result<(), Miss> {
        let inserted = self.tenant.transaction(|edit| {
            keys.into_iter().try_for_each(|key| {
                let name = Value::Text(format!("row {key}"));
                edit.insert_row(table, &[key.into(), name, (key % 7).into(), Value::Null])
            })
        });
        inserted.map_err(|error: TenantError| cannot(error))
    }

    fn change(&self) -> Result<(), Miss> {
        let changed = self.tenant.transaction(|edit| {
            edit.update("contact", &1.into(), &[("name", "changed".into())])?;
            edit.delete("contact", &2.into())?;
            edit.insert_row("contact", &[(ROWS + 1).into(), "new".into(), 0.into(), Value::Null])
        });
        changed.map_err(|error: TenantError| cannot(error))
    }

    fn cycle(&self) -> Cycle<'_> {
        let caller = Caller::new(&self.stage.client, self.stage.application, &self.tenant, &self.clock);
        Cycle::with_options(
            caller,
            Options { batch_bytes: Some(BATCH_BYTES), combine: false, ..Options::default() },
        )
    }

    fn run(&self) -> Result<Report, Miss> {
        self.cycle().run().map_err(|error| ended(&error))
    }

    /// Demands that the mirror equals the source.
    fn expect_mirror(&self) -> Checked {
        let snapshot = self.tenant.snapshot().map_err(cannot)?;
        for table in snapshot.tables().map_err(cannot)? {
            let mut rows = Vec::new();
            let read = snapshot.for_each_row(&table, |values| {
                rows.push(values.to_values()?);
                Ok::<_, TenantError>(())
            });
            read.map_err(cannot)?;
            let columns: Vec<_> =
                table.columns.iter().map(|column| (column.name.as_str(), column.sql_type)).collect();
            self.stage.expect_rows(self.tenant.name(), &TestTable::new(&table.name, &columns), &rows)?;
        }
        Ok("every row of both tables is there, and no other".to_owned())
    }
}

/// An error with its causes.
fn ended(error: &CycleError) -> Miss {
    Miss::failed(format!("the cycle ended: {}", with_causes(error)))
}

fn expect_rows(report: &Report, right: u64) -> Checked {
    match report.rows() {
        rows if rows == right => Ok(format!("{rows} rows were sent")),
        rows => Err(Miss::failed(format!(
            "{rows} rows had to be sent, {right} are right: the answered LSNs are wrong"
        ))),
    }
}

fn population(stage: &Stage<'_>) -> Checked {
    let source = Source::new(stage)?;
    expect_rows(&source.run()?, u64::from(ROWS.unsigned_abs()) + 1)
}

fn changes(stage: &Stage<'_>) -> Checked {
    let source = Source::new(stage)?;
    source.run()?;
    source.change()?;
    expect_rows(&source.run()?, 3)?;
    expect_rows(&source.run()?, 0)?;
    Ok("three changes were sent, then nothing".to_owned())
}

fn break_off(source: &Source<'_>) -> Result<(), Miss> {
    let mut cycle = source.cycle();
    let told = |error: CycleError| ended(&error);
    cycle.authenticate().map_err(told)?;
    let positions = cycle.table_schema().map_err(told)?;
    cycle.send_table("y_quiet", positions.get("y_quiet").copied().unwrap_or(-1)).map_err(told)
}

fn broken_off(stage: &Stage<'_>) -> Checked {
    let source = Source::new(stage)?;
    break_off(&source)?;
    let missing = u64::from(ROWS.unsigned_abs());
    // The table that was sent comes again where its position was to take effect with the cycle's end.
    match source.run()?.rows() {
        rows if rows == missing || rows == missing + 1 => Ok(format!("{rows} rows were sent")),
        rows => Err(Miss::failed(format!("{rows} rows had to be sent, {missing} or one more are right"))),
    }
}

fn mirror(stage: &Stage<'_>) -> Checked {
    let source = Source::new(stage)?;
    break_off(&source)?;
    source.run()?;
    source.change()?;
    source.run()?;
    source.expect_mirror()
}
