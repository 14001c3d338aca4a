//! A copy against its topics, at the offsets that the copy itself says it has reached.
//!
//! The copy's rows and positions are taken at one moment, so a mirror may run on meanwhile. Each table's topic is read
//! from its beginning to exactly those positions; what that gives, by the rules by which a mirror applies it, is what
//! the table must be. Compaction can take a record that was superseded behind the position: where keys differ, what
//! follows is read too, and keys that occur there are not judged.

use std::collections::BTreeMap;

use mirrorbus_schemas::topic::{Table, Tenant};

use crate::copies::{Copies, Copy, Scope, Snapshot};
use crate::destination::{Memory, TableMemory};
use crate::error::chain;
use crate::settings::Settings;
use crate::source::reader::Topic;
use crate::stop::Stop;
use crate::table::schema::Column;
use crate::verbs::compare::{Compared, Differing, compare};
use crate::verbs::error::VerbError;
use crate::verbs::expected::Expected;
use crate::verbs::repair::mend;
use crate::verbs::report::{Difference, Finding, TableReport, TenantReport};
use crate::verbs::reread::{name_missing, written};
use crate::verbs::source::{Offsets, Source};

/// What is to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Verify<'v> {
    /// Where Kafka and the registry are, and which tables are mirrored.
    pub settings: &'v Settings,
    /// The tenant.
    pub tenant: &'v Tenant,
    /// All of its tables or one.
    pub scope: &'v Scope,
    /// Which copy.
    pub copy: Copy,
    /// The wish to end it early.
    pub stop: &'v Stop,
}

/// A table at the moment of the snapshot.
pub(crate) struct Pinned {
    pub(crate) topic: Topic,
    pub(crate) memory: TableMemory,
    pub(crate) columns: Vec<Column>,
    /// Next offsets: what lies below is in the copy.
    pub(crate) positions: Offsets,
}

struct Judged {
    report: TableReport,
    /// For the repair: the table and the rows that differ.
    differing: Option<(Pinned, Vec<Differing>)>,
}

impl Verify<'_> {
    /// Compares. Needs one entry of 48 bytes per row of the largest table, in a hash table: 56 to 112 bytes per row.
    ///
    /// # Errors
    /// [`VerbError`] when the copy or Kafka cannot be read. What differs is no error.
    pub fn run(&self, destination: &mut dyn Copies) -> Result<TenantReport, VerbError> {
        let mut source = Source::new(&self.settings.only(self.tenant, self.scope), self.stop)?;
        let judged = self.judge(&mut source, destination, None)?;
        let tables = judged.into_iter().map(|judged| judged.report).collect();
        Ok(TenantReport { tenant: self.tenant.clone(), tables })
    }

    /// Compares, mends exactly the rows of the live copy that differ, and compares again.
    ///
    /// # Errors
    /// [`VerbError`] as for [`Verify::run`], or when the copy cannot be held or written. What was mended before stays.
    pub fn repair(&self, destination: &mut dyn Copies) -> Result<TenantReport, VerbError> {
        let mut source = Source::new(&self.settings.only(self.tenant, self.scope), self.stop)?;
        let mut tables = Vec::new();
        for Judged { report, differing } in self.judge(&mut source, destination, None)? {
            let Some((pinned, differing)) = differing else {
                tables.push(report);
                continue;
            };
            let repair = mend(self.tenant, &pinned, &differing, &mut source, destination)?;
            let again = self.judge(&mut source, destination, Some(&report.table))?;
            let after = again.into_iter().map(|judged| judged.report).next();
            let after = after.unwrap_or_else(|| TableReport::new(&report.table));
            tables.push(TableReport { repair: Some(repair), repaired: report.differences, ..after });
        }
        Ok(TenantReport { tenant: self.tenant.clone(), tables })
    }

    /// Judges every table of the scope, or one of them.
    fn judge(
        &self,
        source: &mut Source,
        destination: &mut dyn Copies,
        only: Option<&Table>,
    ) -> Result<Vec<Judged>, VerbError> {
        let mut snapshot = destination.snapshot(self.tenant, self.copy)?;
        // Listed after the snapshot: a topic that its positions know and that is not found is gone.
        let topics = source.tables(self.tenant)?;
        let memory = snapshot.memory().clone();
        let is_wanted = |table: &Table| {
            source.settings.tables.matches(table.as_str()) && only.is_none_or(|only| only == table)
        };
        let tables: Vec<&Table> = memory
            .tables
            .iter()
            .filter(|(table, known)| known.columns.is_some() && is_wanted(table))
            .map(|(table, _)| table)
            .collect();
        let mut judged = Vec::with_capacity(tables.len());
        for table in tables {
            let pinned = pin(source, table, &memory, &topics)?;
            judged.push(judge_table(source, &mut *snapshot, table, pinned)?);
        }
        Ok(judged)
    }
}

