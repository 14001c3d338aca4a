//! A cluster and a registry in memory, with transactions, fencing and isolation, and the process that uses them: each
//! thing that it asks for is an effect, and one of them goes wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use mirrorbus_librdkafka::{Isolation, Spec, TopicDescription};

use crate::bus::BusError;
use crate::bus::log::{Delivered, Log, Next, Outgoing, Part, Producer, Questions, Record};
use crate::bus::registry::{Registration, Schemas};
use crate::bus::topics::Kind;
use crate::clock::Deadline;

/// How an effect goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It does not happen, and says so.
    Fails,
    /// It happens, and says that it failed.
    Lies,
    /// The process dies before it.
    DiesBefore,
    /// The process dies after it.
    DiesAfter,
}

pub(super) const EVERY_WRONG: [Wrong; 4] = [Wrong::Fails, Wrong::Lies, Wrong::DiesBefore, Wrong::DiesAfter];

/// Which effects go wrong: by their number, counted from 1 over all processes.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) faults: BTreeMap<usize, Wrong>,
    pub(super) effects: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Open,
    Committed,
    Aborted,
}

enum Entry {
    Row { key: Vec<u8>, value: Option<Vec<u8>>, transaction: usize },
    Marker,
}

#[derive(Default)]
struct Topic {
    id: String,
    entries: Vec<Entry>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Topic>,
    /// By number: outcome, the topics written to, and the transactional id.
    transactions: Vec<(Outcome, BTreeSet<String>, String)>,
    epochs: HashMap<String, usize>,
    schemas: HashMap<(String, String), u32>,
    plan: Plan,
}

/// What outlives every process.
#[derive(Clone, Default)]
pub(super) struct FakeCluster(Arc<Mutex<State>>);

impl FakeCluster {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn plan(&self, faults: BTreeMap<usize, Wrong>) {
        self.state().plan = Plan { faults, effects: 0 };
    }

    /// Effects so far.
    pub(super) fn effects(&self) -> usize {
        self.state().plan.effects
    }

    pub(super) fn heal(&self) {
        self.state().plan.faults.clear();
    }

    /// The table as an upsert reader of committed records has it.
    pub(super) fn upsert(&self, topic: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let state = self.state();
        let mut rows = BTreeMap::new();
        for entry in state.topics.get(topic).map_or(&[][..], |topic| &topic.entries) {
            let Entry::Row { key, value, transaction } = entry else { continue };
            if state.transactions[*transaction].0 == Outcome::Committed {
                match value {
                    Some(value) => rows.insert(key.clone(), value.clone()),
                    None => rows.remove(key),
                };
            }
        }
        rows
    }

    /// Hands out other ids from now on, and knows none of the old ones.
    pub(super) fn lose_schemas(&self) {
        let mut state = self.state();
        state.schemas = HashMap::from([((String::new(), String::new()), 1)]);
    }

    /// Whether the registry knows the schema id in the key.
    pub(super) fn knows(&self, key: &[u8]) -> bool {
        let (id, _) = mirrorbus_schemas::wire::split(key).unwrap();
        self.state().schemas.values().any(|known| *known == id)
    }

    /// Takes the newest row of a topic away, as a transaction torn apart would.
    pub(super) fn tear(&self, topic: &str) {
        let mut state = self.state();
        let entries = &mut state.topics.get_mut(topic).unwrap().entries;
        let row = entries.iter_mut().rev().find(|entry| matches!(entry, Entry::Row { .. }));
        *row.unwrap() = Entry::Marker;
    }

    pub(super) fn open_transactions(&self) -> usize {
        self.state().transactions.iter().filter(|(outcome, ..)| *outcome == Outcome::Open).count()
    }
}

impl State {
    fn end(&mut self, transaction: usize, outcome: Outcome) {
        let (now, topics, _) = &mut self.transactions[transaction];
        *now = outcome;
        for topic in topics.clone() {
            if let Some(topic) = self.topics.get_mut(&topic) {
                topic.entries.push(Entry::Marker);
            }
        }
    }

    fn stable_end(&self, topic: &Topic) -> usize {
        let is_open = |entry: &Entry| match entry {
            Entry::Row { transaction, .. } => self.transactions[*transaction].0 == Outcome::Open,
            Entry::Marker => false,
        };
        topic.entries.iter().position(is_open).unwrap_or(topic.entries.len())
    }
}

/// One life of a bridge. Once dead, nothing it asks for happens.
#[derive(Clone)]
pub(super) struct Process {
    cluster: FakeCluster,
    dead: Arc<Mutex<bool>>,
}

