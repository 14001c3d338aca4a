#![no_main]
//! libFuzzer in front of [`fuzz_targets::token`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::token(data));
