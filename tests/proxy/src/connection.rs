//! A client's connection and the one to the broker that belongs to it.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;

use crate::link::{Conditions, Direction, Link};

/// A request on its way at the broker.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) exchange: usize,
    /// Its response is dropped and the client reset.
    pub(crate) drop: bool,
}

/// Both sides. A side is closed when nobody has it any more, so whoever is given one lets go of it soon; who reads is
/// woken by [`reset`].
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) number: usize,
    client: Mutex<Option<Arc<TcpStream>>>,
    server: Mutex<Option<Arc<TcpStream>>>,
    up: Link,
    down: Link,
    pending: Mutex<HashMap<i32, Pending>>,
    /// The broker shall not notice that the client is gone before it has answered everything.
    outlives: AtomicBool,
    /// How many directions are at their end.
    ended: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last one who lets go of a stream sends RST instead of FIN; whoever reads from it stops now.
fn reset(side: &Mutex<Option<Arc<TcpStream>>>) {
    if let Some(stream) = lock(side).take() {
        // Fails only on a connection that is broken already.
        let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
        let _ = stream.shutdown(Shutdown::Read);
    }
}

/// The end of one direction, in order.
fn finish(side: &Mutex<Option<Arc<TcpStream>>>) {
    if let Some(stream) = lock(side).as_ref() {
        let _ = stream.shutdown(Shutdown::Write);
    }
}

impl Connection {
    pub(crate) fn new(
        number: usize,
        client: TcpStream,
        server: TcpStream,
        both: [Conditions; 2],
    ) -> Connection {
        let [up, down] = both.map(Link::new);
        let (client, server) = (Mutex::new(Some(Arc::new(client))), Mutex::new(Some(Arc::new(server))));
        let (pending, outlives, ended) = (Mutex::default(), AtomicBool::new(false), AtomicUsize::new(0));
        Connection { number, client, server, up, down, pending, outlives, ended }
    }

    pub(crate) fn link(&self, direction: Direction) -> &Link {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    pub(crate) fn client(&self) -> Option<Arc<TcpStream>> {
        lock(&self.client).clone()
    }

    pub(crate) fn server(&self) -> Option<Arc<TcpStream>> {
        lock(&self.server).clone()
    }

    pub(crate) fn expect(&self, correlation: i32, pending: Pending) {
        lock(&self.pending).insert(correlation, pending);
    }

    pub(crate) fn pending(&self, correlation: i32) -> Option<Pending> {
        lock(&self.pending).remove(&correlation)
    }

    /// From now on the broker's side stays until everything is answered, whatever becomes of the client.
    pub(crate) fn outlive_client(&self) {
        self.outlives.store(true, Ordering::Relaxed);
    }

    pub(crate) fn outlives(&self) -> bool {
        self.outlives.load(Ordering::Relaxed)
    }

    /// Takes the client away and leaves the broker's side as it is.
    pub(crate) fn reset_client(&self) {
        self.outlive_client();
        reset(&self.client);
    }

    /// Takes both sides away.
    pub(crate) fn reset(&self) {
        reset(&self.client);
        reset(&self.server);
        self.up.close();
        self.down.close();
    }

    /// Nothing more comes from the client.
    pub(crate) fn end_up(&self, broken: bool) {
        if self.outlives() && !lock(&self.pending).is_empty() {
            lock(&self.client).take();
        } else if broken {
            self.reset();
        } else {
            finish(&self.server);
        }
        self.end();
    }

    /// Nothing more comes from the broker, or nothing more is wanted.
    pub(crate) fn end_down(&self, broken: bool) {
        if broken {
            self.reset();
        } else {
            finish(&self.client);
            lock(&self.server).take();
        }
        self.end();
    }

    fn end(&self) {
        if self.ended.fetch_add(1, Ordering::AcqRel) > 0 {
            lock(&self.client).take();
            lock(&self.server).take();
        }
    }

    /// Whether the broker's side has outlived the client's for long enough.
    pub(crate) fn is_done(&self) -> bool {
        self.outlives() && lock(&self.client).is_none() && lock(&self.pending).is_empty()
    }

    /// Whether both sides are gone.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.client).is_none() && lock(&self.server).is_none()
    }
}
