//! The loop: list topics, read, gather per tenant, apply, move on.
//!
//! A tenant whose records or destination fail is set aside and begins anew from its stored positions after a pause;
//! the others go on. Only a destination that somebody else writes to ends the mirror, unless it shares its tenants with
//! other processes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mirrorbus_librdkafka::Fetched;
use mirrorbus_schemas::topic::Tenant;
use rdkafka::error::RDKafkaErrorCode;

use crate::admin::Watch;
use crate::destination::{Destination, DestinationError};
use crate::error::{Fault, MirrorError, chain};
use crate::live::command::Commands;
use crate::live::share::Share;
use crate::live::tenant::Live;
use crate::live::watched::Shared;
use crate::settings::Settings;
use crate::source::reader::Reader;
use crate::source::registry::Registry;
use crate::source::retention::Retentions;
use crate::stop::Stop;

/// How long a poll waits at most: a wish to stop is heard after it.
const POLL: Duration = Duration::from_millis(100);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Before records are looked at again that could not be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Before something is asked again that failed: what is back should be seen within seconds.
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// How long records are only taken in, while they come without a pause, before tenants are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Records between two looks at the clock, which costs as much as taking a record in.
const STRIDE: usize = 64;

/// A tenant and whether it is being read.
pub(crate) enum Seat {
    Live(Box<Live>),
    /// Set aside after a fault.
    Aside {
        until: Instant,
    },
}

pub(crate) struct Core<'d, D> {
    pub(crate) settings: Settings,
    pub(crate) stop: Stop,
    pub(crate) registry: Registry,
    pub(crate) destination: Arc<Shared<'d, D>>,
    pub(crate) watch: Watch,
    pub(crate) seats: BTreeMap<Tenant, Seat>,
    /// The pause that the next fault of a tenant costs.
    pub(crate) pauses: HashMap<Tenant, Duration>,
    /// Whose topic is which.
    pub(crate) owners: HashMap<String, Tenant>,
    /// Topics whose stored position was found outside of them, and whether twice.
    pub(crate) suspects: HashMap<String, bool>,
    /// Ids of topics whose own records contradict each other: they are not read anew again and again.
    pub(crate) contradictory: HashSet<String>,
    pub(crate) retentions: Retentions,
    pub(crate) commands: Commands,
    /// How often topics were listed.
    pub(crate) listings: u64,
    pub(crate) list_at: Instant,
    /// Whose place in the destination was asked about last.
    pub(crate) checked: Option<Tenant>,
    /// The part in a group, where there is one.
    pub(crate) share: Option<Share>,
    /// Last, and so dropped last: closing librdkafka waits for every record that somebody still holds, for ever.
    pub(crate) reader: Reader,
}

impl<'d, D: Destination> Core<'d, D> {
    pub(crate) fn new(
        settings: &Settings,
        destination: &'d mut D,
        stop: &Stop,
        watch: &Watch,
    ) -> Result<Self, MirrorError> {
        Ok(Self {
            reader: Reader::new(settings)?.watched(watch.clone()),
            registry: Registry::new(settings, stop.clone())?.watched(watch.clone()),
            share: Share::join(settings, watch)?,
            settings: settings.clone(),
            stop: stop.clone(),
            destination: Shared::new(destination, watch.clone()),
            watch: watch.clone(),
            seats: BTreeMap::new(),
            pauses: HashMap::new(),
            owners: HashMap::new(),
            suspects: HashMap::new(),
            contradictory: HashSet::new(),
            retentions: Retentions::new()?,
            commands: Commands::new(settings, watch.clone()),
            listings: 0,
            list_at: Instant::now(),
            checked: None,
        })
    }

    pub(crate) fn run(&mut self) -> Result<(), MirrorError> {
        let _probe = self.reader.probe()?;
        let ended = self.go_round();
        self.let_all_go();
        ended
    }

    fn go_round(&mut self) -> Result<(), MirrorError> {
        while !self.stop.is_requested() {
            self.hear_group()?;
            if self.list_at <= Instant::now() {
                self.list()?;
                self.check_destination()?;
                self.observe();
            }
            self.take_in(self.patience());
            self.flush_ready()?;
        }
        Ok(())
    }

    /// Takes in what librdkafka has, or waits for something.
    pub(crate) fn take_in(&mut self, patience: Duration) {
        let begun = Instant::now();
        for taken in 1_usize.. {
            let fetched = match self.reader.fetch(Duration::ZERO) {
                Fetched::Nothing if begun.elapsed() >= LOOK => return,
                Fetched::Nothing => self.reader.fetch(patience),
                fetched => fetched,
            };
            if self.take(fetched) || (taken.is_multiple_of(STRIDE) && begun.elapsed() >= LOOK) {
                return;
            }
        }
    }

