//! Connections that end in the middle: a caller hangs up, or the cluster cannot be reached for a while.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use kafka_proxy::{Action, Exchange, Request as KafkaRequest, api};
use operations_center::answer::Answer;
use operations_center::client::{CallError, Client};
use operations_center::wire::Request;

use crate::support::bridge::Bridge;
use crate::support::network::{Network, aside, begun, named};
use crate::support::vendor::{Call, Vendor, table};
use crate::support::{batch, contact, wait_until};

const LONG: Duration = Duration::from_secs(20);

/// A call's HTTP request as bytes.
fn http(bridge: &Bridge, call: &Call) -> Vec<u8> {
    let (authority, path) = bridge.url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: text/xml; charset=utf-8\r\n\
         Content-Length: {}\r\n\r\n",
        call.body.len()
    );
    [head.as_bytes(), &call.body].concat()
}

fn connect(bridge: &Bridge) -> TcpStream {
    let authority = bridge.url.strip_prefix("http://").unwrap().split_once('/').unwrap().0;
    TcpStream::connect(authority).unwrap()
}

/// Whether the bridge still holds its side of a connection that was made from `port`.
fn is_held(port: u16) -> bool {
    let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let remote = format!(":{port:04X}");
    // Established, or closed by the other side only.
    let is_ours = |fields: &[&str]| fields[2].ends_with(&remote) && ["01", "08"].contains(&fields[3]);
    connections.lines().skip(1).any(|line| is_ours(&line.split_whitespace().collect::<Vec<_>>()))
}

#[test]
fn a_caller_who_hangs_up_in_mid_upload_begins_nothing_and_gives_the_memory_back() {
    let network = Network::new();
    let limits = "[limits]\nmax_body_bytes = 4194304\nmax_bytes_in_flight = 4194304";
    let bridge = network.bridge_with(limits, &[]);
    let vendor = begun(&network, &bridge);
    let text = "x".repeat(90);
    let rows: Vec<_> = (10..12_010).map(|id| ("I", id, text.as_str())).collect();
    let call = vendor.call(&Request::row_data(&[batch(&contact(), 8, &rows)]));
    assert!((2_100_000..4_100_000).contains(&call.body.len()), "one fits, two do not: {}", call.body.len());
    let mut uploading = connect(&bridge);
    let bytes = http(&bridge, &call);
    uploading.write_all(&bytes[..bytes.len() / 2]).unwrap();
    let client = Client::with_timeout(&bridge.url, LONG);
    // Refused before its body was read: the 503 may be lost with the connection.
    let is_refused = |sent: Result<Answer, CallError>| match sent {
        Ok(answer) => {
            assert!(answer.is_successful, "{}", answer.message());
            false
        }
        Err(_) => true,
    };
    // The unfinished body holds its share: this is what must come back.
    let other = vendor.call(&Request::row_data(&[batch(&table("other"), 0, &rows)]));
    wait_until("the upload holds its share", || is_refused(client.send(other.operation, &other.body)));
    let before = network.proxy().exchanges().len();
    let kinds = [api::INIT_PRODUCER_ID, api::ADD_PARTITIONS_TO_TXN, api::PRODUCE, api::END_TXN];
    let writes = |exchange: &&Exchange| kinds.contains(&exchange.request.api_key);
    let port = uploading.local_addr().unwrap().port();
    drop(uploading);
    wait_until("the bridge has noticed", || !is_held(port));
    assert_eq!(network.proxy().exchanges()[before..].iter().filter(writes).count(), 0);
    wait_until("the memory is back", || !is_refused(client.send(other.operation, &other.body)));
    assert_eq!(network.world.contacts(), named(&[(1, "a")]));
}

#[test]
fn a_caller_who_hangs_up_in_mid_commit_takes_nothing_back() {
    let network = Network::new();
    let bridge = network.bridge();
    let vendor = begun(&network, &bridge);
    let trap = network.proxy().trap(1, KafkaRequest::commits, Action::Hold);
    let mut caller = connect(&bridge);
    let call = vendor.call(&Request::row_data(&[batch(&contact(), 8, &[("U", 1, "b")])]));
    caller.write_all(&http(&bridge, &call)).unwrap();
    trap.wait(LONG).unwrap();
    let port = caller.local_addr().unwrap().port();
    drop(caller);
    wait_until("the bridge has noticed", || !is_held(port));
    assert_eq!(network.world.contacts(), named(&[(1, "a")]));
    trap.release();
    assert_eq!(trap.answered(LONG).unwrap().error, Some(0));
    vendor.complete();
    assert_eq!(network.world.contacts(), named(&[(1, "b")]));
    assert_eq!(vendor.open(&[contact()])["contact"], 8);
    let aborts = network.delivered(api::END_TXN).into_iter().filter(|end| end.request.aborts());
    assert_eq!(aborts.count(), 0);
}

/// Threads and resident memory of a process.
fn footprint(id: u32) -> (usize, usize) {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap().count();
    let pages = std::fs::read_to_string(format!("/proc/{id}/statm")).unwrap();
    let resident: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    (threads, resident * 4096)
}

#[test]
fn calls_to_a_cluster_that_is_away_pile_up_nothing_and_go_on_when_it_is_back() {
    const TENANTS: usize = 6;
    const ROUNDS: usize = 3;
    let mut network = Network::new();
    network.set_call_timeout(Duration::from_secs(5));
    let bridge = network.bridge();
    let id = bridge.pid();
    let tenant = |number: usize| format!("{}{number}", network.world.tenant);
    let vendors: Vec<_> = (0..TENANTS).map(|number| Vendor::new(&tenant(number), &bridge)).collect();
    for vendor in &vendors {
        vendor.open(&[contact()]);
    }
    let (threads, _) = footprint(id);
    network.proxy().cut();
    let mut resident = Vec::new();
    for _ in 0..ROUNDS {
        let calls = vendors.iter().map(|vendor| vendor.later().call(&Request::authenticate()));
        let callers: Vec<_> =
            vendors.iter().zip(calls).map(|(vendor, call)| aside(vendor, &bridge, call)).collect();
        for caller in callers {
            let answer = caller.join().unwrap();
            assert!(
                !answer.is_successful && answer.message().starts_with("KAFKA_UNAVAILABLE: "),
                "{}",
                answer.message()
            );
        }
        wait_until("no more threads than before", || footprint(id).0 <= threads);
        resident.push(footprint(id).1);
    }
    let grown = resident[ROUNDS - 1].saturating_sub(resident[0]);
    assert!(grown < 8 * 1024 * 1024, "{resident:?}");
    network.proxy().restore().unwrap();
    for vendor in &vendors {
        wait_until("the cluster is found again", || {
            vendor.later().answer(&Request::authenticate()).is_successful
        });
        assert_eq!(vendor.open(&[contact()])["contact"], -1);
        vendor.rows(&[batch(&contact(), 8, &[("I", 1, "a")])]);
    }
}
