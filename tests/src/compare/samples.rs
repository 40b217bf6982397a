//! What several rounds gave, and how far it spreads.

use serde::Serialize;

/// One figure a round, in the order of the rounds; at least one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Samples(Vec<f64>);

/// Where samples lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them are below.
    pub median: f64,
    /// The middle half.
    pub half: (f64, f64),
    /// The middle nine tenths.
    pub most: (f64, f64),
}

impl Samples {
    /// # Panics
    /// Without any figure: a round that gave nothing is no round.
    pub fn new(figures: Vec<f64>) -> Self {
        assert!(!figures.is_empty(), "no round has been measured");
        Self(figures)
    }

    /// A figure that is known without rounds.
    pub fn one(figure: f64) -> Self {
        Self(vec![figure])
    }

    /// In the order of the rounds.
    pub fn figures(&self) -> &[f64] {
        &self.0
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.spread().median
    }

    /// Where they lie. With few samples, the outer parts are the outermost samples.
    pub fn spread(&self) -> Spread {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |part| quantile(&sorted, part);
        Spread {
            median: at(0.5),
            half: (at(0.25), at(0.75)),
            most: (at(0.05), at(0.95)),
        }
    }
}

/// Between two samples, as far from each as the part says.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a place among a few thousand samples"
    )]
    let place = part * sorted.len().saturating_sub(1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among the samples"
    )]
    let below = place as usize;
    let low = sorted.get(below).copied().unwrap_or(f64::NAN);
    match sorted.get(below + 1) {
        Some(high) if place.fract() > 0.0 => low + (high - low) * place.fract(),
        _ => low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_where_they_should() {
        let samples = Samples::new((0..=100).rev().map(f64::from).collect());
        let spread = Spread {
            median: 50.0,
            half: (25.0, 75.0),
            most: (5.0, 95.0),
        };
        assert_eq!(samples.spread(), spread);
        assert_eq!(samples.figures().first(), Some(&100.0));
        assert_eq!(Samples::new(vec![1.0, 2.0]).spread().half, (1.25, 1.75));
        let one = Samples::one(7.0).spread();
        assert_eq!(
            (one.median, one.half, one.most),
            (7.0, (7.0, 7.0), (7.0, 7.0))
        );
    }
}
