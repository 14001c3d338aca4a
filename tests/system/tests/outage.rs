//! Kafka away: a failed call, never a lost row, and no repopulation afterwards. These tests stop Kafka and so start
//! their own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mirrorbus::batch::{Batch, Column, ColumnType, Lsn, Operation, TableColumns, Value};
use mirrorbus::bus::log::Questions;
use mirrorbus::bus::offsets::{Isolation, Spec, TopicDescription};
use mirrorbus::bus::order::CallMark;
use mirrorbus::bus::registry::RegistrySettings;
use mirrorbus::bus::settings::BusSettings;
use mirrorbus::bus::{Bus, BusError, Caller};
use mirrorbus::clock::{Deadline, SystemClock};
use mirrorbus_schemas::topic::{Prefix, Tenant};
use operations_center::wire::Request;
use tokio::runtime::Runtime;

use crate::support::bridge::Bridge;
use crate::support::own::settings;
use crate::support::vendor::table;
use crate::support::{Own, World, batch, contact, wait_until};

#[test]
fn a_broker_that_is_down_means_a_failed_call_and_the_next_cycle_catches_up() {
    let mut own = Own::start();
    let world = own.world();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    vendor.open(&[contact()]);
    world.settle();
    own.services.kill_kafka();
    let lost = vendor.fail(&Request::row_data(&[batch(&contact(), 4, &[("I", 2, "b")])]));
    assert!(lost.starts_with("KAFKA_UNAVAILABLE: "), "{lost}");
    vendor.later();
    vendor.fail(&Request::authenticate());
    own.services.start_kafka().unwrap();
    assert_eq!(vendor.cycle(&[batch(&contact(), 4, &[("I", 2, "b")])])["contact"], 3, "not -1, and not 4");
    assert_eq!(world.contacts().len(), 2);
    assert_eq!(vendor.open(&[contact()])["contact"], 4);
}

/// The cluster's own questions, with something that happens once between the first and the second.
struct Interrupted {
    questions: Arc<dyn Questions>,
    between: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Questions for Interrupted {
    fn describe(&self, topics: &[String]) -> Result<HashMap<String, TopicDescription>, BusError> {
        self.questions.describe(topics)
    }

    fn offsets(
        &self,
        partitions: &[(String, i32)],
        spec: Spec,
        isolation: Isolation,
    ) -> Result<HashMap<(String, i32), i64>, BusError> {
        // Only TableSchema and Wipe ask for first offsets.
        if spec == Spec::Earliest
            && let Some(happen) = self.between.lock().unwrap().take()
        {
            happen();
        }
        self.questions.offsets(partitions, spec, isolation)
    }

    fn check(&self) -> Result<(), BusError> {
        self.questions.check()
    }
}

fn bus(world: &World, runtime: &Runtime) -> Bus {
    let settings = BusSettings {
        prefix: Prefix::new(&world.prefix).unwrap(),
        bootstrap_servers: world.cluster.kafka.clone(),
        properties: Default::default(),
        partitions: 1,
        replication_factor: 1,
        min_insync_replicas: 1,
        max_record_bytes: 1024 * 1024,
        delete_retention: Duration::from_secs(3600),
        ignore_tables: Default::default(),
        key_columns: Default::default(),
        on_wipe: Default::default(),
    };
    let registry = RegistrySettings { url: world.cluster.registry.clone(), basic: None };
    Bus::new(settings, registry, Arc::new(SystemClock), runtime.handle().clone()).unwrap()
}

fn caller(world: &World, token_time: i64, what: &str) -> Caller {
    Caller {
        tenant: Tenant::new(&world.tenant).unwrap(),
        mark: CallMark { token_time, digest: format!("{token_time}-{what}") },
        deadline: Deadline::start(Duration::from_secs(45)),
        positions_end: None,
    }
}

fn columns() -> TableColumns {
    let id = Column {
        name: "id".to_owned(),
        sql_type: "int".to_owned(),
        kind: ColumnType::Int,
        nullable: false,
        default: String::new(),
    };
    TableColumns { table: "contact".to_owned(), columns: vec![id] }
}

#[test]
fn kafka_stopped_between_the_two_queries_of_a_table_schema_fails_it_and_repopulates_nothing() {
    let own = Own::start();
    let world = own.world();
    let own = Arc::new(Mutex::new(own));
    let runtime = Runtime::new().unwrap();
    let first = bus(&world, &runtime);
    first.authenticate(&caller(&world, 100, "authenticate")).unwrap();
    first.table_schema(&caller(&world, 100, "schema"), vec![columns()]).unwrap();
    let rows = Batch {
        table: columns(),
        lsn: Lsn::new(7),
        operations: vec![Operation::Insert],
        values: vec![Value::Int(1)],
        cut_values: 0,
        discarded_rows: 0,
    };
    first.row_data(&caller(&world, 100, "rows"), &[rows]).unwrap();
    first.completed(&caller(&world, 100, "completed"), &[]).unwrap();

    let kill = {
        let own = Arc::clone(&own);
        move || own.lock().unwrap().services.kill_kafka()
    };
    let second = bus(&world, &runtime).with_questions(|questions| {
        Arc::new(Interrupted { questions, between: Mutex::new(Some(Box::new(kill))) })
    });
    second.authenticate(&caller(&world, 101, "authenticate")).unwrap();
    world.settle();
    let failed = second.table_schema(&caller(&world, 101, "schema"), vec![columns()]).unwrap_err();
    assert!(matches!(failed, BusError::Kafka { .. }), "{failed}");
    own.lock().unwrap().services.start_kafka().unwrap();
    second.authenticate(&caller(&world, 102, "authenticate")).unwrap();
    let answered = second.table_schema(&caller(&world, 102, "schema"), vec![columns()]).unwrap();
    assert_eq!(answered, [("contact".to_owned(), 7)]);
}

#[test]
fn a_bridge_started_without_kafka_is_not_ready_fails_calls_at_once_and_goes_on_when_kafka_comes() {
    let mut own = Own::start();
    let world = own.world();
    own.services.stop_kafka();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    for _ in 0..3 {
        assert_eq!(bridge.readiness(), 503);
        let began = Instant::now();
        let message = vendor.later().fail(&Request::authenticate());
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert!(message.starts_with("KAFKA_UNAVAILABLE: "), "{message}");
    }
    let address = own.services.bootstrap_servers();
    let failed: Vec<_> =
        bridge.log().lines().filter(|line| line.contains("call failed")).map(str::to_owned).collect();
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|line| line.contains(&address)), "{failed:#?}");
    own.services.start_kafka().unwrap();
    wait_until("the bridge is ready", || bridge.readiness() == 200);
    assert_eq!(vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])])["contact"], -1);
    assert_eq!(world.contacts().len(), 1);
}

