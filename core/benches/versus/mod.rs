//! Two ways to do the same, timed side by side: what counts is their ratio, and that it can be trusted on a busy
//! machine. No workloads.
//!
//! Rivals run in short turns of equal length in time, in the order A B B A, so that whatever else the machine does
//! falls on both alike. Each such round yields one ratio; told are the median of all ratios, the middle half and the
//! middle nine tenths of them. Absolute times are medians, and only to look at.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The length of one turn: long against the clock's own cost, short against a time slice of the scheduler.
const TURN: Duration = Duration::from_micros(200);

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    rounds: usize,
    /// Whether figures are wanted, not only a sign that all still runs.
    pub(crate) is_thorough: bool,
}

impl Effort {
    /// From the command line: `cargo bench` passes `--bench`. Without it each bench only shows that it still runs,
    /// as `cargo test --benches` asks. A number after `--` sets the rounds.
    pub(crate) fn of_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let rounds = arguments.iter().find_map(|word| word.parse().ok());
        if arguments.iter().any(|word| word == "--bench") {
            Self {
                rounds: rounds.unwrap_or(1000),
                is_thorough: true,
            }
        } else {
            Self {
                rounds: rounds.unwrap_or(1),
                is_thorough: false,
            }
        }
    }

    /// Compares `ours` with `theirs` and prints one line. `bar` is the ratio that ours has to stay below.
    pub(crate) fn compare<A, B>(
        self,
        name: &str,
        bar: Option<f64>,
        mut ours: impl FnMut() -> A,
        mut theirs: impl FnMut() -> B,
    ) {
        let (our_calls, their_calls) = (calls_in_a_turn(&mut ours), calls_in_a_turn(&mut theirs));
        let (mut ratios, mut our_times, mut their_times) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let first = time(&mut ours, our_calls);
            let between = time(&mut theirs, their_calls) + time(&mut theirs, their_calls);
            let last = time(&mut ours, our_calls);
            let (our_time, their_time) = (f64::midpoint(first, last), between / 2.0);
            ratios.push(our_time / their_time);
            our_times.push(our_time);
            their_times.push(their_time);
        }
        let nanoseconds = (
            quantile(&mut our_times, 0.5),
            quantile(&mut their_times, 0.5),
        );
        let ratio = quantile(&mut ratios, 0.5);
        let mut at = |part| quantile(&mut ratios, part);
        let judgement = match bar {
            Some(bar) if self.is_thorough && ratio <= bar => format!("bar {bar}: met"),
            Some(bar) if self.is_thorough => format!("bar {bar}: MISSED"),
            _ => String::new(),
        };
        println!(
            "{name:<56} {ratio:>6.3}  [{:.3} .. {:.3}]  ({:.3} .. {:.3})  {:>9.0} ns  {:>9.0} ns  {judgement}",
            at(0.25),
            at(0.75),
            at(0.05),
            at(0.95),
            nanoseconds.0,
            nanoseconds.1,
        );
    }
}

/// Explains the columns.
pub(crate) fn heading(ours: &str, theirs: &str) {
    println!(
        "\n{:<56} {:>6}  [middle half]     (nine tenths)     {ours:>12}  {theirs:>12}",
        format!("{ours} / {theirs}"),
        "ratio"
    );
}

fn calls_in_a_turn<T>(call: &mut impl FnMut() -> T) -> u32 {
    let mut calls = 1;
    loop {
        let spent = time(call, calls) * f64::from(calls);
        if spent >= 1e9 * TURN.as_secs_f64() {
            return calls;
        }
        calls *= 2;
    }
}

/// Nanoseconds of one of `calls` calls.
fn time<T>(call: &mut impl FnMut() -> T, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    1e9 * start.elapsed().as_secs_f64() / f64::from(calls)
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among a few thousand"
    )]
    let place = (part * (values.len() - 1) as f64).round() as usize;
    values[place]
}
