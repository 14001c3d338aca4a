use mirrorbus_schemas::event::{CycleEvent, End, Kind, TableReceipt};
use mirrorbus_schemas::topic::{Prefix, Tenant};

use super::*;
use crate::destination::{Memory, Position};
use crate::pattern::Patterns;
use crate::settings::Settings;

const CYCLES: &str = "crm-sys.Cust1.cycles";

fn topic(name: &str, feed: Feed) -> Topic {
    Topic { name: name.into(), feed, id: "id".into(), partitions: 1 }
}

fn rows_topic(table: &str) -> Topic {
    topic(&format!("crm.Cust1.{table}"), Feed::Rows(Table::new(table).unwrap()))
}

/// A tenant with tables `a` and `b`, of which the stored positions say how far they were shown.
fn live(stored: &[(&str, i64)]) -> Live {
    let prefix = Prefix::new("crm").unwrap();
    assert_eq!(prefix.cycles(&Tenant::new("Cust1").unwrap()), CYCLES);
    let settings = Settings { whole_cycles: true, ..Settings::new("k", "r", prefix) };
    let mut memory = Memory::default();
    for (table, next_offset) in stored {
        let position = Position { topic_id: "id".into(), next_offset: *next_offset };
        memory.positions.insert((rows_topic(table).name, 0), position);
    }
    let mut live = Live::new(&settings, &Tenant::new("Cust1").unwrap(), memory, 0);
    let topics = [topic(CYCLES, Feed::Cycles), rows_topic("a"), rows_topic("b")];
    live.listed = topics.iter().map(|topic| topic.name.clone()).collect();
    for topic in &topics {
        live.follow(topic, 0);
    }
    live
}

fn hear(live: &mut Live, kind: Kind, tables: &[(&str, i64)]) {
    let receipt = |(table, end): &(&str, i64)| TableReceipt {
        table: (*table).to_owned(),
        ends: vec![End { partition: 0, offset: *end }],
        ..TableReceipt::default()
    };
    let event = CycleEvent {
        kind,
        at: 0,
        tenant: "Cust1".into(),
        cycle: "c".into(),
        message: String::new(),
        tables: tables.iter().map(receipt).collect(),
    };
    let offset = live.cycles().unwrap().partitions[0].next;
    live.events.hear(&event, offset, 0, &Patterns::default());
    live.reach_end(CYCLES, 0, offset + 1);
}

fn survey(live: &mut Live, a: i64, b: i64, cycles: i64) {
    let rows = [("a", a), ("b", b)].map(|(table, end)| ((rows_topic(table).name, 0), end)).into();
    let (newest, was_quiet) = (live.newest_completed(), !live.events.opening.is_open());
    live.whole.as_mut().unwrap().survey = Some(Survey { rows, cycles, was_quiet, newest });
}

fn bounds(live: &Live) -> Vec<i64> {
    live.row_topics().map(|live| live.partitions[0].bound).collect()
}

#[test]
fn nothing_is_read_before_there_is_a_cut() {
    let live = live(&[]);
    assert!(live.row_topics().all(|live| live.partitions[0].is_parked));
    assert!(!live.may_end(1));
}

#[test]
fn a_quiet_tenant_is_shown_to_its_ends_once_its_events_are_read_to_theirs() {
    let mut live = live(&[]);
    survey(&mut live, 10, 20, 1);
    assert!(live.adopt_cut().is_empty(), "an event is missing");
    hear(&mut live, Kind::Alarm, &[]);
    assert_eq!(live.adopt_cut().len(), 2);
    assert_eq!(bounds(&live), [10, 20]);
    assert!(!live.may_end(1));
    live.reach_end("crm.Cust1.a", 0, 10);
    live.reach_end("crm.Cust1.b", 0, 20);
    assert!(live.may_end(1));
}

#[test]
fn ends_that_a_cycle_may_have_moved_are_no_cut() {
    // It was open when they were asked for, and is over when that is known.
    let mut live = live(&[("a", 5), ("b", 5)]);
    survey(&mut live, 10, 20, 2);
    hear(&mut live, Kind::Authenticated, &[]);
    hear(&mut live, Kind::CycleCompleted, &[("a", 15)]);
    assert!(live.adopt_cut().is_empty());
    assert_eq!(bounds(&live), [5, 5]);
    assert!(live.whole.as_ref().unwrap().survey.is_none(), "they are asked for again");
}

#[test]
fn while_a_cycle_is_open_receipts_tell_and_other_tables_stay() {
    let mut live = live(&[("a", 5), ("b", 5)]);
    hear(&mut live, Kind::CycleCompleted, &[("a", 9)]);
    hear(&mut live, Kind::Authenticated, &[]);
    survey(&mut live, 30, 40, 2);
    live.adopt_cut();
    assert_eq!(bounds(&live), [9, 5]);
    assert_eq!(live.whole.as_ref().unwrap().below, 1, "events of the open cycle wait");
}

#[test]
fn a_table_that_was_never_shown_and_no_receipt_names_waits_for_the_end_of_the_open_cycle() {
    let mut live = live(&[]);
    hear(&mut live, Kind::CycleCompleted, &[("a", 9)]);
    hear(&mut live, Kind::Authenticated, &[]);
    survey(&mut live, 9, 1, 2);
    live.adopt_cut();
    assert!(!live.whole.as_ref().unwrap().is_adopted);
    hear(&mut live, Kind::CycleCompleted, &[("b", 3)]);
    survey(&mut live, 9, 4, 3);
    live.adopt_cut();
    assert_eq!(bounds(&live), [9, 4]);
}

#[test]
fn a_receipt_of_a_topic_that_was_made_anew_asks_for_no_more_than_there_is() {
    let mut live = live(&[("a", 5), ("b", 5)]);
    hear(&mut live, Kind::CycleCompleted, &[("a", 900)]);
    hear(&mut live, Kind::Authenticated, &[]);
    survey(&mut live, 30, 40, 2);
    live.adopt_cut();
    assert_eq!(bounds(&live), [30, 5]);
}
