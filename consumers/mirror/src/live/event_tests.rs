use mirrorbus_schemas::event::End;

use super::*;

const ALL: &str = "*";

fn patterns() -> Patterns {
    Patterns::new(&[ALL], &["secret"])
}

fn event(kind: Kind, tables: &[(&str, i64)]) -> CycleEvent {
    let receipt = |(table, end): &(&str, i64)| TableReceipt {
        table: (*table).to_owned(),
        epoch: 1,
        value_schema_id: 7,
        ends: vec![End { partition: 0, offset: *end }],
        ..TableReceipt::default()
    };
    CycleEvent {
        kind,
        at: 5,
        tenant: "Cust1".into(),
        cycle: format!("{kind:?}"),
        message: String::new(),
        tables: tables.iter().map(receipt).collect(),
    }
}

fn heard(all: &[(Kind, &[(&str, i64)])]) -> Events {
    let mut events = Events::default();
    for (offset, (kind, tables)) in (0..).zip(all) {
        events.hear(&event(*kind, tables), offset, 1, &patterns());
    }
    events
}

#[test]
fn a_cycle_is_open_from_its_opening_to_its_end_unless_the_source_is_asked_to_wait() {
    let is_open = |kinds: &[Kind]| {
        let mut events = Events::default();
        for (offset, kind) in (0..).zip(kinds) {
            events.hear(&event(*kind, &[]), offset, 1, &patterns());
        }
        events.opening.is_open()
    };
    assert!(!is_open(&[]));
    assert!(is_open(&[Kind::Authenticated]));
    assert!(!is_open(&[Kind::Authenticated, Kind::CycleCompleted]));
    assert!(!is_open(&[Kind::Authenticated, Kind::CycleCompleted, Kind::Dropped, Kind::Alarm]));
    assert!(!is_open(&[Kind::Authenticated, Kind::Paused, Kind::Authenticated]));
    assert!(is_open(&[Kind::Authenticated, Kind::Paused, Kind::Authenticated, Kind::Resumed]));
    // Of an opening that is not kept any more, what comes with its rows tells.
    assert!(is_open(&[Kind::SchemaCreated]));
}

#[test]
fn the_position_stays_before_whatever_is_not_done_with() {
    let events = heard(&[(Kind::Alarm, &[]), (Kind::Authenticated, &[]), (Kind::SchemaChanged, &[("a", 9)])]);
    assert_eq!(events.held(false), Some(2), "an event that waits for rows");
    assert_eq!(events.held(true), Some(1), "and the opening, where it matters");
    let mut events = heard(&[(Kind::CycleCompleted, &[("a", 3)]), (Kind::CycleCompleted, &[("a", 9)])]);
    assert_eq!(events.held(false), Some(0));
    let cycle = events.advance(|completed| completed.offset < 2).unwrap();
    assert_eq!((cycle.id.as_str(), cycle.completed_ms), ("CycleCompleted", 5));
    assert_eq!(events.held(false), Some(1), "the newest, while its hooks are to be run");
    events.telling = None;
    assert_eq!(events.held(true), None);
}

#[test]
fn cycles_become_whole_in_their_order() {
    let mut events = heard(&[(Kind::CycleCompleted, &[("a", 3)]), (Kind::CycleCompleted, &[("b", 9)])]);
    assert_eq!(events.advance(|completed| completed.offset == 1), None, "the first one is not");
    assert!(events.advance(|completed| completed.offset == 0).is_some());
    assert_eq!(events.completed.len(), 1);
}

#[test]
fn nothing_is_asked_of_tables_that_nobody_wants_or_of_a_topic_that_was_made_anew() {
    let events = heard(&[
        (Kind::CycleCompleted, &[("a", 30), ("b", 3), ("secret", 3)]),
        (Kind::CycleCompleted, &[("a", 2), ("b", 4)]),
        (Kind::Dropped, &[("secret", 3)]),
    ]);
    let names = |completed: &Completed| -> Vec<String> {
        completed.tables.iter().map(|reach| reach.table.to_string()).collect()
    };
    assert_eq!(names(&events.completed[0]), ["b"]);
    assert_eq!(names(&events.completed[1]), ["a", "b"]);
    assert!(events.pending.is_empty());
}
