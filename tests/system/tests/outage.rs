//! Kafka away: a failed call, never a lost row, and no repopulation afterwards. These tests stop Kafka and so start
//! their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mirrorbus::batch::{Batch, Column, ColumnType, Lsn, Operation, TableColumns, Value};
use mirrorbus::bus::offsets::{Isolation, Questions, Spec, TopicDescription};
use mirrorbus::bus::order::CallMark;
use mirrorbus::bus::registry::RegistrySettings;
use mirrorbus::bus::settings::BusSettings;
use mirrorbus::bus::{Bus, BusError, Caller};
use mirrorbus::clock::{Deadline, SystemClock};
use mirrorbus_schemas::topic::{Prefix, Tenant};
use operations_center::wire::Request;
use services::{Options, Services, Storage};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{World, batch, contact};

fn own_services() -> (Services, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { folder: folder.path().to_owned(), registry: Some(Storage::Memory), nodes: 1 };
    let services = Services::start(&options, &mut |line| println!("{line}")).unwrap();
    (services, folder)
}

#[test]
fn a_broker_that_is_down_means_a_failed_call_and_the_next_cycle_catches_up() {
    let (mut services, _folder) = own_services();
    let world = World::on(&services.bootstrap_servers(), &services.registry_url().unwrap());
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    vendor.open(&[contact()]);
    services.kill_kafka();
    let lost = vendor.fail(&Request::row_data(&[batch(&contact(), 4, &[("I", 2, "b")])]));
    assert!(lost.starts_with("KAFKA_UNAVAILABLE: "), "{lost}");
    vendor.later();
    vendor.fail(&Request::authenticate());
    services.start_kafka().unwrap();
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
    };
    let registry = RegistrySettings { url: world.cluster.registry.clone(), basic: None };
    Bus::new(settings, registry, Arc::new(SystemClock), runtime.handle().clone()).unwrap()
}

fn caller(world: &World, token_time: i64, what: &str) -> Caller {
    Caller {
        tenant: Tenant::new(&world.tenant).unwrap(),
        mark: CallMark { token_time, digest: format!("{token_time}-{what}") },
        deadline: Deadline::start(Duration::from_secs(45)),
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
    let (services, _folder) = own_services();
    let world = World::on(&services.bootstrap_servers(), &services.registry_url().unwrap());
    let services = Arc::new(Mutex::new(services));
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
        let services = Arc::clone(&services);
        move || services.lock().unwrap().kill_kafka()
    };
    let second = bus(&world, &runtime).with_questions(|questions| {
        Arc::new(Interrupted { questions, between: Mutex::new(Some(Box::new(kill))) })
    });
    second.authenticate(&caller(&world, 101, "authenticate")).unwrap();
    let failed = second.table_schema(&caller(&world, 101, "schema"), vec![columns()]).unwrap_err();
    assert!(matches!(failed, BusError::Kafka { .. }), "{failed}");
    services.lock().unwrap().start_kafka().unwrap();
    second.authenticate(&caller(&world, 102, "authenticate")).unwrap();
    let answered = second.table_schema(&caller(&world, 102, "schema"), vec![columns()]).unwrap();
    assert_eq!(answered, [("contact".to_owned(), 7)]);
}
