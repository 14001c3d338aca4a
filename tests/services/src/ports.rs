//! Ports of 127.0.0.1 for the services of one folder, remembered in a file for the next start.
//!
//! They are taken below the range that Linux and macOS give to outgoing connections. Above it, a client that
//! keeps trying to reach a stopped broker can be given the broker's own port as its end of the connection:
//! it then talks to itself, and the broker cannot start again.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::error::ServicesError;

const FIRST: u16 = 16_000;
const LAST: u16 = 31_999;
const FILE: &str = "ports";

/// A port for each name: the one of the last start in this folder if it is free.
pub(crate) fn choose(folder: &Path, names: &[String]) -> Result<BTreeMap<String, u16>, ServicesError> {
    let file = folder.join(FILE);
    let mut remembered = parse(&fs::read_to_string(&file).unwrap_or_default());
    let mut ports = BTreeMap::new();
    for name in names {
        let before = remembered.get(name).copied().filter(|port| is_free(*port));
        let port = before.map_or_else(|| find(&remembered), Ok)?;
        // Also for the names to come: a port found is not bound yet, and must not be found twice.
        remembered.insert(name.clone(), port);
        ports.insert(name.clone(), port);
    }
    let lines: String = remembered.iter().map(|(name, port)| format!("{name}={port}\n")).collect();
    fs::write(&file, lines).map_err(ServicesError::file("write", &file))?;
    Ok(ports)
}

/// A port that nobody has, for a program that is started at once.
///
/// # Errors
/// [`ServicesError::NoPort`] when all are taken.
pub fn free_port() -> Result<u16, ServicesError> {
    find(&BTreeMap::new())
}

fn parse(text: &str) -> BTreeMap<String, u16> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.filter_map(|(name, port)| Some((name.to_owned(), port.parse().ok()?))).collect()
}

/// A free port, searched from a random place on: two processes that search at once rarely meet.
fn find(taken: &BTreeMap<String, u16>) -> Result<u16, ServicesError> {
    let count = u64::from(LAST - FIRST) + 1;
    let start = RandomState::new().hash_one(std::process::id()) % count;
    let ports = (start..start + count).map(|number| FIRST + (number % count) as u16);
    ports
        .filter(|port| !taken.values().any(|other| other == port))
        .find(|port| is_free(*port))
        .ok_or_else(none)
}

/// That no port is free.
pub(crate) fn none() -> ServicesError {
    ServicesError::NoPort { first: FIRST, last: LAST }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["kafka-1", "kafka-1.controller", "registry"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_folder_keeps_its_ports_while_they_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let first = choose(folder.path(), &names()).unwrap();
        assert_eq!(choose(folder.path(), &names()).unwrap(), first);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first["registry"])).unwrap();
        let second = choose(folder.path(), &names()).unwrap();
        assert_ne!(second["registry"], first["registry"]);
        assert_eq!(second["kafka-1"], first["kafka-1"]);
    }

    #[test]
    fn a_damaged_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "kafka-1=\nregistry=99999\n\u{fffd}").unwrap();
        let ports = choose(folder.path(), &names()).unwrap();
        assert!(ports.values().all(|port| (FIRST..=LAST).contains(port)));
    }
}
