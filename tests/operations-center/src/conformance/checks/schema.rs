//! TableSchema: positions of all tables, and what becomes of tables that change or go.

use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::stage::Stage;
use crate::conformance::subject::Subject;
use crate::conformance::table::{KEYED, TestTable};
use crate::sql::{SqlType, Value};
use crate::wire::{ColumnInfo, Request, TableInfo};

const SCHEMA: &str = "TableSchema, documented";
const SCENARIO: &str = "scenarios, documented";
/// The sampled call's tables and columns.
const SAMPLED_TABLES: usize = 413;
const SAMPLED_COLUMNS: usize = 5270;

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new(
            "schema.every-table",
            SCHEMA,
            "the answer names every announced table once and no other",
            every_table,
        ),
        Line::new("schema.new-table", SCHEMA, "a table that is new has LSN -1", new_table),
        Line::new(
            "schema.position-kept",
            SCHEMA,
            "a later cycle is answered the LSN up to which rows were taken",
            kept,
        ),
        Line::new(
            "schema.dropped-table",
            SCENARIO,
            "a table that was not announced is new when it comes again",
            dropped,
        ),
        Line::new(
            "schema.dropped-rows",
            SCHEMA,
            "a table that is not announced leaves the mirror",
            dropped_rows,
        )
        .by_mirror(),
        Line::new(
            "schema.added-column",
            SCHEMA,
            "a table with a column more keeps its LSN or begins anew, and takes rows with the column",
            added_column,
        ),
        Line::new(
            "schema.added-column-rows",
            SCHEMA,
            "the values of an added column arrive",
            added_column_rows,
        )
        .by_mirror(),
        Line::new(
            "schema.removed-column",
            SCHEMA,
            "a table with a column less keeps its LSN or begins anew, and takes rows without the column",
            removed_column,
        ),
        Line::new(
            "schema.changed-type",
            SCENARIO,
            "a table whose column changed its type begins anew or keeps its LSN, and takes values of the new type",
            changed_type,
        ),
        Line::new(
            "schema.changed-type-rows",
            SCENARIO,
            "after a change of type the mirror has every row: nothing is lost with the old column",
            changed_type_rows,
        )
        .by_mirror(),
        Line::new(
            "schema.any-name",
            "scenarios, documented",
            "no table is refused for its name or for being on a list",
            any_name,
        ),
        Line::new(
            "schema.413-tables",
            "transport, observed",
            "413 tables with 5,270 columns are taken in one call",
            many_tables,
        ),
    ]
}

fn every_table(stage: &Stage<'_>) -> Checked {
    let names = ["appointment", "contact", "person", "sale", "y_car"];
    let infos: Vec<TableInfo> = names.iter().map(|name| TestTable::keyed(name).info()).collect();
    names_each_once(stage, &infos)
}

/// Announces tables and compares the answer's names with theirs.
fn names_each_once(stage: &Stage<'_>, infos: &[TableInfo]) -> Checked {
    let subject = stage.subject();
    subject.authenticate()?;
    let answer = subject.succeed(&Request::table_schema(infos))?;
    let mut answered: Vec<String> =
        answer.positions.unwrap_or_default().into_iter().map(|position| position.table).collect();
    let mut announced: Vec<String> = infos.iter().map(|info| info.table.clone()).collect();
    answered.sort();
    announced.sort();
    if answered == announced {
        return Ok(format!("{} tables, each once", answered.len()));
    }
    let missing = announced.iter().filter(|name| !answered.contains(name)).count();
    Err(Miss::failed(format!(
        "{} tables were announced, {} answered, {missing} are missing",
        announced.len(),
        answered.len()
    )))
}

fn new_table(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.authenticate()?;
    let answer = subject.succeed(&Request::table_schema(&[table.info()]))?;
    let lsns: Vec<i64> = answer.positions.unwrap_or_default().iter().map(|position| position.lsn).collect();
    if lsns == [-1] { Ok("-1".to_owned()) } else { Err(Miss::failed(format!("{lsns:?}"))) }
}

fn kept(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.populate(&[(&table, table.inserts(1234, &[(1, "Nord")]))])?;
    subject.expect_position(&table, &[1234], "in the next cycle")?;
    subject.expect_position(&table, &[1234], "in a cycle after one that brought nothing")
}

/// Two populated tables, of which the second is then left out for a cycle.
fn drop_one<'s>(stage: &'s Stage<'_>) -> Result<(Subject<'s>, TestTable, TestTable), Miss> {
    let (stays, goes) = (TestTable::keyed("contact"), TestTable::keyed("person"));
    let subject = stage.subject();
    subject
        .populate(&[(&stays, stays.inserts(5, &[(1, "Nord")])), (&goes, goes.inserts(6, &[(1, "Ola")]))])?;
    subject.expect_position(&stays, &[5], "for the table that stays")?;
    Ok((subject, stays, goes))
}

fn dropped(stage: &Stage<'_>) -> Checked {
    let (subject, stays, goes) = drop_one(stage)?;
    let observed = subject.expect_position_among(
        &goes,
        &[&stays, &goes],
        &[-1],
        "for a table that was dropped and made again",
    )?;
    subject.expect_position_among(&stays, &[&stays, &goes], &[5], "for the table that stayed")?;
    Ok(observed)
}

