//! The Mirroring Task on its schedule, against a receiver on a real socket.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::*;
use crate::application::{Details, Mirroring, Registration};
use crate::center::{Center, CenterError};
use crate::fixture::envelope;
use crate::fixture::mirror::{Mirror, claims};
use crate::journal::{Entry, Journal};
use crate::mail::{MailCounts, Mailer};
use crate::tenant::{Table, Tenant};
use crate::wire::Operation;

const TENANTS: [&str; 3] = ["Cust1", "Cust2", "Cust3"];

/// Three tenants of one table and three rows each.
fn tenants() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in TENANTS {
        let tenant = Tenant::create(&folder.path().join(format!("{name}.db"))).unwrap();
        tenant.add_table(&Table::parse("contact", &["id int", "name nvarchar(max) null"]).unwrap()).unwrap();
        tenant.load("contact", (1..=3).map(|id| vec![id.into(), "x".into()])).unwrap();
    }
    folder
}

/// Inserts a row for every hour that passed.
fn work(passed: Passed<'_>) -> Result<(), BoxError> {
    for hour in passed.since_ms / HOUR_MS..passed.now_ms / HOUR_MS {
        let id = i32::try_from(hour)?;
        passed.tenant.insert("contact", &[("id", id.into()), ("name", "n".into())])?;
    }
    Ok(())
}

#[test]
fn a_simulated_day_of_three_tenants_has_as_many_cycles_and_rows_as_expected() {
    let (folder, mirror) = (tenants(), Mirror::start(STAMP, |_| None));
    let mut book =
        Book::new(folder.path(), &mirror.receiver.url, &TENANTS, &["0123456789abcdef0123456789abcdef"]);
    // From 12:00 to 13:10: the cycle of 12:00 is late, the next three never become due, and until the night its turns
    // are ten minutes after the others'.
    book.maintenance.push(("Cust2", MORNING_MS + 5 * HOUR_MS, MORNING_MS + 6 * HOUR_MS + 10 * MINUTE_MS));
    let clock = Arc::new(ScheduleClock::new(Speed::Max, MORNING_MS, hand_clock()));
    let task = MirroringTask::new(&clock).between(work);
    let (mut rows, mut anew) = (BTreeMap::<String, u64>::new(), 0);
    let summary = Scheduler::new(&book, &task, &clock, Options::default()).run_until(
        Some(MORNING_MS + DAY_MS),
        |event| {
            let Event::Ended(ended) = event else { panic!("{event:?}") };
            *rows.entry(ended.assignment.tenant.clone()).or_default() += ended.counts.rows;
            anew += ended.counts.begun_anew;
        },
    );
    assert_eq!((summary.completed, summary.cycles()), (68 + 64 + 68, 68 + 64 + 68), "{summary:?}");
    assert_eq!((summary.late, anew), (3 + 1, 3));
    // The last cycle is at 06:40: 23 full hours.
    assert!(rows.values().all(|rows| *rows == 3 + 23), "{rows:?}");
    let mut openings = BTreeMap::<String, Vec<i64>>::new();
    for call in mirror.receiver.take_calls() {
        if call.operation == "Authenticate" {
            let claims = claims(&call);
            let tenant = claims["sub"].as_str().unwrap().to_owned();
            openings.entry(tenant).or_default().push(claims["nbf"].as_i64().unwrap());
        }
    }
    assert!(openings.values().all(|seconds| seconds.is_sorted_by(|one, next| one < next)));
}

#[test]
fn what_fails_before_the_first_call_is_the_sources_failure() {
    let (folder, mirror) = (tenants(), Mirror::start(STAMP, |_| None));
    let book = Book::new(folder.path(), &mirror.receiver.url, &["Cust1", "Gone"], &["a"]);
    let clock = Arc::new(ScheduleClock::new(Speed::Max, MORNING_MS, hand_clock()));
    let task = MirroringTask::new(&clock).between(|_| Err("the office is closed".into()));
    let mut failures = Vec::new();
    let options = Options { workers: 1, ..Options::default() };
    Scheduler::new(&book, &task, &clock, options).run_until(Some(MORNING_MS + 1), |event| {
        let Event::Ended(Ended { outcome: Outcome::Failed(failure), .. }) = event else {
            panic!("{event:?}")
        };
        failures.push((failure.kind, failure.reason.clone()));
    });
    assert_eq!(failures[0], (FailureKind::Source, "the office is closed".to_owned()));
    assert!(failures[1].1.contains("Gone.db does not exist"), "{failures:?}");
    assert!(mirror.receiver.take_calls().is_empty());
}

