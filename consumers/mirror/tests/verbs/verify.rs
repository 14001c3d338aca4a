//! `verify` and its repair, while a mirror runs on.

use std::sync::Arc;

use apache_avro::types::Value;
use mirrorbus_mirror::verbs::{DifferenceKind, Finding, Repair, TableReport, TenantReport, Verify};
use mirrorbus_mirror::{Copy, Patterns, Running, Scope, Settings, Stop, spawn};
use mirrorbus_schemas::event::Kind;
use mirrorbus_schemas::topic::{Table, Tenant};
use serde_json::json;

use super::super::source::{Records, Registered, Shape, Source, until};
use super::memory::{Cell, Data, InMemory, Rows};

pub(crate) fn shape(table: &'static str) -> Shape {
    Shape { table, columns: vec![("id", r#""int""#, "int"), ("name", r#""string""#, "nvarchar(9)")] }
}

pub(crate) fn settings(source: &Source) -> Settings {
    Settings::new(&source.kafka, &source.registry, source.prefix.clone())
}

pub(crate) fn row(table: &Registered, id: i32, name: &str) -> Records {
    table.row(1, &[("id", Value::Int(id)), ("name", Value::String(name.to_owned()))])
}

/// A topic with these rows, and a mirror that has them and runs on.
pub(crate) fn mirrored(source: &Source, table: &'static str, count: i32) -> (Registered, InMemory, Running) {
    mirrored_with(source, table, count, "compact")
}

pub(crate) fn mirrored_with(
    source: &Source,
    table: &'static str,
    count: i32,
    policy: &str,
) -> (Registered, InMemory, Running) {
    let contact = source.register("Cust1", &shape(table));
    source.create_with(&contact.topic, 1, policy);
    source.commit(Records::of((0..count).map(|id| row(&contact, id, "x"))));
    let destination = InMemory::default();
    let running = spawn(settings(source), destination.clone()).unwrap();
    reach(source, &contact, &destination);
    (contact, destination, running)
}

/// Waits until the mirror has everything.
pub(crate) fn reach(source: &Source, table: &Registered, destination: &InMemory) {
    let end = source.end(&table.topic, 0);
    until("all is applied", || destination.next_offset("Cust1", &table.topic) >= end);
}

fn ask(settings: &Settings, destination: &mut InMemory, scope: &Scope, repairs: bool) -> TenantReport {
    let tenant = Tenant::new("Cust1").unwrap();
    let verify = Verify { settings, tenant: &tenant, scope, copy: Copy::Live, stop: &Stop::new() };
    if repairs { verify.repair(destination).unwrap() } else { verify.run(destination).unwrap() }
}

fn only(report: TenantReport) -> TableReport {
    let [table] = <[TableReport; 1]>::try_from(report.tables).unwrap();
    table
}

pub(crate) fn contact_rows(data: &mut Data) -> &mut Rows {
    data.rows.get_mut(&Table::new("contact").unwrap()).unwrap()
}

/// One changed cell, one missing row, one extra row.
fn spoil(destination: &InMemory) {
    destination.spoil("Cust1", |data| {
        let rows = contact_rows(data);
        rows.get_mut("Whole(3)").unwrap()[1] = Cell::Text("other".into());
        rows.remove("Whole(5)").unwrap();
        rows.insert("Whole(99)".into(), vec![Cell::Whole(99), Cell::Null]);
    });
}

fn named(report: &[mirrorbus_mirror::verbs::Difference]) -> Vec<(DifferenceKind, String)> {
    let mut named: Vec<_> =
        report.iter().map(|difference| (difference.kind, json!(difference.key).to_string())).collect();
    named.sort_by(|a, b| a.1.cmp(&b.1));
    named
}

#[test]
fn each_difference_is_found_and_exactly_that_is_mended_while_the_mirror_runs_on() {
    let source = Arc::new(Source::new("verify"));
    let (contact, destination, running) = mirrored(&source, "contact", 30);
    source.commit(contact.delete(1, Value::Int(7)));
    reach(&source, &contact, &destination);
    let settings = settings(&source);
    let mut asked = destination.clone();
    let healthy = only(ask(&settings, &mut asked, &Scope::Tenant, false));
    assert!(healthy.is_equal(), "{healthy:?}");
    assert_eq!((healthy.copy.as_ref().unwrap().rows, healthy.undecided), (29, 0));
    assert_eq!(healthy.copy, healthy.topic);

    spoil(&destination);
    let wrong = [
        (DifferenceKind::Changed, r#"{"id":3}"#.to_owned()),
        (DifferenceKind::Missing, r#"{"id":5}"#.to_owned()),
        (DifferenceKind::Extra, r#"{"id":99}"#.to_owned()),
    ];
    let found = only(ask(&settings, &mut asked, &Scope::Tenant, false));
    assert_eq!(named(&found.differences), wrong);
    assert_ne!(found.copy, found.topic);
    assert!(found.findings.is_empty() && !found.is_equal());

    let batches = destination.batches();
    let mended = only(ask(&settings, &mut asked, &Scope::Tenant, true));
    assert_eq!(named(&mended.repaired), wrong);
    assert_eq!(mended.repair, Some(Repair { inserts: 1, updates: 1, deletes: 1, left_alone: 0 }));
    assert!(mended.is_equal() && mended.copy == healthy.copy, "{mended:?}");
    assert_eq!(destination.batches(), batches, "the mirror had nothing to do with it");

    source.commit(row(&contact, 30, "later"));
    reach(&source, &contact, &destination);
    running.stop().unwrap();
    assert!(ask(&settings, &mut asked, &Scope::Tenant, false).is_equal());
}

#[test]
fn rows_that_the_mirror_wrote_meanwhile_are_left_alone() {
    let source = Arc::new(Source::new("meanwhile"));
    let (contact, destination, running) = mirrored(&source, "contact", 10);
    let contact = Arc::new(contact);
    spoil(&destination);
    let mut asked = destination.clone();
    let (writer, table, mirror) = (Arc::clone(&source), Arc::clone(&contact), destination.clone());
    asked.before_hold = Some(Box::new(move || {
        writer.commit(Records::of([row(&table, 3, "newer"), table.delete(1, Value::Int(5))]));
        reach(&writer, &table, &mirror);
    }));
    let mended = only(ask(&settings(&source), &mut asked, &Scope::Tenant, true));
    assert_eq!(mended.repair, Some(Repair { inserts: 0, updates: 0, deletes: 1, left_alone: 2 }));
    assert!(mended.is_equal(), "{mended:?}");
    let rows = destination.rows("Cust1", "contact");
    assert!(rows.contains(&vec!["Whole(3)".into(), "Text(\"newer\")".into()]), "{rows:?}");
    assert!(!rows.iter().any(|row| row[0] == "Whole(5)"), "{rows:?}");
    running.stop().unwrap();
}

#[test]
fn many_rows_are_mended_in_portions() {
    let source = Source::new("portions");
    let (_, destination, running) = mirrored(&source, "contact", 40);
    destination.spoil("Cust1", |data| contact_rows(data).clear());
    let settings = Settings { batch_records: 7, ..settings(&source) };
    let mended = only(ask(&settings, &mut destination.clone(), &Scope::Tenant, true));
    assert_eq!(mended.repair.as_ref().map(|repair| repair.inserts), Some(40));
    assert_eq!((mended.repaired.len(), mended.is_equal()), (40, true));
    running.stop().unwrap();
}

#[test]
fn rows_that_were_written_again_since_are_not_judged() {
    let source = Source::new("since");
    let (contact, destination, running) = mirrored(&source, "contact", 10);
    running.stop().unwrap();
    spoil(&destination);
    source.commit(Records::of([row(&contact, 3, "newer"), contact.delete(1, Value::Int(5))]));
    let report = only(ask(&settings(&source), &mut destination.clone(), &Scope::Tenant, false));
    assert_eq!((report.undecided, named(&report.differences).len()), (2, 1), "{report:?}");
}

#[test]
fn a_table_alone_is_compared_when_asked_for() {
    let source = Source::new("scope");
    let (_, destination, running) = mirrored(&source, "contact", 10);
    let person = source.register("Cust1", &shape("person"));
    source.create(&person.topic, 1);
    source.commit(row(&person, 1, "y"));
    reach(&source, &person, &destination);
    running.stop().unwrap();
    spoil(&destination);
    let settings = settings(&source);
    let scope = Scope::Table(Table::new("person").unwrap());
    let report = only(ask(&settings, &mut destination.clone(), &scope, false));
    assert_eq!((report.table.as_str(), report.is_equal()), ("person", true));
    let others = Settings { tables: Patterns::new(&[], &["contact"]), ..settings };
    assert!(ask(&others, &mut destination.clone(), &Scope::Tenant, false).is_equal());
}

/// What `verify` finds wrong with the whole table after a change.
fn findings(name: &str, change: impl FnOnce(&Source, &Registered, &InMemory)) -> TableReport {
    let source = Source::new(name);
    // A compacted topic cannot be cut.
    let (contact, destination, running) = mirrored_with(&source, "contact", 10, "delete");
    running.stop().unwrap();
    change(&source, &contact, &destination);
    only(ask(&settings(&source), &mut destination.clone(), &Scope::Tenant, true))
}

#[test]
fn topics_that_cannot_tell_are_findings_of_their_own() {
    let made_anew = findings("anew", |source, contact, _| {
        source.delete(&contact.topic);
        source.create(&contact.topic, 1);
        source.commit(row(contact, 1, "x"));
    });
    assert!(matches!(&made_anew.findings[..], [Finding::OtherTopic { stored, found }] if stored != found));
    let gone = findings("gone", |source, contact, _| source.delete(&contact.topic));
    assert_eq!(gone.findings, [Finding::NoTopic]);
    let cut = findings("cut", |source, contact, _| source.cut(&contact.topic, 4));
    assert_eq!(cut.findings, [Finding::Cut { partition: 0, first: 4 }]);
    let outside = findings("outside", |_, contact, destination| {
        destination.spoil("Cust1", |data| {
            data.memory.positions.get_mut(&(contact.topic.clone(), 0)).unwrap().next_offset = 1000;
        });
    });
    assert!(matches!(outside.findings[..], [Finding::PositionOutside { position: 1000, first: 0, .. }]));
    for report in [made_anew, gone, cut, outside] {
        assert!(!report.is_equal() && report.copy.is_none() && report.repair.is_none(), "{report:?}");
    }
}

#[test]
fn tables_of_another_shape_are_findings_of_their_own() {
    let narrower = findings("narrower", |_, _, destination| {
        destination.spoil("Cust1", |data| {
            let known = data.memory.tables.get_mut(&Table::new("contact").unwrap()).unwrap();
            known.columns.as_mut().unwrap().pop();
            contact_rows(data).values_mut().for_each(|row| row.truncate(1));
        });
    });
    assert!(
        matches!(&narrower.findings[..], [Finding::Columns { detail }] if detail.contains("name")),
        "{narrower:?}"
    );
    let foreign = findings("foreign", |_, _, destination| {
        destination.spoil("Cust1", |data| {
            contact_rows(data).get_mut("Whole(3)").unwrap()[1] = Cell::Foreign;
            contact_rows(data).insert("?".into(), vec![Cell::Foreign, Cell::Null]);
        });
    });
    assert_eq!(foreign.findings, [Finding::ForeignKeys { rows: 1 }]);
    assert_eq!(foreign.repair.map(|repair| repair.updates), Some(1), "a foreign cell is mended");
    let unreadable = findings("unreadable", |_, _, destination| {
        destination.spoil("Cust1", |data| data.rows.clear());
    });
    assert!(matches!(unreadable.findings[..], [Finding::Unreadable { .. }]), "{unreadable:?}");
}

#[test]
fn rows_of_older_schemas_are_compared_in_the_tables_shape() {
    let source = Source::new("schemas");
    let (_, destination, running) = mirrored(&source, "contact", 10);
    let mut wider = shape("contact");
    wider.columns.push(("rank", r#""int""#, "int"));
    let wider = source.register("Cust1", &wider);
    source.commit(wider.row(1, &[("id", Value::Int(4)), ("rank", Value::Int(2))]));
    reach(&source, &wider, &destination);
    running.stop().unwrap();
    let report = only(ask(&settings(&source), &mut destination.clone(), &Scope::Tenant, false));
    assert!(report.is_equal() && report.copy.as_ref().unwrap().rows == 10, "{report:?}");
}

#[test]
fn rows_of_an_earlier_population_wait_for_their_sweep() {
    let source = Source::new("unswept");
    let (contact, destination, running) = mirrored(&source, "contact", 10);
    source.create(&source.cycles_topic("Cust1"), 1);
    let end = source.end(&contact.topic, 0);
    source.commit(source.event("Cust1", Kind::Dropped, "contact", 1, contact.value_id, end));
    until("the table left", || {
        let kept = destination.kept();
        let memory = &kept.copies[&(Tenant::new("Cust1").unwrap(), true)].memory;
        memory.tables[&Table::new("contact").unwrap()].columns.is_none()
    });
    source.commit(contact.row(2, &[("id", Value::Int(100))]));
    reach(&source, &contact, &destination);
    running.stop().unwrap();
    let report = only(ask(&settings(&source), &mut destination.clone(), &Scope::Tenant, false));
    assert_eq!((report.copy.as_ref().unwrap().rows, report.undecided), (1, 10));
    assert!(report.is_equal(), "{report:?}");
}
