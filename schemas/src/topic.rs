//! Topic names. Everything that turns a tenant and a table into a topic, or back, stands here.
//!
//! Rows live under `<prefix>.<tenant>.`, system records under `<prefix>-sys.<tenant>.`, so that a subscriber's
//! pattern for rows never catches a system topic. Prefix, tenant and table hold no dots, so names are reversible.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Kafka's limit for a topic's name.
pub const MAX_TOPIC_BYTES: usize = 249;

/// A name that no topic can be made of.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// Does not match the rule for its kind.
    #[error("{kind} name does not match {rule}")]
    Shape {
        /// `prefix`, `tenant` or `table`.
        kind: &'static str,
        /// The rule in words or as a pattern.
        rule: &'static str,
    },
    /// The topic's name would be longer than Kafka takes.
    #[error("topic name has {bytes} bytes, Kafka takes {MAX_TOPIC_BYTES}")]
    TooLong {
        /// Length of the whole name.
        bytes: usize,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:literal, $first:expr, $rest:expr, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Checks `name` against the rule for its kind.
            ///
            /// # Errors
            /// [`NameError::Shape`] when it does not match.
            pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                let first: fn(u8) -> bool = $first;
                let rest: fn(u8) -> bool = $rest;
                let fits = name.len() <= $max
                    && name.bytes().next().is_some_and(first)
                    && name.bytes().skip(1).all(rest);
                if fits { Ok(Self(name)) } else { Err(NameError::Shape { kind: $kind, rule: $rule }) }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }
    };
}

name!(
    /// A tenant's context identifier, such as `Cust24709`.
    Tenant,
    "tenant",
    "^[A-Za-z][A-Za-z0-9]{0,63}$",
    |b| b.is_ascii_alphabetic(),
    |b| b.is_ascii_alphanumeric(),
    64
);

name!(
    /// A table's name at the source, used unchanged.
    Table,
    "table",
    "^[A-Za-z][A-Za-z0-9_]{0,127}$",
    |b| b.is_ascii_alphabetic(),
    |b| b.is_ascii_alphanumeric() || b == b'_',
    128
);

/// What an application's topics begin with: `^[A-Za-z][A-Za-z0-9_-]{0,47}$`, not ending in `-sys` or `-history`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(String);

