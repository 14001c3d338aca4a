//! SIGTERM at every moment of a call: what runs is finished or aborted, and no transaction stays open, though nobody
//! comes after.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mirrorbus::failpoint::{COMMITTED, POSITIONS_CONFIRMED, ROW_SENT, ROWS_CONFIRMED, TRANSACTION_BEGUN};
use mirrorbus_librdkafka::Isolation;
use operations_center::answer::Answer;
use operations_center::client::CallError;
use operations_center::wire::Request;

use crate::support::bridge::Bridge;
use crate::support::vendor::{Call, Vendor};
use crate::support::{World, batch, contact, wait_until};

/// Longer than any end may take here.
const SOON: Duration = Duration::from_secs(20);

/// No transaction stays open on any of the tenant's topics. A commit's markers may follow it by a moment; what is open
/// for longer than `wait_until` waits would be aborted by Kafka only after 45 seconds.
fn assert_nothing_is_open(world: &World) {
    let cycles = format!("{}-sys.{}.cycles", world.prefix, world.tenant);
    for topic in [world.topic("contact"), world.positions(), cycles] {
        wait_until(&format!("nothing is open on {topic}"), || {
            let [stable, end] = [Isolation::ReadCommitted, Isolation::ReadUncommitted]
                .map(|isolation| world.cluster.end(&topic, isolation));
            stable == end
        });
    }
}

fn send_beside(vendor: &Vendor, bridge: &Bridge, call: &Call) -> JoinHandle<Result<Answer, CallError>> {
    let (vendor, call) = (vendor.at(bridge), call.clone());
    std::thread::spawn(move || vendor.try_send(&call))
}

/// From here on the bridge has taken notice of the signal.
fn wait_until_stopping(bridge: &Bridge) {
    wait_until("the bridge is stopping", || {
        let (status, text) = bridge.admin("/readyz");
        status == 503 && text.contains("the bridge was asked to stop")
    });
}

#[test]
fn an_idle_bridge_ends_at_once_and_leaves_nothing_open() {
    let (world, mut bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 3, &[("I", 1, "a")])]);
    assert_eq!(bridge.metric("mirrorbus_producers_open"), Some(2.0), "the tenant's producers are open");
    let began = Instant::now();
    bridge.terminate();
    let status = bridge.ended(SOON).expect("it did not end");
    assert!(status.success(), "{status}: {}", bridge.log());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_nothing_is_open(&world);
}

#[test]
fn a_call_under_way_is_committed_and_answered_wherever_the_signal_finds_it() {
    for point in [TRANSACTION_BEGUN, ROW_SENT, ROWS_CONFIRMED, POSITIONS_CONFIRMED, COMMITTED] {
        let (world, mut bridge, vendor) = World::with_bridge();
        vendor.open(&[contact()]);
        bridge.failpoints.arm(point);
        let call = vendor.call(&Request::row_data(&[batch(&contact(), 3, &[("I", 1, "a"), ("I", 2, "b")])]));
        let answer = send_beside(&vendor, &bridge, &call);
        bridge.failpoints.wait_for(point);
        bridge.terminate();
        wait_until_stopping(&bridge);
        assert!(TcpStream::connect(bridge.address()).is_err(), "{point}: a new caller is let in");
        bridge.failpoints.release(point);
        let answer = answer.join().unwrap().unwrap();
        assert!(answer.is_successful, "{point}: {}", answer.message());
        let status = bridge.ended(SOON).expect("it did not end");
        assert!(status.success(), "{point}: {status}: {}", bridge.log());
        assert_nothing_is_open(&world);
        assert_eq!(world.contacts().len(), 2, "{point}");
    }
}

