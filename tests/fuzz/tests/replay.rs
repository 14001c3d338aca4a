//! Every target over its corpus, on stable Rust: what a fuzzer once found stays found.

// What is read here is part of the repository.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz_targets::TARGETS;

/// Seeds up to this size are also replayed cut short at every byte.
const SMALL_BYTES: usize = 512;

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "no seed for {name}");
    for (path, seed) in seeds {
        eprintln!("{}", path.display());
        (target.run)(&seed);
        let cuts = if seed.len() <= SMALL_BYTES { seed.len() } else { 0 };
        (0..cuts).for_each(|length| (target.run)(&seed[..length]));
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn seeds(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<_> =
        fs::read_dir(corpus().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

macro_rules! replays {
    ($($name:ident),*) => { $(#[test] fn $name() { replay(stringify!($name)); })* };
}

replays!(answer, envelope, key, positions, row_data, token, topic, value);

#[test]
fn every_target_has_a_corpus_and_a_libfuzzer_program() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let targets: BTreeSet<_> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(corpus()), targets);
    assert_eq!(names(corpus().join("../libfuzzer/fuzz_targets")), targets);
}

#[test]
fn the_corpus_stays_small() {
    let bytes: usize = TARGETS.iter().flat_map(|target| seeds(target.name)).map(|(_, seed)| seed.len()).sum();
    assert!(bytes < 300_000, "{bytes} bytes of seeds");
}
