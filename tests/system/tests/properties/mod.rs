//! Properties that only real Kafka can show: arbitrary histories of a tenant against a model of a few lines.
//!
//! Each case has a tenant of its own and takes about a second, so there are few of them; every run has others. A case
//! that fails is made as small as it gets and printed.

mod columns;
mod confined;
mod history;
mod manifest;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Runs `cases` of a strategy. What a case made on Kafka stays there, so its number is told to it.
pub fn check<S: Strategy>(cases: u32, strategy: &S, mut test: impl FnMut(u32, S::Value)) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 30, ..Config::default() };
    let number = std::cell::Cell::new(0);
    let test = std::cell::RefCell::new(&mut test);
    let checked = TestRunner::new(config).run(strategy, |value| {
        number.set(number.get() + 1);
        let case = std::panic::AssertUnwindSafe(|| test.borrow_mut()(number.get(), value));
        std::panic::catch_unwind(case).map_err(|panic| TestCaseError::fail(said(&*panic)))
    });
    if let Err(failed) = checked {
        panic!("{failed}");
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
