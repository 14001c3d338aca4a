//! Floods: strangers who hold connections, send large bodies or wait, and what becomes of the others and of the
//! bridge's memory.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use operations_center::wire::Request;

use super::case::{Answer, Ground, Maker, STRANGER, check, padded};
use crate::support::raw::{Post, Raw, exchange_cut};
use crate::support::{batch, contact, wait_until};

/// In which any other caller is served while strangers hold all they can.
const SERVED_WITHIN: Duration = Duration::from_secs(3);
const MIB: usize = 1024 * 1024;

/// A client socket and the bridge's for each connection, in this process and in its child.
fn allow_many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[test]
fn a_thousand_idle_and_two_hundred_slow_connections_keep_nobody_out() {
    allow_many_files();
    let ground = Ground::new("");
    let flood = Flood::default();
    std::thread::scope(|scope| {
        let _end = AtEnd(&flood);
        scope.spawn(|| flood.run(&ground.maker));
        wait_until("more connections stand than there are places", || flood.stands.load(Ordering::Relaxed));
        let mut slowest = Duration::ZERO;
        for lsn in 4..14 {
            ground.vendor.later();
            for call in [
                Request::authenticate(),
                Request::table_schema(&[contact()]),
                Request::row_data(&[batch(&contact(), lsn, &[("U", 1, "x"), ("I", 2, "y")])]),
                Request::completed(&[]),
            ] {
                let began = Instant::now();
                ground.vendor.succeed(&call);
                slowest = slowest.max(began.elapsed());
                assert!(slowest < SERVED_WITHIN, "{} took {slowest:?}", call.operation());
            }
        }
        println!("calls while strangers hold 1,200 connections took {slowest:?} at most");
    });
    assert_eq!(ground.world.contacts().len(), 2);
    ground.bridge.stop();
}

/// Strangers with 1,000 connections that say nothing and 200 that say a byte now and then, half of these in a request's
/// head and half in a body. Who is thrown out comes again.
#[derive(Default)]
struct Flood {
    stands: AtomicBool,
    ended: AtomicBool,
}

/// Ends the flood, also where the test fails.
struct AtEnd<'a>(&'a Flood);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

impl Flood {
    fn run(&self, maker: &Maker) {
        let begin = Post::new("<s:Envelope xmlns:s=\"x\">").with("Content-Length", "100000").bytes();
        let connect = |number: usize| {
            let mut stream = TcpStream::connect(&maker.address).unwrap();
            stream.set_nonblocking(true).unwrap();
            if number.is_multiple_of(12) {
                let _ = stream.write_all(&begin);
            }
            stream
        };
        let mut held: Vec<TcpStream> = (0..1200).map(connect).collect();
        self.stands.store(true, Ordering::Relaxed);
        while !self.ended.load(Ordering::Relaxed) {
            for (number, stream) in held.iter_mut().enumerate() {
                let waits =
                    matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
                if !waits {
                    *stream = connect(number);
                } else if number.is_multiple_of(6) {
                    let _ = stream.write_all(b"x");
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A stranger costs what is read before the token counts, whatever it sends.
#[test]
fn a_flood_of_large_bodies_is_refused_in_little_memory() {
    let ground = Ground::new("");
    let maker = &ground.maker;
    let large = maker.with_token(&maker.bad(), &"x".repeat(30 * MIB));
    let refused = Post::new(large.clone()).bytes();
    let chunked = Post::new(large.clone()).chunked(64 * 1024).bytes();
    let too_large = Post::new(large).with("Content-Length", "34000000").bytes();
    let before = ground.bridge.peak_memory_kib();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                check("a bad token", Answer::Failed(STRANGER), &exchange_cut(&maker.address, &refused));
                check(
                    "a bad token in chunks",
                    Answer::Failed(STRANGER),
                    &exchange_cut(&maker.address, &chunked),
                );
                check("too large", Answer::Http(&[413]), &exchange_cut(&maker.address, &too_large));
            });
        }
    });
    let grown = (ground.bridge.peak_memory_kib() - before) / 1024;
    println!("a flood of 48 bodies of 30 MiB: {grown} MiB more at the peak, {} MiB before it", before / 1024);
    assert!(grown < 32, "{grown} MiB more for callers without a token");
    ground.bridge.stop();
}

/// Four genuine bodies fill the memory for bodies; the next is told to come back, and strangers cost nothing of it.
#[test]
fn a_full_budget_for_bodies_is_kept_and_told() {
    let mut ground = Ground::new("[limits]\nmax_body_bytes = 16777216\nmax_bytes_in_flight = 67108864\n");
    let before = ground.bridge.peak_memory_kib();
    let maker = &ground.maker;
    let mut held: Vec<Raw> = (0..4).map(|_| all_but_a_byte(maker)).collect();
    let call = || maker.exchange(&Post::new(maker.named("after")).bytes());
    let is_busy = || {
        let replies = maker.exchange(&Post::new(maker.named("x")).bytes());
        replies[0].status == 503
    };
    wait_until("the memory for bodies is taken", is_busy);
    let replies = call();
    check("over the budget", Answer::Http(&[503]), &replies);
    assert!(replies[0].head.contains("retry-after: 60\r\n"), "{replies:?}");
    let stranger = Post::new(maker.with_token(&maker.bad(), "x")).bytes();
    check("a stranger meanwhile", Answer::Failed(STRANGER), &maker.exchange(&stranger));
    let grown = (ground.bridge.peak_memory_kib() - before) / 1024;
    println!("a full budget of 64 MiB: {grown} MiB more at the peak, {} MiB before it", before / 1024);
    assert!(grown < 64 + 32, "{grown} MiB more with a budget of 64");
    // One that ends gives its share back, and so does one that breaks off.
    let mut last = held.pop().unwrap();
    last.send(b" ");
    check("the last byte", Answer::Row("held"), &last.rest());
    check("after", Answer::Row("after"), &call());
    ground.expect("after", "after");
    drop(held);
    ground.bridge.stop();
}

fn all_but_a_byte(maker: &Maker) -> Raw {
    let bytes = Post::new(padded(maker.named("held"), 16 * MIB)).bytes();
    let mut raw = Raw::connect(&maker.address);
    assert!(raw.send(&bytes[..bytes.len() - 1]));
    raw
}
