//! A clock that is wrong, seen from here: all that differs is the time that the registry's answers carry.

use super::proxy::Proxy;
use super::setup::{Checked, Setup};
use crate::support::World;

fn check(seconds: i64) -> Checked {
    let world = World::new();
    let mut setup = Setup::new(&world);
    let registry = Proxy::start(&setup.registry, seconds, |_, _| None);
    setup.registry = registry.url();
    setup.check()
}

#[test]
fn a_clock_that_is_two_minutes_behind_is_a_warning() {
    check(120).assert_warning("clock", " s behind that of the registry", "keep this machine's time with NTP");
}

#[test]
fn a_clock_that_is_ten_minutes_ahead_is_a_fault() {
    check(-600).assert_only_fault("clock", " s ahead of that of the registry", "tokens live six minutes");
}
