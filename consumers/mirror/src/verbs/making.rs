//! The copy beside while it is made: how far it is, and whether it may take the live one's place.

use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::Tenant;

use crate::running::Running;
use crate::source::reader::Topic;
use crate::stop::Stop;
use crate::verbs::error::VerbError;
use crate::verbs::progress::{Course, Progress};
use crate::verbs::source::Source;
use crate::verbs::watched::{Positions, Watch};

/// How often the wish to stop is looked for.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// A copy while it is made.
pub(crate) struct Making {
    pub(crate) running: Option<Running>,
    pub(crate) watch: Watch,
    pub(crate) source: Source,
    pub(crate) course: Course,
}

impl Making {
    /// Fails when it is not made any more, or is not to be.
    pub(crate) fn look(&mut self, stop: &Stop) -> Result<(), VerbError> {
        if stop.is_requested() {
            return Err(VerbError::Stopped);
        }
        if self.running.as_ref().is_none_or(Running::is_finished) {
            self.end()?;
            return Err(VerbError::Refused("the mirror that makes the copy ended".to_owned()));
        }
        Ok(())
    }

    pub(crate) fn progress(&self) -> Progress {
        self.course.progress(&self.watch.seen())
    }

    /// Waits until it has reached these positions of the live copy. Says whether it has.
    pub(crate) fn catch_up(
        &mut self,
        live: &Positions,
        at_most: Duration,
        tenant: &Tenant,
        stop: &Stop,
    ) -> Result<bool, VerbError> {
        // Of topics that are gone nothing can be read.
        let topics = self.source.topics()?.remove(tenant).unwrap_or_default();
        let begun = Instant::now();
        loop {
            if self.watch.wait(LOOK, |seen| !is_behind(&seen.durable, live, &topics)) {
                return Ok(true);
            }
            if begun.elapsed() >= at_most {
                return Ok(false);
            }
            self.look(stop)?;
        }
    }

    /// Ends the mirror that makes it, and waits for that.
    pub(crate) fn end(&mut self) -> Result<(), VerbError> {
        Ok(self.running.take().map_or(Ok(()), Running::stop)?)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error, "the mirror that made a copy");
        }
    }
}

/// Whether a position of the live copy is past those of the other.
fn is_behind(positions: &Positions, live: &Positions, topics: &[Topic]) -> bool {
    live.iter().any(|(place, live)| {
        let Some(topic) = topics.iter().find(|topic| topic.name == place.0) else { return false };
        match positions.get(place) {
            None => live.next_offset > 0,
            Some(position) if position.topic_id == live.topic_id => position.next_offset < live.next_offset,
            // One of the two is of a topic that is gone.
            Some(position) => position.topic_id != topic.id,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Position;
    use crate::source::reader::Feed;

    fn at(topic: &str, id: &str, next_offset: i64) -> Positions {
        Positions::from([((topic.to_owned(), 0), Position { topic_id: id.to_owned(), next_offset })])
    }

    #[test]
    fn a_copy_is_behind_when_any_table_would_go_back() {
        let topics = [Topic { name: "t".into(), feed: Feed::Cycles, id: "a".into(), partitions: 1 }];
        for (beside, live, expected) in [
            (at("t", "a", 5), at("t", "a", 5), false),
            (at("t", "a", 4), at("t", "a", 5), true),
            (Positions::new(), at("t", "a", 5), true),
            (Positions::new(), at("t", "a", 0), false),
            (at("t", "a", 1), at("t", "old", 5), false),
            (at("t", "old", 9), at("t", "a", 5), true),
            (Positions::new(), at("gone", "a", 5), false),
        ] {
            assert_eq!(is_behind(&beside, &live, &topics), expected, "{beside:?} {live:?}");
        }
    }
}
