//! Which columns a table has now, decided record by record and event by event.
//!
//! A record's offset orders it within its partition. Schema ids order nothing: equal tables of many tenants share
//! them, so the newer version of one tenant's table can have the lower id, and a column that comes back brings its
//! old id with it. Hence a schema that this population has not shown yet is its newest; one that it has shown never
//! takes columns away again, for it may come from a partition that is read late. Columns that left for a known schema
//! go with the `schema_changed` event, which the bridge writes for every change. No rule here loses a value: whatever
//! a record carries that the table lacks is added.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::destination::TableMemory;
use crate::table::schema::{Column, conflict};

/// What the library remembers of a table beside its columns. Unknown fields of a later version are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// The newest population of which anything was applied.
    pub epoch: i64,
    /// The id of the value schema that the columns were last brought to; 0 for none.
    pub schema_id: u32,
    /// Value schemas that this population has shown.
    #[serde(default)]
    seen: BTreeSet<u32>,
    /// Per partition, the newest record with a value and its schema.
    #[serde(default)]
    newest: BTreeMap<i32, (i64, u32)>,
    /// The newest cycle event that was applied: the cycles topic's id and the offset.
    #[serde(default)]
    event: Option<(String, i64)>,
}

impl Marks {
    /// Whether rows of this population with that schema were applied.
    pub(crate) fn has_seen(&self, schema_id: u32) -> bool {
        self.seen.contains(&schema_id)
    }
}

/// What to do with a record that carries a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Apply it.
    Apply,
    /// All rows so far belong to a table of another shape and go; then apply it.
    Recreate,
    /// It belongs to an earlier population of another shape.
    Skip,
}

/// What a record with a value says of its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting<'s> {
    pub(crate) epoch: Option<i64>,
    pub(crate) schema_id: u32,
    pub(crate) columns: &'s [Column],
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Whether the topic has this partition only, so that offsets order all of its records.
    pub(crate) is_only_partition: bool,
}

/// What a cycle event says of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcement<'s> {
    pub(crate) epoch: i64,
    /// Identity of the event.
    pub(crate) mark: (&'s str, i64),
    /// Next offsets by partition: the event speaks of what lies below.
    pub(crate) ends: &'s [(i32, i64)],
}

impl TableMemory {
    /// Takes note of a record with a value.
    ///
    /// # Errors
    /// The rule that the record breaks: within a population types and keys stay.
    pub(crate) fn sight(&mut self, sighting: &Sighting<'_>) -> Result<Verdict, String> {
        let epoch = sighting.epoch.unwrap_or(self.marks.epoch);
        let is_as_before = epoch == self.marks.epoch && sighting.schema_id == self.marks.schema_id;
        let Some(columns) = &self.columns else {
            if epoch < self.marks.epoch {
                return Ok(Verdict::Skip);
            }
            self.begin(epoch);
            self.columns = Some(sighting.columns.to_vec());
            self.note(sighting);
            return Ok(Verdict::Apply);
        };
        if is_as_before {
            self.note(sighting);
            return Ok(Verdict::Apply);
        }
        let conflict = conflict(columns, sighting.columns);
        if epoch < self.marks.epoch {
            return Ok(if conflict.is_some() { Verdict::Skip } else { Verdict::Apply });
        }
        let is_new_epoch = epoch > self.marks.epoch;
        if let Some(rule) = conflict.as_ref().filter(|_| !is_new_epoch) {
            return Err(format!("{rule} within an epoch"));
        }
        if is_new_epoch {
            self.begin(epoch);
        }
        let is_newest = sighting.is_only_partition && !self.marks.seen.contains(&sighting.schema_id);
        if conflict.is_some() || is_newest {
            self.columns = Some(sighting.columns.to_vec());
        } else {
            self.add_missing(sighting.columns);
        }
        self.note(sighting);
        Ok(if conflict.is_some() { Verdict::Recreate } else { Verdict::Apply })
    }

    fn add_missing(&mut self, of: &[Column]) {
        if let Some(columns) = &mut self.columns {
            for column in of {
                if !columns.iter().any(|known| known.name == column.name) {
                    columns.push(column.clone());
                }
            }
        }
    }

    fn note(&mut self, sighting: &Sighting<'_>) {
        let marks = &mut self.marks;
        if marks.seen.insert(sighting.schema_id) || marks.schema_id == 0 {
            marks.schema_id = sighting.schema_id;
        }
        marks.newest.insert(sighting.partition, (sighting.offset, sighting.schema_id));
    }

    fn begin(&mut self, epoch: i64) {
        self.marks.epoch = epoch;
        self.marks.seen.clear();
        self.marks.schema_id = 0;
    }

    /// The table left the source. Says whether it goes; it does not where a later population has begun.
    pub(crate) fn leave(&mut self, announcement: &Announcement<'_>) -> bool {
        if self.is_stale(announcement) {
            return false;
        }
        self.begin(announcement.epoch);
        self.marks.newest.clear();
        self.columns.take().is_some()
    }

    /// The source's columns are now those of `schema_id`. Says what that does to the rows: `None` for nothing at all.
    pub(crate) fn announce(
        &mut self,
        announcement: &Announcement<'_>,
        schema_id: u32,
        columns: &[Column],
    ) -> Option<Verdict> {
        if self.is_stale(announcement) || self.is_overtaken(announcement.ends, schema_id) {
            return None;
        }
        let conflict = self.columns.as_deref().and_then(|present| conflict(present, columns));
        if conflict.is_some() && announcement.epoch == self.marks.epoch {
            return None;
        }
        if announcement.epoch > self.marks.epoch {
            self.begin(announcement.epoch);
        }
        self.marks.seen.insert(schema_id);
        self.marks.schema_id = schema_id;
        self.columns = Some(columns.to_vec());
        Some(if conflict.is_some() { Verdict::Recreate } else { Verdict::Apply })
    }

    /// Events are read again after a restart where one before them had to wait.
    fn is_stale(&mut self, announcement: &Announcement<'_>) -> bool {
        let (topic_id, offset) = announcement.mark;
        let is_known = matches!(&self.marks.event, Some((id, newest)) if id == topic_id && offset <= *newest);
        if is_known {
            return true;
        }
        self.marks.event = Some((topic_id.to_owned(), offset));
        announcement.epoch < self.marks.epoch
    }

    /// Whether a record past `ends` was written with another schema: an event for that one follows.
    fn is_overtaken(&self, ends: &[(i32, i64)], schema_id: u32) -> bool {
        self.marks.newest.iter().any(|(partition, (offset, id))| {
            let end = ends.iter().find(|(of, _)| of == partition).map_or(0, |(_, end)| *end);
            *offset >= end && *id != schema_id
        })
    }

    /// The topic was thrown away: nothing that was learnt from it counts. The columns stay until it tells new ones.
    pub(crate) fn forget_rows(&mut self) {
        self.marks = Marks { event: self.marks.event.take(), ..Marks::default() };
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
