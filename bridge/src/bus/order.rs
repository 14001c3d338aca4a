//! Calls stand alone: any of them may come to any bridge, late, twice, or after a restart. These are the rules
//! that keep this harmless, as pure functions over what the positions topic remembers.
//!
//! Time here is a token's `nbf` in whole seconds, the only order that a call carries with it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::BusError;

/// What a call is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallMark {
    /// The token's `nbf`, seconds since 1970.
    pub token_time: i64,
    /// SHA-256 of nonce and body, lower-case hex.
    pub digest: String,
}

/// The newest Authenticate or TableSchema of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Token time; calls older than it are refused.
    pub token_time: i64,
    /// Which of the two calls committed it.
    pub by: Opener,
    /// Digests of the opening calls with this token time.
    pub digests: Vec<String>,
    /// Counts openings. A provisional LSN counts only in the opening it came in.
    pub number: i64,
    /// The cycle's id, for logs and events only.
    pub cycle: String,
    /// The events' schema, so that a registry that is down fails no call that needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_schema: Option<EventSchema>,
    /// Whether a TableSchema has looked for topics of tables without a position since positions were kept: after
    /// a loss of positions they would be ghosts.
    #[serde(default)]
    pub knows_topics: bool,
    /// Whether the vendor was last asked not to replicate.
    #[serde(default)]
    pub is_paused: bool,
    /// Number of the opening up to which manifests were compared with the topics.
    #[serde(default)]
    pub manifests_compared: i64,
    /// Tables that the newest TableSchema did not name and that were too many to be dropped at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

/// Tables that are missing at the source but not dropped yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Their names.
    pub tables: BTreeSet<String>,
    /// Whether the cycle in which they were missing was completed.
    pub completed: bool,
}

/// The schema that the tenant's events are written with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSchema {
    /// Its registered id.
    pub id: u32,
    /// XXH3 of its text: a bridge with another schema registers its own.
    pub fingerprint: String,
}

/// The calls that open a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opener {
    /// Authenticate.
    Authenticate,
    /// TableSchema.
    TableSchema,
}

/// The newest calls that wrote to a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCall {
    /// Their token time.
    pub token_time: i64,
    /// Digests of all calls handled with it, the newest last.
    pub digests: Vec<String>,
}

/// What to do with a call that writes to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Carry it out.
    Fresh,
    /// The table's very last call again: success without work.
    Repeat,
}

/// Whether an Authenticate may open a cycle: it must be newer than everything that opened before.
///
/// # Errors
/// [`BusError::Refused`] when it is not.
pub fn authenticate(opened: Option<&Opened>, mark: &CallMark) -> Result<(), BusError> {
    match opened {
        Some(opened) if mark.token_time <= opened.token_time => {
            Err(BusError::Refused { rule: "Authenticate is not newer than the newest one" })
        }
        _ => Ok(()),
    }
}

/// Whether a TableSchema may open: newer than everything that opened before, or in the same second as its
/// Authenticate.
///
/// # Errors
/// [`BusError::Refused`] when it may not.
pub fn table_schema(opened: Option<&Opened>, mark: &CallMark) -> Result<(), BusError> {
    let Some(opened) = opened else { return Ok(()) };
    let shares_second = mark.token_time == opened.token_time
        && opened.by == Opener::Authenticate
        && !opened.digests.contains(&mark.digest);
    if mark.token_time > opened.token_time || shares_second {
        Ok(())
    } else {
        Err(BusError::Refused { rule: "TableSchema is not newer than the newest one" })
    }
}

/// Whether any other call belongs to the newest cycle or a later one.
///
/// # Errors
/// [`BusError::Refused`] when it is older.
pub fn within_cycle(opened: Option<&Opened>, mark: &CallMark) -> Result<(), BusError> {
    match opened {
        Some(opened) if mark.token_time < opened.token_time => {
            Err(BusError::Refused { rule: "the call is older than the newest cycle" })
        }
        _ => Ok(()),
    }
}

/// The opening that `mark` makes after `before`.
#[must_use]
pub fn open(before: Option<&Opened>, mark: &CallMark, by: Opener, token_time: i64, cycle: String) -> Opened {
    let mut digests = match before {
        Some(before) if before.token_time == token_time => before.digests.clone(),
        _ => Vec::new(),
    };
    digests.push(mark.digest.clone());
    Opened {
        token_time,
        by,
        digests,
        number: before.map_or(0, |before| before.number) + 1,
        cycle,
        event_schema: before.and_then(|before| before.event_schema.clone()),
        knows_topics: before.is_some_and(|before| before.knows_topics),
        manifests_compared: before.map_or(0, |before| before.manifests_compared),
        is_paused: before.is_some_and(|before| before.is_paused),
        withheld: before.and_then(|before| before.withheld.clone()),
    }
}

