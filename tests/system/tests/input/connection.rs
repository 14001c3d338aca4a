//! Connections: what is slow, idle, waits for a 100, or sends more than one request.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use operations_center::wire::{MIRRORING, Request};

use super::case::{Answer, Case, Ground, Maker, STRANGER, check};
use super::http::{BODY, HEAD, UNSUPPORTED, genuine};
use crate::support::raw::{PATH, Post, Raw};

/// What a deadline may be late on a busy machine.
const LATE: Duration = Duration::from_secs(3);

pub fn cases() -> Vec<Case> {
    [slow_and_many(), connections()].into_iter().flatten().collect()
}

/// Head and a piece of the body, then nothing more.
fn a_body_shorter_than_announced_is_given_up(maker: &Maker) {
    let body = maker.named("x");
    let began = Instant::now();
    let mut raw = Raw::connect(&maker.address);
    raw.send(&Post::new(&body[..800]).with("Content-Length", &body.len().to_string()).bytes());
    check("BI-09b", Answer::Http(&[408]), &raw.rest());
    assert_in_time(began, HEAD);
}

fn a_body_of_a_genuine_caller_that_stops_is_given_up(maker: &Maker) {
    let body = maker.named(&"x".repeat(50_000));
    let began = Instant::now();
    let mut raw = Raw::connect(&maker.address);
    raw.send(&Post::new(&body[..40_000]).with("Content-Length", &body.len().to_string()).bytes());
    check("BI-09c", Answer::Http(&[408]), &raw.rest());
    assert_in_time(began, BODY);
}

#[track_caller]
fn assert_in_time(began: Instant, deadline: Duration) {
    let took = began.elapsed();
    assert!(took >= deadline - Duration::from_millis(100), "given up after {took:?}, before the deadline");
    assert!(took < deadline + LATE, "given up after {took:?}, deadline {deadline:?}");
}

fn slow_and_many() -> Vec<Case> {
    vec![
        Case::slow("BI-09b", a_body_shorter_than_announced_is_given_up),
        Case::slow("BI-09c", a_body_of_a_genuine_caller_that_stops_is_given_up),
        Case::slow("BI-12a", a_strangers_body_in_drops_is_given_up),
        Case::slow("BI-12b", a_genuine_callers_body_in_drops_is_given_up),
        Case::slow("BI-14a", who_says_nothing_is_cut_off),
        Case::slow("BI-14b", half_a_head_for_ever_is_cut_off),
        Case::scene("BI-15", idle_connections_keep_nobody_out),
    ]
}

/// One byte a chunk: each is progress, and the whole still has its deadline.
fn a_strangers_body_in_drops_is_given_up(maker: &Maker) {
    let began = Instant::now();
    let mut raw = Raw::connect(&maker.address);
    raw.send(&genuine(maker).chunked(1).head());
    let replies = raw.trickle(b"1\r\n \r\n", Duration::from_millis(50));
    check("BI-12a", Answer::Http(&[408]), &replies);
    assert_in_time(began, HEAD);
}

fn a_genuine_callers_body_in_drops_is_given_up(maker: &Maker) {
    let began = Instant::now();
    let body = maker.named(&"x".repeat(50_000));
    let mut raw = Raw::connect(&maker.address);
    let first = format!("{:x}\r\n{}\r\n", 40_000, &body[..40_000]);
    raw.send(&[genuine(maker).chunked(1).head(), first.into_bytes()].concat());
    let replies = raw.trickle(b"1\r\nx\r\n", Duration::from_millis(50));
    check("BI-12b", Answer::Http(&[408]), &replies);
    assert_in_time(began, BODY);
}

fn who_says_nothing_is_cut_off(maker: &Maker) {
    let began = Instant::now();
    check("BI-14a", Answer::Nothing, &Raw::connect(&maker.address).rest());
    assert_in_time(began, HEAD);
}

fn half_a_head_for_ever_is_cut_off(maker: &Maker) {
    let began = Instant::now();
    let mut raw = Raw::connect(&maker.address);
    raw.send(format!("POST {PATH} HTTP/1.1\r\nHost: a\r\nX-Long: ").as_bytes());
    let replies = raw.trickle(b"x", Duration::from_millis(50));
    check("BI-14b", Answer::Nothing, &replies);
    assert_in_time(began, HEAD);
}

