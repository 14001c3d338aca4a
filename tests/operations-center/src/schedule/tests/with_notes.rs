//! Threads, clocks and messages, with tasks that take notes instead of calling anybody.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;
use crate::clock::SystemClock;

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(30);

/// Notes every turn and does what it is told.
struct Notes<F> {
    turns: Mutex<Vec<Turn>>,
    task: F,
}

impl<F: Fn(&Turn) -> Outcome + Sync> Notes<F> {
    fn new(task: F) -> Self {
        Self { turns: Mutex::default(), task }
    }

    /// Minutes after 07:00 at which cycles of a tenant started.
    fn minutes(&self, tenant: &str) -> Vec<i64> {
        let turns = self.turns.lock().unwrap();
        let of_tenant = turns.iter().filter(|turn| turn.assignment.tenant == tenant);
        of_tenant.map(|turn| (turn.now_ms - MORNING_MS) / MINUTE_MS).collect()
    }
}

impl<F: Fn(&Turn) -> Outcome + Sync> Task for Notes<F> {
    fn run(&self, turn: &Turn) -> (Outcome, Counts) {
        self.turns.lock().unwrap().push(turn.clone());
        ((self.task)(turn), Counts::default())
    }
}

fn book(tenants: &[&str], applications: &[&str]) -> Book {
    Book::new(Path::new("/nowhere"), "http://127.0.0.1:9/", tenants, applications)
}

fn max() -> ScheduleClock {
    ScheduleClock::new(Speed::Max, MORNING_MS, hand_clock())
}

fn run(
    book: &dyn Register,
    task: &dyn Task,
    clock: &ScheduleClock,
    workers: usize,
    length_ms: i64,
) -> Summary {
    let options = Options { workers, ..Options::default() };
    let end_ms = clock.now_ms() + length_ms;
    Scheduler::new(book, task, clock, options).run_until(Some(end_ms), |_| {})
}

#[test]
fn a_day_without_waiting_has_a_cycle_every_20_minutes_but_at_night() {
    let (book, notes) = (book(&["Cust1", "Cust2"], &["a"]), Notes::new(|_| Outcome::Completed));
    let summary = run(&book, &notes, &max(), 8, DAY_MS);
    // From 07:00 to 01:20 and from 03:00 to 06:40.
    let expected: Vec<i64> = (0..=1100).step_by(20).chain((1200..1440).step_by(20)).collect();
    assert_eq!((notes.minutes("Cust1"), notes.minutes("Cust2")), (expected.clone(), expected.clone()));
    assert_eq!(summary.completed, 2 * expected.len() as u64);
    assert_eq!((summary.cycles(), summary.late, summary.last.len()), (summary.completed, 2, 2));
}

#[test]
fn time_passes_once_for_a_tenant_with_two_applications() {
    let (book, notes) = (book(&["Cust1"], &["a", "b"]), Notes::new(|_| Outcome::Completed));
    run(&book, &notes, &max(), 8, HOUR_MS);
    let turns = notes.turns.into_inner().unwrap();
    let passed: i64 = turns.iter().map(|turn| turn.now_ms - turn.since_ms).sum();
    assert_eq!((turns.len(), passed), (6, 40 * MINUTE_MS));
    assert!(turns.windows(2).all(|two| two[0].now_ms == two[1].since_ms), "without gap or overlap");
}

#[test]
fn maintenance_that_begins_and_ends_between_two_turns_is_noticed_in_time() {
    let mut book = book(&["Cust1"], &["a"]);
    book.maintenance.push(("Cust1", MORNING_MS + 19 * MINUTE_MS, MORNING_MS + 33 * MINUTE_MS));
    let notes = Notes::new(|_| Outcome::Completed);
    let summary = run(&book, &notes, &max(), 8, HOUR_MS);
    assert_eq!((notes.minutes("Cust1"), summary.late), (vec![0, 33, 53], 1));
}

