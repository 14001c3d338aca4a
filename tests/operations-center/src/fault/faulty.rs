//! The script at work.

use std::cell::RefCell;

use super::deliver::{Delivered, deliver};
use super::plan::{Met, Planner};
use super::ready::Ready;
use super::{Fault, Happened, Kind, Script};
use crate::answer::Answer;
use crate::client::{CallError, Client};
use crate::transport::{Call, Transport};
use crate::wire::Operation;

/// Carries the calls of one cycle with the faults of a script.
///
/// A call that is to be sent together with the next one is answered success before it is sent, since the vendor goes
/// on only then; if it fails, the next call is what fails.
pub struct Faulty<'a> {
    client: &'a Client,
    script: Script,
    state: RefCell<State>,
}

struct State {
    planner: Planner,
    calls: u64,
    held: Option<Ready>,
    happened: Vec<(usize, Happened)>,
    skew_seconds: i64,
    may_last_call_fail: bool,
}

impl<'a> Faulty<'a> {
    /// For one cycle against the receiver of `client`.
    #[must_use]
    pub fn new(client: &'a Client, script: Script) -> Self {
        let state = State {
            planner: Planner::new(&script),
            calls: 0,
            held: None,
            happened: Vec::new(),
            skew_seconds: 0,
            may_last_call_fail: false,
        };
        Self { client, script, state: RefCell::new(state) }
    }

    /// What happened so far, in the order of the calls.
    #[must_use]
    pub fn happened(&self) -> Vec<Happened> {
        self.state.borrow().happened.iter().map(|(_, happened)| happened.clone()).collect()
    }

    /// The faults that have not happened: no call came to their place, or what they say could not be done there.
    #[must_use]
    pub fn not_reached(&self) -> Vec<&Fault> {
        let state = self.state.borrow();
        let is_reached = |index: usize| state.happened.iter().any(|(reached, _)| *reached == index);
        let faults = self.script.faults().iter().enumerate();
        faults.filter(|(index, _)| !is_reached(*index)).map(|(_, fault)| fault).collect()
    }

    /// Whether the last call met a fault that makes its failure no surprise: one that ends the cycle or damages
    /// what the call says. A receiver should take slow, huge and repeated calls, and two at once.
    #[must_use]
    pub fn may_last_call_fail(&self) -> bool {
        self.state.borrow().may_last_call_fail
    }

    fn send_alone(&self, state: &mut State, ready: Ready) -> Result<Answer, CallError> {
        let delivered = deliver(self.client, ready.operation, &ready.body, &ready.way);
        self.conclude(state, ready, delivered)
    }

    fn send_both(&self, state: &mut State, mut held: Ready, next: Ready) -> Result<Answer, CallError> {
        if let Some(index) = held.together {
            let with = format!(
                "sent at once with call {}, {} of {}",
                next.call,
                next.operation,
                next.tables.join(", ")
            );
            held.done.push((index, with));
        }
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| deliver(self.client, held.operation, &held.body, &held.way));
            let second = deliver(self.client, next.operation, &next.body, &next.way);
            (first.join(), second)
        });
        let first = first.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let first = self.conclude(state, held, first);
        let second = self.conclude(state, next, second);
        match first {
            Ok(answer) if answer.is_successful => second,
            failed => failed,
        }
    }

    /// Notes what happened, and gives what the vendor got.
    fn conclude(&self, state: &mut State, ready: Ready, delivered: Delivered) -> Result<Answer, CallError> {
        for (index, what) in ready.done {
            let Some(fault) = self.script.faults().get(index) else { continue };
            let happened = Happened {
                fault: fault.to_string(),
                call: ready.call,
                operation: ready.operation,
                tables: ready.tables.clone(),
                what,
                outcomes: delivered.outcomes.clone(),
            };
            state.happened.push((index, happened));
        }
        delivered.result.unwrap_or_else(|| {
            let fault = ready.refuse.or(ready.hang_up).and_then(|index| self.script.faults().get(index));
            let fault = fault.map(Fault::to_string).unwrap_or_default();
            Err(CallError::BrokenOff { operation: ready.operation, fault })
        })
    }
}

impl Transport for Faulty<'_> {
    fn send(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let state = &mut *self.state.borrow_mut();
        state.calls += 1;
        let met = state.planner.next(&self.script, call.operation, call.tables);
        state.may_last_call_fail = met.iter().any(|(_, kind)| kind.may_fail());
        if call.operation == Operation::Authenticate {
            state.skew_seconds = skew(&met);
        }
        let ready = Ready::new(call, state.calls, &met)?;
        match state.held.take() {
            Some(held) if ready.can_go_with(&held) => return self.send_both(state, held, ready),
            Some(held) => {
                let answer = self.send_alone(state, held)?;
                if !answer.is_successful {
                    return Ok(answer);
                }
            }
            None => {}
        }
        if ready.refuse.is_some() {
            return self.conclude(state, ready, Delivered { result: None, outcomes: Vec::new() });
        }
        if ready.together.is_some() {
            state.held = Some(ready);
            return Ok(Answer { is_successful: true, ..Answer::default() });
        }
        self.send_alone(state, ready)
    }

    fn batch_bytes(&self, table: &str, preferred: usize) -> usize {
        let mut faults = self.script.faults().iter();
        let bytes = faults.find_map(|fault| match fault.kind {
            Kind::Huge { bytes } if fault.place.counts(Operation::RowData, &[table]) => Some(bytes),
            _ => None,
        });
        bytes.unwrap_or(preferred)
    }

    fn skew_seconds(&self) -> i64 {
        self.state.borrow().skew_seconds
    }
}

fn skew(met: &Met) -> i64 {
    let skew = met.iter().find_map(|(_, kind)| match kind {
        Kind::Skew { seconds } => Some(i64::from(*seconds)),
        _ => None,
    });
    skew.unwrap_or_default()
}