/// Many times as many as there are places.
fn idle_connections_keep_nobody_out(maker: &Maker) {
    let idle: Vec<TcpStream> = (0..1000).map(|_| TcpStream::connect(&maker.address).unwrap()).collect();
    let began = Instant::now();
    let replies = maker.exchange(&Post::new(maker.with_token(&maker.bad(), "x")).bytes());
    let took = began.elapsed();
    check("BI-15", Answer::Failed(STRANGER), &replies);
    assert!(took < HEAD, "a caller was answered only after {took:?}: idle ones kept it out");
    drop(idle);
}

fn connections() -> Vec<Case> {
    vec![
        Case::story("BI-18a", who_waits_for_100_is_told_to_go_on),
        Case::new("BI-18b", UNSUPPORTED, |maker| {
            let post =
                genuine(maker).with("Content-Type", "application/json").header("Expect", "100-continue");
            post.head()
        }),
        Case::new("BI-18c", Answer::Http(&[413]), |maker| {
            genuine(maker).with("Content-Length", "10000000000").header("Expect", "100-continue").head()
        }),
        Case::scene("BI-18d", a_bad_token_after_100_is_refused),
        Case::new("BI-21a", Answer::Failed(STRANGER), |maker| {
            let refused = Post::new(maker.with_token(&maker.bad(), "x")).bytes();
            [refused, genuine(maker).bytes()].concat()
        }),
        Case::new("BI-21b", UNSUPPORTED, |maker| {
            [genuine(maker).without("Content-Type").bytes(), genuine(maker).bytes()].concat()
        }),
        Case::story("BI-21c", of_two_calls_in_a_row_the_first_is_carried_out),
        Case::scene("BI-21d", a_connection_is_closed_after_its_answer),
        Case::scene("BI-21e", who_writes_a_whole_body_before_it_reads_learns_why_it_was_refused),
    ]
}

fn who_waits_for_100_is_told_to_go_on(ground: &mut Ground) {
    let post = Post::new(ground.maker.named("expected")).header("Expect", "100-continue");
    let mut raw = Raw::connect(&ground.maker.address);
    raw.send(&post.head());
    assert_eq!(raw.reply().status, 100);
    raw.send(&post.bytes()[post.head().len()..]);
    check("BI-18a", Answer::Row("expected"), &raw.rest());
    ground.expect("BI-18a", "expected");
}

fn a_bad_token_after_100_is_refused(maker: &Maker) {
    let post = Post::new(maker.with_token(&maker.bad(), "x")).header("Expect", "100-continue");
    let mut raw = Raw::connect(&maker.address);
    raw.send(&post.head());
    assert_eq!(raw.reply().status, 100);
    raw.send(&post.bytes()[post.head().len()..]);
    check("BI-18d", Answer::Failed(STRANGER), &raw.rest());
}

fn of_two_calls_in_a_row_the_first_is_carried_out(ground: &mut Ground) {
    let second = genuine(&ground.maker).bytes();
    let first = Post::new(ground.maker.named("first of two")).bytes();
    check("BI-21c", Answer::Row("first of two"), &ground.maker.exchange(&[first, second].concat()));
    ground.expect("BI-21c", "first of two");
}

/// A second request on the connection of an answered first gets nothing.
fn a_connection_is_closed_after_its_answer(maker: &Maker) {
    let wipe = Post::new(maker.call(&Request::wipe("no_such_table")).replace(MIRRORING, "urn:x"));
    let mut raw = Raw::connect(&maker.address);
    raw.send(&wipe.bytes());
    assert_eq!(raw.reply().status, 500);
    raw.send(&genuine(maker).bytes());
    assert_eq!(raw.rest(), []);
}

/// A connection that is closed with bytes unread is reset under its writer, and on some systems that loses the answer.
/// The pauses let a reset arrive before the writer's own buffers have taken everything.
fn who_writes_a_whole_body_before_it_reads_learns_why_it_was_refused(maker: &Maker) {
    let mut raw = Raw::connect(&maker.address);
    let refused = Post::new(maker.with_token(&maker.bad(), &"x".repeat(400_000))).bytes();
    let (begin, rest) = refused.split_at(100_000);
    assert!(raw.send(begin));
    let reply = raw.reply();
    let sent = rest.chunks(10_000).all(|piece| {
        std::thread::sleep(Duration::from_millis(10));
        raw.send(piece)
    });
    assert!(sent, "the connection was reset");
    check("BI-21e", Answer::Failed(STRANGER), &[reply]);
    assert_eq!(raw.rest(), []);
}
