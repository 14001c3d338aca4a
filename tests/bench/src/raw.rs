//! A transactional producer without a bridge: the same records, made before, in transactions of the bridge's shape:
//! rows, their deliveries, a position on a second topic, commit. Same settings, headers, flush and commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mirrorbus_librdkafka as librdkafka;
use mirrorbus_schemas::header;
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::parse::Record;
use crate::stage::Stage;

const TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
/// A position of a table of 14 columns takes about as much.
const POSITION: &[u8] = &[b'p'; 2000];
const ROWS: &str = "raw.Cust1.contact";
const POSITIONS: &str = "raw-sys.Cust1.positions";

#[derive(Default)]
struct Context {
    confirmed: AtomicU64,
}

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// An initialised producer with its poll thread.
pub(crate) struct Raw {
    producer: Arc<BaseProducer<Context>>,
    stop: Arc<AtomicBool>,
    poller: Option<JoinHandle<()>>,
    headers: OwnedHeaders,
}

impl Raw {
    pub(crate) fn open(stage: &Stage) -> anyhow::Result<Self> {
        create_topics(stage)?;
        let mut config = stage.bus_settings()?.producer();
        let producer: BaseProducer<Context> =
            config.set("transactional.id", "raw.Cust1").create_with_context(Context::default())?;
        let (producer, stop) = (Arc::new(producer), Arc::new(AtomicBool::new(false)));
        let (polled, stopped) = (Arc::clone(&producer), Arc::clone(&stop));
        let poller = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                librdkafka::serve(polled.client(), POLL, |deliveries| {
                    let delivered = deliveries.filter(|delivery| delivery.failure().is_none()).count() as u64;
                    polled.context().confirmed.fetch_add(delivered, Ordering::Relaxed);
                });
            }
        });
        producer.init_transactions(TIMEOUT)?;
        Ok(Self { producer, stop, poller: Some(poller), headers: headers() })
    }

    /// One transaction, and how long it took.
    pub(crate) fn call(&self, records: &[Record]) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let confirmed = &self.producer.context().confirmed;
        confirmed.store(0, Ordering::Relaxed);
        self.producer.begin_transaction()?;
        for record in records {
            let headers = self.headers.clone();
            let mut sent = BaseRecord::<[u8], [u8], ()>::to(ROWS).key(&record.key).headers(headers);
            sent.payload = record.value.as_deref();
            self.producer.send(sent).map_err(|(error, _)| error)?;
        }
        librdkafka::flush(self.producer.client(), TIMEOUT)?;
        anyhow::ensure!(confirmed.load(Ordering::Relaxed) == records.len() as u64, "not all were delivered");
        let position = BaseRecord::<[u8], [u8], ()>::to(POSITIONS).key(b"contact").payload(POSITION);
        self.producer.send(position).map_err(|(error, _)| error)?;
        librdkafka::flush(self.producer.client(), TIMEOUT)?;
        librdkafka::commit(self.producer.client(), TIMEOUT)?;
        Ok(began.elapsed())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(poller) = self.poller.take() {
            // A panic there has been printed, and ends nothing here.
            let _ = poller.join();
        }
    }
}

/// As many and as long as the bridge's.
fn headers() -> OwnedHeaders {
    let values = [
        (header::TENANT, "Cust1"),
        (header::TABLE, "contact"),
        (header::LSN, "4711"),
        (header::CYCLE, "0123456789abcdef"),
        (header::EPOCH, "1700000000000"),
        (header::OP, "I"),
    ];
    values.into_iter().fold(OwnedHeaders::new_with_capacity(6), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value) })
    })
}

fn create_topics(stage: &Stage) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = stage.bus_settings()?.admin().create()?;
    let topics = [ROWS, POSITIONS]
        .map(|name| NewTopic::new(name, 1, TopicReplication::Fixed(1)).set("cleanup.policy", "compact"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for result in runtime.block_on(admin.create_topics(&topics, &AdminOptions::new()))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => anyhow::bail!("cannot create {name}: {code}"),
        }
    }
    Ok(())
}
