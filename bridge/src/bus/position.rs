//! What is remembered of a table between calls: the record that carries the whole promise.
//!
//! A position is committed in the same transaction as the rows it speaks of. The functions here say how it moves;
//! none of them asks Kafka anything.

use mirrorbus_schemas::event::End;
use serde::{Deserialize, Serialize};

use super::offsets::FoundTopic;
use super::order::{self, CallMark, LastCall};
use super::schema::TableSchema;
use crate::batch::Lsn;

/// Nothing is acknowledged: the source must send everything.
pub const NO_LSN: i64 = -1;

/// One table's record in the positions topic. Unknown fields of a later version are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// What TableSchema answers; [`NO_LSN`] while the table is loading.
    pub lsn: i64,
    /// An LSN that takes effect once the vendor has moved on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisional: Option<Provisional>,
    /// Number of the opening in which `lsn` took effect.
    #[serde(default)]
    pub effective_in: i64,
    /// The population; it only ever rises, also when positions were lost, because it comes from the clock.
    pub epoch: i64,
    /// Whether the table is mirrored at all.
    pub state: TableState,
    /// The very topic that holds the rows; absent while the table never had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<String>,
    /// Per partition of that topic.
    #[serde(default)]
    pub spans: Vec<Span>,
    /// Columns and schema ids; absent until the table's columns were seen in a committed call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<TableSchema>,
    /// Whether keys of earlier populations are still to be tombstoned.
    pub sweep: Sweep,
    /// The newest calls that wrote to the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_call: Option<LastCall>,
    /// What the newest call wrote, per partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
}

/// An LSN and the opening in which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisional {
    /// The LSN.
    pub lsn: i64,
    /// [`order::Opened::number`] at that time; it lapses with the next opening.
    pub opening: i64,
}

/// Whether a table is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableState {
    /// Its rows go to its topic.
    Mirrored,
    /// It left the source.
    Dropped,
    /// The operator ignores it: rows are discarded, the LSN is kept.
    Ignored,
    /// Its rows contradicted what is recorded: none is taken until it is begun anew.
    Doubted,
}

/// Where a population lies in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First offset of the population: everything below belongs to earlier ones.
    pub first: i64,
    /// Offset of the newest record that was written; below `first` while there is none.
    pub last: i64,
}

/// Tombstoning of what earlier populations left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sweep {
    /// Nothing is left.
    None,
    /// To be done once the table is complete.
    Due,
    /// Under way: a crash resumes it.
    Running,
}

/// What a call wrote of a table: for an auditor that reads the topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Digest of the call.
    pub call: String,
    /// Number of the opening in which it came; 0 without one.
    pub opening: i64,
    /// Rows and hash per partition.
    pub partitions: Vec<PartitionManifest>,
}

/// What a call wrote to one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionManifest {
    /// Partition number.
    pub partition: i32,
    /// Offset of the first record. Up to the last nothing else lies there but ends of transactions.
    pub first: i64,
    /// Offset of the last record.
    pub last: i64,
    /// Records written.
    pub rows: u64,
    /// Wrapping sum of the records' XXH3 hashes (key bytes, then value bytes), 16 hex digits.
    pub hash: String,
}

impl Position {
    /// A new population: everything that is in the topic now is old, nothing is acknowledged.
    #[must_use]
    pub fn new_population(
        before: Option<&Self>,
        found: Option<&FoundTopic>,
        now_ms: i64,
        mark: &CallMark,
    ) -> Self {
        let spans: Vec<Span> = found
            .map_or(&[][..], |found| &found.spans)
            .iter()
            .map(|&(_, end)| Span { first: end, last: end - 1 })
            .collect();
        let has_old_rows = spans.iter().any(|span| span.first > 0);
        Self {
            lsn: NO_LSN,
            provisional: None,
            effective_in: 0,
            epoch: now_ms.max(before.map_or(0, |before| before.epoch) + 1),
            state: TableState::Mirrored,
            topic_id: found.map(|found| found.id.clone()),
            spans,
            schema: before.and_then(|before| before.schema.clone()),
            sweep: if has_old_rows { Sweep::Due } else { Sweep::None },
            last_call: Some(order::called(before.and_then(|before| before.last_call.as_ref()), mark)),
            manifest: None,
        }
    }

    /// The same, but what earlier populations left is tombstoned before this one is complete.
    #[must_use]
    pub fn swept_at_once(self) -> Self {
        let sweep = if self.sweep == Sweep::Due { Sweep::Running } else { self.sweep };
        Self { sweep, ..self }
    }

    /// A table of which nothing is known and that has no topic.
    #[must_use]
    pub fn blank(now_ms: i64) -> Self {
        Self {
            lsn: NO_LSN,
            provisional: None,
            effective_in: 0,
            epoch: now_ms,
            state: TableState::Mirrored,
            topic_id: None,
            spans: Vec::new(),
            schema: None,
            sweep: Sweep::None,
            last_call: None,
            manifest: None,
        }
    }

