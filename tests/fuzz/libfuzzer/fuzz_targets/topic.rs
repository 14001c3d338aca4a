#![no_main]
//! libFuzzer in front of [`fuzz_targets::topic`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::topic(data));
