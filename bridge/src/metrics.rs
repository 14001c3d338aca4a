//! What the bridge counts, for everybody's alarms: METRICS.md says what each number means and which one pages
//! somebody.
//!
//! The numbers are the process's, so a hook is one call anywhere and nothing is handed through. Every label has few
//! values: the application (its topic prefix), words of ours, and the tenant in two gauges alone. Never a table: 413
//! tables times hundreds of tenants would be more series than rows. Nothing here holds a value, token or key.

mod series;

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

pub use self::series::Described;
use self::series::{Series, Shelf};

/// The media type of [`render`]'s text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

// Names as they are registered; a counter's name gets `_total` at its end.
const CALLS: &str = "mirrorbus_calls";
const CALL_DURATION: &str = "mirrorbus_call_duration_seconds";
const CALL_BYTES: &str = "mirrorbus_call_bytes";
const REQUESTS_REFUSED: &str = "mirrorbus_requests_refused";
const BODY_BYTES: &str = "mirrorbus_body_bytes_in_flight";
const BODY_BYTES_LIMIT: &str = "mirrorbus_body_bytes_limit";
const CONNECTIONS: &str = "mirrorbus_connections_open";
const ROWS_COMMITTED: &str = "mirrorbus_rows_committed";
const BYTES_COMMITTED: &str = "mirrorbus_bytes_committed";
const TRANSACTIONS: &str = "mirrorbus_transactions";
const COMMIT_DURATION: &str = "mirrorbus_commit_duration_seconds";
const SESSIONS_OPENED: &str = "mirrorbus_sessions_opened";
const PRODUCERS: &str = "mirrorbus_producers_open";
const TENANTS: &str = "mirrorbus_tenants_known";
const TABLES_ASKED: &str = "mirrorbus_tables_asked_again";
const ALARMS: &str = "mirrorbus_alarms";
const SWEEPS: &str = "mirrorbus_sweeps_running";
const KEYS_SWEPT: &str = "mirrorbus_keys_swept";
const VALUES_CHANGED: &str = "mirrorbus_values_changed";
const ROWS_DISCARDED: &str = "mirrorbus_rows_discarded";
const REGISTRY_REQUESTS: &str = "mirrorbus_registry_requests";
const TENANT_POISONED: &str = "mirrorbus_tenant_poisoned";
const CYCLE_COMPLETED: &str = "mirrorbus_cycle_completed_timestamp_seconds";
const READY: &str = "mirrorbus_ready";
const REGISTRY_UP: &str = "mirrorbus_registry_up";
const CLOCK_SKEW: &str = "mirrorbus_clock_skew_seconds";
const TLS_HANDSHAKES_FAILED: &str = "mirrorbus_tls_handshakes_failed";
const CERTIFICATE_RELOADS: &str = "mirrorbus_certificate_reloads";
const TLS_EXPIRY: &str = "mirrorbus_tls_certificate_expiry_timestamp_seconds";

const APPLICATION: &str = "application";
const OUTCOME: &str = "outcome";
const FAILED: &str = "failed";
const OK: &str = "ok";

