//! What the proxy does to the request that a test names.

use std::sync::mpsc::Receiver;

use kafka_proxy::{Action, Conditions, Direction, Protocol, Proxy, Request, api};

use crate::server::{Client, Got, LONG, SHORT, broker};

fn proxy() -> (Proxy, Receiver<Got>) {
    let (port, got) = broker();
    (Proxy::start(0, port, Protocol::Kafka).unwrap(), got)
}

fn is_end(request: &Request) -> bool {
    request.api_key == api::END_TXN
}

#[test]
fn the_nth_request_is_held_and_what_is_behind_it_until_it_is_released() {
    let (proxy, got) = proxy();
    let trap = proxy.trap(2, is_end, Action::Hold);
    let mut client = Client::new(proxy.port());
    client.ask(26, 1).ask(0, 2).ask(26, 3).ask(0, 4);
    assert_eq!([client.answer(), client.answer()], [1, 2]);
    let held = trap.wait(LONG).unwrap();
    assert_eq!((held.request.correlation, held.delivered), (3, None));
    assert!(client.hears_nothing());
    trap.release();
    assert_eq!([client.answer(), client.answer()], [3, 4]);
    assert_eq!(got.try_iter().collect::<Vec<_>>(), [(26, 1), (0, 2), (26, 3), (0, 4)]);
    let answered = trap.answered(LONG).unwrap();
    assert!(answered.passed_on && answered.delivered > Some(answered.arrived));
}

#[test]
fn a_discarded_request_never_reaches_the_broker() {
    let (proxy, got) = proxy();
    let trap = proxy.trap(1, is_end, Action::Hold);
    let mut client = Client::new(proxy.port());
    client.ask(26, 1).ask(0, 2);
    trap.wait(LONG).unwrap();
    trap.discard();
    assert_eq!(client.answer(), 2);
    assert_eq!(got.try_iter().collect::<Vec<_>>(), [(0, 2)]);
    assert!(trap.answered(SHORT).is_none());
}

#[test]
fn a_late_request_arrives_on_the_connection_that_its_client_has_given_up() {
    let (proxy, got) = proxy();
    let trap = proxy.trap(1, is_end, Action::HoldAndReset);
    let mut client = Client::new(proxy.port());
    client.ask(0, 1);
    assert_eq!(client.answer(), 1);
    client.ask(26, 2);
    assert!(client.is_reset());
    let mut again = Client::new(proxy.port());
    again.ask(26, 2);
    assert_eq!(again.answer(), 2);
    trap.release();
    let late = trap.answered(LONG).unwrap();
    assert_eq!((late.connection, late.passed_on), (0, false));
    assert_eq!(got.try_iter().collect::<Vec<_>>(), [(0, 1), (26, 2), (26, 2)]);
    let connections: Vec<_> = proxy.exchanges().iter().map(|exchange| exchange.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[test]
fn a_response_to_an_earlier_request_does_not_end_the_connection_of_a_late_one() {
    let (proxy, got) = proxy();
    let trap = proxy.trap(1, is_end, Action::HoldAndReset);
    let mut client = Client::new(proxy.port());
    client.ask(0, 1);
    assert_eq!(client.answer(), 1);
    proxy.set(0, Direction::Down, Conditions { frozen: true, ..Conditions::default() });
    client.ask(0, 2).ask(26, 3);
    trap.wait(LONG).unwrap();
    proxy.set(0, Direction::Down, Conditions::default());
    assert!(proxy.wait(LONG, |all| all[1].answered.is_some()));
    trap.release();
    assert!(trap.answered(LONG).is_some());
    assert_eq!(got.try_iter().collect::<Vec<_>>(), [(0, 1), (0, 2), (26, 3)]);
}

#[test]
fn a_held_request_outlives_its_client() {
    let (proxy, got) = proxy();
    let trap = proxy.trap(1, is_end, Action::Hold);
    let mut client = Client::new(proxy.port());
    client.ask(26, 1);
    trap.wait(LONG).unwrap();
    drop(client);
    trap.release();
    assert_eq!(got.recv_timeout(LONG).unwrap(), (26, 1));
    assert!(trap.answered(LONG).is_some());
}

#[test]
fn a_dropped_response_resets_the_client_after_the_broker_has_acted() {
    let (proxy, got) = proxy();
    let trap = proxy.trap(1, is_end, Action::DropResponse);
    let mut client = Client::new(proxy.port());
    client.ask(26, 1);
    assert!(client.is_reset());
    assert_eq!(got.recv_timeout(LONG).unwrap(), (26, 1));
    let dropped = trap.answered(LONG).unwrap();
    assert!(!dropped.passed_on);
}

#[test]
fn a_request_is_delivered_although_its_client_was_reset_at_once() {
    let (proxy, got) = proxy();
    let trap = proxy.trap(1, is_end, Action::DeliverAndReset);
    let mut client = Client::new(proxy.port());
    client.ask(26, 1);
    assert!(client.is_reset());
    assert_eq!(got.recv_timeout(LONG).unwrap(), (26, 1));
    assert!(trap.answered(LONG).is_some());
}

#[test]
fn equal_correlation_ids_of_two_clients_are_two_requests() {
    let (proxy, _got) = proxy();
    let trap = proxy.trap(1, is_end, Action::Hold);
    let (mut one, mut two) = (Client::new(proxy.port()), Client::new(proxy.port()));
    one.ask(26, 7);
    trap.wait(LONG).unwrap();
    two.ask(0, 7);
    assert_eq!(two.answer(), 7);
    assert!(proxy.wait(LONG, |all| all.len() == 2 && all[1].answered.is_some() && all[0].answered.is_none()));
    trap.release();
    assert_eq!(one.answer(), 7);
}