    fn patience(&self) -> Duration {
        let waiting = self.seats.values().filter_map(|seat| match seat {
            Seat::Live(live) => live.patience(&self.settings),
            Seat::Aside { .. } => None,
        });
        let until_listing = self.list_at.saturating_duration_since(Instant::now());
        waiting.min().unwrap_or(POLL).min(POLL).min(until_listing)
    }

    /// Says whether a tenant should be looked at.
    fn take(&mut self, fetched: Fetched) -> bool {
        match fetched {
            Fetched::Nothing => return true,
            Fetched::Record(record) => {
                let Some(tenant) = self.owners.get(record.topic()) else { return false };
                if let Some(Seat::Live(live)) = self.seats.get_mut(tenant) {
                    live.take(record);
                    return live.is_full(&self.settings);
                }
            }
            Fetched::End { topic, partition, offset } => {
                if let Some(live) = self.owner(&topic) {
                    live.reach_end(&topic, partition, offset);
                    return live.is_at_end();
                }
            }
            Fetched::PartitionFailed { topic, partition, code } => {
                self.partition_failed(&topic, partition, code);
            }
            Fetched::Failed(code) => tracing::warn!(%code, "kafka; trying on"),
        }
        false
    }

    fn partition_failed(&mut self, topic: &str, partition: i32, code: RDKafkaErrorCode) {
        tracing::debug!(topic, partition, %code, "a partition cannot be read");
        let is_outside =
            matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange);
        if is_outside {
            self.suspects.entry(topic.to_owned()).or_default();
            self.unfollow(topic);
            self.list_at = Instant::now();
        } else {
            self.watch.count_error("kafka");
        }
    }

    fn owner(&mut self, topic: &str) -> Option<&mut Live> {
        match self.seats.get_mut(self.owners.get(topic)?)? {
            Seat::Live(live) => Some(live),
            Seat::Aside { .. } => None,
        }
    }

    fn unfollow(&mut self, topic: &str) {
        let partitions = self.owner(topic).map(|live| live.lose(topic)).unwrap_or_default();
        end(&self.reader, &partitions);
    }

    /// What becomes of a tenant after something was tried for it.
    pub(crate) fn settle(&mut self, tenant: &Tenant, outcome: Result<(), Fault>) -> Result<(), MirrorError> {
        match outcome {
            Ok(()) | Err(Fault::Stopped) => Ok(()),
            Err(Fault::Destination(source @ DestinationError::Fenced { .. })) => self.refused(tenant, source),
            Err(Fault::Destination(DestinationError::Replaced)) => {
                tracing::info!(%tenant, "its copy was exchanged: it is read again from where that one stands");
                self.watch.count_error("replaced");
                self.let_go(tenant);
                self.list_at = Instant::now();
                Ok(())
            }
            Err(fault) => {
                self.set_aside(tenant, &fault);
                Ok(())
            }
        }
    }

    /// Reads nothing for a tenant any more, and forgets what was read of it and is not durable.
    pub(crate) fn let_go(&mut self, tenant: &Tenant) {
        if let Some(Seat::Live(live)) = self.seats.remove(tenant) {
            end(&self.reader, &live.partitions());
            self.destination.lock().release(tenant);
        }
    }

    fn set_aside(&mut self, tenant: &Tenant, fault: &Fault) {
        let longest = if fault.is_of_data() { LONGEST_PAUSE } else { LONGEST_RETRY };
        let pause = self.pauses.get(tenant).map_or(FIRST_PAUSE, |pause| (*pause * 2).min(longest));
        let seconds = pause.as_secs();
        tracing::error!(%tenant, fault = chain(fault), seconds, "the tenant waits; others go on");
        self.rest(tenant, fault, pause);
        self.pauses.insert(tenant.clone(), pause);
    }

    /// Lets go of a tenant for a while.
    pub(crate) fn rest(&mut self, tenant: &Tenant, fault: &Fault, pause: Duration) {
        self.let_go(tenant);
        self.seats.insert(tenant.clone(), Seat::Aside { until: Instant::now() + pause });
        self.watch.set_aside(tenant, fault, chain(fault));
    }
}

/// A partition that cannot be given back is read on; its records are not taken, for nobody follows it.
pub(crate) fn end(reader: &Reader, partitions: &[(String, i32)]) {
    if let Err(error) = reader.end(partitions) {
        tracing::warn!(error = chain(&error), "partitions could not be given back");
    }
}