struct Metrics {
    calls: Series<Counter, 3>,
    call_duration: Series<Histogram, 1>,
    call_bytes: Series<Counter, 1>,
    requests_refused: Series<Counter, 1>,
    body_bytes: Series<Gauge, 0>,
    body_bytes_limit: Series<Gauge, 0>,
    connections: Series<Gauge, 1>,
    rows_committed: Series<Counter, 2>,
    bytes_committed: Series<Counter, 1>,
    transactions: Series<Counter, 1>,
    commit_duration: Series<Histogram, 0>,
    sessions_opened: Series<Counter, 2>,
    producers: Series<Gauge, 0>,
    tenants: Series<Gauge, 1>,
    tables_asked: Series<Counter, 2>,
    alarms: Series<Counter, 2>,
    sweeps: Series<Gauge, 0>,
    keys_swept: Series<Counter, 1>,
    values_changed: Series<Counter, 1>,
    rows_discarded: Series<Counter, 1>,
    registry_requests: Series<Counter, 1>,
    tenant_poisoned: Series<Gauge, 2>,
    cycle_completed: Series<Gauge, 2>,
    ready: Series<Gauge, 1>,
    registry_up: Series<Gauge, 1>,
    clock_skew: Series<Gauge, 0>,
    tls_handshakes_failed: Series<Counter, 0>,
    certificate_reloads: Series<Counter, 2>,
    tls_expiry: Series<Gauge, 0>,
    shelf: Shelf,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

impl Metrics {
    fn new() -> Self {
        let mut shelf = Shelf::default();
        let metrics = Self {
            calls: shelf.counter(
                CALLS,
                [APPLICATION, "operation", OUTCOME],
                "Calls with an accepted token, by how they ended",
            ),
            call_duration: shelf.histogram(
                CALL_DURATION,
                ["operation"],
                "From a body's last byte to the answer",
            ),
            call_bytes: shelf.counter(CALL_BYTES, [APPLICATION], "Bytes of accepted calls' bodies"),
            requests_refused: shelf.counter(
                REQUESTS_REFUSED,
                ["class"],
                "Requests without an accepted token",
            ),
            body_bytes: shelf.gauge(BODY_BYTES, [], "Bytes of bodies that are held now"),
            body_bytes_limit: shelf.gauge(BODY_BYTES_LIMIT, [], "Bytes of bodies that may be held at once"),
            connections: shelf.gauge(CONNECTIONS, ["listener"], "Open connections"),
            rows_committed: shelf.counter(
                ROWS_COMMITTED,
                [APPLICATION, "kind"],
                "Rows of calls whose transaction is committed",
            ),
            bytes_committed: shelf.counter(
                BYTES_COMMITTED,
                [APPLICATION],
                "Keys and values of committed records, before compression",
            ),
            transactions: shelf.counter(TRANSACTIONS, [OUTCOME], "Kafka transactions, by how they ended"),
            commit_duration: shelf.histogram(
                COMMIT_DURATION,
                [],
                "From the last record's confirmation to the commit's",
            ),
            sessions_opened: shelf.counter(
                SESSIONS_OPENED,
                [APPLICATION, "reason"],
                "Times a tenant's producers were opened and its positions read",
            ),
            producers: shelf.gauge(PRODUCERS, [], "Transactional producers open now"),
            tenants: shelf.gauge(TENANTS, [APPLICATION], "Tenants that called since the start"),
            tables_asked: shelf.counter(
                TABLES_ASKED,
                [APPLICATION, "reason"],
                "Tables answered -1: the vendor sends them whole",
            ),
            alarms: shelf.counter(ALARMS, [APPLICATION, "kind"], "Alarms, each also an event of its tenant"),
            sweeps: shelf.gauge(SWEEPS, [], "Sweeps that run now"),
            keys_swept: shelf.counter(KEYS_SWEPT, [APPLICATION], "Keys that sweeps tombstoned"),
            values_changed: shelf.counter(
                VALUES_CHANGED,
                [APPLICATION],
                "Values cut to their type's digits, and characters U+0000 replaced",
            ),
            rows_discarded: shelf.counter(ROWS_DISCARDED, [APPLICATION], "Rows of ignored tables"),
            registry_requests: shelf.counter(
                REGISTRY_REQUESTS,
                [OUTCOME],
                "Schemas that the registry was asked to register",
            ),
            tenant_poisoned: shelf.gauge(
                TENANT_POISONED,
                [APPLICATION, "tenant"],
                "1 while the tenant's data is refused for what it holds",
            ),
            cycle_completed: shelf.gauge(
                CYCLE_COMPLETED,
                [APPLICATION, "tenant"],
                "When the tenant's last cycle was completed at this bridge, seconds since 1970",
            ),
            ready: shelf.gauge(READY, [APPLICATION], "1 while the application's cluster answers"),
            registry_up: shelf.gauge(
                REGISTRY_UP,
                [APPLICATION],
                "1 while the application's registry answers",
            ),
            clock_skew: shelf.gauge(CLOCK_SKEW, [], "Our clock minus the time in the newest accepted token"),
            tls_handshakes_failed: shelf.counter(
                TLS_HANDSHAKES_FAILED,
                [],
                "TLS handshakes that failed or took too long",
            ),
            certificate_reloads: shelf.counter(
                CERTIFICATE_RELOADS,
                ["files", OUTCOME],
                "Changed files of certificates that were taken over or not",
            ),
            tls_expiry: shelf.gauge(TLS_EXPIRY, [], "End of our TLS certificate's life, seconds since 1970"),
            shelf,
        };
        metrics.begin();
        metrics
    }

