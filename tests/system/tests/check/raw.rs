//! Two questions of Kafka's protocol that librdkafka or rdkafka lacks, byte by byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const CREATE_ACLS: i16 = 30;
const LIST_TRANSACTIONS: i16 = 66;
const ALLOW: u8 = 3;

/// What an access rule is about; numbers of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl {
    resource: u8,
    name: String,
    pattern: u8,
    operation: u8,
}

impl Acl {
    pub fn topics(root: &str, operation: &str) -> Self {
        Self { resource: 2, name: root.to_owned(), pattern: PREFIXED, operation: number(operation) }
    }

    pub fn transactions(root: &str, operation: &str) -> Self {
        Self { resource: 5, name: root.to_owned(), pattern: PREFIXED, operation: number(operation) }
    }

    pub fn group(name: &str, operation: &str) -> Self {
        Self { resource: 3, name: name.to_owned(), pattern: LITERAL, operation: number(operation) }
    }

    pub fn cluster(operation: &str) -> Self {
        let name = "kafka-cluster".to_owned();
        Self { resource: 4, name, pattern: LITERAL, operation: number(operation) }
    }
}

const LITERAL: u8 = 3;
const PREFIXED: u8 = 4;

fn number(operation: &str) -> u8 {
    match operation {
        "Read" => 3,
        "Write" => 4,
        "Create" => 5,
        "Delete" => 6,
        "Alter" => 7,
        "Describe" => 8,
        "ClusterAction" => 9,
        "DescribeConfigs" => 10,
        other => panic!("{other}"),
    }
}

/// Allows all of it to whoever comes without a name.
pub fn allow(kafka: &str, acls: &[Acl]) {
    let mut request = header(CREATE_ACLS, 1);
    request.extend(u32::try_from(acls.len()).unwrap().to_be_bytes());
    for acl in acls {
        request.push(acl.resource);
        text(&mut request, &acl.name);
        request.push(acl.pattern);
        text(&mut request, "User:ANONYMOUS");
        text(&mut request, "*");
        request.extend([acl.operation, ALLOW]);
    }
    let answer = ask(kafka, &request);
    // Correlation, throttling, the number of results; then a code each, with a text where it is none of success.
    let mut results = &answer[12..];
    for acl in acls {
        assert_eq!(results[..2], [0, 0], "{acl:?}: {}", String::from_utf8_lossy(results));
        // A code and no text.
        results = &results[4..];
    }
}

/// Transactional ids of the node with their states.
pub fn transactions(kafka: &str) -> Vec<(String, String)> {
    let mut request = header(LIST_TRANSACTIONS, 0);
    // No tagged fields; no state and no producer is asked for in particular; no tagged fields.
    request.extend([0, 1, 1, 0]);
    let answer = ask(kafka, &request);
    // Correlation, no tagged fields, throttling, code.
    assert_eq!(answer[9..11], [0, 0]);
    let mut rest = &answer[11..];
    assert_eq!(varint(&mut rest), 1, "no state is unknown");
    let count = varint(&mut rest) - 1;
    let mut found = Vec::new();
    for _ in 0..count {
        let id = compact_text(&mut rest);
        rest = &rest[8..];
        found.push((id, compact_text(&mut rest)));
        assert_eq!(varint(&mut rest), 0, "no tagged fields");
    }
    found
}

fn header(key: i16, version: i16) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(key.to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend(7i32.to_be_bytes());
    text(&mut bytes, "test");
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn ask(kafka: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(kafka).unwrap();
    stream.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(request).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    answer
}

fn varint(bytes: &mut &[u8]) -> usize {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

fn compact_text(bytes: &mut &[u8]) -> String {
    let length = varint(bytes) - 1;
    let (text, rest) = bytes.split_at(length);
    *bytes = rest;
    String::from_utf8(text.to_vec()).unwrap()
}
