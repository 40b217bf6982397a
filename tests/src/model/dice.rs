//! From numbers to scripts: which steps come how often, in which weather. Smaller numbers make simpler steps, so that
//! whoever shrinks the numbers simplifies the script.

use facilitator_core::message::JobStatus;

use super::script::{Babble, Bad, Break, Crash, Failure, Late, Mangle, Manner, Setup, Step};

use JobStatus::{
    Accepted, Completed, ExecutionDone, ExecutorReady, Failed, HordeFailed, Received, Rejected,
    StreamingReady, VolumesReady,
};

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Most of what is started comes to its end; breaks come in the middle.
    Fair,
    /// Hardly anything goes well.
    Foul,
}

type Make = fn(u8, u8) -> Step;

/// Each step, with its weight in fair and in foul weather.
const TABLE: [(u32, u32, Make); 46] = [
    (90, 40, |_, _| Step::Flow),
    (60, 30, |a, _| Step::Advance(a % 8)),
    (30, 20, |a, _| Step::Push(a % 8)),
    (40, 30, |a, b| Step::Give(a % 8, status(b))),
    (14, 10, |a, _| Step::Specs(a % 8)),
    (12, 6, |a, b| Step::Finish(a % 8, ending(b))),
    (40, 30, |a, _| Step::Live(millis(a))),
    (24, 30, |_, _| Step::Wake),
    (20, 30, |a, _| Step::Read(1 + a % 6)),
    (20, 30, |a, _| Step::Deliver(1 + a % 6)),
    (10, 20, |_, _| Step::Connect),
    (10, 26, |a, b| {
        Step::Cut(a % 8, a / 8 % 8, pick(Break::ALL, b))
    }),
    (8, 24, |a, _| Step::Pass(millis(a))),
    (16, 20, |_, _| Step::Start),
    (2, 5, |_, _| Step::Stop),
    (1, 2, |_, _| Step::Abort),
    (4, 8, |_, _| Step::PeerEnds),
    (4, 10, |a, _| Step::PeerCloses(code(a))),
    (3, 12, |a, _| Step::Fail(failure(a))),
    (3, 10, |a, b| {
        Step::Poison(a % 8, status(b), pick(Crash::ALL, a / 8))
    }),
    (1, 4, |a, b| Step::PoisonSpecs(a % 8, pick(Crash::ALL, b))),
    (3, 10, |a, _| Step::Mangle(mangle(a))),
    (6, 14, |a, _| Step::Say(pick(Babble::ALL, a))),
    (4, 8, |_, _| Step::Authentication(Manner::Accept)),
    (1, 5, |a, _| Step::Authentication(pick(Manner::ALL, a))),
    (2, 6, |a, _| Step::Stale(pick(Late::ALL, a))),
    (5, 8, |_, _| Step::Hold),
    (3, 6, |a, _| Step::Tick(millis(a))),
    (1, 2, |a, _| Step::Suspend(seconds(a))),
    (2, 2, |a, _| Step::Cheat(a % 8)),
    (4, 4, |_, _| Step::Trust(true)),
    (1, 1, |_, _| Step::Trust(false)),
    (4, 4, |a, _| Step::GiveBad(pick(Bad::ALL, a))),
    (6, 6, |a, b| Step::GiveLarge(a % 8, status(b), bytes(a))),
    (3, 3, |a, b| Step::LargeSpecs(a % 8, bytes(b))),
    (3, 5, |_, _| Step::Hang),
    (6, 6, |_, _| Step::Resume),
    (2, 4, |a, _| Step::Backwards(millis(a))),
    (5, 5, |a, b| Step::Adopt(a % 8, seconds(b))),
    (3, 4, |a, _| Step::Restart(a % 2 == 1)),
    // A break in the middle of something, and what follows it.
    (10, 10, |a, _| Step::Cut(a % 4, a / 4 % 4, Break::Ends)),
    (10, 6, |a, _| Step::Live(20_000 + 1000 * u32::from(a % 45))),
    (4, 4, |a, b| Step::Give(b % 8, terminal(a))),
    (4, 4, |_, _| Step::Deliver(1)),
    (4, 4, |_, _| Step::Read(1)),
    (10, 4, |a, _| Step::Give(a % 8, Accepted)),
];

/// The sum of all weights: [`step`] takes a number below it.
pub const fn sides(weather: Weather) -> u32 {
    let mut sum = 0;
    let mut rest: &[(u32, u32, Make)] = &TABLE;
    while let [(fair, foul, _), others @ ..] = rest {
        sum += match weather {
            Weather::Fair => *fair,
            Weather::Foul => *foul,
        };
        rest = others;
    }
    sum
}