fn wrong() -> BusError {
    BusError::kafka("scripted", "this effect went wrong")
}

impl Process {
    pub(super) fn on(cluster: &FakeCluster) -> Arc<Self> {
        Arc::new(Self { cluster: cluster.clone(), dead: Arc::default() })
    }

    pub(super) fn is_dead(&self) -> bool {
        *self.dead.lock().unwrap()
    }

    /// Nothing of this life runs any more, but for what is dropped on the way.
    fn die(&self) {
        *self.dead.lock().unwrap() = true;
        if !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("the process died"));
        }
    }

    /// Lets one effect happen, or not, as the plan says.
    fn effect<T>(&self, happen: impl FnOnce(&mut State) -> Result<T, BusError>) -> Result<T, BusError> {
        if self.is_dead() {
            return Err(wrong());
        }
        let mut state = self.cluster.state();
        state.plan.effects += 1;
        let number = state.plan.effects;
        let Some(fault) = state.plan.faults.get(&number).copied() else { return happen(&mut state) };
        if matches!(fault, Wrong::Lies | Wrong::DiesAfter) {
            drop(happen(&mut state));
        }
        drop(state);
        if matches!(fault, Wrong::DiesBefore | Wrong::DiesAfter) {
            self.die();
        }
        Err(wrong())
    }
}

impl Questions for Process {
    fn describe(&self, topics: &[String]) -> Result<HashMap<String, TopicDescription>, BusError> {
        self.effect(|state| {
            let found = topics.iter().filter_map(|name| {
                let id = state.topics.get(name)?.id.clone();
                Some((name.clone(), TopicDescription { id, partitions: 1 }))
            });
            Ok(found.collect())
        })
    }

    fn offsets(
        &self,
        partitions: &[(String, i32)],
        spec: Spec,
        isolation: Isolation,
    ) -> Result<HashMap<(String, i32), i64>, BusError> {
        self.effect(|state| {
            let offset = |name: &String| -> Result<i64, BusError> {
                let topic = state.topics.get(name).ok_or_else(wrong)?;
                Ok(match (spec, isolation) {
                    (Spec::Earliest, _) => 0,
                    (Spec::Latest, Isolation::ReadCommitted) => state.stable_end(topic),
                    (Spec::Latest, Isolation::ReadUncommitted) => topic.entries.len(),
                } as i64)
            };
            partitions.iter().map(|partition| Ok((partition.clone(), offset(&partition.0)?))).collect()
        })
    }

    fn check(&self) -> Result<(), BusError> {
        self.effect(|_| Ok(()))
    }
}

impl Log for Process {
    fn list(&self) -> Result<Vec<String>, BusError> {
        self.effect(|state| Ok(state.topics.keys().cloned().collect()))
    }

    fn create(&self, wanted: &[(String, Kind)]) -> Result<(), BusError> {
        self.effect(|state| {
            for (name, _) in wanted {
                let id = format!("id{}", state.topics.len());
                state.topics.entry(name.clone()).or_insert_with(|| Topic { id, entries: Vec::new() });
            }
            Ok(())
        })
    }

    fn read(
        &self,
        parts: &[Part],
        _deadline: &Deadline,
        visit: &mut dyn FnMut(&Record<'_>) -> Result<Next, BusError>,
    ) -> Result<Vec<Part>, BusError> {
        self.effect(|state| {
            for part in parts {
                let topic = state.topics.get(&part.topic).ok_or_else(wrong)?;
                if part.to > state.stable_end(topic) as i64 {
                    return Err(BusError::Deadline { before: "the end of a topic was read" });
                }
                for offset in part.from..part.to {
                    let entry = &topic.entries[usize::try_from(offset).unwrap()];
                    let Entry::Row { key, value, transaction } = entry else { continue };
                    if state.transactions[*transaction].0 == Outcome::Committed {
                        let (key, value) = (Some(&key[..]), value.as_deref());
                        let record =
                            Record { topic: &part.topic, partition: part.partition, offset, key, value };
                        assert_eq!(visit(&record)?, Next::Go, "no test has so many keys");
                    }
                }
            }
            Ok(Vec::new())
        })
    }

    fn open(&self, id: &str, _deadline: &Deadline) -> Result<Box<dyn Producer>, BusError> {
        let epoch = self.effect(|state| {
            let open = |(outcome, _, owner): &(Outcome, BTreeSet<String>, String)| {
                *outcome == Outcome::Open && owner == id
            };
            if let Some(transaction) = state.transactions.iter().position(open) {
                state.end(transaction, Outcome::Aborted);
            }
            let epoch = state.epochs.entry(id.to_owned()).or_default();
            *epoch += 1;
            Ok(*epoch)
        })?;
        let process = self.clone();
        let id = id.to_owned();
        Ok(Box::new(FakeProducer {
            process,
            id,
            epoch,
            transaction: None,
            delivered: HashMap::new(),
            spoiled: false,
        }))
    }
}

impl Schemas for Process {
    fn register(&self, wanted: Vec<Registration>) -> Result<Vec<u32>, BusError> {
        self.effect(|state| {
            let mut ids = Vec::new();
            for Registration { subject, schema, .. } in wanted {
                let next = state.schemas.len() as u32 + 1;
                ids.push(*state.schemas.entry((subject, schema)).or_insert(next));
            }
            Ok(ids)
        })
    }

