//! Rights taken away and given back, in Kafka's own words: no client here knows the requests for it.

use std::io::{Read, Write};
use std::net::TcpStream;

/// What a right is about.
#[derive(Clone, Copy)]
pub enum Resource<'a> {
    Topic(&'a str),
    TransactionalId(&'a str),
}

/// For a cluster that checks rights, and lets everybody do everything where none is named.
pub const CHECKED: [(&str, &str); 2] = [
    ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
    ("allow.everyone.if.no.acl.found", "true"),
];

const CREATE_ACLS: u16 = 30;
const DELETE_ACLS: u16 = 31;
/// The last version before the format changed.
const VERSION: u16 = 1;
const LITERAL: u8 = 3;
const WRITE: u8 = 4;
const ANY: u8 = 1;
const ALL: u8 = 2;
const DENY: u8 = 2;
const ALLOW: u8 = 3;

/// Nobody may write to it; everything else is as before.
pub fn deny_writing(kafka: &str, resource: Resource<'_>) {
    // Where one right is named, everything that is not named is forbidden.
    let creations = [rule(resource, ALL, ALLOW), rule(resource, WRITE, DENY)].concat();
    let answer = ask(kafka, CREATE_ACLS, &[&2_u32.to_be_bytes()[..], &creations].concat());
    // Throttle time, how many results, then an error code and an empty message each.
    let codes: Vec<_> = answer[8..].chunks(4).map(|result| &result[..2]).collect();
    assert_eq!(codes, [[0, 0], [0, 0]], "rights could not be taken away");
}

/// Takes back everything that was said of it.
pub fn forget(kafka: &str, resource: Resource<'_>) {
    let (kind, name) = parts(resource);
    let anybody = [255; 4];
    let filter = [&[kind][..], &text(name), &[LITERAL], &anybody, &[ANY, ANY]].concat();
    let answer = ask(kafka, DELETE_ACLS, &[&1_u32.to_be_bytes()[..], &filter].concat());
    assert_eq!(answer[8..10], [0, 0], "rights could not be given back");
}

fn rule(resource: Resource<'_>, operation: u8, permission: u8) -> Vec<u8> {
    let (kind, name) = parts(resource);
    let who = [text("User:ANONYMOUS"), text("*")].concat();
    [&[kind][..], &text(name), &[LITERAL], &who, &[operation, permission]].concat()
}

fn parts(resource: Resource<'_>) -> (u8, &str) {
    match resource {
        Resource::Topic(name) => (2, name),
        Resource::TransactionalId(name) => (5, name),
    }
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

fn ask(kafka: &str, request: u16, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(kafka.split(',').next().unwrap()).unwrap();
    let correlation = [0; 4];
    let head = [&request.to_be_bytes()[..], &VERSION.to_be_bytes(), &correlation, &text("test")].concat();
    let length = u32::try_from(head.len() + body.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], &head, body].concat()).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    answer.split_off(correlation.len())
}