fn dropped_rows(stage: &Stage<'_>) -> Checked {
    let (subject, _, goes) = drop_one(stage)?;
    subject.expect_rows(&goes, &[])
}

fn with_column(table: &str, column: (&str, SqlType)) -> TestTable {
    let [key, name] = KEYED;
    TestTable::new(table, &[key, name, column])
}

/// Brings rows into a table in its changed form: all of them where the receiver asks for everything, else one more.
fn go_on(subject: &Subject<'_>, table: &TestTable, lsn: i64, all: &[&[Option<&str>]]) -> Checked {
    let position = subject.open(&[table])?.get(table.name()).copied();
    let rows: Vec<(&str, &[Option<&str>])> = all.iter().map(|values| ("I", *values)).collect();
    let rows = match position {
        Some(-1) => {
            subject.wipe(table)?;
            rows.as_slice()
        }
        Some(found) if found == lsn => rows.get(rows.len().saturating_sub(1)..).unwrap_or_default(),
        other => return Err(Miss::failed(format!("TableSchema answers {other:?}, {lsn} or -1 is right"))),
    };
    subject.send(&[table.batch(lsn + 1, rows)])?;
    subject.complete()?;
    subject.expect_position(table, &[lsn + 1], "after rows in the new form")?;
    Ok(if position == Some(-1) { "the table began anew" } else { "the LSN was kept" }.to_owned())
}

fn add_column<'s>(stage: &'s Stage<'_>) -> Result<(Subject<'s>, TestTable, String), Miss> {
    let (subject, old) = (stage.subject(), TestTable::keyed("contact"));
    subject.populate(&[(&old, old.inserts(5, &[(1, "Nord")]))])?;
    let new = with_column("contact", ("x_rank", SqlType::Int));
    let rows: [&[Option<&str>]; 2] =
        [&[Some("[I:1]"), Some("Nord"), None], &[Some("[I:2]"), Some("Vest"), Some("[I:7]")]];
    let observed = go_on(&subject, &new, 5, &rows)?;
    Ok((subject, new, observed))
}

fn added_column(stage: &Stage<'_>) -> Checked {
    add_column(stage).map(|(_, _, observed)| observed)
}

fn added_column_rows(stage: &Stage<'_>) -> Checked {
    let (subject, table, _) = add_column(stage)?;
    subject.expect_rows(
        &table,
        &[vec![1.into(), "Nord".into(), Value::Null], vec![2.into(), "Vest".into(), 7.into()]],
    )
}

fn removed_column(stage: &Stage<'_>) -> Checked {
    let (subject, old) = (stage.subject(), with_column("contact", ("x_rank", SqlType::Int)));
    let row = ("I", &[Some("[I:1]"), Some("Nord"), Some("[I:7]")][..]);
    subject.populate(&[(&old, old.batch(5, &[row]))])?;
    let new = TestTable::keyed("contact");
    go_on(&subject, &new, 5, &[&[Some("[I:1]"), Some("Nord")], &[Some("[I:2]"), Some("Vest")]])
}

fn change_type<'s>(stage: &'s Stage<'_>) -> Result<(Subject<'s>, TestTable, String), Miss> {
    let (subject, old) = (stage.subject(), with_column("contact", ("x_rank", SqlType::NVarChar(Some(20)))));
    let row = ("I", &[Some("[I:1]"), Some("Nord"), Some("7")][..]);
    subject.populate(&[(&old, old.batch(5, &[row]))])?;
    let new = with_column("contact", ("x_rank", SqlType::Int));
    let rows: [&[Option<&str>]; 2] =
        [&[Some("[I:1]"), Some("Nord"), Some("[I:7]")], &[Some("[I:2]"), Some("Vest"), Some("[I:8]")]];
    let observed = go_on(&subject, &new, 5, &rows)?;
    Ok((subject, new, observed))
}

fn changed_type(stage: &Stage<'_>) -> Checked {
    change_type(stage).map(|(_, _, observed)| observed)
}

fn changed_type_rows(stage: &Stage<'_>) -> Checked {
    let (subject, table, _) = change_type(stage)?;
    subject.expect_rows(
        &table,
        &[vec![1.into(), "Nord".into(), 7.into()], vec![2.into(), "Vest".into(), 8.into()]],
    )
}

/// Tables that the vendor once sent and blocks today, and one of a partner's.
fn any_name(stage: &Stage<'_>) -> Checked {
    let names = ["binaryobject", "log_events", "webhook", "y_equipment", "s_message_header"];
    let infos: Vec<TableInfo> = names.iter().map(|name| TestTable::keyed(name).info()).collect();
    names_each_once(stage, &infos)
}

fn many_tables(stage: &Stage<'_>) -> Checked {
    let column = |number: usize| ColumnInfo {
        default_value: "default ((0))".to_owned(),
        is_nullable: number > 0,
        name: format!("column_{number}"),
        sql_type: if number == 0 { "int" } else { "nvarchar(255)" }.to_owned(),
    };
    let width = |table: usize| {
        SAMPLED_COLUMNS * (table + 1) / SAMPLED_TABLES - SAMPLED_COLUMNS * table / SAMPLED_TABLES
    };
    let table = |number: usize| TableInfo {
        columns: (0..width(number)).map(column).collect(),
        table: format!("table_{number}"),
    };
    names_each_once(stage, &(0..SAMPLED_TABLES).map(table).collect::<Vec<_>>())
}