    fn find(&self, id: u32) -> Result<Option<String>, BusError> {
        self.effect(|state| {
            let found = state.schemas.iter().find(|(_, known)| **known == id);
            Ok(found.map(|((_, schema), _)| schema.clone()))
        })
    }

    fn forget(&self) {}

    fn check(&self) -> Result<(), BusError> {
        Ok(())
    }

    fn address(&self) -> &str {
        "in memory"
    }
}

struct FakeProducer {
    process: Process,
    id: String,
    epoch: usize,
    transaction: Option<usize>,
    delivered: HashMap<(usize, i32), Delivered>,
    spoiled: bool,
}

impl FakeProducer {
    /// An effect that only the newest producer of its id has.
    fn effect<T>(&self, happen: impl FnOnce(&mut State) -> Result<T, BusError>) -> Result<T, BusError> {
        self.process
            .effect(|state| if state.epochs[&self.id] == self.epoch { happen(state) } else { Err(wrong()) })
    }
}

impl Producer for FakeProducer {
    fn is_usable(&self) -> bool {
        !self.spoiled
    }

    /// Kafka learns of a transaction with its first record.
    fn begin(&mut self) -> Result<(), BusError> {
        assert!(!self.spoiled, "a spoilt producer is used again");
        self.transaction = None;
        self.delivered.clear();
        Ok(())
    }

    fn send(&mut self, record: Outgoing<'_>, _deadline: &Deadline) -> Result<(), BusError> {
        let (transaction, id) = (self.transaction, self.id.clone());
        let sent = self.effect(|state| {
            let transaction = transaction.unwrap_or(state.transactions.len());
            if transaction == state.transactions.len() {
                state.transactions.push((Outcome::Open, BTreeSet::new(), id));
            }
            state.transactions[transaction].1.insert(record.topic.to_owned());
            let topic = state.topics.get_mut(record.topic).ok_or_else(wrong)?;
            let (key, value) = (record.key.unwrap_or_default().to_vec(), record.value.map(<[u8]>::to_vec));
            let offset = topic.entries.len() as i64;
            let one = Delivered::one(offset, &key, value.as_deref().unwrap_or_default());
            topic.entries.push(Entry::Row { key, value, transaction });
            Ok((transaction, one))
        });
        let (transaction, one) = sent?;
        self.transaction = Some(transaction);
        let sum = self.delivered.entry((record.slot, 0));
        sum.and_modify(|sum| *sum = sum.and(one)).or_insert(one);
        Ok(())
    }

    fn confirm(&mut self, _deadline: &Deadline) -> Result<(), BusError> {
        self.effect(|_| Ok(()))
    }

    fn delivered(&self, slot: usize) -> Vec<(i32, Delivered)> {
        let of_slot = self.delivered.iter().filter(|((of, _), _)| *of == slot);
        of_slot.map(|((_, partition), delivered)| (*partition, *delivered)).collect()
    }

    fn commit(&mut self, _deadline: &Deadline) -> Result<(), BusError> {
        let transaction = self.transaction;
        let done = self.effect(|state| {
            transaction.into_iter().for_each(|number| state.end(number, Outcome::Committed));
            Ok(())
        });
        self.spoiled |= done.is_err();
        done.map_err(|error| BusError::Unknown { reason: error.to_string() })
    }

    fn abort(&mut self) {
        let id = self.id.clone();
        let done = self.effect(|state| {
            // A record that was sent although it was said to have failed is aborted, too.
            let open = |(outcome, _, owner): &(Outcome, BTreeSet<String>, String)| {
                *outcome == Outcome::Open && *owner == id
            };
            if let Some(number) = state.transactions.iter().position(open) {
                state.end(number, Outcome::Aborted);
            }
            Ok(())
        });
        self.spoiled |= done.is_err();
    }
}
