//! What transactions a node knows: a question of Kafka's protocol that librdkafka lacks.

use crate::support::protocol::ask;

const LIST_TRANSACTIONS: i16 = 66;

/// Transactional ids of the node with their states.
pub fn transactions(kafka: &str) -> Vec<(String, String)> {
    // No tagged fields; no state and no producer is asked for in particular; no tagged fields.
    let answer = ask(kafka, LIST_TRANSACTIONS, 0, &[0, 1, 1, 0]);
    // No tagged fields, throttling, code.
    assert_eq!(answer[5..7], [0, 0]);
    let mut rest = &answer[7..];
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
