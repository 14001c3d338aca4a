#![no_main]
//! libFuzzer in front of [`fuzz_targets::row_data`].

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_targets::row_data(data));
