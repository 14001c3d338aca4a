//! Wipe: a table begins anew.

use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::stage::Stage;
use crate::conformance::subject::Subject;
use crate::conformance::table::TestTable;
use crate::sql::Value;

const WIPE: &str = "Wipe, documented";
/// What makes the vendor send everything.
const EVERYTHING: [i64; 2] = [-1, 0];

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new(
            "wipe.position",
            WIPE,
            "a wiped table that was not filled again must be sent as a whole",
            position,
        ),
        Line::new(
            "wipe.interrupted",
            WIPE,
            "a table whose filling broke off must be sent as a whole",
            interrupted,
        ),
        Line::new("wipe.other-tables", WIPE, "a Wipe concerns its own table only", other_tables),
        Line::new(
            "wipe.filled-again",
            WIPE,
            "the columns stay: rows are taken right after a Wipe, and their LSN",
            filled_again,
        ),
        Line::new(
            "wipe.lower-position",
            "scenarios, documented",
            "after a restore of the source, a Wipe brings a table back to a lower LSN than it had",
            lower_position,
        ),
        Line::new("wipe.rows", WIPE, "after a table was filled again, none of its old rows is left", rows)
            .by_mirror(),
        Line::new("wipe.empty-table", WIPE, "a table that is wiped and stays empty has no rows", empty_table)
            .by_mirror(),
    ]
}

fn populated<'s>(stage: &'s Stage<'_>, table: &TestTable) -> Result<Subject<'s>, Miss> {
    let subject = stage.subject();
    subject.populate(&[(table, table.inserts(5, &[(1, "Nord"), (2, "Vest")]))])?;
    Ok(subject)
}

fn position(stage: &Stage<'_>) -> Checked {
    let table = TestTable::keyed("contact");
    let subject = populated(stage, &table)?;
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    subject.expect_position(&table, &EVERYTHING, "after a Wipe and a cycle that broke off")
}

fn interrupted(stage: &Stage<'_>) -> Checked {
    let table = TestTable::keyed("contact");
    let subject = populated(stage, &table)?;
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    subject.send(&[table.inserts(0, &[(1, "Nord")])])?;
    subject.expect_position(&table, &EVERYTHING, "after a Wipe and a first batch")
}

fn other_tables(stage: &Stage<'_>) -> Checked {
    let (wiped, other) = (TestTable::keyed("contact"), TestTable::keyed("person"));
    let subject = stage.subject();
    subject
        .populate(&[(&wiped, wiped.inserts(5, &[(1, "Nord")])), (&other, other.inserts(6, &[(1, "Ola")]))])?;
    subject.open(&[&wiped, &other])?;
    subject.wipe(&wiped)?;
    subject.expect_position_among(&other, &[&wiped, &other], &[6], "for the table that was not wiped")
}

fn refilled<'s>(stage: &'s Stage<'_>, table: &TestTable) -> Result<Subject<'s>, Miss> {
    let subject = populated(stage, table)?;
    subject.open(&[table])?;
    subject.wipe(table)?;
    subject.send(&[table.inserts(8, &[(2, "Vest"), (3, "S\u{f8}r")])])?;
    subject.complete()?;
    Ok(subject)
}

fn filled_again(stage: &Stage<'_>) -> Checked {
    let table = TestTable::keyed("contact");
    refilled(stage, &table)?.expect_position(&table, &[8], "after it was filled again")
}

fn lower_position(stage: &Stage<'_>) -> Checked {
    let table = TestTable::keyed("contact");
    let subject = populated(stage, &table)?;
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    subject.send(&[table.inserts(3, &[(1, "Nord")])])?;
    subject.complete()?;
    subject.expect_position(&table, &[3], "after a table at LSN 5 was filled again up to LSN 3")
}

fn rows(stage: &Stage<'_>) -> Checked {
    let table = TestTable::keyed("contact");
    let right: [Vec<Value>; 2] = [vec![2.into(), "Vest".into()], vec![3.into(), "S\u{f8}r".into()]];
    refilled(stage, &table)?.expect_rows(&table, &right)
}

fn empty_table(stage: &Stage<'_>) -> Checked {
    let table = TestTable::keyed("contact");
    let subject = populated(stage, &table)?;
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    subject.complete()?;
    subject.expect_rows(&table, &[])
}
