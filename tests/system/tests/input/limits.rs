//! Every limit of the configuration: just under it a call is taken, just over it refused, with the answer that belongs
//! to the limit.

use std::time::{Duration, Instant};

use operations_center::token::Token;
use operations_center::wire::{Request, TableInfo};

use super::case::{Answer, Case, Ground, Maker, STRANGER, check, padded};
use crate::support::raw::{Post, Raw};
use crate::support::vendor::{column, table};
use crate::support::{batch, contact};

/// The least that the configuration allows, and few rows, columns and tables.
const SMALL: &str = "[limits]
max_connections = 3
max_header_bytes = 8192
max_body_bytes = 1048576
max_bytes_in_flight = 3145728
header_timeout_seconds = 2
body_timeout_seconds = 4
max_depth = 12
max_attributes = 8
max_attribute_bytes = 256
max_value_bytes = 1024
max_token_bytes = 1024
max_rows = 5
max_columns = 4
max_tables = 3
";
const HEADER_BYTES: usize = 8192;
const BODY_BYTES: usize = 1024 * 1024;
const FAULT: Answer = Answer::Fault("Client");
const CONTENT: Answer = Answer::Failed("BAD_CONTENT");
const TAKEN: Answer = Answer::Row("taken");

#[test]
fn just_under_each_limit_a_call_is_taken_and_just_over_it_refused() {
    let mut ground = Ground::new(SMALL);
    ground.play([sizes(), contents(), counts(), times()].into_iter().flatten().collect());
    ground.bridge.stop();
}

fn sizes() -> Vec<Case> {
    let headed = |maker: &Maker, bytes: usize| {
        let post = Post::new(maker.named("taken")).header("X-Pad", "");
        let missing = bytes - post.head().len();
        let post = post.with("X-Pad", &"x".repeat(missing));
        assert_eq!(post.head().len(), bytes);
        post.bytes()
    };
    let long = |maker: &Maker, bytes: usize| Post::new(padded(maker.named("taken"), bytes));
    vec![
        Case::new("head under", TAKEN, move |maker| headed(maker, HEADER_BYTES)),
        Case::new("head over", Answer::Http(&[431]), move |maker| headed(maker, HEADER_BYTES + 1)),
        Case::new("body under", TAKEN, move |maker| long(maker, BODY_BYTES).bytes()),
        Case::new("body over", Answer::Http(&[413]), move |maker| long(maker, BODY_BYTES + 1).bytes()),
        Case::new("chunked body under", TAKEN, move |maker| long(maker, BODY_BYTES).chunked(50_000).bytes()),
        Case::new("chunked body over", Answer::Http(&[413]), move |maker| {
            long(maker, BODY_BYTES + 1).chunked(50_000).bytes()
        }),
        Case::body("token under", TAKEN, |maker| maker.with_token(&tokens_around(maker, 1024)[0], "taken")),
        Case::body("token over", Answer::Failed(STRANGER), |maker| {
            maker.with_token(&tokens_around(maker, 1024)[1], "x")
        }),
    ]
}

/// Genuine tokens: the longest that has at most so many bytes, and the next longer one.
fn tokens_around(maker: &Maker, bytes: usize) -> [String; 2] {
    let padded = |length| Token::claim(maker.token(), "pad", "x".repeat(length)).sign().unwrap();
    let guess = (bytes - padded(0).len()) * 3 / 4;
    let tokens: Vec<String> = (guess - 4..guess + 5).map(padded).collect();
    let over = tokens.iter().position(|token| token.len() > bytes).unwrap();
    [tokens[over - 1].clone(), tokens[over].clone()]
}

fn contents() -> Vec<Case> {
    let member = |maker: &Maker, member: String| {
        maker.named("taken").replace("<DataBatches", &format!("{member}<DataBatches"))
    };
    // Envelope, body and request are around it.
    let nested = move |maker: &Maker, depth: usize| {
        member(maker, format!("{}{}", "<x>".repeat(depth - 3), "</x>".repeat(depth - 3)))
    };
    let attributes = move |maker: &Maker, count: usize| {
        let attributes: String = (0..count).map(|number| format!(" a{number}=\"\"")).collect();
        member(maker, format!("<x{attributes}/>"))
    };
    let attribute =
        move |maker: &Maker, bytes: usize| member(maker, format!("<x a=\"{}\"/>", "x".repeat(bytes)));
    vec![
        Case::body("depth under", TAKEN, move |maker| nested(maker, 12)),
        Case::body("depth over", FAULT, move |maker| nested(maker, 13)),
        Case::body("attributes under", TAKEN, move |maker| attributes(maker, 8)),
        Case::body("attributes over", FAULT, move |maker| attributes(maker, 9)),
        Case::body("attribute bytes under", TAKEN, move |maker| attribute(maker, 256)),
        Case::body("attribute bytes over", FAULT, move |maker| attribute(maker, 257)),
        Case::story("value under", |ground| {
            let call = ground.maker.named("");
            let name = "x".repeat(1024 - ground.maker.meant("").len());
            let call = call.replace(&ground.maker.meant(""), &ground.maker.meant(&name));
            check("value under", TAKEN, &ground.maker.exchange(&Post::new(call).bytes()));
            ground.expect("value under", &name);
        }),
        Case::body("value over", CONTENT, |maker| maker.named(&"x".repeat(1024))),
    ]
}