#[test]
fn a_receiver_that_fails_for_some_hours_is_mailed_about_once_and_recovers() {
    let (folder, clock) = (tenants(), Arc::new(ScheduleClock::new(Speed::Max, MORNING_MS, hand_clock())));
    let outage = MORNING_MS + HOUR_MS..MORNING_MS + 5 * HOUR_MS;
    let of_receiver = Arc::clone(&clock);
    let mirror = Mirror::start(STAMP, move |call| {
        let is_down = outage.contains(&of_receiver.now_ms()) && call.operation == "RowData";
        let failed = "<IsSuccessful>false</IsSuccessful><ErrorMessage>disk full, ref 4711</ErrorMessage>";
        is_down.then(|| (200, envelope(Operation::RowData, failed)))
    });
    let book = Book::new(folder.path(), &mirror.receiver.url, &["Cust1"], &["a"]);
    let task = MirroringTask::new(&clock).between(work);
    let journal = Journal::new(&folder.path().join("journal"));
    let mut mailer = Mailer::to_folder(&folder.path().join("mail"));
    let end_ms = Some(MORNING_MS + 12 * HOUR_MS);
    let summary = Scheduler::new(&book, &task, &clock, Options::default()).run_until(end_ms, |event| {
        let Event::Ended(ended) = event else { panic!("{event:?}") };
        let entry = Entry::from(ended);
        journal.append(&entry).unwrap();
        mailer.tell(&entry, &ended.assignment.application.details.technical_contact).unwrap();
    });
    // There is something to send from 08:00 on, and it stays to be sent.
    assert_eq!((summary.completed, summary.failed), (24, 12));
    assert_eq!(mailer.close().0, MailCounts { mailed: 2, suppressed: 11, without_contact: 0 });
    let (mut failed, mut rows) = (Vec::new(), 0);
    let unreadable = journal.read(|entry| match entry.failure {
        Some(failure) => failed.push(failure),
        None => rows += entry.rows,
    });
    assert_eq!((unreadable.unwrap(), failed.len(), rows), (0, 12, 3 + 11));
    assert!(failed.iter().all(|failure| failure.reason.ends_with("by the receiver: disk full, ref 4711")));
    assert!(failed.iter().all(|failure| failure.table.as_deref() == Some("contact")));
    let mails = std::fs::read_dir(folder.path().join("mail")).unwrap();
    let mut names: Vec<_> = mails.map(|mail| mail.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["20260101T080000Z-Cust1-a-failed.eml", "20260101T120000Z-Cust1-a-works-again.eml"]);
}

#[test]
fn a_cycle_that_is_told_to_end_makes_no_call_after_the_present_one() {
    let (folder, clock) = (tenants(), Arc::new(ScheduleClock::new(Speed::Max, MORNING_MS, hand_clock())));
    let stopper = Arc::new(OnceLock::<Stopper>::new());
    let of_receiver = Arc::clone(&stopper);
    let mirror = Mirror::start(STAMP, move |call| {
        if call.operation == "TableSchema" {
            of_receiver.get().unwrap().stop();
        }
        None
    });
    let book = Book::new(folder.path(), &mirror.receiver.url, &["Cust1"], &["a"]);
    let task = MirroringTask::new(&clock);
    let scheduler = Scheduler::new(&book, &task, &clock, Options::default());
    assert!(stopper.set(scheduler.stopper()).is_ok());
    let summary = scheduler.run_until(None, |_| {});
    assert_eq!((summary.stopped, summary.cycles()), (1, 1));
    let operations: Vec<_> = mirror.receiver.take_calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["Authenticate", "TableSchema"]);
}

#[test]
fn the_folders_register_follows_approvals_switches_and_maintenance() {
    let folder = tempfile::tempdir().unwrap();
    let center = Center::open(folder.path()).unwrap();
    let url = "http://127.0.0.1:9/";
    let details = Details { mirroring: Mirroring::on(url.parse().unwrap()), ..Details::named("Nord") };
    let application = center.register(Registration { key_bits: 1024, ..Registration::new(details) }).unwrap();
    let make = |path: &Path| Tenant::create(path).map(drop).map_err(CenterError::from);
    let tenant = center.create_tenant("Cust1", make).unwrap();
    let assigned = || {
        let assignments = CenterRegister::new(center.clone()).assignments(0).unwrap();
        assignments.iter().map(|one| (one.pair(), one.url.clone())).collect::<Vec<_>>()
    };
    assert!(assigned().is_empty());
    center.approve("Cust1", "Nord").unwrap();
    let pair = Pair { tenant: "Cust1".to_owned(), application: application.id.clone() };
    assert_eq!(assigned(), [(pair, url.to_owned())]);
    center.disable_mirroring("Nord").unwrap();
    assert!(assigned().is_empty());
    center.enable_mirroring("Nord", None).unwrap();
    center.revoke("Cust1", "Nord").unwrap();
    assert!(assigned().is_empty());
    let register = CenterRegister::new(center.clone());
    assert!(!register.is_in_maintenance("Cust1", 0).unwrap());
    tenant.set_maintenance(true).unwrap();
    assert!(register.is_in_maintenance("Cust1", 0).unwrap());
    assert!(register.is_in_maintenance("Gone", 0).is_err());
}
