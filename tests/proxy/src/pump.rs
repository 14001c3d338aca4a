//! What carries one direction of one connection: a thread that reads, asks what is to happen, and writes.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use crate::connection::{Connection, Pending};
use crate::frame::{self, Request};
use crate::link::Direction;
use crate::proxy::Protocol;
use crate::traffic::Traffic;
use crate::trap::{Action, Verdict};

/// Whether a direction goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Go,
    End,
}

/// Carries what the client says until it says no more or the connection is broken.
fn up(connection: &Connection, traffic: &Traffic, protocol: Protocol) {
    let carried = carry(
        protocol,
        || connection.client(),
        |bytes| match protocol {
            Protocol::Bytes => write(connection, Direction::Up, bytes),
            Protocol::Kafka => request(connection, traffic, bytes),
        },
    );
    connection.end_up(carried.is_err());
}

/// Carries what the server says.
fn down(connection: &Connection, traffic: &Traffic, protocol: Protocol) {
    let carried = carry(
        protocol,
        || connection.server(),
        |bytes| match protocol {
            Protocol::Bytes => write(connection, Direction::Down, bytes),
            Protocol::Kafka => response(connection, traffic, bytes),
        },
    );
    connection.end_down(carried.is_err());
}

/// Nobody has the source while `pass` waits: a side that is given up is closed at once.
fn carry(
    protocol: Protocol,
    source: impl Fn() -> Option<Arc<TcpStream>>,
    mut pass: impl FnMut(&[u8]) -> io::Result<Flow>,
) -> io::Result<()> {
    let read = match protocol {
        Protocol::Bytes => frame::read_bytes,
        Protocol::Kafka => frame::read_frame,
    };
    while let Some(stream) = source() {
        let bytes = read(&stream)?;
        drop(stream);
        let Some(bytes) = bytes else { break };
        if pass(&bytes)? == Flow::End {
            break;
        }
    }
    Ok(())
}

/// Writes as much as the link admits; less than all is a cut.
fn write(connection: &Connection, direction: Direction, bytes: &[u8]) -> io::Result<Flow> {
    let admitted = connection.link(direction).admit(bytes.len());
    let target = match direction {
        Direction::Up => connection.server(),
        Direction::Down => connection.client(),
    };
    let target = target.ok_or(ErrorKind::NotConnected)?;
    (&*target).write_all(&bytes[..admitted])?;
    drop(target);
    if admitted < bytes.len() {
        connection.reset();
        return Ok(Flow::End);
    }
    Ok(Flow::Go)
}

fn request(connection: &Connection, traffic: &Traffic, bytes: &[u8]) -> io::Result<Flow> {
    let Some(request) = Request::parse(bytes) else { return write(connection, Direction::Up, bytes) };
    let correlation = request.correlation;
    let (exchange, sprung) = traffic.arrive(connection.number, request);
    let action = sprung.map(|(_, action)| action);
    // Before anything is taken away: a held request is not answered yet either.
    connection.expect(correlation, Pending { exchange, drop: action == Some(Action::DropResponse) });
    match action {
        Some(Action::Hold) => connection.outlive_client(),
        Some(Action::HoldAndReset | Action::DeliverAndReset) => connection.reset_client(),
        _ => {}
    }
    if let Some((snare, Action::Hold | Action::HoldAndReset)) = sprung
        && traffic.verdict(snare) == Verdict::Discard
    {
        connection.pending(correlation);
        return Ok(Flow::Go);
    }
    // The response may be there before this thread goes on.
    traffic.change(|state| state.exchanges[exchange].delivered = Some(Instant::now()));
    let written = write(connection, Direction::Up, bytes);
    if written.is_err() {
        traffic.change(|state| state.exchanges[exchange].delivered = None);
    }
    written
}

fn response(connection: &Connection, traffic: &Traffic, bytes: &[u8]) -> io::Result<Flow> {
    let known = frame::response(bytes)
        .and_then(|(correlation, error)| Some((connection.pending(correlation)?, error)));
    let Some((Pending { exchange, drop }, error)) = known else {
        return write(connection, Direction::Down, bytes);
    };
    if drop {
        connection.reset_client();
    }
    let (flow, passed_on) = match write(connection, Direction::Down, bytes) {
        // The client is gone; the broker is heard to the end all the same.
        Err(_) if connection.outlives() => (Flow::Go, false),
        written => (written?, true),
    };
    traffic.change(|state| {
        let exchange = &mut state.exchanges[exchange];
        exchange.answered = Some(Instant::now());
        exchange.passed_on = passed_on;
        exchange.error = error.filter(|_| exchange.request.end.is_some());
    });
    Ok(if connection.is_done() { Flow::End } else { flow })
}

/// Runs both directions, a thread each.
pub(crate) fn start(connection: Arc<Connection>, traffic: &Arc<Traffic>, protocol: Protocol) {
    let (other, traffic_down) = (Arc::clone(&connection), Arc::clone(traffic));
    std::thread::spawn(move || down(&other, &traffic_down, protocol));
    let traffic = Arc::clone(traffic);
    std::thread::spawn(move || up(&connection, &traffic, protocol));
}
