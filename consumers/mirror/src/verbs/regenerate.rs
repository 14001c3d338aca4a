//! A tenant or a table made anew from Kafka alone, beside the live copy, checked, and exchanged for it.
//!
//! The copy beside is made by the same loop that mirrors, which goes on while it is checked and until it is exchanged.
//! The live copy is exchanged only while it is held and the copy beside has reached every position that it has, so that
//! a reader never sees a table go back in time. Until the exchange is committed the live copy is untouched; whatever is
//! left beside it by one who died is thrown away by the next.

use std::collections::BTreeMap;
use std::time::Duration;

use mirrorbus_schemas::topic::{Table, Tenant};
use serde::Serialize;

use crate::copies::{Copies, Copy, Scope};
use crate::destination::{Destination, Memory};
use crate::running::spawn;
use crate::settings::Settings;
use crate::source::reader::Topic;
use crate::stop::Stop;
use crate::verbs::error::VerbError;
use crate::verbs::making::{LOOK, Making};
use crate::verbs::progress::{Course, Progress};
use crate::verbs::report::TenantReport;
use crate::verbs::source::{Source, tables};
use crate::verbs::verify::Verify;
use crate::verbs::watched::{Watch, Watched};

/// How often progress is told.
const TELL: Duration = Duration::from_secs(1);
/// How long the live copy is held while the copy beside catches up. Longer, and it is let go and tried again.
const HOLD: Duration = Duration::from_secs(10);

/// What is to be made anew.
#[derive(Clone, Copy, Debug)]
pub struct Regenerate<'r> {
    /// Where Kafka and the registry are, and which tables are mirrored.
    pub settings: &'r Settings,
    /// The tenant.
    pub tenant: &'r Tenant,
    /// All of its tables or one.
    pub scope: &'r Scope,
    /// How long the old copy is kept.
    pub keep: Duration,
    /// The wish to end it early.
    pub stop: &'r Stop,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regenerated {
    /// The tenant.
    pub tenant: Tenant,
    /// Rows of each table, as they were checked.
    pub tables: BTreeMap<Table, u64>,
    /// How long it took.
    pub seconds: f64,
    /// Where the old copy is kept.
    pub kept: String,
    /// Old copies that were kept for long enough and are gone.
    pub dropped: Vec<String>,
}

