//! The numbers of jobs and batches, and what a job looks like on the wire.

use std::fmt;

use facilitator_core::message::{ExecutorClass, Integer, V2JobRequest};

/// What all numbers of a world have in common: they are valid UUIDs, version 4.
const BASE: u128 = 0x0b00_0000_0000_4000_8000_0000_0000_0000;

/// A job of a world, or a batch of machine specs. `Display` is its UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u128);

impl JobId {
    /// The n-th job of a world.
    pub fn nth(n: u64) -> Self {
        Self(BASE | u128::from(n & 0x0fff_ffff_ffff_ffff))
    }

    /// The job with this UUID, as a number.
    pub fn from_number(uuid: u128) -> Self {
        Self(uuid)
    }

    /// A number that differs from job to job, for what should.
    pub(super) fn scattered(self) -> usize {
        let [.., a, b, c, d] = self
            .0
            .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
            .to_be_bytes();
        u32::from_be_bytes([a, b, c, d]) as usize >> 4
    }

    /// The job with this UUID, in its usual spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let mut number = 0_u128;
        let mut digits = 0;
        for byte in text.bytes().filter(|byte| *byte != b'-') {
            number = number << 4 | u128::from(char::from(byte).to_digit(16)?);
            digits += 1;
        }
        (digits == 32).then_some(Self(number))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            n >> 96,
            n >> 80 & 0xffff,
            n >> 64 & 0xffff,
            n >> 48 & 0xffff,
            n & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The sum of a request's time limits, in seconds; a session adds a margin of its own.
pub(super) const LIMIT: u64 = 60 + 120 + 60 + 30;

/// The request for a job. Its time limits are those of a job that takes minutes.
pub(super) fn request(id: JobId) -> V2JobRequest {
    V2JobRequest {
        download_time_limit: Integer::from(60_u64),
        execution_time_limit: Integer::from(120_u64),
        upload_time_limit: Integer::from(60_u64),
        streaming_start_time_limit: Integer::from(30_u64),
        ..V2JobRequest::new(id.to_string(), ExecutorClass::AlwaysOnTest, "python:3.11")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_as_it_is_written() {
        for n in [0, 1, 0xffff, u64::MAX >> 4] {
            let id = JobId::nth(n);
            assert_eq!(JobId::parse(&id.to_string()), Some(id));
        }
        assert_eq!(
            JobId::nth(1).to_string(),
            "0b000000-0000-4000-8000-000000000001"
        );
        assert_eq!(JobId::parse("nope"), None);
        assert_eq!(JobId::parse("0b000000-0000-4000-8000-00000000000"), None);
    }
}