#[test]
fn a_failed_cycle_waits_for_its_next_turn() {
    let failure = |_: &Turn| Failure {
        kind: FailureKind::NoAnswer,
        operation: None,
        table: None,
        reason: "nobody is there".to_owned(),
    };
    let (book, notes) = (book(&["Cust1"], &["a"]), Notes::new(|turn| Outcome::Failed(failure(turn))));
    let summary = run(&book, &notes, &max(), 8, HOUR_MS);
    assert_eq!((notes.minutes("Cust1"), summary.failed), (vec![0, 20, 40], 3));
    let last = summary.last.values().next().unwrap();
    assert_eq!(last.started_ms, MORNING_MS + 40 * MINUTE_MS);
    assert!(matches!(&last.outcome, Outcome::Failed(failure) if failure.reason == "nobody is there"));
}

#[test]
fn as_many_tenants_run_at_once_as_there_are_workers_and_no_more() {
    let (began, begins) = channel::<()>();
    let (go, goes): (Sender<()>, Receiver<()>) = channel();
    let (began, goes) = (Mutex::new(began), Mutex::new(goes));
    let running = std::sync::atomic::AtomicUsize::new(0);
    let notes = Notes::new(|_| {
        assert!(running.fetch_add(1, Ordering::SeqCst) < 2, "three at once");
        began.lock().unwrap().send(()).unwrap();
        goes.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        running.fetch_sub(1, Ordering::SeqCst);
        Outcome::Completed
    });
    let (book, clock) = (book(&["Cust1", "Cust2", "Cust3", "Cust4", "Cust5", "Cust6"], &["a"]), max());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Two begin before any may end, six in all.
            for begun in 1..=6 {
                begins.recv_timeout(DEADLINE).unwrap();
                if begun >= 2 {
                    go.send(()).unwrap();
                }
            }
            go.send(()).unwrap();
        });
        assert_eq!(run(&book, &notes, &clock, 2, MINUTE_MS).completed, 6);
    });
}

#[test]
fn a_stop_starts_nothing_more_tells_cycles_and_waits_for_them() {
    let (began, begins) = channel::<()>();
    let began = Mutex::new(began);
    let notes = Notes::new(|turn: &Turn| {
        began.lock().unwrap().send(()).unwrap();
        let deadline = std::time::Instant::now() + DEADLINE;
        while !turn.stopped.load(Ordering::SeqCst) {
            assert!(std::time::Instant::now() < deadline, "nobody told the cycle");
            std::thread::yield_now();
        }
        Outcome::Stopped
    });
    let (book, clock) = (book(&["Cust1", "Cust2"], &["a", "b"]), max());
    let scheduler = Scheduler::new(&book, &notes, &clock, Options { workers: 1, ..Options::default() });
    let stopper = scheduler.stopper();
    let summary = std::thread::scope(|scope| {
        scope.spawn(move || {
            begins.recv_timeout(DEADLINE).unwrap();
            stopper.stop();
        });
        scheduler.run_until(None, |_| {})
    });
    assert_eq!((summary.stopped, summary.cycles()), (1, 1));
}

#[test]
fn an_accelerated_clock_runs_by_itself() {
    let (book, notes) = (book(&["Cust1"], &["a"]), Notes::new(|_| Outcome::Completed));
    // 50 minutes in a second.
    let clock = ScheduleClock::new(Speed::Times(3000), MORNING_MS, Arc::new(SystemClock));
    let summary = run(&book, &notes, &clock, 1, 50 * MINUTE_MS);
    assert!(clock.now_ms() >= MORNING_MS + 50 * MINUTE_MS);
    assert!((1..=3).contains(&summary.completed), "{summary:?}");
}

#[test]
fn cycles_of_one_tenant_start_in_different_real_seconds_and_others_go_first_meanwhile() {
    let (book, notes) = (book(&["Cust1", "Cust2"], &["a", "b"]), Notes::new(|_| Outcome::Completed));
    let real = hand_clock();
    let clock = ScheduleClock::new(Speed::Max, MORNING_MS, Arc::clone(&real));
    let mut started = Vec::new();
    let scheduler = Scheduler::new(&book, &notes, &clock, Options { workers: 1, ..Options::default() });
    scheduler.run_until(Some(MORNING_MS + MINUTE_MS), |event| {
        if let Event::Ended(ended) = event {
            started.push((ended.assignment.tenant.clone(), ended.real_started_ms / 1000 - NOW));
        }
    });
    let tenants: Vec<&str> = started.iter().map(|(tenant, _)| tenant.as_str()).collect();
    assert_eq!(tenants, ["Cust1", "Cust2", "Cust1", "Cust2"]);
    let seconds: Vec<i64> = started.iter().map(|(_, second)| *second).collect();
    assert_eq!(seconds, [0, 0, 1, 1]);
}

