//! Rounds: rivals taking turns, so that a busy machine is equally unfair to all of them. No statistics.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::{Measured, Plan, Samples, Side, Unmeasured};

/// One turn of a rival: it does its work once, and gives its figure.
pub type Turn<'a> = &'a mut dyn FnMut() -> Result<f64, Unmeasured>;

/// The length of a turn of [`timed`]: long against the clock's own cost, short against a time slice of the scheduler.
const TURN: Duration = Duration::from_micros(200);

/// What several rivals gave, round by round.
#[derive(Clone, Debug)]
pub struct Field {
    /// By rival, then by round.
    figures: Vec<Vec<f64>>,
}

/// Rounds in which all rivals take two turns, there and back: A B C C B A. A rival's figure of a round is the geometric
/// mean of its two, so that it does not matter whether the figures are times or rates.
///
/// # Errors
/// What the first turn that fails says.
pub fn field(plan: &Plan, usual: usize, rivals: &mut [Turn<'_>]) -> Result<Field, Unmeasured> {
    let mut figures = vec![Vec::new(); rivals.len()];
    let rounds = plan.rounds(usual);
    for round in 1..=rounds {
        plan.tell(&format!("round {round} of {rounds}"));
        let mut there = Vec::with_capacity(rivals.len());
        for turn in rivals.iter_mut() {
            there.push(turn()?);
        }
        let mut back = Vec::with_capacity(rivals.len());
        for turn in rivals.iter_mut().rev() {
            back.push(turn()?);
        }
        let pairs = there.iter().zip(back.iter().rev());
        for (figures, (there, back)) in figures.iter_mut().zip(pairs) {
            figures.push((there * back).sqrt());
        }
    }
    Ok(Field { figures })
}

/// Two rivals in turns of whatever length they choose: A B B A. For what runs long, as whole sessions over a socket.
///
/// # Errors
/// What the first turn that fails says.
pub fn versus(
    plan: &Plan,
    usual: usize,
    unit: &'static str,
    (our_name, ours): (&str, Turn<'_>),
    (their_name, theirs): (&str, Turn<'_>),
) -> Result<Measured, Unmeasured> {
    let field = field(plan, usual, &mut [ours, theirs])?;
    Ok(Measured {
        ratios: field.ratios(0, 1),
        ours: Side::new(our_name, field.figures(0)),
        theirs: Side::new(their_name, field.figures(1)),
        unit,
        details: Vec::new(),
    })
}

/// Two calls in turns of equal length in time, in nanoseconds a call. For what takes microseconds.
pub fn timed<A, B>(
    plan: &Plan,
    usual: usize,
    (our_name, mut ours): (&str, impl FnMut() -> A),
    (their_name, mut theirs): (&str, impl FnMut() -> B),
) -> Measured {
    let length = plan.pick(TURN, Duration::ZERO);
    let our_calls = calls_in_a_turn(&mut ours, length);
    let their_calls = calls_in_a_turn(&mut theirs, length);
    let rounds = plan.rounds(usual);
    let mut figures = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Telling costs more than a turn takes.
        if round % 256 == 0 {
            plan.tell(&format!("round {} of {rounds}", round + 1));
        }
        let first = time(&mut ours, our_calls);
        let theirs = time(&mut theirs, their_calls) * time(&mut theirs, their_calls);
        let last = time(&mut ours, our_calls);
        figures.0.push((first * last).sqrt());
        figures.1.push(theirs.sqrt());
    }
    let ratios = figures.0.iter().zip(&figures.1);
    Measured {
        ratios: Samples::new(ratios.map(|(ours, theirs)| ours / theirs).collect()),
        ours: Side::new(our_name, Samples::new(figures.0)),
        theirs: Side::new(their_name, Samples::new(figures.1)),
        unit: "ns",
        details: Vec::new(),
    }
}

fn calls_in_a_turn<T>(call: &mut impl FnMut() -> T, length: Duration) -> u32 {
    let mut calls = 1;
    while time(call, calls) * f64::from(calls) < 1e9 * length.as_secs_f64() {
        calls *= 2;
    }
    calls
}

/// Nanoseconds of one of `calls` calls.
fn time<T>(call: &mut impl FnMut() -> T, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    1e9 * start.elapsed().as_secs_f64() / f64::from(calls)
}

impl Field {
    /// A rival's figures, one a round.
    ///
    /// # Panics
    /// When there is no such rival.
    pub fn figures(&self, rival: usize) -> Samples {
        Samples::new(self.of(rival).to_vec())
    }

    /// One rival's figure to another's, round by round.
    ///
    /// # Panics
    /// When there is no such rival.
    pub fn ratios(&self, ours: usize, theirs: usize) -> Samples {
        let pairs = self.of(ours).iter().zip(self.of(theirs));
        Samples::new(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// Who has the lowest and the highest median figure. The rivals are chosen once, by all rounds: the lowest and the
    /// highest of each round would mostly measure the noise.
    ///
    /// # Panics
    /// Without rivals.
    pub fn extremes(&self) -> (usize, usize) {
        let rivals = 0..self.figures.len();
        let mut medians: Vec<_> = rivals.map(|n| (self.figures(n).median(), n)).collect();
        medians.sort_by(|a, b| a.0.total_cmp(&b.0));
        match medians.as_slice() {
            [(_, lowest), .., (_, highest)] => (*lowest, *highest),
            [(_, only)] => (*only, *only),
            [] => panic!("nobody took part"),
        }
    }

    fn of(&self, rival: usize) -> &[f64] {
        match self.figures.get(rival) {
            Some(figures) => figures,
            None => panic!("rival {rival} did not take part"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn turns_go_there_and_back() {
        let order = RefCell::new(String::new());
        let turn = |name: char, figure: f64| {
            order.borrow_mut().push(name);
            Ok(figure)
        };
        let plan = Plan::full().with_rounds(2);
        let mut slow = [1.0, 4.0, 1.0, 4.0].into_iter();
        let (mut a, mut b, mut c) = (
            || turn('a', 3.0),
            || turn('b', slow.next().unwrap()),
            || turn('c', 1.0),
        );
        let field = field(&plan, 99, &mut [&mut a, &mut b, &mut c]).unwrap();
        assert_eq!(order.into_inner(), "abccbaabccba");
        assert_eq!(field.figures(1).figures(), [2.0, 2.0]);
        assert_eq!(field.ratios(0, 1).figures(), [1.5, 1.5]);
        assert_eq!(field.extremes(), (2, 0));
    }

    #[test]
    fn a_failing_turn_ends_the_rounds() {
        let mut turns = 0;
        let (mut good, mut bad) = (
            || {
                turns += 1;
                Ok(1.0)
            },
            || Err(Unmeasured::failed("the server is gone")),
        );
        let plan = Plan::full();
        let outcome = versus(&plan, 5, "s", ("a", &mut good), ("b", &mut bad));
        assert_eq!(outcome, Err(Unmeasured::failed("the server is gone")));
        assert_eq!(turns, 1);
    }

    /// What takes about three times as long is told to, on whatever machine.
    #[test]
    fn calls_are_timed() {
        let work = |turns: u32| (0..turns).fold(7_u64, |sum, n| black_box(sum ^ u64::from(n)));
        let plan = Plan::full().with_rounds(51);
        let measured = timed(&plan, 1, ("three", || work(3000)), ("one", || work(1000)));
        let ratio = measured.ratios.median();
        assert!((2.5..3.5).contains(&ratio), "{ratio}");
        assert!(measured.theirs.figures.median() > 0.0);
    }
}
