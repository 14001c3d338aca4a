//! Where a fault happens.

use crate::wire::Operation;

/// Calls of a cycle: those that fit in all parts that are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Only calls of this operation.
    pub operation: Option<Operation>,
    /// Only calls about this table.
    pub table: Option<String>,
    /// Of those calls only this one, from 1.
    pub number: Option<u64>,
}

/// What is wrong with a place.
pub(super) enum PlaceFault {
    /// There is no such operation.
    Operation(String),
    /// What follows the operation.
    Part(String),
}

impl Place {
    /// Whether a call of this operation about these tables is counted for this place.
    #[must_use]
    pub fn counts(&self, operation: Operation, tables: &[impl AsRef<str>]) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.table.as_deref().is_none_or(|wanted| tables.iter().any(|table| table.as_ref() == wanted))
    }

    /// Whether the place is the call that was counted as the `count`th.
    #[must_use]
    pub fn is_at(&self, count: u64) -> bool {
        self.number.is_none_or(|number| number == count)
    }

    /// Reads `operation:table:number`, the last two in this order, each or both left out.
    pub(super) fn parse(text: &str) -> Result<Self, PlaceFault> {
        let mut parts = text.split(':');
        let mut place = Self { operation: operation(parts.next().unwrap_or_default())?, ..Self::default() };
        for part in parts {
            let wrong = || PlaceFault::Part(part.to_owned());
            if place.number.is_some() {
                return Err(wrong());
            }
            if part.starts_with(|c: char| c.is_ascii_alphabetic()) && place.table.is_none() {
                place.table = Some(part.to_owned());
            } else {
                place.number = Some(part.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?);
            }
        }
        Ok(place)
    }
}

fn operation(name: &str) -> Result<Option<Operation>, PlaceFault> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "*" => None,
        "authenticate" => Some(Operation::Authenticate),
        "tableschema" => Some(Operation::TableSchema),
        "wipe" => Some(Operation::Wipe),
        "rowdata" => Some(Operation::RowData),
        "completed" => Some(Operation::ReplicationCompleted),
        _ => return Err(PlaceFault::Operation(name.to_owned())),
    })
}