    /// Remembers the LSN that the call's last batch of the table carried, until the vendor has moved on.
    pub fn offer(&mut self, lsn: Option<Lsn>, opening: Option<i64>) {
        if let (Some(lsn), Some(opening)) = (lsn, opening) {
            self.provisional = Some(Provisional { lsn: lsn.get(), opening });
        }
    }

    /// The position after the vendor moved on to something else, if that changes anything.
    #[must_use]
    pub fn effective(&self, opening: Option<i64>) -> Option<Self> {
        let provisional = self.provisional.filter(|given| Some(given.opening) == opening)?;
        Some(Self {
            lsn: provisional.lsn,
            provisional: None,
            effective_in: provisional.opening,
            sweep: if self.sweep == Sweep::Due { Sweep::Running } else { self.sweep },
            ..self.clone()
        })
    }

    /// Whether the population has got no row so far.
    #[must_use]
    pub fn is_without_rows(&self) -> bool {
        self.spans.iter().all(|span| span.last < span.first)
    }

    /// Whether the topic that was found is the one recorded and still holds everything recorded.
    #[must_use]
    pub fn agrees_with(&self, found: Option<&FoundTopic>) -> bool {
        match (&self.topic_id, found) {
            (None, None) => true,
            (None, Some(found)) => found.spans.iter().all(|&(_, end)| end == 0),
            (Some(_), None) => false,
            (Some(id), Some(found)) => {
                *id == found.id
                    && self.spans.len() == found.spans.len()
                    && self
                        .spans
                        .iter()
                        .zip(&found.spans)
                        .all(|(span, &(first, end))| end > span.last && first <= span.first)
            }
        }
    }

    /// End offsets of everything written so far.
    #[must_use]
    pub fn ends(&self) -> Vec<End> {
        (0..).zip(&self.spans).map(|(partition, span)| End { partition, offset: span.last + 1 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> CallMark {
        CallMark { token_time: 7, digest: "d".into() }
    }

    fn found(end: i64) -> FoundTopic {
        FoundTopic { id: "t1".into(), spans: vec![(0, end)] }
    }

    #[test]
    fn epochs_rise_whatever_the_clock_does() {
        let first = Position::new_population(None, Some(&found(5)), 1_000, &mark());
        assert_eq!((first.epoch, first.sweep, first.lsn), (1_000, Sweep::Due, NO_LSN));
        let second = Position::new_population(Some(&first), Some(&found(5)), 10, &mark());
        assert_eq!(second.epoch, 1_001);
    }

    #[test]
    fn only_an_empty_topic_has_nothing_to_sweep() {
        assert_eq!(Position::new_population(None, Some(&found(0)), 1, &mark()).sweep, Sweep::None);
        assert_eq!(Position::new_population(None, None, 1, &mark()).sweep, Sweep::None);
    }

    #[test]
    fn a_provisional_lsn_lapses_with_the_next_opening() {
        let mut position = Position::new_population(None, Some(&found(5)), 1, &mark());
        position.offer(Lsn::new(42), Some(3));
        assert_eq!(position.lsn, NO_LSN);
        assert_eq!(position.effective(Some(4)), None);
        let effective = position.effective(Some(3)).unwrap();
        assert_eq!((effective.lsn, effective.sweep, effective.provisional), (42, Sweep::Running, None));
    }

    #[test]
    fn without_an_opening_no_lsn_is_kept() {
        let mut position = Position::blank(1);
        position.offer(Lsn::new(42), None);
        assert_eq!(position.provisional, None);
    }

    #[test]
    fn a_topic_that_is_gone_other_cut_or_reshaped_contradicts_the_record() {
        let mut position = Position::new_population(None, Some(&found(5)), 1, &mark());
        position.spans[0].last = 9;
        assert!(position.agrees_with(Some(&found(10))));
        assert!(position.agrees_with(Some(&found(12))), "markers take offsets too");
        assert!(!position.agrees_with(None));
        assert!(!position.agrees_with(Some(&found(9))));
        assert!(!position.agrees_with(Some(&FoundTopic { id: "t2".into(), ..found(10) })));
        assert!(!position.agrees_with(Some(&FoundTopic { spans: vec![(0, 10), (0, 0)], ..found(10) })));
        assert!(!position.agrees_with(Some(&FoundTopic { spans: vec![(6, 10)], ..found(10) })));
    }

    #[test]
    fn a_table_that_never_had_a_row_keeps_its_position_without_a_topic() {
        let position = Position::blank(1);
        assert!(position.agrees_with(None));
        assert!(position.agrees_with(Some(&found(0))));
        assert!(!position.agrees_with(Some(&found(1))));
    }

    #[test]
    fn a_record_survives_its_encoding_and_ignores_what_it_does_not_know() {
        let position = Position::new_population(None, Some(&found(5)), 1, &mark());
        let mut json = serde_json::to_value(&position).unwrap();
        json["of_a_later_version"] = serde_json::json!(true);
        assert_eq!(serde_json::from_value::<Position>(json).unwrap(), position);
    }
}
