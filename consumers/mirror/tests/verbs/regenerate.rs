//! `regenerate`, while a mirror and readers go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mirrorbus_mirror::verbs::{Progress, Regenerate, Regenerated, VerbError, Verify};
use mirrorbus_mirror::{Copies, Copy, Destination, Patterns, Scope, Settings, Stop, spawn};
use mirrorbus_schemas::event::Kind;
use mirrorbus_schemas::topic::{Table, Tenant};

use super::super::source::{Records, Registered, Source, until};
use super::memory::{Cell, InMemory, Rows};
use super::verify::{contact_rows, mirrored, mirrored_with, reach, row, settings, shape};

fn cust1() -> Tenant {
    Tenant::new("Cust1").unwrap()
}

fn contact_table() -> Table {
    Table::new("contact").unwrap()
}

fn make(
    settings: &Settings,
    destination: &InMemory,
    scope: &Scope,
    tell: &mut dyn FnMut(&Progress),
) -> Result<Regenerated, VerbError> {
    let (tenant, stop) = (cust1(), Stop::new());
    let asked = Regenerate { settings, tenant: &tenant, scope, keep: Duration::from_secs(60), stop: &stop };
    asked.run(&mut destination.clone(), tell)
}

fn is_equal(settings: &Settings, destination: &InMemory) -> bool {
    let (tenant, scope, stop) = (cust1(), Scope::Tenant, Stop::new());
    let verify = Verify { settings, tenant: &tenant, scope: &scope, copy: Copy::Live, stop: &stop };
    verify.run(&mut destination.clone()).unwrap().is_equal()
}

fn rows(data: &BTreeMap<Table, Rows>) -> &Rows {
    &data[&contact_table()]
}

const STATIC: i32 = 400;
const MOVING: i32 = 7;

/// Writes rows one after the other until it is told to stop: of the moving keys, record `n` writes key `n % 7`, with `n`
/// as its name. Says how many it wrote.
fn write(source: &Arc<Source>, contact: &Arc<Registered>, goes_on: &Arc<AtomicBool>) -> JoinHandle<i32> {
    let (source, contact, goes_on) = (Arc::clone(source), Arc::clone(contact), Arc::clone(goes_on));
    thread::spawn(move || {
        let mut next = 0;
        while goes_on.load(Ordering::Relaxed) {
            let moving = (next..next + 10).map(|n| row(&contact, STATIC + n % MOVING, &n.to_string()));
            source.commit(Records::of(moving));
            next += 10;
        }
        next
    })
}

/// The number of the newest record in a copy, after a look that all rows are those of that moment.
fn state(rows: &Rows) -> i32 {
    let number = |row: &Vec<Cell>| match (&row[0], &row[1]) {
        (Cell::Whole(id), Cell::Text(name)) if *id >= i64::from(STATIC) => {
            Some((i32::try_from(*id).unwrap() - STATIC, name.parse::<i32>().unwrap()))
        }
        _ => None,
    };
    let moving: BTreeMap<i32, i32> = rows.values().filter_map(number).collect();
    let newest = moving.values().copied().max().unwrap_or(-1);
    for key in 0..MOVING {
        let expected = (0..=newest).rev().find(|n| n % MOVING == key);
        assert_eq!(moving.get(&key).copied(), expected, "{moving:?}");
    }
    assert_eq!(rows.len() - moving.len(), usize::try_from(STATIC).unwrap(), "rows that nobody changes");
    newest
}

#[test]
fn readers_see_states_of_the_topic_only_and_never_go_back() {
    let source = Arc::new(Source::new("regenerate"));
    let (contact, destination, running) = mirrored(&source, "contact", STATIC);
    let contact = Arc::new(contact);
    let goes_on = Arc::new(AtomicBool::new(true));
    let writer = write(&source, &contact, &goes_on);
    let (seen, newest) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicI32::new(-1)));
    let reader = {
        let (mut destination, goes_on) = (destination.clone(), Arc::clone(&goes_on));
        let (seen, newest) = (Arc::clone(&seen), Arc::clone(&newest));
        thread::spawn(move || {
            while goes_on.load(Ordering::Relaxed) {
                let data = destination.kept().copies[&(cust1(), true)].clone();
                let now = state(rows(&data.rows));
                assert!(newest.swap(now, Ordering::Relaxed) <= now, "back in time");
                seen.fetch_add(1, Ordering::Relaxed);
                assert!(destination.inspect(&cust1(), Copy::Live).unwrap().is_some());
                thread::sleep(Duration::from_millis(10));
            }
        })
    };
    let settings = settings(&source);
    let mut told = Vec::new();
    let made =
        make(&settings, &destination, &Scope::Tenant, &mut |progress| told.push(progress.clone())).unwrap();
    let (then, at_exchange) = (newest.load(Ordering::Relaxed), seen.load(Ordering::Relaxed));
    assert_eq!(told.last().unwrap().percent, 100.0);
    assert!(made.tables[&contact_table()] >= 400 && made.kept == "old-0", "{made:?}");
    until("the mirror goes on with the new copy", || newest.load(Ordering::Relaxed) > then + 20);
    goes_on.store(false, Ordering::Relaxed);
    reader.join().unwrap();
    let written = writer.join().unwrap();
    reach(&source, &contact, &destination);
    running.stop().unwrap();
    assert_eq!(state(rows(&destination.kept().copies[&(cust1(), true)].rows)), written - 1);
    assert!(at_exchange > 5 && seen.load(Ordering::Relaxed) > at_exchange);
    assert!(is_equal(&settings, &destination));
    assert!(!destination.kept().copies.contains_key(&(cust1(), false)), "nothing is left beside");
}

