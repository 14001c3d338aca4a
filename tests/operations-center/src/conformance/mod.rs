//! A checklist of the contract against any receiver: per rule, whether it keeps to it, and what it answered.
//!
//! Everything is judged by the answers on the wire, as the vendor's Mirroring Task would judge them, so a receiver need
//! know nothing but the contract. What the wire cannot show, the rows that ended up in the mirror, is looked at through
//! a [`MirrorView`]; without one those lines are "not observed", which fails nothing and is said in the report.
//!
//! Lines that need a state use tenants of their own that no receiver has ever seen, so a run can be made again and
//! again, and one line's failure does not spoil the next. They are checked one after another: only the lines about calls at
//! once make calls at once. A receiver under test keeps some eighty small tenants, `Conf<random>`, for each run.
//!
//! The sources of the rules: *documented* are pages of the vendor's, *observed* and *sample* calls and answers of
//! the vendor's that were published, *inferred* is a reading of its published description (WSDL), *convention* what everybody
//! expects of such a service. The word before is the part of the contract: transport, trust, an operation, column
//! values, or the scenarios in which a mirror must come back by itself.

mod checks;
mod forged;
mod guarded;
mod line;
mod mirror;
mod odd;
pub mod output;
mod raw;
mod report;
mod response;
mod stage;
mod subject;
mod table;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::macros::format_description;

pub use line::{Level, Line};
pub use mirror::{MirrorCommand, MirrorError, MirrorRow, MirrorView, shown};
pub use raw::UrlError;
pub use report::{LineReport, Outcome, Report};

use crate::application::Application;
use crate::client::{CallError, Client};
use crate::wire::Operation;
use line::Miss;
use raw::Target;
use stage::Stage;

/// How long any call may take by default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a call may take by default while another is being uploaded.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(10);
/// What the names of a run's tenants begin with by default.
pub const DEFAULT_TENANT_PREFIX: &str = "Conf";
/// A prefix leaves room for eight digits in what receivers take for a name.
const MAX_PREFIX_CHARS: usize = 24;

/// Why a checklist could not be gone through.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// The URL is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Nobody answers there.
    #[error("{url} cannot be reached, check that the receiver is running there")]
    Unreachable {
        /// The receiver.
        url: String,
        /// What the HTTP library says.
        #[source]
        source: Box<CallError>,
    },
    /// The prefix could not stand in a tenant's name.
    #[error("the tenant prefix {prefix:?} is not a letter with at most 23 letters and digits behind it")]
    Prefix {
        /// The prefix.
        prefix: String,
    },
    /// No line is called so.
    #[error("no line and no group of lines is called {name}, --list shows all")]
    UnknownLine {
        /// What was asked for.
        name: String,
    },
}

/// What is checked, and how.
pub struct Checklist<'s> {
    /// The receiver's Mirroring URL.
    pub url: &'s str,
    /// The application that the receiver serves. Its signing key is needed: the run makes tokens.
    pub application: &'s Application,
    /// A view of the mirror, for the lines that must see rows.
    pub mirror: Option<&'s dyn MirrorView>,
    /// What the names of the run's tenants begin with: a letter, then letters and digits.
    pub tenant_prefix: &'s str,
    /// Ids of lines, or groups of lines such as `token`; all where it is empty.
    pub only: &'s [String],
    /// How long any call may take.
    pub timeout: Duration,
    /// How long a call may take while another is being uploaded.
    pub patience: Duration,
}

impl<'s> Checklist<'s> {
    /// All lines, with defaults, by the wire alone.
    #[must_use]
    pub fn new(url: &'s str, application: &'s Application) -> Self {
        Self {
            url,
            application,
            mirror: None,
            tenant_prefix: DEFAULT_TENANT_PREFIX,
            only: &[],
            timeout: DEFAULT_TIMEOUT,
            patience: DEFAULT_PATIENCE,
        }
    }

    /// Goes through the list. Each line is told to `told` as soon as it has ended.
    ///
    /// # Errors
    /// [`ConformanceError`] when nothing could be checked. A receiver that is wrong is no error.
    pub fn run(&self, mut told: impl FnMut(&LineReport)) -> Result<Report, ConformanceError> {
        let lines = self.chosen()?;
        let stage = self.stage()?;
        self.expect_somebody(&stage)?;
        let began = OffsetDateTime::now_utc();
        let mut reports = Vec::with_capacity(lines.len());
        for line in lines {
            let report = check(&line, &stage);
            told(&report);
            reports.push(report);
        }
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        Ok(Report {
            url: self.url.to_owned(),
            application: self.application.id.clone(),
            began: began.format(format).unwrap_or_default(),
            mirror: self.mirror.is_some(),
            passed: !reports.iter().any(LineReport::is_failure),
            lines: reports,
        })
    }

    fn chosen(&self) -> Result<Vec<Line>, ConformanceError> {
        let mut lines = lines();
        let is_called = |line: &Line, name: &str| line.id == name || line.id.split('.').next() == Some(name);
        if let Some(name) = self.only.iter().find(|name| !lines.iter().any(|line| is_called(line, name))) {
            return Err(ConformanceError::UnknownLine { name: name.clone() });
        }
        lines.retain(|line| self.only.is_empty() || self.only.iter().any(|name| is_called(line, name)));
        Ok(lines)
    }

    fn stage(&self) -> Result<Stage<'s>, ConformanceError> {
        let prefix = self.tenant_prefix;
        let is_name = prefix.starts_with(|c: char| c.is_ascii_alphabetic())
            && prefix.chars().all(|c| c.is_ascii_alphanumeric())
            && prefix.len() <= MAX_PREFIX_CHARS;
        if !is_name {
            return Err(ConformanceError::Prefix { prefix: prefix.to_owned() });
        }
        Ok(Stage {
            application: self.application,
            client: Client::with_timeout(self.url, self.timeout),
            target: Target::new(self.url)?,
            mirror: self.mirror,
            tenant_prefix: prefix.to_owned(),
            timeout: self.timeout,
            patience: self.patience,
            guarded: OnceLock::new(),
        })
    }

    /// Any answer at all will do.
    fn expect_somebody(&self, stage: &Stage<'_>) -> Result<(), ConformanceError> {
        match stage.client.exchange(Operation::Authenticate, b"") {
            Err(source @ CallError::Transport { .. }) => {
                Err(ConformanceError::Unreachable { url: self.url.to_owned(), source: Box::new(source) })
            }
            _ => Ok(()),
        }
    }
}

/// All lines in the order in which they are checked.
#[must_use]
pub fn lines() -> Vec<Line> {
    checks::all()
}

fn check(line: &Line, stage: &Stage<'_>) -> LineReport {
    let began = Instant::now();
    let checked = if line.needs_mirror && stage.mirror.is_none() {
        Err(Miss::unobserved("no view of the mirror was given"))
    } else {
        (line.check)(stage)
    };
    LineReport::new(line, checked, began.elapsed().as_secs_f64())
}
