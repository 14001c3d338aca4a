//! RowData and Wipe: what positions mean, and what becomes of rows.

use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::stage::Stage;
use crate::conformance::subject::Subject;
use crate::conformance::table::{KEYED, TestTable};
use crate::sql::SqlType;
use crate::wire::{Batch, Operation, Request, Summary};

const ROWS: &str = "RowData, documented";

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new("rows.position", ROWS, "after a cycle a table's LSN is that of its last batch", position),
        Line::new(
            "rows.intermediate",
            ROWS,
            "an LSN of 0 or below is no position: the rows are kept, the LSN is not moved",
            intermediate,
        ),
        Line::new(
            "rows.several-tables",
            ROWS,
            "each of several tables in one call gets the LSN of its own batch",
            several_tables,
        ),
        Line::new(
            "rows.table-in-parts",
            ROWS,
            "several batches of one table in one call: the last one's LSN counts",
            table_in_parts,
        ),
        Line::new("rows.operations", ROWS, "I, U and D are taken", |stage| {
            operations(stage, ["I", "U", "D"])
        }),
        Line::new("rows.lower-case", "RowData, inferred", "i, u and d are taken too", |stage| {
            operations(stage, ["i", "u", "d"])
        })
        .recommended(),
        Line::new(
            "rows.delete-by-key",
            ROWS,
            "of a deleted row the key is enough, all other values may be nil",
            delete_by_key,
        ),
        Line::new(
            "rows.final-state",
            ROWS,
            "I and U put a row by its first column, D removes it",
            final_state,
        )
        .by_mirror(),
        Line::new(
            "rows.repeated",
            ROWS,
            "a call that comes again is accepted or refused, and the position stands",
            repeated,
        ),
        Line::new("rows.repeated-once", ROWS, "rows that come twice stand once in the mirror", repeated_once)
            .by_mirror(),
        Line::new(
            "rows.acknowledged",
            "RowData, documented",
            "when success is answered, the rows are in the mirror",
            acknowledged,
        )
        .by_mirror(),
        Line::new(
            "completed.empty",
            "ReplicationCompleted, observed",
            "the list of changed tables may be empty",
            |stage| completed(stage, &[]),
        ),
        Line::new(
            "completed.counts",
            "ReplicationCompleted, documented",
            "counts of changed tables are taken",
            |stage| {
                completed(
                    stage,
                    &[Summary { deletes: 1, inserts: 2, table: "contact".to_owned(), updates: 3 }],
                )
            },
        ),
    ]
}

fn position(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    subject.send(&[table.inserts(0, &[(1, "Nord")])])?;
    subject.send(&[table.inserts(0, &[(2, "Vest")])])?;
    subject.send(&[table.inserts(77, &[(3, "S\u{f8}r")])])?;
    subject.complete()?;
    subject.expect_position(&table, &[77], "after three batches, the last with LSN 77")
}

fn intermediate(stage: &Stage<'_>) -> Checked {
    let (subject, new, old) = (stage.subject(), TestTable::keyed("contact"), TestTable::keyed("person"));
    let tables = [&new, &old];
    subject.populate(&[(&old, old.inserts(6, &[(1, "Ola")]))])?;
    subject.open(&tables)?;
    subject.wipe(&new)?;
    subject.send(&[new.inserts(0, &[(1, "Nord")])])?;
    subject.send(&[old.inserts(-1, &[(2, "Kari")])])?;
    // The cycle breaks off here: no last batch, no ReplicationCompleted.
    subject.expect_position_among(&new, &tables, &[-1], "for a table that got a first batch only")?;
    subject.expect_position_among(
        &old,
        &tables,
        &[6],
        "for a table that stood at 6 and got an intermediate batch",
    )
}

fn several_tables(stage: &Stage<'_>) -> Checked {
    let tables = ["contact", "person", "sale"].map(TestTable::keyed);
    let [contact, person, sale] = &tables;
    let all = [contact, person, sale];
    let subject = stage.subject();
    subject.open(&all)?;
    all.into_iter().try_for_each(|table| subject.wipe(table))?;
    // The rows of the second table go on in a later call, so that its batch here has no position.
    subject.send(&[
        contact.inserts(31, &[(1, "Nord")]),
        person.inserts(0, &[(1, "Ola")]),
        sale.inserts(33, &[(1, "Bridge")]),
    ])?;
    subject.send(&[person.inserts(32, &[(2, "Kari")])])?;
    subject.complete()?;
    let found = subject.positions(&all)?;
    let due = [("contact", 31), ("person", 32), ("sale", 33)];
    match due.iter().find(|(table, lsn)| found.get(*table) != Some(lsn)) {
        None => Ok("three tables were answered their own LSNs".to_owned()),
        Some((table, lsn)) => Err(Miss::failed(format!(
            "TableSchema answers {:?} for {table}, {lsn} is right",
            found.get(*table)
        ))),
    }
}

fn table_in_parts(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    subject.send(&[table.inserts(0, &[(1, "Nord")]), table.inserts(9, &[(2, "Vest")])])?;
    subject.complete()?;
    subject.expect_position(&table, &[9], "after two batches in one call")
}

