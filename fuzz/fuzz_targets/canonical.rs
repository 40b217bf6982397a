//! Feeds `facilitator_tests::fuzz::canonical`, where it is written what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    facilitator_tests::fuzz::canonical(data);
});
