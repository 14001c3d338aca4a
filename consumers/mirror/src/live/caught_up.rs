//! When a tenant was last known to be read to the ends of its topics, and what follows for tombstones.
//!
//! Kafka keeps a tombstone for `delete.retention.ms` at least. So whoever had everything at one time misses no delete
//! that he reads within that time, and may have missed some later. The time is that of a survey: the ends of all topics
//! are asked for, and once all of them are applied, the mirror had everything when it asked. That needs no quiet moment,
//! and a broker that does not answer cannot make it look as if nothing had been written.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::destination::{Move, Position};
use crate::live::rebuild::Reason;
use crate::live::tenant::{Live, LiveTopic};
use crate::source::reader::{Reader, Topic};
use crate::source::retention::Retentions;

/// The time between two surveys is a tenth of the shortest retention, within these.
const LONGEST: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_secs(1);
/// A retention below this cannot be kept up with: it would be over before it is known.
const SHORTEST_RETENTION_MS: i64 = 3000;

/// The surveys of a tenant.
pub(crate) struct Stamps {
    /// What is to be kept as the time, though no survey told it.
    begun_ms: Option<i64>,
    survey: Option<Survey>,
    next: Option<Instant>,
}

struct Survey {
    at_ms: i64,
    ends: HashMap<(String, i32), i64>,
}

/// A topic whose tombstones may be gone, with the figures for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overdue {
    pub(crate) topic: Topic,
    pub(crate) reason: Reason,
}

impl Stamps {
    pub(crate) fn new(begun_ms: Option<i64>) -> Self {
        Self { begun_ms, survey: None, next: None }
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.survey.is_some()
    }

    /// No survey is under way, and the last one is long ago; the first waits for the ends.
    fn is_due(&self, is_at_end: bool) -> bool {
        self.survey.is_none() && self.next.map_or(is_at_end, |next| next <= Instant::now())
    }
}

impl Live {
    /// Asks for the ends of all topics, if it is time.
    pub(crate) fn survey(&mut self, reader: &Reader, retentions: &mut Retentions) {
        if !self.stamps.is_due(self.is_at_end()) || self.topics.is_empty() {
            return;
        }
        let names: Vec<&str> = self.row_topics().map(|live| live.topic.name.as_str()).collect();
        let begun = Instant::now();
        let at_ms = now_ms();
        let asked = retentions.learn(&reader.admin, &names);
        match asked.and_then(|()| reader.ends(&self.row_partitions())) {
            Ok(ends) => self.stamps.survey = Some(Survey { at_ms, ends }),
            Err(reason) => {
                tracing::warn!(tenant = %self.tenant, reason, "ends could not be asked for; later again");
            }
        }
        let shortest = self.row_topics().filter_map(|live| retentions.of(&live.topic.name)).min();
        let tenth = shortest.map_or(LONGEST, |ms| Duration::from_millis(ms.max(0).unsigned_abs() / 10));
        let pause = tenth.clamp(SHORTEST, LONGEST).max(begun.elapsed() * 9);
        self.stamps.next = Some(Instant::now() + pause);
        if self.are_ends_read() {
            self.stir();
        }
    }

    /// Whether everything was read that the survey found.
    fn are_ends_read(&self) -> bool {
        let Some(survey) = &self.stamps.survey else { return false };
        let is_read = |((topic, partition), end): (&(String, i32), &i64)| {
            let live = self.topics.get(topic);
            let progress = live.and_then(|live| live.partitions.get(usize::try_from(*partition).ok()?));
            progress.is_some_and(|progress| progress.next >= *end)
        };
        survey.ends.iter().all(is_read) && self.listed.iter().all(|topic| self.topics.contains_key(topic))
    }

    /// The time to be kept with a batch that applies all that was read.
    pub(crate) fn caught_up_ms(&self) -> Option<i64> {
        let survey = self.stamps.survey.as_ref().filter(|_| self.are_ends_read());
        survey.map(|survey| survey.at_ms).or(self.stamps.begun_ms)
    }

    /// The time is kept.
    pub(crate) fn keep_caught_up(&mut self, at_ms: i64) {
        if self.stamps.survey.as_ref().is_some_and(|survey| survey.at_ms == at_ms) {
            self.stamps.survey = None;
        }
        self.stamps.begun_ms = None;
        self.memory.caught_up_ms = Some(at_ms);
    }

    /// Positions of topics that are not there now: the time says nothing of them, so one that comes back is read anew.
    pub(crate) fn forgotten(&self) -> impl Iterator<Item = Move> {
        let nowhere = Position { topic_id: String::new(), next_offset: 0 };
        let is_left = |topic: &str| !self.listed.contains(topic) && !self.topics.contains_key(topic);
        let left = self.memory.positions.iter().filter(move |((topic, _), _)| is_left(topic));
        left.filter(|(_, position)| !position.topic_id.is_empty()).map(
            move |((topic, partition), position)| Move {
                topic: topic.clone(),
                partition: *partition,
                from: Some(position.clone()),
                to: nowhere.clone(),
            },
        )
    }

    /// Topics of which something is to be applied, and that were without a reader for so long that tombstones may be
    /// gone.
    pub(crate) fn overdue(&self, retentions: &Retentions) -> Vec<Overdue> {
        let now = now_ms();
        let caught_up_ms = self.memory.caught_up_ms.or(self.stamps.begun_ms);
        let overdue = |live: &LiveTopic| {
            let retention_ms = retentions.of(&live.topic.name)?;
            let since_ms = caught_up_ms.max(live.begun_ms);
            let away_ms = since_ms.map(|since| now.saturating_sub(since));
            let is_over = away_ms.is_none_or(|away| away > margined(retention_ms));
            (is_over && self.is_moved(live))
                .then(|| Overdue { topic: live.topic.clone(), reason: reason(away_ms, retention_ms) })
        };
        self.row_topics().filter_map(overdue).collect()
    }
}

/// A tenth is left for clocks and for the time between a survey and its answer.
fn margined(retention_ms: i64) -> i64 {
    (retention_ms - retention_ms / 10).max(SHORTEST_RETENTION_MS)
}

fn reason(away_ms: Option<i64>, retention_ms: i64) -> Reason {
    let since = match away_ms {
        Some(away) => format!("everything was last applied, or its reading begun, {} s ago", away / 1000),
        None => "when everything was last applied is not known".to_owned(),
    };
    let figures = format!("{since}; tombstones are kept for {} s", retention_ms / 1000);
    Reason { rule: "deletes may have been missed", figures }
}

/// Milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
