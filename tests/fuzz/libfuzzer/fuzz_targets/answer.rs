#![no_main]
//! libFuzzer in front of [`fuzz_targets::answer`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::answer(data));