    /// Series whose values are known from the start begin at 0: an increase is seen from the first one on.
    fn begin(&self) {
        for class in ["status", "fault", "token"] {
            self.requests_refused.of([class]);
        }
        for outcome in ["committed", "aborted", "unknown"] {
            self.transactions.of([outcome]);
        }
        for outcome in [OK, FAILED] {
            self.registry_requests.of([outcome]);
            self.certificate_reloads.of(["tls", outcome]);
            self.certificate_reloads.of(["vendor", outcome]);
        }
        self.connections.of(["public"]);
        self.connections.of(["admin"]);
        self.commit_duration.of([]);
        self.producers.of([]);
        self.sweeps.of([]);
        self.tls_handshakes_failed.of([]);
    }
}

/// All metrics in the order of the scrape.
#[must_use]
pub fn described() -> &'static [Described] {
    &METRICS.shelf.described
}

/// The numbers of this moment in Prometheus's text format.
///
/// # Errors
/// None today: writing to a text does not fail.
pub fn render() -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_text::encode(&mut text, &METRICS.shelf.registry)?;
    Ok(text)
}

/// Something that is open as long as the value lives.
#[derive(Debug)]
pub struct Open(Gauge);

impl Open {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Why a tenant's session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A cycle begins.
    Authenticate,
    /// There was none.
    Absent,
    /// Another bridge has written the tenant's positions since.
    Overtaken,
}

impl Opening {
    /// Of a call that opens `anew` in any case, or where a session was held that is no longer current.
    #[must_use]
    pub fn of(anew: bool, was_held: bool) -> Self {
        match (anew, was_held) {
            (true, _) => Self::Authenticate,
            (false, true) => Self::Overtaken,
            (false, false) => Self::Absent,
        }
    }
}

/// An application that is served: its series begin at 0.
pub fn application(name: &str) {
    let m = &*METRICS;
    for kind in ["upsert", "delete"] {
        m.rows_committed.of([name, kind]);
    }
    for reason in ["authenticate", "absent", "overtaken"] {
        m.sessions_opened.of([name, reason]);
    }
    for reason in ["new", "lost"] {
        m.tables_asked.of([name, reason]);
    }
    for kind in Alarm::ALL {
        m.alarms.of([name, kind.word()]);
    }
    for counter in [&m.call_bytes, &m.bytes_committed, &m.keys_swept, &m.values_changed, &m.rows_discarded] {
        counter.of([name]);
    }
    for gauge in [&m.tenants, &m.ready, &m.registry_up] {
        gauge.of([name]);
    }
}

/// A call with an accepted token has its answer. `outcome` is `ok` or the error's code.
pub fn call(application: &str, operation: &str, outcome: &str, bytes: usize, took: Duration) {
    METRICS.calls.of([application, operation, outcome]).inc();
    METRICS.call_duration.of([operation]).observe(took.as_secs_f64());
    METRICS.call_bytes.of([application]).inc_by(bytes as u64);
}

/// A request was refused before its token was accepted.
pub fn refused(class: &'static str) {
    METRICS.requests_refused.of([class]).inc();
}

