//! What the proxy does without looking at the bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

use kafka_proxy::{Conditions, Direction, Protocol, Proxy};

use crate::server::{Client, SHORT, echo};

fn proxy() -> Proxy {
    Proxy::start(0, echo(), Protocol::Bytes).unwrap()
}

#[test]
fn bytes_pass_unchanged_and_an_orderly_end_stays_one() {
    let proxy = proxy();
    let mut client = Client::new(proxy.port());
    let sent: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    let mut writing = client.0.try_clone().unwrap();
    let writer = std::thread::spawn({
        let sent = sent.clone();
        move || {
            writing.write_all(&sent).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        }
    });
    let mut heard = Vec::new();
    client.0.read_to_end(&mut heard).unwrap();
    writer.join().unwrap();
    assert!(heard == sent);
}

#[test]
fn a_frozen_direction_passes_nothing_until_it_goes_on() {
    for direction in [Direction::Up, Direction::Down] {
        let proxy = proxy();
        let mut client = Client::new(proxy.port());
        client.0.write_all(b"a").unwrap();
        assert_eq!(client.read_byte().unwrap(), 1);
        proxy.set(0, direction, Conditions { frozen: true, ..Conditions::default() });
        client.0.write_all(b"b").unwrap();
        assert!(client.hears_nothing(), "{direction:?}");
        proxy.set(0, direction, Conditions::default());
        assert_eq!(client.read_byte().unwrap(), 1);
    }
}

#[test]
fn a_delay_holds_up_one_direction_of_one_connection() {
    let proxy = proxy();
    let (mut slow, mut fast) = (Client::new(proxy.port()), Client::new(proxy.port()));
    for client in [&mut slow, &mut fast] {
        client.0.write_all(b"a").unwrap();
        assert_eq!(client.read_byte().unwrap(), 1);
    }
    // The connections are numbered in the order in which they were made.
    proxy.set(0, Direction::Down, Conditions { delay: SHORT, ..Conditions::default() });
    let began = Instant::now();
    slow.0.write_all(b"b").unwrap();
    fast.0.write_all(b"b").unwrap();
    assert_eq!(fast.read_byte().unwrap(), 1);
    assert!(began.elapsed() < SHORT, "the other connection waited too");
    assert_eq!(slow.read_byte().unwrap(), 1);
    assert!(began.elapsed() >= SHORT);
}

#[test]
fn a_connection_is_cut_after_so_many_bytes_and_reset() {
    let proxy = proxy();
    proxy.set_all(Direction::Down, Conditions { cut_after: Some(3), ..Conditions::default() });
    let mut client = Client::new(proxy.port());
    client.0.write_all(b"abcdef").unwrap();
    let mut heard = Vec::new();
    let error = client.0.read_to_end(&mut heard).unwrap_err();
    // A reset may overtake bytes that were not read yet.
    assert!(b"abc".starts_with(&heard[..]), "{heard:?}");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_cut_off_server_refuses_until_it_is_back() {
    let proxy = proxy();
    let mut client = Client::new(proxy.port());
    client.0.write_all(b"a").unwrap();
    assert_eq!(client.read_byte().unwrap(), 1);
    proxy.cut();
    assert!(client.is_reset());
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.restore().unwrap();
    let mut client = Client::new(proxy.port());
    client.0.write_all(b"a").unwrap();
    assert_eq!(client.read_byte().unwrap(), 1);
}

#[test]
fn a_server_that_is_not_there_ends_the_connection() {
    let gone = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let proxy = Proxy::start(0, gone, Protocol::Bytes).unwrap();
    let mut client = Client::new(proxy.port());
    client.0.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(matches!(client.read_byte(), Ok(0)) || client.is_reset());
}