fn judge_table(
    source: &mut Source,
    snapshot: &mut dyn Snapshot,
    table: &Table,
    pinned: Result<Pinned, Finding>,
) -> Result<Judged, VerbError> {
    let mut report = TableReport::new(table);
    let judged = match pinned {
        Ok(pinned) => {
            compare_table(source, snapshot, &mut report, &pinned)?.map(|differing| (pinned, differing))
        }
        Err(finding) => {
            report.findings.push(finding);
            None
        }
    };
    if let Some((pinned, differing)) = &judged {
        report.differences =
            differing.iter().map(|differing| difference(&pinned.columns, differing)).collect();
    }
    Ok(Judged { report, differing: judged.filter(|(_, differing)| !differing.is_empty()) })
}

/// A table and the part of its topic that it must agree with.
fn pin(
    source: &Source,
    table: &Table,
    memory: &Memory,
    topics: &BTreeMap<Table, Topic>,
) -> Result<Result<Pinned, Finding>, VerbError> {
    let (Some(topic), Some(known)) = (topics.get(table), memory.tables.get(table)) else {
        return Ok(Err(Finding::NoTopic));
    };
    let mut positions = Offsets::new();
    let spans = source.spans(topic)?;
    for (partition, span) in (0..).zip(&spans) {
        let stored = memory.positions.get(&(topic.name.clone(), partition));
        if let Some(stored) = stored.filter(|stored| stored.topic_id != topic.id) {
            let (stored, found) = (stored.topic_id.clone(), topic.id.clone());
            return Ok(Err(Finding::OtherTopic { stored, found }));
        }
        let position = stored.map_or(0, |stored| stored.next_offset);
        let (first, end) = (span.first, span.end);
        if position > end || (position > 0 && position < first) {
            return Ok(Err(Finding::PositionOutside { partition, position, first, end }));
        }
        if first > 0 {
            return Ok(Err(Finding::Cut { partition, first }));
        }
        positions.insert(partition, position);
    }
    let columns = known.columns.clone().unwrap_or_default();
    Ok(Ok(Pinned { topic: topic.clone(), memory: known.clone(), columns, positions }))
}

/// Fills the report. Gives the rows that differ, unless the table could not be compared.
fn compare_table(
    source: &mut Source,
    snapshot: &mut dyn Snapshot,
    report: &mut TableReport,
    pinned: &Pinned,
) -> Result<Option<Vec<Differing>>, VerbError> {
    let unreadable = |report: &mut TableReport, detail| {
        report.findings.push(Finding::Unreadable { detail });
        Ok(None)
    };
    let mut expected = Expected::new(&pinned.columns, &pinned.memory);
    let scanned = source.scan(&pinned.topic, &Offsets::new(), &pinned.positions, &mut |record, registry| {
        Ok(expected.take(record, registry)?)
    });
    match scanned {
        Err(VerbError::Record(detail)) => return unreadable(report, detail),
        scanned => scanned?,
    }
    if !source.is_same(&pinned.topic)? {
        report.findings.push(Finding::NoTopic);
        return Ok(None);
    }
    let fault = expected.column_fault(&mut source.registry)?;
    report.findings.extend(fault.map(|detail| Finding::Columns { detail }));
    report.topic = Some(expected.sum().into());
    let compared = match compare(snapshot, &report.table, &pinned.columns, &mut expected) {
        Ok(compared) => compared,
        Err(error) => return unreadable(report, chain(&error)),
    };
    drop(expected);
    let Compared { sum, mut differing, foreign_keys: rows } = compared;
    report.copy = Some(sum.into());
    report.findings.extend((rows > 0).then_some(Finding::ForeignKeys { rows }));
    let found = differing.len();
    if found > 0 {
        let ends = source.ends(&pinned.topic)?;
        let hashes = differing.iter().map(|differing| differing.hash).collect();
        let later = written(source, pinned, &ends, &hashes)?;
        differing.retain(|differing| !later.contains(&differing.hash));
        name_missing(source, pinned, &mut differing)?;
    }
    report.undecided = u64::try_from(found - differing.len()).unwrap_or(u64::MAX);
    Ok(Some(differing))
}

fn difference(columns: &[Column], differing: &Differing) -> Difference {
    let keys = columns.iter().filter(|column| column.is_key).zip(&differing.key);
    let key = keys.map(|(column, value)| (column.name.clone(), value.as_value().json(column.kind)));
    Difference { kind: differing.kind, key: key.collect() }
}
