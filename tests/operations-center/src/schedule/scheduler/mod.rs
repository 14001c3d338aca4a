//! Carries out the plan: a thread per running cycle, and one that waits for whatever comes next.
//!
//! A receiver tells cycles apart by the tokens' whole seconds, so a tenant's next cycle may have to wait for the next
//! real second. The scheduler does that waiting, and lets other tenants go first meanwhile, so that no worker waits.

mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use self::run::Run;
use super::clock::ScheduleClock;
use super::outcome::Ended;
use super::plan::Rules;
use super::register::{Register, RegisterError};
use super::summary::Summary;
use super::task::Task;

/// How the schedule is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many tenants are worked on at once; 0 counts as 1.
    pub workers: usize,
    /// What keeps cycles from starting.
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: 8, rules: Rules::default() }
    }
}

/// What happens while the schedule runs.
#[derive(Debug)]
pub enum Event<'e> {
    /// A cycle ended.
    Ended(&'e Ended),
    /// The register could not be read; the schedule goes on with what it knew.
    RegisterFailed(&'e RegisterError),
}

enum Message {
    Ended(Box<Ended>),
    /// The worker of this tenant panicked; the panic goes on in the thread that runs the schedule.
    Died(String),
    Stop,
}

/// Stops a schedule from any thread: nothing starts any more, and running cycles end after their present call.
#[derive(Clone, Debug)]
pub struct Stopper {
    stopped: Arc<AtomicBool>,
    wake: Sender<Message>,
}

impl Stopper {
    /// Stops it. Once is enough.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Where the schedule is over already there is nobody to wake.
        let _ = self.wake.send(Message::Stop);
    }
}

/// Runs the schedule.
pub struct Scheduler<'s> {
    register: &'s dyn Register,
    task: &'s dyn Task,
    clock: &'s ScheduleClock,
    options: Options,
    stopped: Arc<AtomicBool>,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
}

impl<'s> Scheduler<'s> {
    /// A schedule that has not begun.
    #[must_use]
    pub fn new(
        register: &'s dyn Register,
        task: &'s dyn Task,
        clock: &'s ScheduleClock,
        options: Options,
    ) -> Self {
        let (sender, receiver) = channel();
        Self { register, task, clock, options, stopped: Arc::default(), sender, receiver }
    }

    /// What stops it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper { stopped: Arc::clone(&self.stopped), wake: self.sender.clone() }
    }

    /// Runs until the schedule's clock is at `end_ms`, or until it is stopped; all cycles have ended when it returns.
    /// At the end they are waited for, without being told to hurry. `events` is called in this thread.
    pub fn run_until(self, end_ms: Option<i64>, events: impl FnMut(Event<'_>)) -> Summary {
        let mut run = Run::new(&self, events);
        std::thread::scope(|scope| run.drive(scope, end_ms.unwrap_or(i64::MAX)));
        run.into_summary()
    }
}
