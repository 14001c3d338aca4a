//! Several threads with a center each; `tests/processes.rs` has the same with processes.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// A writer that has not ended by then has failed.
const DEADLINE: Duration = Duration::from_secs(60);

fn at_once(count: usize, work: impl Fn(usize) + Sync) {
    let (start, work) = (&Barrier::new(count), &work);
    std::thread::scope(|scope| {
        for number in 0..count {
            scope.spawn(move || {
                start.wait();
                work(number);
            });
        }
    });
}

#[test]
fn no_approval_is_lost() {
    let world = World::new();
    world.register("abc");
    for number in 0..8 {
        world.create_tenant(&format!("Cust{number}"));
    }
    at_once(8, |number| {
        for _ in 0..5 {
            world.reopened().approve(&format!("Cust{number}"), "abc").unwrap();
            world.reopened().revoke(&format!("Cust{number}"), "abc").unwrap();
            world.reopened().approve(&format!("Cust{number}"), "abc").unwrap();
        }
    });
    assert_eq!(world.center.approvals().unwrap().len(), 8);
}

#[test]
fn a_name_is_given_to_one() {
    let world = World::new();
    let given = AtomicUsize::new(0);
    at_once(4, |_| {
        let made = world.reopened().create_tenant("Cust1", empty);
        match made {
            Ok(_) => drop(given.fetch_add(1, Ordering::SeqCst)),
            Err(error) => assert!(matches!(error, CenterError::TenantExists { .. }), "{error}"),
        }
    });
    assert_eq!(given.into_inner(), 1);
}

#[test]
fn readers_see_the_old_state_or_the_new_one() {
    let world = World::new();
    world.register("abc");
    let began = Instant::now();
    let is_over = AtomicBool::new(false);
    at_once(3, |number| {
        let center = world.reopened();
        if number > 0 {
            while !is_over.load(Ordering::SeqCst) && began.elapsed() < DEADLINE {
                let seen = center.application("abc").unwrap();
                assert!(seen.details.mirroring.url().is_none_or(|url| url.as_str() == "http://a/"));
            }
            return;
        }
        for _ in 0..4 {
            center.enable_mirroring("abc", Some("http://a/".parse().unwrap())).unwrap();
            center.disable_mirroring("abc").unwrap();
            center.rotate_key("abc", 1024).unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
    });
}
