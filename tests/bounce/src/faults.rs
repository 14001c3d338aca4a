//! What can go wrong, and in which order it does.

use std::fmt;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// `kill -9` of a broker, which is started again soon.
    BrokerKill,
    /// A broker that ends in order and is started again.
    BrokerRestart,
    /// SIGSTOP of a broker.
    BrokerPause,
    /// A registry that ends and is started again.
    RegistryRestart,
    /// `kill -9` of a bridge.
    BridgeKill,
    /// SIGTERM to a bridge.
    BridgeTerminate,
    /// SIGSTOP of a bridge for 5 s.
    BridgePause,
    /// SIGSTOP of a bridge for longer than a transaction may stay open.
    BridgeLongPause,
    /// `kill -9` of the mirror.
    MirrorKill,
    /// Every caller that waits hangs up.
    HangUp,
    /// An answer that does not reach its caller.
    LostAnswer,
}

impl Kind {
    /// Faults of what keeps the data; one at a time, because two brokers at once are an outage.
    pub(crate) const OF_SERVICES: &[Self] =
        &[Self::BrokerKill, Self::BrokerRestart, Self::BrokerPause, Self::RegistryRestart];
    /// Faults of the programs and their callers.
    pub(crate) const OF_PROGRAMS: &[Self] = &[
        Self::BridgeKill,
        Self::BridgeTerminate,
        Self::BridgePause,
        Self::MirrorKill,
        Self::HangUp,
        Self::LostAnswer,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BrokerKill => "broker killed",
            Self::BrokerRestart => "broker restarted",
            Self::BrokerPause => "broker paused",
            Self::RegistryRestart => "registry restarted",
            Self::BridgeKill => "bridge killed",
            Self::BridgeTerminate => "bridge terminated",
            Self::BridgePause => "bridge paused",
            Self::BridgeLongPause => "bridge paused long",
            Self::MirrorKill => "mirror killed",
            Self::HangUp => "callers hung up",
            Self::LostAnswer => "answer lost",
        })
    }
}

/// Every kind once in an order that the seed chooses, then any.
pub(crate) struct Schedule {
    kinds: Vec<Kind>,
    next: usize,
    pub(crate) random: StdRng,
}

impl Schedule {
    pub(crate) fn new(kinds: &[Kind], mut random: StdRng) -> Self {
        let mut kinds = kinds.to_vec();
        kinds.shuffle(&mut random);
        Self { kinds, next: 0, random }
    }

    pub(crate) fn next(&mut self) -> Option<Kind> {
        self.next += 1;
        let in_turn = self.kinds.get(self.next - 1).copied();
        in_turn.or_else(|| self.kinds.choose(&mut self.random).copied())
    }

    /// Whether every kind has had its turn.
    pub(crate) fn had_all(&self) -> bool {
        self.next >= self.kinds.len()
    }

    /// One of `count` things of a kind.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        self.random.gen_range(0..count)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_kind_comes_first_and_the_seed_decides_all() {
        let run = |seed| -> Vec<Kind> {
            let mut schedule = Schedule::new(Kind::OF_PROGRAMS, StdRng::seed_from_u64(seed));
            (0..20).filter_map(|_| schedule.next()).collect()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let mut first = run(1)[..Kind::OF_PROGRAMS.len()].to_vec();
        first.sort();
        assert_eq!(first, Kind::OF_PROGRAMS);
    }
}
