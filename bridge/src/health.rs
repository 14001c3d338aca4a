//! Whether the bridge can take calls, and what an operator should know besides.
//!
//! Every application's cluster is asked once a second in the background, so that a question to `/readyz` costs
//! nothing and waits for nobody. A registry that is down is told and does not make the bridge unready: known tenants go
//! on without it, and a balancer that took every bridge away would stop them too.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::Tenant;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::auth::token::LEEWAY_SECONDS;
use crate::bus::{Bus, BusError};
use crate::clock::Clock;
use crate::metrics;

/// Between two questions to a cluster: with the question's own two seconds, an outage shows within three.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two questions to a registry.
const REGISTRY_PAUSE: Duration = Duration::from_secs(10);
/// Between two warnings about the clock.
const SKEW_PAUSE: Duration = Duration::from_secs(60);

/// What is known of the process's health.
pub struct Health {
    clock: Arc<dyn Clock>,
    stopping: AtomicBool,
    applications: Mutex<BTreeMap<String, Standing>>,
    poisoned: Mutex<BTreeMap<(String, Tenant), Poison>>,
    skew: Mutex<Skew>,
}

/// An application's cluster and registry.
struct Standing {
    cluster: Side,
    registry: Side,
}

/// Something that answers or does not.
struct Side {
    place: String,
    answers: bool,
    since_ms: i64,
    /// What was said last when it did not answer.
    reason: String,
}

/// A tenant whose data is refused for what it holds.
struct Poison {
    code: &'static str,
    since_ms: i64,
}

#[derive(Default)]
struct Skew {
    seconds: i64,
    warned: Option<Instant>,
}

impl Side {
    fn unknown(place: &str, now_ms: i64) -> Self {
        Self { place: place.to_owned(), answers: false, since_ms: now_ms, reason: "not asked yet".to_owned() }
    }

    /// Takes over what was found. Says whether it is something else than before.
    fn take(&mut self, asked: Result<(), String>, now_ms: i64) -> bool {
        let changed = self.answers != asked.is_ok();
        if changed {
            self.since_ms = now_ms;
            self.answers = asked.is_ok();
        }
        self.reason = asked.err().unwrap_or_default();
        changed
    }

    fn line(&self, what: &str) -> String {
        let (place, since) = (&self.place, moment(self.since_ms));
        if self.answers {
            format!("{what} {place} answers since {since}")
        } else {
            format!("{what} {place} does not answer since {since}: {}", self.reason)
        }
    }
}

