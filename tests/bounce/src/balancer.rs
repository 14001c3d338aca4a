//! Stands before the bridges as a plain load balancer does, and is also where callers are cut off.
//!
//! It stays with a bridge for some connections and then goes to the next; a bridge that refuses connections is passed
//! over.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Longest stay with one bridge, in connections.
const LONGEST_STAY: u32 = 12;

/// A balancer; its threads end with the program.
#[derive(Clone)]
pub(crate) struct Balancer {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    bridges: Vec<u16>,
    choice: Mutex<Choice>,
    open: Mutex<HashMap<u64, [TcpStream; 2]>>,
    /// Answers that are still to be lost, and those that were.
    to_lose: AtomicU64,
    lost: AtomicU64,
}

struct Choice {
    random: StdRng,
    current: usize,
    left: u32,
    connections: u64,
}

impl Balancer {
    /// Before bridges on these ports of this machine.
    pub(crate) fn start(bridges: Vec<u16>, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/MirroringClientService.svc", listener.local_addr()?);
        let choice = Choice { random: StdRng::seed_from_u64(seed), current: 0, left: 0, connections: 0 };
        let shared = Arc::new(Shared {
            bridges,
            choice: Mutex::new(choice),
            open: Mutex::default(),
            to_lose: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let serving = Arc::clone(&shared);
        std::thread::Builder::new().name("balancer".to_owned()).spawn(move || {
            for caller in listener.incoming().flatten() {
                let serving = Arc::clone(&serving);
                // A connection that breaks is the caller's to notice.
                std::thread::spawn(move || serving.serve(&caller));
            }
        })?;
        Ok(Self { url, shared })
    }

    /// Whether a caller waits for an answer.
    pub(crate) fn has_callers(&self) -> bool {
        !self.shared.open().is_empty()
    }

    /// Cuts every call that is under way; says how many there were.
    pub(crate) fn hang_up(&self) -> usize {
        let open = self.shared.open();
        open.values().flatten().for_each(|stream| {
            let _ = stream.shutdown(Shutdown::Both);
        });
        open.len()
    }

    /// Loses the next answer on its way to the caller.
    pub(crate) fn lose_an_answer(&self) {
        self.shared.to_lose.fetch_add(1, Ordering::Relaxed);
    }

    /// How many answers were lost so far.
    pub(crate) fn lost_answers(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, [TcpStream; 2]>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, caller: &TcpStream) -> io::Result<()> {
        let (number, bridge) = self.connect()?;
        self.open().insert(number, [caller.try_clone()?, bridge.try_clone()?]);
        let (mut request, mut to_bridge) = (caller.try_clone()?, bridge.try_clone()?);
        let upwards = std::thread::spawn(move || {
            let _ = io::copy(&mut request, &mut to_bridge);
            let _ = to_bridge.shutdown(Shutdown::Write);
        });
        let result = self.answer(&bridge, caller);
        for stream in [caller, &bridge] {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = upwards.join();
        self.open().remove(&number);
        result
    }

    fn connect(&self) -> io::Result<(u64, TcpStream)> {
        let (number, first) = {
            let mut choice = self.choice.lock().unwrap_or_else(PoisonError::into_inner);
            if choice.left == 0 {
                choice.left = choice.random.gen_range(1..=LONGEST_STAY);
                choice.current = (choice.current + 1) % self.bridges.len();
            }
            choice.left -= 1;
            choice.connections += 1;
            (choice.connections, choice.current)
        };
        let ports = self.bridges.iter().cycle().skip(first).take(self.bridges.len());
        let mut refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        for port in ports {
            match TcpStream::connect(("127.0.0.1", *port)) {
                Ok(stream) => return Ok((number, stream)),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn answer(&self, mut bridge: &TcpStream, mut caller: &TcpStream) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = bridge.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
            let take = |left: u64| left.checked_sub(1);
            if self.to_lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            caller.write_all(bytes)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bridge that answers every connection with its letter.
    fn bridge(letter: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = [0; 1];
                if stream.read_exact(&mut asked).is_ok() {
                    let _ = stream.write_all(letter);
                }
            }
        });
        port
    }

    fn ask(balancer: &Balancer) -> Vec<u8> {
        let address = balancer.url.split('/').nth(2).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"?").unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    #[test]
    fn both_bridges_are_used_and_one_that_is_gone_is_passed_over() {
        let balancer = Balancer::start(vec![bridge(b"a"), bridge(b"b")], 1).unwrap();
        let answers: Vec<_> = (0..40).map(|_| ask(&balancer)).collect();
        assert!(answers.contains(&b"a".to_vec()) && answers.contains(&b"b".to_vec()));
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let balancer = Balancer::start(vec![gone, bridge(b"b")], 1).unwrap();
        assert!((0..30).all(|_| ask(&balancer) == b"b"));
    }

    #[test]
    fn an_answer_is_lost_once_and_the_bridge_was_asked() {
        let balancer = Balancer::start(vec![bridge(b"a")], 1).unwrap();
        balancer.lose_an_answer();
        assert_eq!((ask(&balancer), ask(&balancer)), (vec![], b"a".to_vec()));
        assert_eq!(balancer.lost_answers(), 1);
    }

    #[test]
    fn a_call_under_way_is_cut() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let balancer = Balancer::start(vec![silent.local_addr().unwrap().port()], 1).unwrap();
        let address = balancer.url.split('/').nth(2).unwrap().to_owned();
        let mut caller = TcpStream::connect(address).unwrap();
        let _held = silent.accept().unwrap();
        while balancer.hang_up() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(caller.read(&mut [0; 1]).unwrap_or(0), 0);
    }
}
