//! `mirrorbus check`: whether a first call would succeed, and what to do where it would not.
//!
//! Everything that a call depends on is asked of the real thing with the bridge's own settings: files, clock, Kafka
//! and registry. What only a write can prove is written into a topic and a subject of the check's own, with a
//! transactional id of its own: no tenant's name can hold the hyphen in them, so that a bridge at work is never
//! fenced and its topics are never written to.
//!
//! One fault never hides another unless it must, and every question has an end.

mod clock;
mod cluster;
mod local;
mod probe;
mod registry;
mod report;
mod rights;
mod topics;
mod transaction;

use std::path::Path;
use std::time::Duration;

use tokio::runtime::Runtime;

use self::cluster::Cluster;
use self::report::Item;
pub use self::report::{Report, Status};
use crate::clock::{Clock as _, Deadline, SystemClock};
use crate::config::Config;

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(10);
/// How long all of them may take.
const WHOLE: Duration = Duration::from_secs(120);
/// Part of every name that the check uses in Kafka and the registry.
const NAME: &str = "mirrorbus-check";

/// Looks at everything, or without the network at what needs none. Each step is told to `progress` as it begins.
pub fn run(
    file: &Path,
    variables: Vec<(String, String)>,
    is_offline: bool,
    progress: &mut dyn FnMut(&str),
) -> Report {
    let mut check = Check::new(progress);
    check.step("configuration, keys and certificates");
    match Config::load(Some(file), variables) {
        Err(errors) => local::faults(&mut check, file, errors),
        Ok(config) => {
            local::check(&mut check, file, &config, SystemClock.now_ms() / 1000);
            if !is_offline {
                network(&mut check, &config);
            }
        }
    }
    Report { items: check.items }
}

fn network(check: &mut Check<'_>, config: &Config) {
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return check.fault("this machine", format!("cannot start threads: {error}"), "raise its limits");
        }
    };
    let mut clocks = Vec::new();
    // All applications share Kafka and the registry.
    if let Some(application) = config.applications.first() {
        if let Some(cluster) = cluster::check(check, &application.bus, &runtime) {
            for application in &config.applications {
                if check.is_late(&application.id) {
                    break;
                }
                let cluster = Cluster { settings: &application.bus, ..cluster.clone() };
                topics::check(check, &cluster);
                clocks.extend(probe::check(check, &cluster));
            }
            topics::check_transaction_log(check, &cluster);
        }
        if !check.is_late("registry") {
            clocks.extend(registry::check(check, application, &runtime));
        }
    }
    clock::check(check, &clocks);
}

/// A check under way: what it found so far, and how much time it has.
struct Check<'p> {
    items: Vec<Item>,
    deadline: Deadline,
    progress: &'p mut dyn FnMut(&str),
}

impl<'p> Check<'p> {
    fn new(progress: &'p mut dyn FnMut(&str)) -> Self {
        Self { items: Vec::new(), deadline: Deadline::start(WHOLE), progress }
    }

    fn step(&mut self, what: &str) {
        (self.progress)(what);
    }

    /// Whether no time is left for more, which is a fault: what was not asked is not known.
    fn is_late(&mut self, what: &str) -> bool {
        let is_late = self.deadline.is_over();
        if is_late {
            let found = format!("no time left, {} s are over", WHOLE.as_secs());
            self.fault(what, found, "see what above took so long, then check again");
        }
        is_late
    }

    /// How long the next question may take.
    fn patience(&self) -> Duration {
        // Zero would be no time limit to some calls.
        self.deadline.left().clamp(Duration::from_millis(1), QUESTION)
    }

    fn ok(&mut self, item: impl Into<String>, found: impl Into<String>) {
        self.add(item, Status::Ok, found, "");
    }

    fn warning(&mut self, item: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) {
        self.add(item, Status::Warning, found, advice);
    }

    fn fault(&mut self, item: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) {
        self.add(item, Status::Fault, found, advice);
    }

    fn add(
        &mut self,
        item: impl Into<String>,
        status: Status,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let (item, found, advice) = (item.into(), found.into(), advice.into());
        self.items.push(Item { item, status, found, advice });
    }
}

/// A name that no other run has: when it began, in seconds since 1970, and chance.
fn unique() -> String {
    format!("{}-{:08x}", SystemClock.now_ms() / 1000, rand::random::<u32>())
}