impl Health {
    /// Nothing is known yet, so it is not ready.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            stopping: AtomicBool::new(false),
            applications: Mutex::default(),
            poisoned: Mutex::default(),
            skew: Mutex::default(),
        }
    }

    /// From now on it is not ready: balancers should send their calls elsewhere.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether every application's cluster answers, and the whole story in lines.
    #[must_use]
    pub fn report(&self) -> (bool, String) {
        let applications = lock(&self.applications);
        let stops = self.stopping.load(Ordering::Relaxed);
        let ready = !stops
            && !applications.is_empty()
            && applications.values().all(|standing| standing.cluster.answers);
        let mut text = String::from(if ready { "ready\n" } else { "not ready\n" });
        if stops {
            text.push_str("the bridge was asked to stop\n");
        }
        for (name, standing) in &*applications {
            add(&mut text, &format!("application {name}: {}", standing.cluster.line("kafka")));
            add(&mut text, &format!("application {name}: {}", standing.registry.line("registry")));
        }
        drop(applications);
        for ((name, tenant), poison) in &*lock(&self.poisoned) {
            let (code, since) = (poison.code, moment(poison.since_ms));
            add(
                &mut text,
                &format!("application {name}: tenant {tenant}: data refused since {since}: {code}"),
            );
        }
        let skew = lock(&self.skew).seconds;
        if skew.abs() > LEEWAY_SECONDS {
            add(&mut text, &format!("clock: {skew} s from that of the newest token"));
        }
        (ready, text)
    }

    /// A call that brought or ended data was answered: `refused` names what is wrong with the data, if something is.
    pub fn data(&self, application: &str, tenant: &Tenant, refused: Option<&'static str>) {
        let key = (application.to_owned(), tenant.clone());
        let mut poisoned = lock(&self.poisoned);
        match refused {
            Some(code) => {
                let since_ms = self.clock.now_ms();
                poisoned
                    .entry(key)
                    .and_modify(|poison| poison.code = code)
                    .or_insert(Poison { code, since_ms });
            }
            None if poisoned.remove(&key).is_none() => return,
            None => {}
        }
        metrics::tenant_poisoned(application, tenant.as_str(), refused.is_some());
    }

    /// A token of this time was accepted. Tokens are signed for the call that they come with, so a difference is
    /// the clocks' or the way's, and the way takes no minute.
    pub fn token_seen(&self, not_before: i64) {
        let seconds = self.clock.now_ms().div_euclid(1000) - not_before;
        metrics::clock_skew(seconds);
        let mut skew = lock(&self.skew);
        skew.seconds = seconds;
        let is_told = skew.warned.is_some_and(|warned| warned.elapsed() < SKEW_PAUSE);
        if seconds.abs() > LEEWAY_SECONDS && !is_told {
            skew.warned = Some(Instant::now());
            tracing::warn!(seconds, "our clock differs from that of the newest token; compare the clocks");
        }
    }

    /// An application to be watched.
    pub fn add(&self, bus: &Bus) {
        let now_ms = self.clock.now_ms();
        let standing = Standing {
            cluster: Side::unknown(bus.cluster_address(), now_ms),
            registry: Side::unknown(bus.registry_address(), now_ms),
        };
        lock(&self.applications).insert(bus.name().to_owned(), standing);
    }

    fn cluster(&self, bus: &Bus, asked: &Result<(), BusError>) {
        metrics::ready(bus.name(), asked.is_ok());
        let now_ms = self.clock.now_ms();
        let mut applications = lock(&self.applications);
        let Some(standing) = applications.get_mut(bus.name()) else { return };
        if !standing.cluster.take(text(asked), now_ms) {
            return;
        }
        let (application, cluster) = (bus.name(), bus.cluster_address());
        match asked {
            Ok(()) => tracing::info!(application, cluster, "kafka answers"),
            Err(error) => tracing::warn!(application, cluster, %error, "kafka does not answer"),
        }
    }

    fn registry(&self, bus: &Bus, asked: &Result<(), BusError>) {
        metrics::registry_up(bus.name(), asked.is_ok());
        let now_ms = self.clock.now_ms();
        let mut applications = lock(&self.applications);
        let Some(standing) = applications.get_mut(bus.name()) else { return };
        if !standing.registry.take(text(asked), now_ms) {
            return;
        }
        let (application, registry) = (bus.name(), bus.registry_address());
        match asked {
            Ok(()) => tracing::info!(application, registry, "the registry answers"),
            Err(error) => tracing::warn!(application, registry, %error, "the registry does not answer"),
        }
    }
}

/// Asks one application's cluster and registry, for ever.
pub async fn watch(health: Arc<Health>, bus: Arc<Bus>) {
    health.add(&bus);
    let cluster = async {
        loop {
            if let Some(asked) = ask(&bus, Bus::check_cluster).await {
                health.cluster(&bus, &asked);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let registry = async {
        loop {
            if let Some(asked) = ask(&bus, Bus::check_registry).await {
                health.registry(&bus, &asked);
            }
            tokio::time::sleep(REGISTRY_PAUSE).await;
        }
    };
    tokio::join!(cluster, registry);
}

async fn ask(bus: &Arc<Bus>, question: fn(&Bus) -> Result<(), BusError>) -> Option<Result<(), BusError>> {
    let bus = Arc::clone(bus);
    let asked = tokio::task::spawn_blocking(move || question(&bus)).await;
    asked.inspect_err(|error| tracing::error!(%error, "a check of cluster or registry failed")).ok()
}

fn text(asked: &Result<(), BusError>) -> Result<(), String> {
    asked.as_ref().map_err(ToString::to_string).copied()
}

fn add(text: &mut String, line: &str) {
    let written = writeln!(text, "{line}");
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}

fn moment(ms: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
