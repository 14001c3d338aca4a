//! Kafka's own protocol, byte by byte, where librdkafka or rdkafka lacks a request.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Asks the first node that is named; gives what follows the correlation in its answer.
pub fn ask(kafka: &str, request: i16, version: i16, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(kafka.split(',').next().unwrap()).unwrap();
    let correlation = [0; 4];
    let head = [&request.to_be_bytes()[..], &version.to_be_bytes(), &correlation, &text("test")].concat();
    let length = u32::try_from(head.len() + body.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes()[..], &head, body].concat()).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    answer.split_off(correlation.len())
}

/// A text with its length.
pub fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}
