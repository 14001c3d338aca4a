//! The same lives with the real cycle and the honest receiver, on a socket.

use std::cell::Cell;

use super::mirror::Position;
use super::operation::{Cut, Operation};
use super::run_lives;
use super::world::World;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::client::{CallError, Client};
use crate::clock::{Clock as _, SystemClock};
use crate::cycle::{Cycle, CycleError, Options, Report};
use crate::fixture::{HandClock, application};
use crate::receiver::{Identity, Receiver, Settings};
use crate::transport::{Call, Transport};

const LIVES: u32 = 30;
/// Small enough for several batches of a table.
const BATCH_BYTES: usize = 400;
/// Tokens are valid for six minutes, and every cycle needs one of a later second than the last.
const AHEAD_SECONDS: i64 = 200;

/// A world whose mirror is a real receiver. What the naive one has stands for the receiver's positions only.
struct Wired {
    world: World,
    receiver: Receiver,
    token_clock: HandClock,
}

/// Ends a cycle as it is told.
struct Cutting<'a> {
    client: &'a Client,
    cut: Option<Cut>,
    made: Cell<u8>,
}

impl Transport for Cutting<'_> {
    fn send(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let cut = self.cut.filter(|cut| cut.calls == self.made.get());
        self.made.set(self.made.get() + 1);
        let answer = match cut {
            Some(Cut { is_done: false, .. }) => return Ok(Answer::default()),
            _ => self.client.send(call.operation, call.body)?,
        };
        Ok(if cut.is_some() { Answer::default() } else { answer })
    }
}

fn receiver() -> Receiver {
    let identity = Identity::of(application()).unwrap();
    Receiver::start(([127, 0, 0, 1], 0).into(), identity, Settings::default()).unwrap()
}

impl Wired {
    fn new() -> Self {
        let token_clock = HandClock::at_seconds(SystemClock.now_seconds() - AHEAD_SECONDS);
        Self { world: World::new(), receiver: receiver(), token_clock }
    }

    fn live(&mut self, operation: &Operation) {
        match operation {
            Operation::Cycle { cut, .. } => self.cycle(*cut),
            Operation::LoseMirror => {
                self.receiver = receiver();
                self.world.live(operation);
            }
            // Nobody but itself changes what a receiver holds.
            Operation::BackUpMirror | Operation::RestoreMirror | Operation::LoseTable(_) => {}
            other => self.world.live(other),
        }
    }

    fn cycle(&mut self, cut: Option<Cut>) {
        let client = Client::new(&self.receiver.url());
        let transport = Cutting { client: &client, cut, made: Cell::new(0) };
        let caller = Caller::new(&transport, application(), &self.world.tenant, &self.token_clock);
        let options = Options { batch_bytes: Some(BATCH_BYTES), ..Options::default() };
        let mut cycle = Cycle::with_options(caller, options);
        let result = cycle.run();
        let report = cycle.report();
        let newly_tracked = self.note_tracking();
        self.note_positions(&report, result.is_ok());
        match result {
            Ok(_) => {
                assert!(newly_tracked.iter().all(|table| report.tables[table].wiped), "{newly_tracked:?}");
                self.compare();
            }
            Err(CycleError::Refused { .. }) => self.world.meet("a cycle that was cut"),
            Err(error) => panic!("{error}"),
        }
    }

    /// The cycle switches tracking on in the order of tables, if it comes so far. Returns for which.
    fn note_tracking(&mut self) -> Vec<String> {
        let snapshot = self.world.tenant.snapshot().unwrap();
        let now_ms = self.world.now_ms();
        let mut newly_tracked = self.world.model.untracked();
        newly_tracked.retain(|table| snapshot.min_valid_version(table).unwrap().is_some());
        for table in &newly_tracked {
            self.world.model.track(table, now_ms);
            self.world.meet("tracking that was off");
        }
        assert_eq!(snapshot.version(), self.world.model.version);
        newly_tracked
    }

    fn note_positions(&mut self, report: &Report, is_complete: bool) {
        let now = Position { lsn: self.world.model.version, course: self.world.course };
        let held = self.receiver.store().tables("Cust1");
        self.world.mirror.tables.retain(|name, _| held.contains(name));
        for name in held {
            let lsn = self.receiver.store().position("Cust1", &name);
            let sent = report.tables.get(&name).copied().unwrap_or_default();
            if sent.wiped || lsn.is_none() {
                self.world.mirror.tables.remove(&name);
            } else if self.world.model.tables.contains_key(&name) {
                self.world.look_for_a_hidden_restore(&name);
            }
            let mine = self.world.mirror.tables.entry(name).or_default();
            if mine.position.map(|position| position.lsn) != lsn {
                mine.position = lsn.map(|lsn| Position { lsn, ..now });
            }
            // Some of its rows may have come.
            mine.uncovered = (!is_complete && lsn.is_some()).then_some(now);
        }
    }

    fn compare(&mut self) {
        self.world.meet("a completed cycle");
        let names: Vec<String> = self.world.model.tables.keys().cloned().collect();
        assert_eq!(self.receiver.store().tables("Cust1"), names);
        for name in names {
            let held = self.receiver.store().checksum("Cust1", &name).unwrap();
            let (source, version) = (self.world.checksum(&name), self.world.model.version);
            if self.world.mirror.tables[&name].is_astray {
                self.world.meet("a mirror that may be astray");
            } else {
                assert_eq!(source, held, "table {name} at version {version}");
            }
        }
    }
}

#[test]
fn the_real_cycle_leaves_an_honest_receiver_with_the_source() {
    let must_be_met = ["a completed cycle", "a cycle that was cut", "changes alone", "tracking that was off"];
    run_lives(LIVES, &must_be_met, |life| {
        let mut wired = Wired::new();
        life.iter().for_each(|operation| wired.live(operation));
        wired.cycle(None);
        wired.world.met
    });
}
