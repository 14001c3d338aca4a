//! What a caller may cost.

use std::time::Duration;

use super::section::Section;
use crate::auth::token::MAX_TOKEN_BYTES;
use crate::soap;

const MIB: i64 = 1024 * 1024;

/// What a caller may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub max_connections: usize,
    /// Largest head of a request.
    pub max_header_bytes: usize,
    /// Largest body.
    pub max_body_bytes: usize,
    /// Bodies of all calls together that may be held at once.
    pub max_bytes_in_flight: usize,
    /// How long a request's head may take.
    pub header_timeout: Duration,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// What one call may hold.
    pub soap: soap::Limits,
}

pub(super) fn read(section: &Section<'_>) -> Limits {
    let seconds = |key, default| Duration::from_secs(section.number(key, 1..=600, default));
    let limits = Limits {
        max_connections: section.number("max_connections", 1..=100_000, 512),
        max_header_bytes: section.number("max_header_bytes", 8 * 1024..=MIB, 32 * 1024),
        max_body_bytes: section.number("max_body_bytes", MIB..=1024 * MIB, 32 * 1024 * 1024),
        max_bytes_in_flight: section.number(
            "max_bytes_in_flight",
            MIB..=1024 * 1024 * MIB,
            256 * 1024 * 1024,
        ),
        header_timeout: seconds("header_timeout_seconds", 10),
        body_timeout: seconds("body_timeout_seconds", 60),
        soap: read_soap(section),
    };
    if limits.max_bytes_in_flight < limits.max_body_bytes {
        section.fault("max_bytes_in_flight", "must not be below limits.max_body_bytes");
    }
    section.refuse_unknown_keys();
    limits
}

fn read_soap(section: &Section<'_>) -> soap::Limits {
    let default = soap::Limits::default();
    let longest_token = i64::try_from(MAX_TOKEN_BYTES).unwrap_or(i64::MAX);
    soap::Limits {
        max_depth: section.number("max_depth", 9..=128, default.max_depth),
        max_attributes: section.number("max_attributes", 8..=1024, default.max_attributes),
        max_attribute_bytes: section.number("max_attribute_bytes", 256..=MIB, default.max_attribute_bytes),
        max_value_bytes: section.number("max_value_bytes", 1024..=1024 * MIB, default.max_value_bytes),
        max_token_bytes: section.number("max_token_bytes", 1024..=longest_token, default.max_token_bytes),
        // A transaction's producer queues 600,000 records, position records and events among them.
        max_rows: section.number("max_rows", 1..=500_000, default.max_rows),
        max_columns: section.number("max_columns", 1..=10_000, default.max_columns),
        max_tables: section.number("max_tables", 1..=50_000, default.max_tables),
    }
}