impl Regenerate<'_> {
    /// Makes it, telling how far it is about every second.
    ///
    /// # Errors
    /// [`VerbError::Refused`] when the topics cannot give the whole of it, or what was made is not what they say;
    /// [`VerbError`] for everything else. The live copy is as it was, then, unless it was the commit that failed.
    pub fn run<D: Destination + Copies>(
        &self,
        destination: &mut D,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<Regenerated, VerbError> {
        let dropped = destination.drop_kept(self.tenant, self.keep)?;
        let settings = self.settings.only(self.tenant, self.scope);
        let source = Source::new(&settings, self.stop)?;
        let live = destination.inspect(self.tenant, Copy::Live)?;
        let topics = source.topics()?.remove(self.tenant).unwrap_or_default();
        let course = self.course(&source, &topics, live.as_ref())?;
        if live.is_none() {
            // Something that can be held and exchanged.
            destination.load(self.tenant)?;
        }
        let watch = Watch::default();
        let beside = Watched { destination: destination.beside(self.tenant)?, watch: watch.clone() };
        let mut making = Making { running: Some(spawn(settings, beside)?), watch, source, course };
        let made = self.make(destination, &mut making, tell);
        // Nobody writes to it any more.
        drop(making);
        if made.is_err()
            && let Err(error) = destination.discard(self.tenant)
        {
            tracing::warn!(%error, "what was made could not be thrown away; the next regenerate will");
        }
        Ok(Regenerated { dropped, ..made? })
    }

    /// What there is to read. Refuses topics that cannot give the whole of their tables.
    fn course(&self, source: &Source, topics: &[Topic], live: Option<&Memory>) -> Result<Course, VerbError> {
        let tables = tables(topics.to_vec());
        let refuse = |why: String| Err(VerbError::Refused(why));
        let is_asked = |table: &Table| match self.scope {
            Scope::Tenant => true,
            Scope::Table(asked) => asked == table,
        };
        let present = live.iter().flat_map(|live| &live.tables);
        let present = present.filter(|(table, known)| known.columns.is_some() && is_asked(table));
        let lost: Vec<&str> = present
            .map(|(table, _)| table)
            .filter(|table| !tables.contains_key(table))
            .map(Table::as_str)
            .collect();
        if !lost.is_empty() {
            let lost = lost.join(", ");
            return refuse(format!(
                "the live copy has tables of which there is no topic, or which are not chosen: {lost}"
            ));
        }
        if tables.is_empty() {
            let (tenant, prefix) = (self.tenant, &self.settings.prefix);
            return refuse(format!("kafka has no topic of it: tenant {tenant}, prefix {prefix}"));
        }
        let mut spans = Vec::new();
        for topic in tables.values() {
            let ends = source.ends(topic)?;
            for (partition, span) in (0..).zip(source.spans(topic)?) {
                if span.first > 0 {
                    let (name, first) = (&topic.name, span.first);
                    return refuse(format!(
                        "{name}, partition {partition}, begins at offset {first}: what was before is gone, so the whole \
                         table can only come from the vendor"
                    ));
                }
                spans.push((
                    (topic.name.clone(), partition),
                    span.first,
                    ends.get(&partition).copied().unwrap_or(0),
                ));
            }
        }
        Ok(Course::new(spans))
    }

    fn make<D: Destination + Copies>(
        &self,
        destination: &mut D,
        making: &mut Making,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<Regenerated, VerbError> {
        self.load(making, tell)?;
        let report = self.check(destination)?;
        let kept = self.exchange(destination, making)?;
        let rows = report.tables.into_iter().map(|table| (table.table, table.copy.map_or(0, |sum| sum.rows)));
        Ok(Regenerated {
            tenant: self.tenant.clone(),
            tables: rows.collect(),
            seconds: making.course.elapsed().as_secs_f64(),
            kept,
            dropped: Vec::new(),
        })
    }

    /// Waits until everything is applied that was there at the start.
    fn load(&self, making: &mut Making, tell: &mut dyn FnMut(&Progress)) -> Result<(), VerbError> {
        let mut told = Duration::ZERO;
        while !making.watch.wait(LOOK, |seen| making.course.is_done(seen)) {
            making.look(self.stop)?;
            if making.course.elapsed() - told >= TELL {
                told = making.course.elapsed();
                tell(&making.progress());
            }
        }
        tell(&making.progress());
        Ok(())
    }

    /// The copy beside against the topics.
    fn check(&self, destination: &mut dyn Copies) -> Result<TenantReport, VerbError> {
        let Self { settings, tenant, scope, stop, .. } = *self;
        let report = Verify { settings, tenant, scope, copy: Copy::Beside, stop }.run(destination)?;
        let wrong = report.tables.iter().find(|table| !table.is_equal());
        match wrong {
            None => Ok(report),
            Some(wrong) => Err(VerbError::Refused(format!(
                "table {} was made and is not what its topic says ({} rows differ, findings: {}); it was not exchanged",
                wrong.table,
                wrong.differences.len(),
                serde_json::to_string(&wrong.findings).unwrap_or_default(),
            ))),
        }
    }

    /// Puts the copy beside in the live one's place as soon as it is not behind it.
    fn exchange(&self, destination: &mut dyn Copies, making: &mut Making) -> Result<String, VerbError> {
        let mut held = loop {
            let live = destination.inspect(self.tenant, Copy::Live)?.unwrap_or_default();
            making.catch_up(&live.positions, Duration::MAX, self.tenant, self.stop)?;
            let held = destination.hold(self.tenant)?;
            if making.catch_up(&held.memory().positions, HOLD, self.tenant, self.stop)? {
                break held;
            }
            tracing::info!(tenant = %self.tenant, "the copy beside is behind: the live copy goes on meanwhile");
        };
        making.end()?;
        let kept = held.exchange(self.scope)?;
        held.commit()?;
        Ok(kept)
    }
}
