//! What the positions topic says, read once per opening and kept up with every commit.
//!
//! Records are JSON under text keys: `opened` for the tenant, `table/<name>` for a table. A record that cannot be
//! read fails the opening: guessing would move a position.

use std::collections::BTreeMap;

use super::error::BusError;
use super::order::Opened;
use super::position::{Position, TableState};

const OPENED: &str = "opened";
const TABLE: &str = "table/";

/// A tenant's opening and positions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The newest opening call.
    pub opened: Option<Opened>,
    /// By table.
    pub tables: BTreeMap<String, Position>,
}

/// What a call changes in the memory, committed with its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// A new opening.
    pub(super) opened: Option<Opened>,
    /// By table.
    pub(super) tables: BTreeMap<String, Position>,
}

impl Memory {
    /// Takes in one record of the positions topic.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when key or value are not what this bridge, or an older one, writes.
    pub fn take(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), BusError> {
        let unreadable = |reason: String| BusError::kafka("read positions", reason);
        let key = key.and_then(|key| std::str::from_utf8(key).ok());
        let Some(key) = key else { return Err(unreadable("a key is not text".to_owned())) };
        let parse = |error: serde_json::Error| unreadable(format!("record {key}: {error}"));
        if key == OPENED {
            self.opened = value.map(serde_json::from_slice).transpose().map_err(parse)?;
        } else if let Some(table) = key.strip_prefix(TABLE) {
            match value {
                None => self.tables.remove(table),
                Some(value) => {
                    self.tables.insert(table.to_owned(), serde_json::from_slice(value).map_err(parse)?)
                }
            };
        }
        Ok(())
    }

    /// Keeps what a call committed.
    pub(super) fn keep(&mut self, changes: Changes) {
        if let Some(opened) = changes.opened {
            self.opened = Some(opened);
        }
        self.tables.extend(changes.tables);
    }

    /// A known table whose name differs from this one only in case: the two could not be told apart everywhere.
    pub(super) fn look_alike(&self, table: &str) -> Option<&str> {
        let others = self.tables.iter().filter(|(known, _)| *known != table);
        let mut alike = others.filter(|(known, _)| known.eq_ignore_ascii_case(table));
        alike.find(|(_, position)| position.state != TableState::Dropped).map(|(known, _)| known.as_str())
    }

    /// The number of the current opening; `None` where the tenant has none.
    #[must_use]
    pub(super) fn opening(&self) -> Option<i64> {
        self.opened.as_ref().map(|opened| opened.number)
    }

    /// The positions that take effect when a call that leaves out `tables` is committed.
    #[must_use]
    pub(super) fn effective_without(&self, tables: &[&str]) -> BTreeMap<String, Position> {
        self.tables
            .iter()
            .filter(|(table, _)| !tables.contains(&table.as_str()))
            .filter_map(|(table, position)| Some((table.clone(), position.effective(self.opening())?)))
            .collect()
    }
}

impl Changes {
    /// Key and value of every record to be written.
    ///
    /// # Errors
    /// [`BusError::Kafka`] when a record cannot be encoded.
    pub(super) fn records(&self) -> Result<Vec<(String, Vec<u8>)>, BusError> {
        let failed = |error: serde_json::Error| BusError::kafka("encode a position", error.to_string());
        let mut records = Vec::with_capacity(self.tables.len() + 1);
        if let Some(opened) = &self.opened {
            records.push((OPENED.to_owned(), serde_json::to_vec(opened).map_err(failed)?));
        }
        for (table, position) in &self.tables {
            records.push((format!("{TABLE}{table}"), serde_json::to_vec(position).map_err(failed)?));
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut changes = Changes::default();
        changes.tables.insert("contact".into(), Position::blank(5));
        let mut memory = Memory::default();
        for (key, value) in changes.records().unwrap() {
            memory.take(Some(key.as_bytes()), Some(&value)).unwrap();
        }
        let mut kept = Memory::default();
        kept.keep(changes);
        assert_eq!(memory, kept);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_an_error_and_never_a_guess() {
        let mut memory = Memory::default();
        for value in [&b""[..], b"{}", b"nonsense", b"{\"lsn\":5}", b"\xff"] {
            assert!(memory.take(Some(b"table/contact"), Some(value)).is_err());
            assert!(memory.take(Some(b"opened"), Some(value)).is_err());
        }
        assert_eq!(memory, Memory::default());
    }

    #[test]
    fn a_committed_call_moves_only_the_tables_it_leaves_out() {
        let opened = Some(Opened {
            token_time: 1,
            by: super::super::order::Opener::TableSchema,
            digests: vec![],
            number: 3,
            cycle: String::new(),
            event_schema: None,
            knows_topics: true,
            manifests_compared: 0,
            is_paused: false,
            withheld: None,
        });
        let mut memory = Memory { opened, ..Memory::default() };
        for table in ["a", "b"] {
            let mut position = Position::blank(1);
            position.offer(crate::batch::Lsn::new(9), Some(3));
            memory.tables.insert(table.into(), position);
        }
        let effective = memory.effective_without(&["a"]);
        assert_eq!(effective.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(effective["b"].lsn, 9);
    }
}
