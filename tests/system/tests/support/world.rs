//! A registered application with a prefix and a tenant of its own, on a cluster that others use too.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use mirrorbus_librdkafka::Isolation;
use mirrorbus_schemas::event::{self, CycleEvent};
use mirrorbus_schemas::wire;
use operations_center::application::Application;
use reader::Decoder;
use tempfile::TempDir;
use tracing_subscriber::EnvFilter;

use super::bridge::Bridge;
use super::topic::Cluster;
use super::vendor::Vendor;

/// The environment variables that name the services that all tests share.
const KAFKA: &str = "MIRRORBUS_TEST_KAFKA";
pub const REGISTRY: &str = "MIRRORBUS_TEST_REGISTRY";

/// Where a test takes place.
pub struct World {
    pub cluster: Cluster,
    pub prefix: String,
    pub tenant: String,
    /// Of every topic; more than half of them must be there.
    pub copies: usize,
    /// How long the bridges' calls may take.
    pub call_timeout: Duration,
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
        Self::on(&variable(KAFKA), &variable(REGISTRY))
    }

    /// Another tenant of the same application.
    pub fn another_tenant(&self) -> Self {
        let number: u32 = rand::random();
        Self { tenant: format!("Cust{number}"), ..self.at(&self.cluster.kafka) }
    }

    /// The same tenant on another cluster.
    pub fn at(&self, kafka: &str) -> Self {
        let other = Self::on(kafka, &self.cluster.registry);
        Self { prefix: self.prefix.clone(), tenant: self.tenant.clone(), ..other }
    }

    /// The same, but for a registry that is reached at another address.
    pub fn with_registry(self, registry: &str) -> Self {
        Self { cluster: Cluster::new(&self.cluster.kafka, registry), ..self }
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
            copies: kafka.split(',').count().min(3),
            call_timeout: Duration::from_secs(45),
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

    /// One past the last record of every topic of this world's application, committed or not: what a call moves if
    /// it moves anything. Waits for the markers of transactions that have ended: they come a moment after the commit.
    pub fn ends(&self) -> BTreeMap<String, i64> {
        let roots = [format!("{}.", self.prefix), format!("{}-sys.", self.prefix)];
        let topics = self.cluster.topics().into_iter();
        let topics = topics.filter(|topic| roots.iter().any(|root| topic.starts_with(root)));
        topics.map(|topic| (topic.clone(), self.cluster.settled_end(&topic))).collect()
    }

    /// Waits until no transaction is open. Kafka says that it has committed before the markers stand in the topics, and may
    /// forget them when it is killed just then (see HANGING_TRANSACTION in the README): tests that kill it
    /// for another reason wait first.
    pub fn settle(&self) {
        self.ends();
    }

    /// [`World::ends`] without events: of rows that are refused for what they hold one tells.
    pub fn ends_but_events(&self) -> BTreeMap<String, i64> {
        let mut ends = self.ends();
        ends.retain(|topic, _| !topic.ends_with(".cycles"));
        ends
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

    /// Any table as an upsert reader has it, each row's columns by name, in the order of their keys' bytes.
    pub fn decoded(&self, table: &str) -> Vec<BTreeMap<String, Value>> {
        let mut decoder = self.cluster.decoder();
        let rows = self.cluster.upsert(&self.topic(table)).into_values();
        rows.map(|value| self.columns(&value, &mut decoder)).collect()
    }

    /// A row's columns by name, without the unions around them.
    pub fn columns(&self, value: &[u8], decoder: &mut Decoder) -> BTreeMap<String, Value> {
        let fields = decoder.fields(value).unwrap();
        let plain = |value| match value {
            Value::Union(_, value) => *value,
            value => value,
        };
        fields.into_iter().map(|(name, value)| (name, plain(value))).collect()
    }

    /// Every committed row of `contact` that is no tombstone, in the order of the topic.
    pub fn all_contacts(&self) -> Vec<(i32, Option<String>)> {
        let mut decoder = self.cluster.decoder();
        let records = self.cluster.read(&self.topic("contact"), Isolation::ReadCommitted).into_iter();
        let rows = records.filter_map(|record| record.value);
        rows.map(|value| named(&decoder.fields(&value).unwrap())).collect()
    }

    /// The table `contact` as an upsert reader has it: id and name.
    pub fn contacts(&self) -> Vec<(i32, Option<String>)> {
        self.named_rows("contact")
    }

    /// Any table of two columns, a number and a text, as an upsert reader has it.
    pub fn named_rows(&self, table: &str) -> Vec<(i32, Option<String>)> {
        let mut decoder = self.cluster.decoder();
        let rows = self.cluster.upsert(&self.topic(table)).into_values();
        let mut rows: Vec<_> = rows.map(|value| named(&decoder.fields(&value).unwrap())).collect();
        rows.sort();
        rows
    }
}

/// A row of two columns, a number and a text.
fn named(fields: &[(String, Value)]) -> (i32, Option<String>) {
    match fields {
        [(_, Value::Int(id)), (_, Value::Union(_, name))] => match &**name {
            Value::String(name) => (*id, Some(name.clone())),
            Value::Null => (*id, None),
            other => panic!("no text: {other:?}"),
        },
        other => panic!("not two columns: {other:?}"),
    }
}
