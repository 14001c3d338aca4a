//! A copy's rows against what they must be.

use mirrorbus_schemas::checksum::{Canonical, TableChecksum, row_hash};
use mirrorbus_schemas::topic::Table;

use crate::copies::Snapshot;
use crate::destination::DestinationError;
use crate::table::schema::Column;
use crate::table::value::{OwnedValue, Value};
use crate::verbs::expected::Expected;
use crate::verbs::report::DifferenceKind;

/// Begins with the character that ends a value in the checksum's form, so that no canonical number or text of digits
/// is taken for it.
const FOREIGN: Canonical<'_> = Canonical::Text("\u{1e}not as the mirror writes it");

/// A row that differs.
#[derive(Clone, Debug)]
pub(crate) struct Differing {
    pub(crate) kind: DifferenceKind,
    /// Hash of the key.
    pub(crate) hash: u128,
    /// Values of the key columns; of a missing row they come from the topic.
    pub(crate) key: Vec<OwnedValue>,
    /// The record that has the row; none for an extra one.
    pub(crate) record: Option<(i32, i64)>,
}

/// What a copy has.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    pub(crate) sum: TableChecksum,
    pub(crate) differing: Vec<Differing>,
    /// Rows whose key is nothing that a mirror writes.
    pub(crate) foreign_keys: u64,
}

/// Compares every row of a table. Keys of missing rows are still to be read.
pub(crate) fn compare(
    snapshot: &mut dyn Snapshot,
    table: &Table,
    columns: &[Column],
    expected: &mut Expected<'_>,
) -> Result<Compared, DestinationError> {
    let mut compared = Compared::default();
    snapshot.rows(table, &mut |cells| compared.take(columns, cells, expected))?;
    let missing = expected.rows.iter().filter(|(_, newest)| !newest.is_met).map(|(hash, newest)| Differing {
        kind: DifferenceKind::Missing,
        hash: *hash,
        key: Vec::new(),
        record: Some((newest.partition, newest.offset)),
    });
    compared.differing.extend(missing);
    Ok(compared)
}

/// The hash of a row as it stands in a copy.
pub(crate) fn hash(columns: &[Column], cells: &[Option<Value<'_>>]) -> u128 {
    let names = columns.iter().map(|column| column.name.as_str());
    row_hash(names.zip(cells.iter().map(|cell| cell.map_or(FOREIGN, Value::canonical))))
}

impl Compared {
    fn take(&mut self, columns: &[Column], cells: &[Option<Value<'_>>], expected: &mut Expected<'_>) {
        let row = hash(columns, cells);
        self.sum.add_hash(row);
        let keys = columns.iter().zip(cells).filter(|(column, _)| column.is_key);
        let key: Option<Vec<_>> =
            keys.map(|(column, cell)| cell.map(|value| (column.name.as_str(), value))).collect();
        let Some(key) = key else {
            self.foreign_keys += 1;
            return;
        };
        let hash = row_hash(key.iter().map(|(name, value)| (*name, value.canonical())));
        let (kind, record) = match expected.rows.get_mut(&hash) {
            None => (DifferenceKind::Extra, None),
            Some(newest) => {
                newest.is_met = true;
                if newest.row == row {
                    return;
                }
                (DifferenceKind::Changed, Some((newest.partition, newest.offset)))
            }
        };
        let key = key.iter().map(|(_, value)| OwnedValue::from(*value)).collect();
        self.differing.push(Differing { kind, hash, key, record });
    }
}