/// The step of a die and two numbers that say which of its kind.
pub fn step(weather: Weather, die: u32, a: u8, b: u8) -> Step {
    let mut left = die % sides(weather);
    for (fair, foul, make) in TABLE {
        let weight = match weather {
            Weather::Fair => fair,
            Weather::Foul => foul,
        };
        if left < weight {
            return make(a, b);
        }
        left -= weight;
    }
    Step::Flow
}

/// The session of some numbers; all of them zero is the default one.
pub fn setup(seed: u64, bounds: [u8; 9], switches: u8) -> Setup {
    let [
        window,
        outbox,
        specs,
        message,
        bytes,
        open,
        ended,
        margin,
        limit,
    ] = bounds;
    let message_bytes = nth(&[1 << 20, 1 << 20, 2000, 1200, 1024], message);
    Setup {
        seed,
        window: nth(&[64, 1, 2, 3, 8, 17], window),
        outbox_entries: nth(&[1000, 2, 3, 4, 6, 9, 14, 20, 40], outbox),
        specs_entries: nth(&[256, 1, 2, 5, 12], specs),
        message_bytes,
        outbox_bytes: message_bytes * nth(&[4, 4, 4, 1, 2, 3], bytes),
        open_jobs: nth(&[1000, 1000, 1, 2, 4], open),
        ended_jobs: nth(&[10_000, 10_000, 0, 1, 3], ended),
        job_margin: nth(&[600, 600, 20, 100, 0], margin),
        adopted_job_limit: nth(&[86_400, 86_400, 1, 60, 300], limit),
        gives_up: switches / 8 % 4 == 3,
        headers: switches % 16 == 15,
        strict: switches / 16 % 4 == 3,
        twin: switches.is_multiple_of(4),
        ready: switches % 8 != 7,
    }
}

fn nth(values: &[usize], index: u8) -> usize {
    let index = usize::from(index) % values.len().max(1);
    values.get(index).copied().unwrap_or_default()
}

fn pick<T: Copy>(values: &[T], index: u8) -> T {
    match values.get(usize::from(index) % values.len().max(1)) {
        Some(value) => *value,
        None => panic!("an enumeration without members"),
    }
}

fn status(index: u8) -> JobStatus {
    pick(
        &[
            Accepted,
            ExecutorReady,
            VolumesReady,
            ExecutionDone,
            Completed,
            StreamingReady,
            Received,
            Failed,
            HordeFailed,
            Rejected,
        ],
        index,
    )
}

fn ending(index: u8) -> JobStatus {
    pick(
        &[Completed, Completed, Failed, HordeFailed, Rejected],
        index,
    )
}

fn terminal(index: u8) -> JobStatus {
    pick(&[Failed, Completed], index)
}

fn millis(index: u8) -> u32 {
    pick(
        &[
            0, 1, 10, 100, 500, 1000, 1000, 3000, 5000, 10_000, 15_000, 20_000, 30_000, 40_000,
            60_000, 400_000,
        ],
        index,
    )
}

fn seconds(index: u8) -> u32 {
    pick(&[1, 30, 60, 600, 3600, 36_000], index)
}

fn bytes(index: u8) -> u16 {
    pick(&[100, 200, 500, 1000, 1900, 10_000], index)
}

fn code(index: u8) -> u16 {
    pick(
        &[1000, 1001, 1011, 1009, 1012, 1013, 3000, 3001, 1002, 4000],
        index,
    )
}

fn mangle(index: u8) -> Mangle {
    let named = Mangle::Named;
    pick(
        &[
            named,
            named,
            named,
            Mangle::Garbled,
            Mangle::Garbled,
            Mangle::Nameless,
            Mangle::Wordless,
        ],
        index,
    )
}

fn failure(index: u8) -> Failure {
    pick(
        &[
            Failure::Refused,
            Failure::Refused,
            Failure::Dns,
            Failure::Io,
            Failure::Tls,
            Failure::Handshake,
            Failure::Http(500),
            Failure::Http(401),
            Failure::Http(403),
            Failure::Http(301),
            Failure::RetryAfter(429, 30),
            Failure::RetryAfter(503, 5),
            Failure::RetryAfter(503, 4_000_000_000),
            Failure::RetryAfter(503, 0),
            Failure::RetryAfter(401, 30),
            Failure::RetryAfter(403, 900),
        ],
        index,
    )
}