fn counts() -> Vec<Case> {
    vec![
        Case::body("rows under", TAKEN, |maker| rows(maker, 5)),
        Case::body("rows over", CONTENT, |maker| rows(maker, 6)),
        Case::story("columns under", |ground| succeed(ground, &columns(&ground.maker, 4))),
        Case::body("columns over", CONTENT, |maker| columns(maker, 5)),
        Case::story("batches under", |ground| succeed(ground, &batches(&ground.maker, 3))),
        Case::body("batches over", CONTENT, |maker| batches(maker, 4)),
        Case::story("tables under", |ground| {
            ground.vendor.open(&tables(3));
            ground.renew();
        }),
        Case::body("tables over", CONTENT, |maker| maker.call(&Request::table_schema(&tables(4)))),
    ]
}

fn rows(maker: &Maker, count: usize) -> String {
    let call = maker.call(&Request::row_data(&[batch(&contact(), 0, &vec![("U", 1, "@"); count])]));
    call.replace('@', &maker.numbered("taken"))
}

fn columns(maker: &Maker, count: usize) -> String {
    let mut table = table("wide");
    table.columns.extend((2..count).map(|number| column(&format!("c{number}"), "int", true)));
    maker.call(&Request::row_data(&[batch(&table, 0, &[])]))
}

fn batches(maker: &Maker, count: usize) -> String {
    maker.call(&Request::row_data(&vec![batch(&contact(), 0, &[]); count]))
}

fn succeed(ground: &Ground, body: &str) {
    let replies = ground.maker.exchange(&Post::new(body).bytes());
    assert!(replies[0].body.contains("<IsSuccessful>true"), "{replies:?}");
}

fn tables(count: usize) -> Vec<TableInfo> {
    let more = (1..count).map(|number| table(&format!("more{number}")));
    [contact()].into_iter().chain(more).collect()
}

fn times() -> Vec<Case> {
    vec![
        Case::story("times under", a_call_that_takes_almost_as_long_as_it_may_is_taken),
        Case::scene("connections", a_caller_waits_while_all_places_have_accepted_callers),
    ]
}

/// Head within 2 s, the first of the body within 2 s after it, all of it within 4.
fn a_call_that_takes_almost_as_long_as_it_may_is_taken(ground: &mut Ground) {
    let post = Post::new(padded(ground.maker.named("slow"), 100_000));
    let bytes = post.bytes();
    let head = post.head().len();
    let mut raw = Raw::connect(&ground.maker.address);
    let pause = Duration::from_millis(1000);
    for piece in
        [&bytes[..head / 2], &bytes[head / 2..head], &bytes[head..head + 40_000], &bytes[head + 40_000..]]
    {
        assert!(raw.send(piece));
        std::thread::sleep(pause);
    }
    check("times under", Answer::Row("slow"), &raw.rest());
    ground.expect("times under", "slow");
}

fn a_caller_waits_while_all_places_have_accepted_callers(maker: &Maker) {
    let stranger = Post::new(maker.with_token(&maker.bad(), "x")).bytes();
    let served_after = || {
        let began = Instant::now();
        check("connections", Answer::Failed(STRANGER), &maker.exchange(&stranger));
        began.elapsed()
    };
    let two = [held(maker), held(maker)];
    assert!(served_after() < Duration::from_secs(1), "the third place was free");
    drop(two);
    // Nothing tells when a token was accepted, and until then its caller gives way: so it gets longer each time.
    let waits = (1..10).any(|pauses| {
        let three = [held(maker), held(maker), held(maker)];
        std::thread::sleep(Duration::from_millis(50) * pauses);
        let waited = served_after();
        drop(three);
        waited > Duration::from_secs(2)
    });
    assert!(waits, "three accepted callers did not keep their places");
}

/// A genuine call whose last byte does not come.
fn held(maker: &Maker) -> Raw {
    let body = padded(maker.named("never whole"), 100_000);
    let mut raw = Raw::connect(&maker.address);
    assert!(raw.send(&Post::new(body).with("Content-Length", "100001").bytes()));
    raw
}
