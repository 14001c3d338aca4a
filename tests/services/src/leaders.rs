//! Which node leads a partition, and which coordinates a producer's transactions.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::producer::BaseProducer;

use crate::error::ServicesError;
use crate::ready;

/// An election takes a moment, and longer when the controller itself has to be elected.
const LIMIT: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(25);

/// Kafka's log of transactions.
const TRANSACTIONS: &str = "__transaction_state";

pub(crate) fn leader_of(kafka: &str, topic: &str, partition: i32) -> Result<u32, ServicesError> {
    let client = ready::client(kafka)?;
    ask(&client, topic, partition, |client| ready::leader(client, topic, partition))
}

/// A transactional id's coordinator leads the partition of the log of transactions that the id hashes to.
pub(crate) fn coordinator_of(kafka: &str, transactional_id: &str) -> Result<u32, ServicesError> {
    let client = ready::client(kafka)?;
    let count = ask(&client, TRANSACTIONS, 0, |client| ready::partitions(client, TRANSACTIONS))?;
    let partition = (java_hash(transactional_id) & 0x7fff_ffff) as usize % count;
    let partition = i32::try_from(partition).unwrap_or_default();
    ask(&client, TRANSACTIONS, partition, |client| ready::leader(client, TRANSACTIONS, partition))
}

fn ask<T>(
    client: &BaseProducer,
    topic: &str,
    partition: i32,
    question: impl Fn(&BaseProducer) -> Option<T>,
) -> Result<T, ServicesError> {
    let begin = Instant::now();
    loop {
        if let Some(answer) = question(client) {
            return Ok(answer);
        }
        if begin.elapsed() > LIMIT {
            let seconds = LIMIT.as_secs();
            return Err(ServicesError::NoLeader { topic: topic.to_owned(), partition, seconds });
        }
        thread::sleep(PAUSE);
    }
}

/// `String.hashCode`, by which Kafka chooses the partition.
fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_java() {
        // Computed by Java.
        for (text, hash) in
            [("", 0), ("a", 97), ("console-consumer-1", 35_782_224), ("crm.Cust10001", -934_020_849)]
        {
            assert_eq!(java_hash(text) as i32, hash, "{text}");
        }
    }
}