/// Bytes of bodies that are held, and that may be.
pub fn bodies(held: usize, limit: usize) {
    METRICS.body_bytes.of([]).set(whole(held));
    METRICS.body_bytes_limit.of([]).set(whole(limit));
}

/// A connection of a listener, `public` or `admin`.
#[must_use]
pub fn connection(listener: &'static str) -> Open {
    Open::new(METRICS.connections.of([listener]))
}

/// Rows of a call are committed.
pub fn rows_committed(application: &str, upserts: i64, deletes: i64) {
    for (kind, rows) in [("upsert", upserts), ("delete", deletes)] {
        METRICS.rows_committed.of([application, kind]).inc_by(u64::try_from(rows).unwrap_or_default());
    }
}

/// Records of these many bytes are committed, rows or not.
pub fn bytes_committed(application: &str, bytes: u64) {
    METRICS.bytes_committed.of([application]).inc_by(bytes);
}

/// A commit was answered: with an error nobody knows how the transaction ended.
pub fn transaction<E>(committed: &Result<(), E>, took: Duration) {
    METRICS.transactions.of([if committed.is_ok() { "committed" } else { "unknown" }]).inc();
    if committed.is_ok() {
        METRICS.commit_duration.of([]).observe(took.as_secs_f64());
    }
}

/// A transaction was given up before its commit.
pub fn aborted() {
    METRICS.transactions.of(["aborted"]).inc();
}

/// A tenant's session was opened.
pub fn session_opened(application: &str, reason: Opening) {
    let reason = match reason {
        Opening::Authenticate => "authenticate",
        Opening::Absent => "absent",
        Opening::Overtaken => "overtaken",
    };
    METRICS.sessions_opened.of([application, reason]).inc();
}

/// A transactional producer.
#[must_use]
pub fn producer() -> Open {
    Open::new(METRICS.producers.of([]))
}

/// Tenants that called an application since the start.
pub fn tenants(application: &str, count: usize) {
    METRICS.tenants.of([application]).set(whole(count));
}

/// A TableSchema was answered with -1 for `new` tables that had no position and `lost` ones that had one.
pub fn tables_asked(application: &str, new: usize, lost: usize) {
    METRICS.tables_asked.of([application, "new"]).inc_by(new as u64);
    METRICS.tables_asked.of([application, "lost"]).inc_by(lost as u64);
}

/// What somebody should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A table's rows contradict its position.
    Contradiction,
    /// One key was inserted twice in a load.
    RepeatedKey,
    /// Many tables are missing at once.
    TablesMissing,
    /// A call's rows are not those of its manifest.
    Torn,
    /// The registry has lost schema ids.
    LostSchemas,
    /// The source counted other rows than were committed.
    Counts,
    /// A token came with two calls.
    ReusedToken,
}

impl Alarm {
    const ALL: [Self; 6] = [
        Self::Contradiction,
        Self::RepeatedKey,
        Self::TablesMissing,
        Self::Torn,
        Self::LostSchemas,
        Self::ReusedToken,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Contradiction => "contradiction",
            Self::RepeatedKey => "repeated_key",
            Self::TablesMissing => "tables_missing",
            Self::Torn => "torn",
            Self::LostSchemas => "lost_schemas",
            Self::Counts => "counts",
            Self::ReusedToken => "reused_token",
        }
    }
}

/// An alarm was raised.
pub fn alarm(application: &str, kind: Alarm) {
    METRICS.alarms.of([application, kind.word()]).inc();
}

/// A sweep that runs.
#[must_use]
pub fn sweep() -> Open {
    Open::new(METRICS.sweeps.of([]))
}

/// Keys were tombstoned by a sweep.
pub fn keys_swept(application: &str, keys: usize) {
    METRICS.keys_swept.of([application]).inc_by(keys as u64);
}