#[test]
fn with_whole_cycles_nothing_is_exchanged_while_one_is_open() {
    let source = Source::new("whole");
    let contact = source.register("Cust1", &shape("contact"));
    source.create(&contact.topic, 1);
    source.create(&source.cycles_topic("Cust1"), 1);
    let cycle = |name: &str| {
        source.commit(source.opened("Cust1", name));
        source.commit(Records::of((0..20).map(|id| row(&contact, id, name))));
    };
    let complete = |name: &str| source.commit(source.completed("Cust1", name, &[("contact", 1)]));
    cycle("c1");
    complete("c1");
    let (destination, settings) = (InMemory::default(), Settings { whole_cycles: true, ..settings(&source) });
    let names = |destination: &InMemory| {
        destination.rows("Cust1", "contact").into_iter().map(|row| row[1].clone()).collect::<BTreeSet<_>>()
    };
    let only = |name: &str| BTreeSet::from([format!("Text({name:?})")]);
    make(&settings, &destination, &Scope::Tenant, &mut |_| {}).unwrap();
    assert_eq!(names(&destination), only("c1"));
    cycle("c2");
    let told = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (copy, settings, told) = (destination.clone(), &settings, &told);
        let making = scope.spawn(move || {
            let tell = &mut |_: &Progress| {
                told.fetch_add(1, Ordering::Relaxed);
            };
            make(settings, &copy, &Scope::Tenant, tell)
        });
        until("it waits", || told.load(Ordering::Relaxed) >= 2);
        assert!(!making.is_finished());
        assert_eq!(names(&destination), only("c1"));
        complete("c2");
        making.join().unwrap().unwrap();
    });
    assert_eq!(names(&destination), only("c2"));
}

#[test]
fn one_table_is_made_anew_and_the_others_are_not_touched() {
    let source = Source::new("one");
    let (contact, destination, running) = mirrored(&source, "contact", 20);
    let person = source.register("Cust1", &shape("person"));
    source.create(&person.topic, 1);
    source.commit(row(&person, 1, "y"));
    reach(&source, &person, &destination);
    destination.spoil("Cust1", |data| {
        contact_rows(data).clear();
        data.rows.get_mut(&Table::new("person").unwrap()).unwrap().clear();
    });
    let settings = settings(&source);
    let made = make(&settings, &destination, &Scope::Table(contact_table()), &mut |_| {}).unwrap();
    assert_eq!(made.tables, BTreeMap::from([(contact_table(), 20)]));
    assert_eq!(destination.rows("Cust1", "contact").len(), 20);
    assert_eq!(destination.rows("Cust1", "person").len(), 0, "still as it was spoiled");
    source.commit(Records::of([row(&contact, 20, "x"), row(&person, 2, "y")]));
    reach(&source, &contact, &destination);
    reach(&source, &person, &destination);
    running.stop().unwrap();
    assert_eq!(destination.rows("Cust1", "contact").len(), 21);
    assert_eq!(destination.rows("Cust1", "person").len(), 1);
}

#[test]
fn what_was_left_by_one_who_was_killed_is_thrown_away_by_the_next() {
    let source = Source::new("left");
    let (_, destination, running) = mirrored(&source, "contact", 20);
    let only = Settings { tenants: Patterns::new(&["Cust1"], &[]), batch_records: 5, ..settings(&source) };
    // A copy beside that nobody finishes, and that its maker does not throw away.
    let beside = destination.clone().beside(&cust1()).unwrap();
    let making = spawn(only.clone(), beside).unwrap();
    until("something is made", || {
        let copy = destination.clone().inspect(&cust1(), Copy::Beside).unwrap();
        copy.is_some_and(|memory| !memory.positions.is_empty())
    });
    making.stop().unwrap();
    destination.kept().copies.get_mut(&(cust1(), false)).unwrap().rows.values_mut().for_each(|rows| {
        rows.insert("wreck".into(), vec![Cell::Whole(77), Cell::Null]);
    });
    assert!(is_equal(&only, &destination), "the live copy is untouched");
    make(&only, &destination, &Scope::Tenant, &mut |_| {}).unwrap();
    running.stop().unwrap();
    assert!(is_equal(&only, &destination));
}

