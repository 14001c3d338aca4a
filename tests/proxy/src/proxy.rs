//! The proxy itself: where it listens, and what it is told.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::connection::Connection;
use crate::frame::Request;
use crate::link::{Conditions, Direction};
use crate::pump;
use crate::traffic::{Exchange, Traffic};
use crate::trap::{Action, Snare, Trap};

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Anything; there are no traps and no records.
    Bytes,
    /// Kafka's frames, without encryption.
    Kafka,
}

/// A running proxy on 127.0.0.1. It ends with the value, and its connections with it.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    listening: Mutex<Option<Listening>>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    protocol: Protocol,
    traffic: Arc<Traffic>,
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    begun: usize,
    open: Vec<Arc<Connection>>,
    /// For those to come: up, down.
    conditions: [Conditions; 2],
}

#[derive(Debug)]
struct Listening {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Proxy {
    /// Listens on `port` (0 takes any) and connects every client to `server_port`.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(port: u16, server_port: u16, protocol: Protocol) -> io::Result<Proxy> {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, server_port));
        let (traffic, connections) = (Arc::default(), Mutex::default());
        let shared = Arc::new(Shared { server, protocol, traffic, connections });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let listening = Mutex::new(Some(listen(listener, &shared)));
        Ok(Proxy { shared, port, listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets a trap for the `nth` request from now on, counted from 1, that `fits`.
    pub fn trap(&self, nth: usize, fits: impl Fn(&Request) -> bool + Send + 'static, action: Action) -> Trap {
        let traffic = Arc::clone(&self.shared.traffic);
        let passing = nth.saturating_sub(1);
        let snare = Snare { fits: Box::new(fits), passing, action, caught: None, verdict: None };
        let snare = traffic.change(|state| {
            state.snares.push(snare);
            state.snares.len() - 1
        });
        Trap { traffic, snare }
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.traffic.lock().exchanges.clone()
    }

    /// Waits until `happened` is true of what passed; false when it takes longer than `at_most`.
    #[must_use]
    pub fn wait(&self, at_most: Duration, mut happened: impl FnMut(&[Exchange]) -> bool) -> bool {
        self.shared.traffic.wait(at_most, |state| happened(&state.exchanges).then_some(())).is_some()
    }

    /// Sets the conditions of one direction of one connection, by its number in [`Exchange::connection`].
    pub fn set(&self, connection: usize, direction: Direction, conditions: Conditions) {
        for open in self.shared.connections().open.iter().filter(|open| open.number == connection) {
            open.link(direction).set(conditions);
        }
    }

    /// Sets the conditions of one direction of all connections, those to come included.
    pub fn set_all(&self, direction: Direction, conditions: Conditions) {
        let mut connections = self.shared.connections();
        connections.conditions[direction as usize] = conditions;
        for open in &connections.open {
            open.link(direction).set(conditions);
        }
    }

    /// Resets every connection; new ones are taken.
    pub fn reset_all(&self) {
        for connection in self.shared.connections().open.drain(..) {
            connection.reset();
        }
    }

    /// As if the broker were gone: connections are reset, new ones refused.
    pub fn cut(&self) {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Listening { stop, thread }) = listening {
            stop.store(true, Ordering::Relaxed);
            // Wakes the thread, which then closes the listener.
            let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
            let _ = thread.join();
        }
        self.reset_all();
    }

    /// Takes connections again after [`Proxy::cut`].
    ///
    /// # Errors
    /// When the port was taken by somebody else meanwhile.
    pub fn restore(&self) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(listen(listener, &self.shared));
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.traffic.change(|state| state.stopped = true);
        self.cut();
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects a new client to the server; a client that cannot be is let go.
    fn take(&self, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        for side in [&client, &server] {
            side.set_nodelay(true)?;
        }
        let mut connections = self.connections();
        connections.open.retain(|open| !open.is_over());
        let connection = Connection::new(connections.begun, client, server, connections.conditions);
        let connection = Arc::new(connection);
        connections.begun += 1;
        connections.open.push(Arc::clone(&connection));
        pump::start(connection, &self.traffic, self.protocol);
        Ok(())
    }
}

fn listen(listener: TcpListener, shared: &Arc<Shared>) -> Listening {
    let stop = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let (stop, shared) = (Arc::clone(&stop), Arc::clone(shared));
        move || {
            for client in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                // A server that is not there: the client sees its connection end.
                let _ = client.and_then(|client| shared.take(client));
            }
        }
    });
    Listening { stop, thread }
}
