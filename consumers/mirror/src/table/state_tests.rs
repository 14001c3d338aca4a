use super::*;
use crate::table::value::Kind;

fn columns(names: &[&str]) -> Vec<Column> {
    let column = |(index, name): (usize, &&str)| Column::new(*name, Kind::Int, "int", index == 0);
    names.iter().enumerate().map(column).collect()
}

fn names(table: &TableMemory) -> Vec<&str> {
    table.columns.iter().flatten().map(|column| column.name.as_str()).collect()
}

/// A record of epoch, schema id and columns, in the only partition.
fn sight(
    table: &mut TableMemory,
    offset: i64,
    epoch: i64,
    id: u32,
    of: &[Column],
) -> Result<Verdict, String> {
    sight_in(table, (0, true), offset, epoch, id, of)
}

fn sight_in(
    table: &mut TableMemory,
    (partition, is_only_partition): (i32, bool),
    offset: i64,
    epoch: i64,
    schema_id: u32,
    columns: &[Column],
) -> Result<Verdict, String> {
    table.sight(&Sighting { epoch: Some(epoch), schema_id, columns, partition, offset, is_only_partition })
}

fn event<'e>(offset: i64, epoch: i64, ends: &'e [(i32, i64)]) -> Announcement<'e> {
    Announcement { epoch, mark: ("cycles", offset), ends }
}

#[test]
fn a_schema_not_shown_before_is_the_newest_even_with_a_lower_id() {
    let mut table = TableMemory::default();
    let (narrow, wide) = (columns(&["id", "a"]), columns(&["id", "a", "b"]));
    sight(&mut table, 0, 1, 20, &narrow).unwrap();
    sight(&mut table, 1, 1, 10, &wide).unwrap();
    assert_eq!(names(&table), ["id", "a", "b"]);
}

#[test]
fn a_schema_shown_before_takes_no_column_away_but_an_event_does() {
    let mut table = TableMemory::default();
    let (narrow, wide) = (columns(&["id"]), columns(&["id", "b"]));
    sight(&mut table, 0, 1, 1, &narrow).unwrap();
    sight(&mut table, 1, 1, 2, &wide).unwrap();
    sight(&mut table, 2, 1, 1, &narrow).unwrap();
    assert_eq!(names(&table), ["id", "b"]);
    assert_eq!(table.announce(&event(0, 1, &[(0, 2)]), 1, &narrow), Some(Verdict::Apply));
    assert_eq!(names(&table), ["id"]);
}

#[test]
fn an_event_that_later_records_overtook_takes_nothing_away() {
    let mut table = TableMemory::default();
    let (narrow, wide) = (columns(&["id"]), columns(&["id", "b"]));
    sight(&mut table, 0, 1, 1, &narrow).unwrap();
    sight(&mut table, 5, 1, 2, &wide).unwrap();
    assert_eq!(table.announce(&event(0, 1, &[(0, 1)]), 1, &narrow), None);
    assert_eq!(names(&table), ["id", "b"]);
}

#[test]
fn a_column_that_left_and_came_back_is_added_before_its_event_is_read() {
    let mut table = TableMemory::default();
    let (narrow, wide) = (columns(&["id"]), columns(&["id", "b"]));
    sight(&mut table, 0, 1, 2, &wide).unwrap();
    table.announce(&event(0, 1, &[(0, 1)]), 1, &narrow).unwrap();
    assert_eq!(names(&table), ["id"]);
    sight(&mut table, 3, 1, 2, &wide).unwrap();
    assert_eq!(names(&table), ["id", "b"], "no value of a record is lost");
}

#[test]
fn an_event_read_again_after_a_restart_changes_nothing() {
    let mut table = TableMemory::default();
    let (narrow, wide) = (columns(&["id"]), columns(&["id", "b"]));
    sight(&mut table, 0, 1, 1, &narrow).unwrap();
    table.announce(&event(3, 1, &[(0, 1)]), 1, &narrow).unwrap();
    table.announce(&event(4, 1, &[(0, 1)]), 2, &wide).unwrap();
    let text = serde_json::to_string(&table.marks).unwrap();
    table.marks = serde_json::from_str(&text).unwrap();
    assert_eq!(table.announce(&event(3, 1, &[(0, 1)]), 1, &narrow), None);
    assert_eq!(names(&table), ["id", "b"]);
}

#[test]
fn of_several_partitions_records_only_add_columns() {
    let mut table = TableMemory::default();
    let (first, second) = (columns(&["id", "a"]), columns(&["id", "b"]));
    sight_in(&mut table, (0, false), 9, 1, 2, &second).unwrap();
    sight_in(&mut table, (1, false), 0, 1, 1, &first).unwrap();
    assert_eq!(names(&table), ["id", "b", "a"]);
    table.announce(&event(0, 1, &[(0, 10), (1, 1)]), 2, &second).unwrap();
    assert_eq!(names(&table), ["id", "b"]);
}

#[test]
fn another_kind_needs_another_epoch_and_old_rows_of_it_are_skipped() {
    let mut table = TableMemory::default();
    let old = columns(&["id", "a"]);
    let mut new = old.clone();
    new[1].kind = Kind::Text;
    sight(&mut table, 0, 1, 1, &old).unwrap();
    assert_eq!(sight(&mut table, 1, 1, 2, &new), Err("column a changed its type within an epoch".to_owned()));
    assert_eq!(sight(&mut table, 1, 2, 2, &new), Ok(Verdict::Recreate));
    assert_eq!(sight_in(&mut table, (1, false), 0, 1, 1, &old), Ok(Verdict::Skip));
}

#[test]
fn a_new_population_keeps_the_rows_and_drops_what_its_schema_lacks() {
    let mut table = TableMemory::default();
    let (wide, narrow) = (columns(&["id", "b"]), columns(&["id"]));
    sight(&mut table, 0, 1, 1, &wide).unwrap();
    assert_eq!(sight(&mut table, 1, 2, 2, &narrow), Ok(Verdict::Apply));
    assert_eq!(names(&table), ["id"]);
    assert_eq!(table.marks.epoch, 2);
}

#[test]
fn a_table_leaves_unless_a_later_population_has_begun() {
    let mut table = TableMemory::default();
    let of = columns(&["id"]);
    sight(&mut table, 0, 1, 1, &of).unwrap();
    let mut later = table.clone();
    assert!(table.leave(&event(0, 2, &[(0, 1)])));
    assert_eq!(table.columns, None);
    assert_eq!(sight_in(&mut table, (1, false), 0, 1, 1, &of), Ok(Verdict::Skip), "a late record of old");
    sight(&mut table, 2, 3, 1, &of).unwrap();
    assert_eq!(names(&table), ["id"], "it can come back");
    sight(&mut later, 1, 3, 1, &of).unwrap();
    assert!(!later.leave(&event(0, 2, &[(0, 1)])));
    assert_eq!(names(&later), ["id"]);
}

#[test]
fn a_topic_thrown_away_takes_its_epochs_with_it_but_not_the_events_that_were_read() {
    let mut table = TableMemory::default();
    let of = columns(&["id"]);
    sight(&mut table, 7, 5, 1, &of).unwrap();
    table.announce(&event(3, 5, &[(0, 8)]), 1, &of);
    table.forget_rows();
    assert_eq!(sight(&mut table, 0, 2, 1, &of), Ok(Verdict::Apply));
    assert_eq!(table.announce(&event(3, 5, &[(0, 8)]), 1, &of), None);
}