#[test]
fn asked_to_stop_it_leaves_the_live_copy_and_nothing_beside_it() {
    let source = Source::new("stopped");
    let (_, destination, running) = mirrored(&source, "contact", 20);
    let (tenant, stop, settings) = (cust1(), Stop::new(), settings(&source));
    stop.request();
    let (scope, keep) = (Scope::Tenant, Duration::ZERO);
    let asked = Regenerate { settings: &settings, tenant: &tenant, scope: &scope, keep, stop: &stop };
    let ended = asked.run(&mut destination.clone(), &mut |_| {});
    assert!(matches!(ended, Err(VerbError::Stopped)), "{ended:?}");
    assert_eq!(destination.kept().copies.len(), 1);
    assert!(is_equal(&settings, &destination));
    running.stop().unwrap();
}

#[test]
fn a_mirror_that_was_thrown_away_is_made_from_kafka_alone() {
    let source = Source::new("away");
    let contact = source.register("Cust1", &shape("contact"));
    source.create(&contact.topic, 2);
    source.create(&source.cycles_topic("Cust1"), 1);
    source.commit(Records::of((0..20).map(|id| row(&contact, id, "x").in_partition(id % 2))));
    source.commit(source.event("Cust1", Kind::SchemaCreated, "contact", 1, contact.value_id, 0));
    let (destination, settings) = (InMemory::default(), settings(&source));
    let made = make(&settings, &destination, &Scope::Tenant, &mut |_| {}).unwrap();
    assert_eq!(made.tables[&contact_table()], 20);
    let running = spawn(settings.clone(), destination.clone()).unwrap();
    source.commit(row(&contact, 20, "x").in_partition(0));
    reach(&source, &contact, &destination);
    running.stop().unwrap();
    assert!(is_equal(&settings, &destination));
}

#[test]
fn old_copies_go_when_they_are_due() {
    let source = Source::new("due");
    let (_, destination, running) = mirrored(&source, "contact", 5);
    let settings = settings(&source);
    make(&settings, &destination, &Scope::Tenant, &mut |_| {}).unwrap();
    let (tenant, scope, stop) = (cust1(), Scope::Tenant, Stop::new());
    let asked =
        Regenerate { settings: &settings, tenant: &tenant, scope: &scope, keep: Duration::ZERO, stop: &stop };
    let made = asked.run(&mut destination.clone(), &mut |_| {}).unwrap();
    assert_eq!((made.dropped, destination.kept().old.len()), (vec!["old-0".to_owned()], 1));
    running.stop().unwrap();
}

/// Why it is refused after a change, with the live copy as it was.
fn refusal(name: &str, change: impl FnOnce(&Source, &Registered, &InMemory)) -> String {
    let source = Source::new(name);
    // A compacted topic cannot be cut.
    let (contact, destination, running) = mirrored_with(&source, "contact", 10, "delete");
    running.stop().unwrap();
    change(&source, &contact, &destination);
    let before = destination.rows("Cust1", "contact");
    let refused = make(&settings(&source), &destination, &Scope::Tenant, &mut |_| {}).unwrap_err();
    assert_eq!(destination.rows("Cust1", "contact"), before);
    assert!(matches!(refused, VerbError::Refused(_)));
    assert!(!destination.kept().copies.contains_key(&(cust1(), false)));
    refused.to_string()
}

#[test]
fn topics_that_cannot_give_the_whole_are_refused() {
    let cut = refusal("cut", |source, contact, _| source.cut(&contact.topic, 4));
    assert!(cut.contains("begins at offset 4"), "{cut}");
    let gone = refusal("gone", |source, contact, _| source.delete(&contact.topic));
    assert!(gone.contains("no topic") && gone.contains("contact"), "{gone}");
    let nobody = refusal("nobody", |source, contact, destination| {
        source.delete(&contact.topic);
        destination.spoil("Cust1", |data| data.memory.tables.clear());
    });
    assert!(nobody.contains("kafka has no topic"), "{nobody}");
}

#[test]
fn a_copy_that_is_not_what_the_topic_says_is_not_exchanged() {
    let source = Source::new("spoiled");
    let (_, destination, running) = mirrored(&source, "contact", 10);
    running.stop().unwrap();
    let before = destination.rows("Cust1", "contact");
    let beside = destination.clone();
    let spoil = &mut |progress: &Progress| {
        if let (100.0, Some(data)) = (progress.percent, beside.kept().copies.get_mut(&(cust1(), false))) {
            data.rows.values_mut().for_each(Rows::clear);
        }
    };
    let refused = make(&settings(&source), &destination, &Scope::Tenant, spoil);
    assert!(
        matches!(&refused, Err(VerbError::Refused(why)) if why.contains("10 rows differ")),
        "{refused:?}"
    );
    assert_eq!(destination.rows("Cust1", "contact"), before);
    assert_eq!(destination.kept().copies.len(), 1);
    let mut taken = destination.clone();
    assert!(taken.load(&cust1()).is_ok());
}