#[test]
fn a_producer_that_kafka_has_forgotten_is_replaced_and_loses_nothing() {
    const EXPIRING: [(&str, &str); 3] = [
        ("transactional.id.expiration.ms", "8000"),
        ("transaction.remove.expired.transaction.cleanup.interval.ms", "500"),
        ("transaction.state.log.num.partitions", "1"),
    ];
    let own = Own::with(|options| {
        options.settings = settings(EXPIRING);
    });
    let world = own.world();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 0, &[("I", 1, "a")])]);
    let id = format!("{}.{}", world.prefix, world.tenant);
    let ids = [id.clone(), format!("{id}.2")];
    wait_until("kafka has forgotten both producers", || {
        let log = world.cluster.read("__transaction_state", Isolation::ReadUncommitted);
        ids.iter().all(|id| {
            let newest = log.iter().rfind(|record| record.key.ends_with(id.as_bytes()));
            newest.is_some_and(|record| record.value.is_none())
        })
    });
    let taken = vendor.answer(&Request::row_data(&[batch(&contact(), 0, &[("I", 2, "b")])])).is_successful;
    assert_eq!(world.contacts().len(), if taken { 2 } else { 1 });
    vendor.rows(&[batch(&contact(), 4, &[("I", 2, "b")])]);
    vendor.complete();
    assert_eq!(world.contacts().len(), 2);
    assert_eq!(vendor.open(&[contact()])["contact"], 4);
}

#[test]
fn brokers_that_make_topics_by_themselves_make_none_of_the_bridges() {
    let own = Own::with(|options| {
        options.settings = settings([("auto.create.topics.enable", "true"), ("num.partitions", "3")]);
    });
    let world = own.world();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    let never = table("never_a_row");
    vendor.open(&[contact(), never.clone()]);
    vendor.wipe("never_a_row");
    vendor.rows(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    vendor.complete();
    assert_eq!(world.cluster.topic_id(&world.topic("never_a_row")), None);
    assert_eq!(world.cluster.setting(&world.topic("contact"), "cleanup.policy"), "compact");
    assert_eq!(world.cluster.partitions(&world.topic("contact")), 1);
    assert_eq!(world.cluster.partitions(&world.positions()), 1);
    assert_eq!(vendor.open(&[contact(), never])["contact"], 3);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, target) = (entry.unwrap(), |name: std::ffi::OsString| to.join(name));
        let target = target(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_cluster_or_a_topic_set_back_to_an_older_state_gets_the_lost_rows_again() {
    let mut own = Own::start();
    let world = own.world();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "a")])]);
    own.services.stop_kafka();
    let (data, snapshot) = (own.data(1), world.folder().join("snapshot"));
    copy(&data, &snapshot);
    own.services.start_kafka().unwrap();
    assert_eq!(vendor.cycle(&[batch(&contact(), 2, &[("I", 2, "b")])])["contact"], 1);

    // Everything set back: positions and rows agree, and the older position asks for what was lost.
    own.services.stop_kafka();
    std::fs::remove_dir_all(&data).unwrap();
    copy(&snapshot, &data);
    own.services.start_kafka().unwrap();
    assert_eq!(world.contacts().len(), 1);
    assert_eq!(vendor.cycle(&[batch(&contact(), 2, &[("I", 2, "b")])])["contact"], 1);
    assert_eq!(world.contacts().len(), 2);

    // Only the rows set back: the position does not believe them.
    own.services.stop_kafka();
    let rows = format!("{}-0", world.topic("contact"));
    std::fs::remove_dir_all(data.join(&rows)).unwrap();
    copy(&snapshot.join(&rows), &data.join(&rows));
    own.services.start_kafka().unwrap();
    assert_eq!(world.contacts().len(), 1);
    assert_eq!(vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])])["contact"], -1);
    assert_eq!(world.contacts().len(), 2);
    assert_eq!(vendor.open(&[contact()])["contact"], 3);
}

#[test]
fn breaking_a_cluster_of_ones_own_leaves_the_one_that_the_environment_names_alone() {
    let shared = World::new();
    let mut own = Own::start();
    assert_ne!(own.services.bootstrap_servers(), shared.cluster.kafka);
    let brokers = shared.cluster.broker_ids();
    own.services.kill_kafka();
    assert_eq!(shared.cluster.broker_ids(), brokers);
    let bridge = Bridge::start(&shared, "");
    shared.vendor(&bridge).cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    assert_eq!(shared.contacts().len(), 1);
}
