//! Feeds the decoders of both sides; what must hold is written in `facilitator_tests::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    facilitator_tests::fuzz::decode(data);
});
