//! A cluster whose broker several proxies stand before, one for each test. A test's bridge comes through its proxy, the
//! test itself does not.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kafka_proxy::{Exchange, Protocol, Proxy};
use operations_center::answer::Answer;
use services::Proxied;

use super::bridge::Bridge;
use super::own::{Own, SharedOwn};
use super::vendor::{Call, Vendor, batch, contact};
use super::world::World;

/// How many tests can have a proxy at once.
const PROXIES: u32 = 12;

static CLUSTER: SharedOwn = SharedOwn::new();

/// The proxied listeners that a test has at this moment.
static TAKEN: Mutex<Vec<Proxied>> = Mutex::new(Vec::new());

/// A world whose bridge comes to Kafka through a proxy.
pub struct Network {
    proxy: Option<Proxy>,
    /// As the test sees it.
    pub world: World,
    /// As the bridge sees it.
    through: World,
    proxied: Proxied,
    _cluster: Arc<Mutex<Own>>,
}

impl Network {
    pub fn new() -> Self {
        let cluster = CLUSTER.get(|options| options.proxied_listeners = PROXIES);
        let (world, all) = {
            let own = cluster.lock().unwrap_or_else(PoisonError::into_inner);
            (own.world(), own.services.proxied(1).to_vec())
        };
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let proxied = all.into_iter().find(|one| !taken.contains(one)).expect("a proxy for every test");
        taken.push(proxied);
        let proxy = Proxy::start(proxied.proxy_port, proxied.broker_port, Protocol::Kafka).unwrap();
        let through = world.at(&format!("127.0.0.1:{}", proxied.proxy_port));
        Self { proxy: Some(proxy), world, through, proxied, _cluster: cluster }
    }

    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// A bridge that has Kafka through the proxy only.
    pub fn bridge(&self) -> Bridge {
        self.through.bridge()
    }

    /// The same with switches for tests that count from the start.
    pub fn bridge_with(&self, more: &str, settings: &[(&str, &str)]) -> Bridge {
        Bridge::start_with(&self.through, more, settings)
    }

    /// How long calls of the bridges to come may take.
    pub fn set_call_timeout(&mut self, call_timeout: Duration) {
        self.through.call_timeout = call_timeout;
    }

    /// Requests of one kind that the broker has got.
    pub fn delivered(&self, api_key: i16) -> Vec<Exchange> {
        let mut exchanges = self.proxy().exchanges();
        exchanges.retain(|exchange| exchange.request.api_key == api_key && exchange.delivered.is_some());
        exchanges
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Its port is free before somebody else takes it.
        self.proxy = None;
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).retain(|taken| *taken != self.proxied);
    }
}

/// A tenant whose table `contact` has row 1 and LSN 7, in a cycle that has begun.
pub fn begun(network: &Network, bridge: &Bridge) -> Vendor {
    let vendor = network.world.vendor(bridge);
    vendor.cycle(&[batch(&contact(), 7, &[("I", 1, "a")])]);
    assert_eq!(vendor.open(&[contact()])["contact"], 7);
    vendor
}

pub fn named(rows: &[(i32, &str)]) -> Vec<(i32, Option<String>)> {
    rows.iter().map(|(id, name)| (*id, Some((*name).to_owned()))).collect()
}

/// Makes the call on a thread of its own.
pub fn aside(vendor: &Vendor, bridge: &Bridge, call: Call) -> JoinHandle<Answer> {
    let vendor = vendor.at(bridge);
    thread::spawn(move || vendor.send(&call))
}