impl Prefix {
    /// Checks a configured prefix.
    ///
    /// # Errors
    /// [`NameError::Shape`] when it does not match.
    pub fn new(prefix: impl Into<String>) -> Result<Self, NameError> {
        let prefix = prefix.into();
        let fits = prefix.len() <= 48
            && prefix.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !prefix.ends_with("-sys")
            && !prefix.ends_with("-history");
        if fits {
            Ok(Self(prefix))
        } else {
            Err(NameError::Shape {
                kind: "prefix",
                rule: "^[A-Za-z][A-Za-z0-9_-]{0,47}$, not ending in -sys or -history",
            })
        }
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Topic of a table's rows.
    ///
    /// # Errors
    /// [`NameError::TooLong`] past Kafka's limit.
    pub fn rows(&self, tenant: &Tenant, table: &Table) -> Result<String, NameError> {
        let name = format!("{}.{tenant}.{table}", self.0);
        if name.len() <= MAX_TOPIC_BYTES { Ok(name) } else { Err(NameError::TooLong { bytes: name.len() }) }
    }

    /// Topic of a tenant's positions: the bridge's own memory.
    #[must_use]
    pub fn positions(&self, tenant: &Tenant) -> String {
        format!("{}-sys.{tenant}.positions", self.0)
    }

    /// Topic of a tenant's cycle events.
    #[must_use]
    pub fn cycles(&self, tenant: &Tenant) -> String {
        format!("{}-sys.{tenant}.cycles", self.0)
    }

    /// A regular expression (POSIX, extended) for cycles topics, from one for tenants' names.
    #[must_use]
    pub fn cycles_of(&self, tenants: &str) -> String {
        // A prefix has no character that means something in an expression.
        format!("^{}-sys\\.{tenants}\\.cycles$", self.0)
    }

    /// Tenant and table of a row topic of this application; `None` for every other topic.
    #[must_use]
    pub fn parse_rows(&self, topic: &str) -> Option<(Tenant, Table)> {
        let (tenant, table) = topic.strip_prefix(&self.0)?.strip_prefix('.')?.split_once('.')?;
        Some((Tenant::new(tenant).ok()?, Table::new(table).ok()?))
    }

    /// Tenant of a cycles topic of this application; `None` for every other topic.
    #[must_use]
    pub fn parse_cycles(&self, topic: &str) -> Option<Tenant> {
        let tenant = topic.strip_prefix(&self.0)?.strip_prefix("-sys.")?.strip_suffix(".cycles")?;
        Tenant::new(tenant).ok()
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_topic_parses_back_into_its_names() {
        let prefix = Prefix::new("crm").unwrap();
        let (tenant, table) = (Tenant::new("Cust1").unwrap(), Table::new("y_car").unwrap());
        let topic = prefix.rows(&tenant, &table).unwrap();
        assert_eq!(topic, "crm.Cust1.y_car");
        assert_eq!(prefix.parse_rows(&topic), Some((tenant.clone(), table)));
        assert_eq!(prefix.parse_rows(&prefix.positions(&tenant)), None);
        assert_eq!(prefix.parse_cycles(&prefix.cycles(&tenant)), Some(tenant));
    }

    #[test]
    fn names_that_could_leave_their_place_are_refused() {
        for name in ["", ".", "..", "a.b", "../x", "__consumer_offsets", "a b", "é", "1a", "x\n"] {
            assert!(Table::new(name).is_err(), "{name:?}");
            assert!(Tenant::new(name).is_err(), "{name:?}");
        }
        assert!(Tenant::new("a_b").is_err());
        assert!(Table::new("x".repeat(129)).is_err());
        for prefix in ["", "a.b", "a-sys", "a-history", "-a"] {
            assert!(Prefix::new(prefix).is_err(), "{prefix:?}");
        }
    }

    #[test]
    fn a_topic_name_past_the_limit_is_refused() {
        let prefix = Prefix::new("p".repeat(48)).unwrap();
        let tenant = Tenant::new("t".repeat(64)).unwrap();
        assert!(prefix.rows(&tenant, &Table::new("x".repeat(128)).unwrap()).is_ok());
        // 48 + 64 + 128 + 2 dots stay below the limit whatever the names are; the check guards wider rules.
        assert_eq!(48 + 64 + 128 + 2, 242);
    }

    fn names() -> impl Strategy<Value = (Prefix, Tenant, Table)> {
        // Few letters, so that names which are alike, or begin alike, are met.
        let prefix = "[a-bA-B][a-b0-1_-]{0,5}(-sys|-history)?[a-b]?|[A-Za-z][A-Za-z0-9_-]{0,47}"
            .prop_filter_map("a prefix", |name| Prefix::new(name).ok());
        let tenant =
            "[a-bA-B][a-b0-1]{0,3}|[A-Za-z][A-Za-z0-9]{0,63}".prop_map(|name| Tenant::new(name).unwrap());
        let table =
            "[a-bA-B][a-b0-1_]{0,3}|[A-Za-z][A-Za-z0-9_]{0,127}".prop_map(|name| Table::new(name).unwrap());
        (prefix, tenant, table)
    }

    proptest! {
        #[test]
        fn p9_a_topic_is_one_tables_of_one_tenant_of_one_application(one in names(), two in names()) {
            let topics = [&one, &two].map(|(prefix, tenant, table)| prefix.rows(tenant, table).unwrap());
            prop_assert_eq!(topics[0] == topics[1], one == two);
            for ((prefix, tenant, table), topic) in [&one, &two].into_iter().zip(&topics) {
                prop_assert_eq!(prefix.parse_rows(topic), Some((tenant.clone(), table.clone())));
                prop_assert!(topic.len() <= MAX_TOPIC_BYTES && topic.is_ascii());
                prop_assert_eq!(topic.matches('.').count(), 2);
            }
            // Another application reads nothing of ours, and rows are never system records.
            if one.0 != two.0 {
                prop_assert_eq!(one.0.parse_rows(&topics[1]), None);
            }
            for system in [two.0.positions(&two.1), two.0.cycles(&two.1)] {
                prop_assert_eq!(one.0.parse_rows(&system), None);
                prop_assert!(!topics.contains(&system));
            }
        }

        #[test]
        fn p9_what_parses_as_a_row_topic_is_written_the_same_again(
            prefix in "[ab-]{1,3}", topic in "[ab.-]{0,9}|[ab]\\.[ab0]{1,2}\\.[ab_0]{1,2}|\\PC{0,20}",
        ) {
            let Ok(prefix) = Prefix::new(prefix) else { return Ok(()) };
            if let Some((tenant, table)) = prefix.parse_rows(&topic) {
                prop_assert_eq!(prefix.rows(&tenant, &table).unwrap(), topic);
            }
        }

        #[test]
        fn p9_only_names_by_the_rules_are_names(name in "\\PC{0,4}|[A-Za-z0-9_.-]{0,70}|[A-Za-z][A-Za-z0-9_]{120,135}") {
            let plain = |rest: fn(u8) -> bool, most: usize| {
                name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
                    && name.len() <= most
                    && name.bytes().all(rest)
            };
            prop_assert_eq!(Tenant::new(name.as_str()).is_ok(), plain(|b| b.is_ascii_alphanumeric(), 64));
            prop_assert_eq!(Table::new(name.as_str()).is_ok(), plain(|b| b.is_ascii_alphanumeric() || b == b'_', 128));
        }
    }
}