#[test]
fn a_call_whose_time_is_over_is_aborted_before_the_bridge_ends() {
    let mut world = World::new();
    world.call_timeout = Duration::from_secs(5);
    let mut bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.open(&[contact()]);
    bridge.failpoints.arm(ROWS_CONFIRMED);
    let call = vendor.call(&Request::row_data(&[batch(&contact(), 3, &[("I", 1, "a")])]));
    let (answer, began) = (send_beside(&vendor, &bridge, &call), Instant::now());
    bridge.failpoints.wait_for(ROWS_CONFIRMED);
    bridge.terminate();
    wait_until_stopping(&bridge);
    let topic = world.topic("contact");
    assert_eq!(world.cluster.end(&topic, Isolation::ReadUncommitted), 1, "the row is there, uncommitted");
    assert_eq!(world.cluster.end(&topic, Isolation::ReadCommitted), 0);
    wait_until("the call's time is over", || began.elapsed() > world.call_timeout);
    bridge.failpoints.release(ROWS_CONFIRMED);
    let answer = answer.join().unwrap().unwrap();
    assert!(!answer.is_successful, "a call past its time succeeded");
    let status = bridge.ended(SOON).expect("it did not end");
    assert!(status.success(), "{status}: {}", bridge.log());
    assert_nothing_is_open(&world);
    assert_eq!(world.contacts(), []);
}

/// A call whose body stops in its middle, once the bridge has taken its token.
fn begin_upload(bridge: &Bridge, call: &Call) -> (TcpStream, usize) {
    let mut stream = TcpStream::connect(bridge.address()).unwrap();
    let head = format!(
        "POST /MirroringClientService.svc HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml; charset=utf-8\r\n\
         Content-Length: {}\r\n\r\n",
        call.body.len()
    );
    let part = call.body.len() / 2;
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&call.body[..part]).unwrap();
    // The memory for a body is taken only for an accepted token.
    wait_until("the token is accepted", || bridge.metric("mirrorbus_body_bytes_in_flight") > Some(0.0));
    (stream, part)
}

fn large_call(vendor: &Vendor) -> Call {
    let text = "x".repeat(100);
    let rows: Vec<_> = (0..2000).map(|id| ("I", id, text.as_str())).collect();
    vendor.call(&Request::row_data(&[batch(&contact(), 3, &rows)]))
}

#[test]
fn an_upload_that_goes_on_arriving_is_committed() {
    let (world, mut bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    let call = large_call(&vendor);
    let (mut stream, part) = begin_upload(&bridge, &call);
    bridge.terminate();
    wait_until_stopping(&bridge);
    stream.write_all(&call.body[part..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("<IsSuccessful>true"), "{answer}");
    assert!(bridge.ended(SOON).expect("it did not end").success(), "{}", bridge.log());
    assert_nothing_is_open(&world);
    assert_eq!(world.contacts().len(), 2000);
}

#[test]
fn an_upload_that_stops_in_its_middle_is_refused_and_holds_nobody_up() {
    let (world, mut bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    vendor.rows(&[batch(&contact(), 0, &[("I", 1, "a")])]);
    let (mut stream, _) = begin_upload(&bridge, &large_call(&vendor));
    let began = Instant::now();
    bridge.terminate();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(bridge.ended(SOON).expect("it did not end").success(), "{}", bridge.log());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_nothing_is_open(&world);
    assert_eq!(world.contacts().len(), 1);
}

#[test]
fn a_second_signal_ends_the_bridge_at_once_and_the_next_one_settles_what_was_open() {
    let (world, mut bridge, vendor) = World::with_bridge();
    vendor.open(&[contact()]);
    bridge.failpoints.arm(ROWS_CONFIRMED);
    let call = vendor.call(&Request::row_data(&[batch(&contact(), 3, &[("I", 1, "a")])]));
    let answer = send_beside(&vendor, &bridge, &call);
    bridge.failpoints.wait_for(ROWS_CONFIRMED);
    bridge.terminate();
    wait_until_stopping(&bridge);
    let began = Instant::now();
    bridge.terminate();
    let status = bridge.ended(SOON).expect("it did not end");
    assert_eq!(status.code(), Some(1), "{}", bridge.log());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(answer.join().unwrap().is_err(), "a call that was given up has no answer");
    let next = world.bridge();
    let vendor = vendor.at(&next);
    assert_eq!(vendor.open(&[contact()])["contact"], -1, "nothing was acknowledged");
    assert_eq!(world.contacts(), []);
    assert_nothing_is_open(&world);
}
