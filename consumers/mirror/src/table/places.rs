//! A record's values in the shape of its table, which may be another than that of the record's own schema.

use crate::table::decode::{DecodeError, Plan};
use crate::table::schema::Column;
use crate::table::value::Value;

/// Where each column of the table stands in a schema.
pub(crate) struct Places<'c> {
    columns: &'c [Column],
    known: Vec<Known<'c>>,
}

/// How the records, or keys, of one schema are brought to the table's shape.
struct Known<'c> {
    of: (u32, bool),
    /// `None` where they have it.
    places: Option<Vec<Place<'c>>>,
}

/// Where a column's value comes from.
#[derive(Clone, Copy)]
enum Place<'c> {
    /// The record, at this index.
    Record(usize),
    /// The record's schema lacks the column: what the source has there.
    Missing(Value<'c>),
}

impl<'c> Places<'c> {
    pub(crate) fn new(columns: &'c [Column]) -> Self {
        Self { columns, known: Vec::new() }
    }

    /// A row's values, one per column of the table.
    pub(crate) fn row<'r>(&mut self, plan: &Plan, datum: &'r [u8]) -> Result<Vec<Value<'r>>, DecodeError>
    where
        'c: 'r,
    {
        self.values(plan, datum, false)
    }

    /// A key's values, one per key column of the table, in the table's order.
    pub(crate) fn key<'r>(&mut self, plan: &Plan, datum: &'r [u8]) -> Result<Vec<Value<'r>>, DecodeError>
    where
        'c: 'r,
    {
        self.values(plan, datum, true)
    }

    fn values<'r>(
        &mut self,
        plan: &Plan,
        datum: &'r [u8],
        is_key: bool,
    ) -> Result<Vec<Value<'r>>, DecodeError>
    where
        'c: 'r,
    {
        let values = plan.decode(datum)?;
        let of = (plan.id(), is_key);
        if !self.known.iter().any(|known| known.of == of) {
            self.known.push(Known { of, places: places(self.columns, plan, is_key) });
        }
        let places = self.known.iter().find(|known| known.of == of).and_then(|known| known.places.as_ref());
        let Some(places) = places else { return Ok(values) };
        let mut row: Vec<Value<'r>> = Vec::with_capacity(places.len());
        for place in places {
            row.push(match place {
                Place::Record(index) => values.get(*index).copied().unwrap_or(Value::Null),
                Place::Missing(value) => *value,
            });
        }
        Ok(row)
    }
}

/// Where each column of the table, or of its key, stands in a record; `None` where a record has just these.
fn places<'c>(columns: &'c [Column], plan: &Plan, is_key: bool) -> Option<Vec<Place<'c>>> {
    let own = plan.columns();
    let wanted = columns.iter().filter(|column| column.is_key || !is_key);
    let place = |column: &'c Column| match own.iter().position(|own| own.name == column.name) {
        Some(index) => Place::Record(index),
        None => Place::Missing(column.missing()),
    };
    let is_same = wanted.clone().map(|column| &column.name).eq(own.iter().map(|own| &own.name));
    (!is_same).then(|| wanted.map(place).collect())
}
