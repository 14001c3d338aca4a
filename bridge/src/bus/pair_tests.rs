//! The rules of [`super::Pair`], searched: two bridges open, commit and crash in every order, and nobody ever commits
//! on positions that are not the newest. Each rule is needed: without it the search finds a trace.

use std::collections::HashSet;

/// Commits in a trace. A third changes nothing any more: what matters is who owns which id.
const COMMITS: u8 = 4;

/// What is varied.
#[derive(Clone, Copy)]
struct Rules {
    /// Ids in the order in which an opening fences them.
    fenced: [usize; 2],
    /// The id of an opening's first commit.
    first: usize,
    /// Whether the positions are read after both fences, or between them.
    read_last: bool,
}

const RULES: Rules = Rules { fenced: [0, 1], first: 0, read_last: true };

#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Bridge {
    /// Steps of the opening that are done; [`OPEN`] once it is open.
    step: usize,
    /// Number of commits that it has read of, or made.
    known: u8,
    /// Whose turn it is.
    next: usize,
}

const OPEN: usize = 3;

#[derive(Clone, PartialEq, Eq, Hash, Default)]
struct State {
    bridges: [Bridge; 2],
    /// Which bridge fenced the id last.
    owners: [usize; 2],
    committed: u8,
}

/// A commit by a bridge that did not know the newest positions.
#[derive(Debug, PartialEq, Eq)]
struct Stale;

impl State {
    fn read(&mut self, who: usize) {
        self.bridges[who].known = self.committed;
    }

    /// The next step of the bridge's opening, or a commit.
    fn act(&mut self, who: usize, rules: Rules) -> Result<(), Stale> {
        let fence = |state: &mut Self, id: usize| state.owners[id] = who;
        match (self.bridges[who].step, rules.read_last) {
            (0, _) => fence(self, rules.fenced[0]),
            (1, true) | (2, false) => fence(self, rules.fenced[1]),
            (1, false) | (2, true) => self.read(who),
            _ => return self.commit(who),
        }
        self.bridges[who].step += 1;
        self.bridges[who].next = rules.first;
        Ok(())
    }

    fn commit(&mut self, who: usize) -> Result<(), Stale> {
        let Bridge { next, known, .. } = self.bridges[who];
        if self.owners[next] != who {
            self.bridges[who] = Bridge::default();
            return Ok(());
        }
        if known != self.committed {
            return Err(Stale);
        }
        self.committed += 1;
        self.bridges[who] = Bridge { step: OPEN, known: self.committed, next: 1 - next };
        Ok(())
    }

    fn after(&self, rules: Rules) -> Result<Vec<Self>, Stale> {
        let mut after = Vec::new();
        for who in 0..self.bridges.len() {
            let mut acted = self.clone();
            acted.act(who, rules)?;
            let mut crashed = self.clone();
            crashed.bridges[who] = Bridge::default();
            after.extend([acted, crashed]);
        }
        after.retain(|state| state.committed <= COMMITS);
        Ok(after)
    }
}

/// Visits every state; gives their number.
fn search(rules: Rules) -> Result<usize, Stale> {
    let mut seen = HashSet::from([State::default()]);
    let mut open = vec![State::default()];
    while let Some(state) = open.pop() {
        for next in state.after(rules)? {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn nobody_commits_on_positions_that_are_not_the_newest() {
    let states = search(RULES).unwrap();
    assert!(states > 300, "only {states} states were visited");
}

#[test]
fn a_first_commit_with_the_second_id_would_let_two_bridges_commit() {
    assert_eq!(search(Rules { first: 1, ..RULES }), Err(Stale));
}

#[test]
fn fencing_in_the_other_order_would_let_two_bridges_commit() {
    assert_eq!(search(Rules { fenced: [1, 0], ..RULES }), Err(Stale));
}

#[test]
fn reading_before_the_second_fence_would_miss_a_commit() {
    assert_eq!(search(Rules { read_last: false, ..RULES }), Err(Stale));
}
