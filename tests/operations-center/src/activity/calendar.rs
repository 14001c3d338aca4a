//! When users do what: a list for every minute since 1970, made from the rates and the seed whenever it is asked for.

use super::rates::Rates;
use crate::crm::generator::Generator;

pub(super) const MINUTE_MS: i64 = 60_000;
/// Changes that a user saves at once are at most so many.
const MOST_PER_SAVE: u64 = 4;

/// Something that users do in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    /// When, in milliseconds since 1970.
    pub(super) at_ms: i64,
    /// What the details depend on.
    pub(super) seed: u64,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Save(Vec<Kind>),
    Merge,
    Import,
    Upgrade,
}

/// A change of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Insert,
    Update,
    Delete,
}

/// All that happens in a minute, in the order of time.
pub(super) fn acts(rates: &Rates, seed: u64, minute: i64) -> Vec<Act> {
    let mut generator = Generator::new(seed, &format!("minute {minute}"));
    let mut whats = saves(rates, &mut generator);
    whats.extend((0..generator.about(rates.merges)).map(|_| What::Merge));
    for _ in 0..generator.about(rates.bursts) {
        whats.push(if generator.one_in(2) { What::Import } else { What::Upgrade });
    }
    let mut acts: Vec<Act> = whats.into_iter().map(|what| act(what, minute, &mut generator)).collect();
    acts.sort_by_key(|act| act.at_ms);
    acts
}

fn act(what: What, minute: i64, generator: &mut Generator) -> Act {
    let offset = i64::try_from(generator.below(MINUTE_MS.unsigned_abs())).unwrap_or_default();
    Act { at_ms: minute.saturating_mul(MINUTE_MS).saturating_add(offset), seed: generator.seed(), what }
}

/// The minute's ordinary changes in any order, some of them saved together.
fn saves(rates: &Rates, generator: &mut Generator) -> Vec<What> {
    let kinds = [(Kind::Insert, rates.inserts), (Kind::Update, rates.updates), (Kind::Delete, rates.deletes)];
    let mut changes: Vec<Kind> = Vec::new();
    for (kind, rate) in kinds {
        let count = generator.about(rate);
        changes.extend((0..count).map(|_| kind));
    }
    generator.shuffle(&mut changes);
    let mut saves = Vec::new();
    let mut rest = changes.as_slice();
    while !rest.is_empty() {
        let count = usize::try_from(1 + generator.below(MOST_PER_SAVE)).unwrap_or(1).min(rest.len());
        let (save, others) = rest.split_at(count);
        saves.push(What::Save(save.to_vec()));
        rest = others;
    }
    saves
}
