//! Topics that appear, and topics that are not what they were.

use std::time::Duration;

use apache_avro::types::Value;
use mirror_sqlite::Settings;

use super::mirror::{Mirror, contact};
use super::source::{Records, Registered, Shape, Source, until};

fn rows(table: &Registered, epoch: i64, ids: std::ops::Range<i32>) -> Records {
    Records::of(
        ids.map(|id| table.row(epoch, &[("id", Value::Int(id)), ("name", Value::String("x".into()))])),
    )
}

fn ids(mirror: &Mirror, table: &str) -> Vec<String> {
    mirror.rows("Cust1", table).unwrap_or_default()
}

#[test]
fn tenants_and_tables_that_appear_later_are_mirrored_into_files_of_their_own() {
    let source = Source::new("later");
    let one = source.register("Cust1", &contact());
    source.create(&one.topic, 1);
    let mirror = Mirror::start(&source);
    source.commit(rows(&one, 1, 0..3));
    mirror.catch_up(&source, "Cust1", &one.topic);
    let other = source.register("Cust1", &Shape { table: "person", ..contact() });
    let two = source.register("Cust2", &contact());
    source.create(&other.topic, 1);
    source.create(&two.topic, 1);
    source.commit(Records::of([rows(&other, 1, 0..2), rows(&two, 1, 5..6)]));
    mirror.catch_up(&source, "Cust1", &other.topic);
    mirror.catch_up(&source, "Cust2", &two.topic);
    assert_eq!(mirror_sqlite::tables(&mirror.path("Cust1")).unwrap(), ["contact", "person"]);
    assert_eq!(mirror.rows("Cust2", "contact").unwrap(), ["id=5 name='x'"]);
    assert_eq!(mirror.rows("Cust2", "person"), None);
}

fn recreated(while_running: bool, before: i32, after: i32) {
    let source = Source::new("recreated");
    let contact = source.register("Cust1", &contact());
    let other = source.register("Cust1", &Shape { table: "person", ..self::contact() });
    source.create(&contact.topic, 1);
    source.create(&other.topic, 1);
    let mut mirror = Mirror::start(&source);
    source.commit(Records::of([rows(&contact, 1, 0..before), rows(&other, 1, 0..2)]));
    mirror.catch_up(&source, "Cust1", &contact.topic);
    mirror.catch_up(&source, "Cust1", &other.topic);
    if !while_running {
        mirror.stop();
    }
    source.delete(&contact.topic);
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 2, 1000..1000 + after));
    if !while_running {
        mirror.resume();
    }
    let end = source.end(&contact.topic, 0);
    until("the new topic's rows are all there is", || {
        let ids = ids(&mirror, "contact");
        ids.len() == usize::try_from(after).unwrap() && ids[0].starts_with("id=1000")
    });
    until("its end is reached", || {
        mirror.next_offset("Cust1", &contact.topic, 0).is_some_and(|next| next >= end)
    });
    assert_eq!(ids(&mirror, "person").len(), 2, "other tables stay");
    let (inserts, _, deletes) = mirror.counts("Cust1", "contact");
    assert_eq!(i64::try_from(inserts - deletes).unwrap(), i64::from(after));
}

#[test]
fn a_shorter_topic_of_the_same_name_is_read_from_its_beginning() {
    recreated(true, 20, 3);
}

#[test]
fn a_longer_topic_of_the_same_name_is_read_from_its_beginning() {
    recreated(true, 3, 40);
}

#[test]
fn a_shorter_topic_made_while_nobody_looked_is_read_from_its_beginning() {
    recreated(false, 20, 3);
}

#[test]
fn a_longer_topic_made_while_nobody_looked_is_read_from_its_beginning() {
    recreated(false, 3, 40);
}

#[test]
fn a_topic_that_was_cut_past_the_stored_position_is_read_from_its_beginning() {
    let source = Source::new("cut");
    let contact = source.register("Cust1", &contact());
    source.create_with(&contact.topic, 1, "compact,delete");
    let mut mirror = Mirror::start(&source);
    source.commit(rows(&contact, 1, 0..5));
    mirror.catch_up(&source, "Cust1", &contact.topic);
    mirror.stop();
    source.commit(rows(&contact, 1, 10..20));
    let end = source.end(&contact.topic, 0);
    source.commit(rows(&contact, 1, 20..23));
    source.cut(&contact.topic, end);
    mirror.resume();
    mirror.catch_up(&source, "Cust1", &contact.topic);
    assert_eq!(ids(&mirror, "contact"), ["id=20 name='x'", "id=21 name='x'", "id=22 name='x'"]);
}

#[test]
fn a_batch_of_another_topic_is_not_applied_even_when_no_listing_has_told() {
    let source = Source::new("unlisted");
    let contact = source.register("Cust1", &contact());
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 1, 0..3));
    let settings = Settings::new(&source.kafka, &source.registry, source.prefix.clone());
    let mirror = Mirror::start_with(Settings { refresh: Duration::from_secs(3600), ..settings });
    mirror.catch_up(&source, "Cust1", &contact.topic);
    source.delete(&contact.topic);
    source.create(&contact.topic, 1);
    source.commit(rows(&contact, 2, 1000..1040));
    until("the new topic's rows are all there is", || {
        let ids = ids(&mirror, "contact");
        assert!(
            ids.iter().all(|id| id.starts_with("id=10")) || !ids.iter().any(|id| id.starts_with("id=10"))
        );
        ids.len() == 40
    });
}