/// What a committed call brought and the mirror does not hold as it came.
pub fn losses(application: &str, values_changed: u64, rows_discarded: u64) {
    METRICS.values_changed.of([application]).inc_by(values_changed);
    METRICS.rows_discarded.of([application]).inc_by(rows_discarded);
}

/// The registry was asked to register a schema.
pub fn registry_request(is_ok: bool) {
    METRICS.registry_requests.of([if is_ok { OK } else { FAILED }]).inc();
}

/// Whether a tenant's data is refused for what it holds.
pub fn tenant_poisoned(application: &str, tenant: &str, is_poisoned: bool) {
    METRICS.tenant_poisoned.of([application, tenant]).set(i64::from(is_poisoned));
}

/// A tenant's cycle was completed. `now` in seconds since 1970.
pub fn cycle_completed(application: &str, tenant: &str, now: i64) {
    METRICS.cycle_completed.of([application, tenant]).set(now);
}

/// Whether the application's cluster answers.
pub fn ready(application: &str, is_ready: bool) {
    METRICS.ready.of([application]).set(i64::from(is_ready));
}

/// Whether the application's registry answers.
pub fn registry_up(application: &str, is_up: bool) {
    METRICS.registry_up.of([application]).set(i64::from(is_up));
}

/// Our clock minus the newest token's time.
pub fn clock_skew(seconds: i64) {
    METRICS.clock_skew.of([]).set(seconds);
}

/// A TLS handshake failed or took too long.
pub fn tls_handshake_failed() {
    METRICS.tls_handshakes_failed.of([]).inc();
}

/// Files of certificates changed, ours for `tls` or the `vendor`'s, and were taken over or not.
pub fn certificate_reload(files: &'static str, is_ok: bool) {
    METRICS.certificate_reloads.of([files, if is_ok { OK } else { FAILED }]).inc();
}

/// The end of our certificate's life, seconds since 1970.
pub fn tls_expiry(not_after: i64) {
    METRICS.tls_expiry.of([]).set(not_after);
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of METRICS.md's list: its first three cells.
    fn listed(line: &str) -> Option<(String, String, Vec<String>)> {
        let mut cells = line.strip_prefix("| `mirrorbus_")?.split('|').map(str::trim);
        let name = format!("mirrorbus_{}", cells.next()?.trim_end_matches('`'));
        let kind = cells.next()?.to_owned();
        let labels = cells.next()?.split_ascii_whitespace().map(|label| label.trim_matches('`').to_owned());
        Some((name, kind, labels.collect()))
    }

    #[test]
    fn metrics_md_lists_exactly_the_metrics_that_exist() {
        let mut listed: Vec<_> = include_str!("../../METRICS.md").lines().filter_map(listed).collect();
        let mut exist: Vec<_> = described()
            .iter()
            .map(|metric| {
                let labels = metric.labels.iter().map(|label| (*label).to_owned());
                (metric.name.clone(), metric.kind.to_owned(), labels.collect::<Vec<_>>())
            })
            .collect();
        listed.sort();
        exist.sort();
        assert_eq!(listed, exist);
    }

    #[test]
    fn every_metric_of_a_rule_exists() {
        let rules = include_str!("../../METRICS.md").split_once("## All of them").unwrap().0;
        let is_name = |word: &&str| word.starts_with("mirrorbus_");
        for word in rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(is_name) {
            assert!(described().iter().any(|metric| metric.name == word), "{word} does not exist");
        }
    }

    #[test]
    fn a_scrape_names_kind_and_number() {
        application("metrics-test");
        rows_committed("metrics-test", 3, 1);
        let text = render().unwrap();
        for line in [
            "# TYPE mirrorbus_rows_committed_total counter",
            "mirrorbus_rows_committed_total{application=\"metrics-test\",kind=\"upsert\"} 3",
            "mirrorbus_alarms_total{application=\"metrics-test\",kind=\"contradiction\"} 0",
            "# TYPE mirrorbus_producers_open gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