/// Fails while `fails`; answers as `book` does otherwise.
struct Unreadable(Book, i64);

impl Register for Unreadable {
    fn assignments(&self, now_ms: i64) -> Result<Vec<Arc<Assignment>>, RegisterError> {
        if now_ms >= self.1 {
            return Err(RegisterError("the disk is gone".into()));
        }
        self.0.assignments(now_ms)
    }

    fn is_in_maintenance(&self, _tenant: &str, _now_ms: i64) -> Result<bool, RegisterError> {
        Err(RegisterError("the disk is gone".into()))
    }
}

#[test]
fn a_register_that_cannot_be_read_is_reported_and_what_was_known_goes_on() {
    let register = Unreadable(book(&["Cust1"], &["a"]), MORNING_MS + MINUTE_MS);
    let (notes, clock, mut failures) = (Notes::new(|_| Outcome::Completed), max(), 0);
    let scheduler = Scheduler::new(&register, &notes, &clock, Options::default());
    let summary = scheduler.run_until(Some(MORNING_MS + HOUR_MS), |event| {
        failures += usize::from(matches!(event, Event::RegisterFailed(_)));
    });
    assert_eq!((notes.minutes("Cust1"), summary.completed), (vec![0, 20, 40], 3));
    assert!(failures > 0);
}

#[test]
#[should_panic(expected = "a scoped thread panicked")]
fn a_panic_in_a_task_ends_the_schedule_and_is_not_swallowed() {
    let (book, notes) = (book(&["Cust1"], &["a"]), Notes::new(|_| panic!("broken")));
    run(&book, &notes, &max(), 1, DAY_MS);
}

#[test]
fn without_anybody_and_without_an_end_a_clock_that_does_not_wait_stands_still() {
    let (book, notes, clock) = (book(&[], &[]), Notes::new(|_| Outcome::Completed), max());
    let (asked, asks) = channel();
    let register = Asked(book, Mutex::new(asked));
    let scheduler = Scheduler::new(&register, &notes, &clock, Options::default());
    let stopper = scheduler.stopper();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            (0..2).for_each(|_| asks.recv_timeout(DEADLINE).unwrap());
            stopper.stop();
        });
        scheduler.run_until(None, |_| {});
    });
    assert_eq!(clock.now_ms(), MORNING_MS);
}

/// Says when it is asked.
struct Asked(Book, Mutex<Sender<()>>);

impl Register for Asked {
    fn assignments(&self, now_ms: i64) -> Result<Vec<Arc<Assignment>>, RegisterError> {
        // Nobody listens after the second time.
        let _ = self.1.lock().unwrap().send(());
        self.0.assignments(now_ms)
    }

    fn is_in_maintenance(&self, tenant: &str, now_ms: i64) -> Result<bool, RegisterError> {
        self.0.is_in_maintenance(tenant, now_ms)
    }
}

#[test]
fn a_real_clock_that_was_set_back_leaves_the_complaint_to_the_cycle() {
    let real = Arc::new(HandClock::at_seconds(NOW));
    let clock = ScheduleClock::new(Speed::Max, MORNING_MS, real.clone());
    let (book, notes) = (book(&["Cust1"], &["a", "b"]), Notes::new(|_| Outcome::Completed));
    let scheduler = Scheduler::new(&book, &notes, &clock, Options::default());
    let end_ms = Some(MORNING_MS + MINUTE_MS);
    let summary = scheduler.run_until(end_ms, |_| real.set_seconds(NOW - 3600));
    assert_eq!((summary.completed, real.now_ms()), (2, (NOW - 3600) * 1000));
}
