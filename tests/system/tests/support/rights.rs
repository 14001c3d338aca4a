//! Rights given, taken away and given back: no client here knows the requests for it.

use super::protocol::{ask, text};

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

const CREATE_ACLS: i16 = 30;
const DELETE_ACLS: i16 = 31;
/// The last version before the format changed.
const VERSION: i16 = 1;
const LITERAL: u8 = 3;
const PREFIXED: u8 = 4;
const WRITE: u8 = 4;
const ANY: u8 = 1;
const ALL: u8 = 2;
const DENY: u8 = 2;
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

    fn rule(&self) -> Vec<u8> {
        rule((self.resource, &self.name), self.pattern, self.operation, ALLOW)
    }
}

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
    create(kafka, &acls.iter().map(Acl::rule).collect::<Vec<_>>());
}

/// Nobody may write to it; everything else is as before.
pub fn deny_writing(kafka: &str, resource: Resource<'_>) {
    // Where one right is named, everything that is not named is forbidden.
    let rule = |operation, permission| rule(parts(resource), LITERAL, operation, permission);
    create(kafka, &[rule(ALL, ALLOW), rule(WRITE, DENY)]);
}

fn create(kafka: &str, rules: &[Vec<u8>]) {
    let count = u32::try_from(rules.len()).unwrap().to_be_bytes();
    let answer = ask(kafka, CREATE_ACLS, VERSION, &[&count[..], &rules.concat()].concat());
    // Throttle time and how many results; then a code each, with a text where it is none of success.
    let results = &answer[8..];
    let codes: Vec<_> = results.chunks(4).map(|result| &result[..2]).collect();
    assert_eq!(codes, vec![[0, 0]; rules.len()], "{}", String::from_utf8_lossy(results));
}

/// Takes back everything that was said of it.
pub fn forget(kafka: &str, resource: Resource<'_>) {
    let (kind, name) = parts(resource);
    let anybody = [255; 4];
    let filter = [&[kind][..], &text(name), &[LITERAL], &anybody, &[ANY, ANY]].concat();
    let answer = ask(kafka, DELETE_ACLS, VERSION, &[&1_u32.to_be_bytes()[..], &filter].concat());
    assert_eq!(answer[8..10], [0, 0], "rights could not be given back");
}

/// A rule about whoever comes without a name, by the resource's kind and name.
fn rule((kind, name): (u8, &str), pattern: u8, operation: u8, permission: u8) -> Vec<u8> {
    let who = [text("User:ANONYMOUS"), text("*")].concat();
    [&[kind][..], &text(name), &[pattern], &who, &[operation, permission]].concat()
}

fn parts(resource: Resource<'_>) -> (u8, &str) {
    match resource {
        Resource::Topic(name) => (2, name),
        Resource::TransactionalId(name) => (5, name),
    }
}