/// What to do with a RowData or Wipe, given the last calls of every table that it touches.
///
/// # Errors
/// [`BusError::Refused`] for a call older than a table's last one, and for a repetition of an earlier one.
pub fn table_calls<'a>(
    last: impl IntoIterator<Item = Option<&'a LastCall>>,
    mark: &CallMark,
) -> Result<Verdict, BusError> {
    let (mut tables, mut repeats) = (0, 0);
    for last in last {
        tables += 1;
        let Some(last) = last else { continue };
        if mark.token_time < last.token_time {
            return Err(BusError::Refused { rule: "the call is older than the table's last one" });
        }
        if last.digests.last() == Some(&mark.digest) {
            repeats += 1;
        } else if last.digests.contains(&mark.digest) {
            return Err(BusError::Refused { rule: "the call was handled before the table's last one" });
        }
    }
    match repeats {
        0 => Ok(Verdict::Fresh),
        _ if repeats == tables => Ok(Verdict::Repeat),
        _ => Err(BusError::Refused { rule: "the call was handled before a later one of its tables" }),
    }
}

/// A table's last calls after `mark`.
#[must_use]
pub fn called(last: Option<&LastCall>, mark: &CallMark) -> LastCall {
    let mut digests = match last {
        Some(last) if last.token_time >= mark.token_time => last.digests.clone(),
        _ => Vec::new(),
    };
    digests.push(mark.digest.clone());
    LastCall { token_time: mark.token_time, digests }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(token_time: i64, digest: &str) -> CallMark {
        CallMark { token_time, digest: digest.to_owned() }
    }

    fn opened(by: Opener) -> Opened {
        open(None, &mark(100, "a"), by, 100, "c".into())
    }

    #[test]
    fn an_authenticate_must_be_newer() {
        let before = opened(Opener::TableSchema);
        assert!(authenticate(None, &mark(1, "x")).is_ok());
        assert!(authenticate(Some(&before), &mark(101, "x")).is_ok());
        assert!(authenticate(Some(&before), &mark(100, "x")).is_err());
        assert!(authenticate(Some(&before), &mark(99, "x")).is_err());
    }

    #[test]
    fn a_table_schema_may_share_the_second_of_its_authenticate_once() {
        let authenticated = opened(Opener::Authenticate);
        assert!(table_schema(Some(&authenticated), &mark(100, "b")).is_ok());
        assert!(table_schema(Some(&authenticated), &mark(100, "a")).is_err(), "the same digest");
        let schema = open(Some(&authenticated), &mark(100, "b"), Opener::TableSchema, 100, "c".into());
        assert_eq!(schema.digests, ["a", "b"]);
        assert!(table_schema(Some(&schema), &mark(100, "c")).is_err());
        assert!(table_schema(Some(&schema), &mark(101, "c")).is_ok());
    }

    #[test]
    fn the_last_call_again_is_harmless_and_an_earlier_one_is_refused() {
        let first = called(None, &mark(100, "wipe"));
        assert_eq!(table_calls([Some(&first)], &mark(100, "wipe")).unwrap(), Verdict::Repeat);
        let second = called(Some(&first), &mark(100, "rows"));
        assert_eq!(table_calls([Some(&second)], &mark(100, "rows")).unwrap(), Verdict::Repeat);
        assert!(table_calls([Some(&second)], &mark(100, "wipe")).is_err());
        assert!(table_calls([Some(&second)], &mark(99, "old")).is_err());
        assert_eq!(table_calls([Some(&second), None], &mark(101, "new")).unwrap(), Verdict::Fresh);
    }

    #[test]
    fn a_call_of_two_tables_repeats_only_if_it_was_the_last_of_both() {
        let both = called(None, &mark(100, "both"));
        let later = called(Some(&both), &mark(100, "one"));
        assert_eq!(table_calls([Some(&both), Some(&both)], &mark(100, "both")).unwrap(), Verdict::Repeat);
        assert!(table_calls([Some(&both), Some(&later)], &mark(100, "both")).is_err());
    }
}