fn operations(stage: &Stage<'_>, names: [&str; 3]) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    let [insert, update, delete] = names;
    let row = [Some("[I:1]"), Some("Nord")];
    subject.populate(&[(&table, table.batch(5, &[(insert, &row)]))])?;
    subject.open(&[&table])?;
    subject.send(&[table.batch(6, &[(update, &row), (delete, &[Some("[I:2]"), None])])])?;
    subject.complete()?;
    subject.expect_position(&table, &[6], "after them")
}

fn delete_by_key(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (
        stage.subject(),
        TestTable::new(
            "sale",
            &[("sale_id", SqlType::Int), ("amount", SqlType::Float), ("saledate", SqlType::DateTime)],
        ),
    );
    let row = ("I", &[Some("[I:1]"), Some("[F:1.5]"), Some("[DT:05/18/2020 10:40:43.0000000]")][..]);
    subject.populate(&[(&table, table.batch(5, &[row]))])?;
    subject.open(&[&table])?;
    subject.send(&[
        table.batch(6, &[("D", &[Some("[I:1]"), None, None]), ("D", &[Some("[I:99]"), None, None])])
    ])?;
    subject.complete()?;
    subject.expect_position(&table, &[6], "after deletes of a row that is there and of one that is not")
}

fn final_state(stage: &Stage<'_>) -> Checked {
    // The key is the first column, whatever it and the others are called.
    let table = TestTable::new(
        "y_equipment",
        &[("x_number", SqlType::Int), ("id", KEYED[0].1), ("name", KEYED[1].1)],
    );
    let row = |operation, key, name| (operation, [Some(key), Some("[I:7]"), Some(name)]);
    let batch = |lsn, rows: &[(&'static str, [Option<&'static str>; 3])]| {
        let rows: Vec<(&str, &[Option<&str>])> =
            rows.iter().map(|(operation, row)| (*operation, &row[..])).collect();
        table.batch(lsn, &rows)
    };
    let subject = stage.subject();
    let first = batch(5, &[row("I", "[I:1]", "a"), row("I", "[I:2]", "b"), row("I", "[I:3]", "c")]);
    subject.populate(&[(&table, first)])?;
    subject.open(&[&table])?;
    let deleted = ("D", [Some("[I:3]"), None, None]);
    let changes =
        [row("I", "[I:1]", "again"), row("U", "[I:2]", "changed"), row("U", "[I:4]", "never seen"), deleted];
    subject.send(&[batch(6, &changes)])?;
    subject.complete()?;
    let right = [(1, "again"), (2, "changed"), (4, "never seen")];
    subject.expect_rows(&table, &right.map(|(key, name)| vec![key.into(), 7.into(), name.into()]))
}

/// A populated table that gets changes in a call whose answer counts as lost; the same bytes come again.
fn repeat<'s>(stage: &'s Stage<'_>, table: &TestTable) -> Result<(Subject<'s>, String), Miss> {
    let subject = stage.subject();
    subject.populate(&[(table, table.inserts(5, &[(1, "Nord"), (2, "Vest")]))])?;
    subject.open(&[table])?;
    let changes = table.inserts(6, &[(2, "changed"), (3, "new")]);
    let call = subject.body(&Request::row_data(&[changes]))?;
    subject.send_body(Operation::RowData, &call).success("RowData")?;
    let again = subject.send_body(Operation::RowData, &call);
    let observed =
        if again.is_success() { "accepted".to_owned() } else { again.refusal("the same call again")? };
    Ok((subject, observed))
}

fn repeated(stage: &Stage<'_>) -> Checked {
    let table = TestTable::keyed("contact");
    let (subject, observed) = repeat(stage, &table)?;
    if observed == "accepted" {
        subject.complete()?;
    }
    // A refusal has ended the cycle, and a position that only the cycle's end would have moved.
    let right: &[i64] = if observed == "accepted" { &[6] } else { &[5, 6] };
    let position = subject.expect_position(&table, right, "after it")?;
    Ok(format!("the same call again: {observed}; {position}"))
}

fn repeated_once(stage: &Stage<'_>) -> Checked {
    let table = TestTable::keyed("contact");
    let (subject, _) = repeat(stage, &table)?;
    let right = [(1, "Nord"), (2, "changed"), (3, "new")];
    subject.expect_rows(&table, &right.map(|(key, name)| vec![key.into(), name.into()]))
}

fn acknowledged(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.populate(&[(&table, table.inserts(5, &[(1, "Nord")]))])?;
    subject.open(&[&table])?;
    let rows: Vec<(i32, String)> = (2..500).map(|key| (key, format!("row {key}"))).collect();
    let rows: Vec<(i32, &str)> = rows.iter().map(|(key, name)| (*key, name.as_str())).collect();
    let batch: Batch = table.inserts(6, &rows);
    subject.send(&[batch])?;
    let mut right = vec![vec![1.into(), "Nord".into()]];
    right.extend(rows.iter().map(|(key, name)| vec![(*key).into(), (*name).into()]));
    subject.expect_rows(&table, &right)
}

fn completed(stage: &Stage<'_>, changed: &[Summary]) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    subject.send(&[table.inserts(5, &[(1, "Nord")])])?;
    subject.succeed(&Request::completed(changed))?;
    subject.expect_position(&table, &[5], "after it")
}
