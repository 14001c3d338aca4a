//! Which faults a call meets.

use std::mem::discriminant;

use super::{Kind, Script};
use crate::wire::Operation;

/// Faults of a script by their place in it.
pub(super) type Met = Vec<(usize, Kind)>;

/// Counts the calls that each place names.
#[derive(Debug)]
pub(super) struct Planner {
    counts: Vec<u64>,
}

impl Planner {
    pub(super) fn new(script: &Script) -> Self {
        Self { counts: vec![0; script.faults().len()] }
    }

    /// The faults that the next call meets. Of a kind that can happen only once to a call there is but the first;
    /// nothing else happens to a call that is not sent.
    pub(super) fn next(&mut self, script: &Script, operation: Operation, tables: &[&str]) -> Met {
        let mut met = Met::new();
        for (index, (fault, count)) in script.faults().iter().zip(&mut self.counts).enumerate() {
            if !fault.place.counts(operation, tables) {
                continue;
            }
            *count += 1;
            let is_taken = met.iter().any(|(_, other)| discriminant(other) == discriminant(&fault.kind));
            if fault.place.is_at(*count) && (!is_taken || can_happen_twice(fault.kind)) {
                met.push((index, fault.kind));
            }
        }
        match met.iter().find(|(_, kind)| *kind == Kind::Refuse) {
            Some(refuse) => vec![*refuse],
            None => met,
        }
    }
}

fn can_happen_twice(kind: Kind) -> bool {
    matches!(kind, Kind::Flip(_) | Kind::Wrong(_))
}
