//! A broker's disk that fills up.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use operations_center::wire::Request;
use services::SmallDisk;

use crate::support::{Own, batch, contact};

fn ballast(disk: &SmallDisk) -> PathBuf {
    disk.path().join("ballast")
}

/// Takes all the room that is left.
fn fill(disk: &SmallDisk) {
    let mut file = File::create(ballast(disk)).unwrap();
    for bytes in [1 << 20, 1 << 12, 1] {
        let block = vec![0; bytes];
        let failed = loop {
            if let Err(error) = file.write_all(&block) {
                break error;
            }
        };
        assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_and_loses_nothing_that_was() {
    let Some(disk) = SmallDisk::mount(64) else {
        println!("SKIPPED: no file system can be mounted here, which needs root");
        return;
    };
    let mut own = Own::with(|options| {
        options.data.insert(1, disk.path().join("data"));
    });
    let world = own.world();
    let bridge = world.bridge();
    let vendor = world.vendor(&bridge);
    vendor.cycle(&[batch(&contact(), 1, &[("I", 1, "x")])]);
    vendor.open(&[contact()]);
    fill(&disk);
    let began = Instant::now();
    let text = "x".repeat(100);
    let rows: Vec<_> = (2..5_000).map(|id| ("I", id, text.as_str())).collect();
    vendor.fail(&Request::row_data(&[batch(&contact(), 2, &rows)]));
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    fs::remove_file(ballast(&disk)).unwrap();
    own.services.start_kafka().unwrap();
    assert_eq!(vendor.cycle(&[batch(&contact(), 2, &rows)])["contact"], 1, "not -1, and not 2");
    assert_eq!(world.contacts().len(), 4_999);
    assert_eq!(vendor.open(&[contact()])["contact"], 2);
}
