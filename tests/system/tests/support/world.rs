//! A registered application with a prefix and a tenant of its own, on a cluster that others use too.

use std::path::Path;
use std::sync::OnceLock;

use apache_avro::reader::datum::GenericDatumReader;
use mirrorbus_librdkafka::Isolation;
use mirrorbus_schemas::event::{self, CycleEvent};
use mirrorbus_schemas::wire;
use operations_center::application::Application;
use tempfile::TempDir;
use tracing_subscriber::EnvFilter;

use super::bridge::Bridge;
use super::topic::Cluster;
use super::vendor::Vendor;

/// Where a test takes place.
pub struct World {
    pub cluster: Cluster,
    pub prefix: String,
    pub tenant: String,
    folder: TempDir,
}

/// Keys take a second to make; one application serves all tests.
pub fn application() -> &'static Application {
    static APPLICATION: OnceLock<Application> = OnceLock::new();
    APPLICATION.get_or_init(|| Application::generate_with_key("0123456789abcdef", 1024).unwrap())
}

/// What the mirror in this process says stands beside a failed test; RUST_LOG chooses how much.
fn show_logs() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,mirrorbus_mirror=info"));
    // An error says that an earlier test has done it.
    let _ = tracing_subscriber::fmt().with_test_writer().with_env_filter(filter).try_init();
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run through `make test`, which starts Kafka and a registry")
    })
}

impl World {
    /// On the cluster that all tests share.
    pub fn new() -> Self {
        Self::on(&variable("MIRRORBUS_TEST_KAFKA"), &variable("MIRRORBUS_TEST_REGISTRY"))
    }

    /// With a bridge, and a vendor that calls it.
    pub fn with_bridge() -> (Self, Bridge, Vendor) {
        let world = Self::new();
        let bridge = world.bridge();
        let vendor = world.vendor(&bridge);
        (world, bridge, vendor)
    }

    /// On a cluster of the test's own.
    pub fn on(kafka: &str, registry: &str) -> Self {
        show_logs();
        let number: u32 = rand::random();
        let folder = tempfile::tempdir().unwrap();
        application().save(folder.path()).unwrap();
        Self {
            cluster: Cluster::new(kafka, registry),
            prefix: format!("t{number:08x}"),
            tenant: format!("Cust{number}"),
            folder,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A bridge process that serves this world's application, once it answers.
    pub fn bridge(&self) -> Bridge {
        Bridge::start(self, "")
    }

    /// The same with more lines at the end of the configuration, in the application's block.
    pub fn bridge_with(&self, more: &str) -> Bridge {
        Bridge::start(self, more)
    }

    /// Calls `bridge` as the vendor would for this world's tenant.
    pub fn vendor(&self, bridge: &Bridge) -> Vendor {
        Vendor::new(&self.tenant, bridge)
    }

    /// The name of a table's topic.
    pub fn topic(&self, table: &str) -> String {
        format!("{}.{}.{table}", self.prefix, self.tenant)
    }

    pub fn positions(&self) -> String {
        format!("{}-sys.{}.positions", self.prefix, self.tenant)
    }

    /// The tenant's events so far.
    pub fn events(&self) -> Vec<CycleEvent> {
        let topic = format!("{}-sys.{}.cycles", self.prefix, self.tenant);
        let records = self.cluster.read(&topic, Isolation::ReadCommitted).into_iter();
        let decoded = records.map(|record| {
            let (_, mut datum) = wire::split(record.value.as_deref().unwrap()).unwrap();
            let reader = GenericDatumReader::builder(&event::SCHEMA).build().unwrap();
            reader.read_deser(&mut datum).unwrap()
        });
        decoded.collect()
    }

    /// The table `contact` as an upsert reader has it: id and name.
    pub fn contacts(&self) -> Vec<(i32, Option<String>)> {
        self.named_rows("contact")
    }

    /// Any table of two columns, a number and a text, as an upsert reader has it.
    pub fn named_rows(&self, table: &str) -> Vec<(i32, Option<String>)> {
        use apache_avro::types::Value;
        let mut schemas = Default::default();
        let rows = self.cluster.upsert(&self.topic(table)).into_values();
        let mut rows: Vec<_> = rows
            .map(|value| match self.cluster.decode(&value, &mut schemas) {
                Value::Record(fields) => match fields.as_slice() {
                    [(_, Value::Int(id)), (_, Value::Union(_, name))] => match &**name {
                        Value::String(name) => (*id, Some(name.clone())),
                        Value::Null => (*id, None),
                        other => panic!("no text: {other:?}"),
                    },
                    other => panic!("not two columns: {other:?}"),
                },
                other => panic!("no record: {other:?}"),
            })
            .collect();
        rows.sort();
        rows
    }
}
