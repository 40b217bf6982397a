//! What a row's measurement gave.

use serde::Serialize;

use super::Samples;

/// What a row's measurement gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Ours to theirs, one a round. Their median is judged.
    pub ratios: Samples,
    /// What is divided.
    pub ours: Side,
    /// By what it is divided.
    pub theirs: Side,
    /// The unit of both sides, as `ns` or `updates/s`.
    pub unit: &'static str,
    /// What else is worth telling. Not judged.
    pub details: Vec<Detail>,
}

/// One of the two that are compared, with its own figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Who it is, in a word or two.
    pub name: String,
    /// One a round.
    pub figures: Samples,
}

/// A line below a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detail {
    /// What it is about; a sentence when there are no figures.
    pub text: String,
    /// Its figures, if any, one a round.
    pub figures: Option<Samples>,
    /// Their unit; empty for a ratio.
    pub unit: &'static str,
}

impl Side {
    /// A side and its figures.
    pub fn new(name: impl Into<String>, figures: Samples) -> Self {
        Self {
            name: name.into(),
            figures,
        }
    }
}

impl Measured {
    /// From two figures that are known without rounds.
    pub fn once(
        (our_name, ours): (&str, f64),
        (their_name, theirs): (&str, f64),
        unit: &'static str,
    ) -> Self {
        Self {
            ratios: Samples::one(ours / theirs),
            ours: Side::new(our_name, Samples::one(ours)),
            theirs: Side::new(their_name, Samples::one(theirs)),
            unit,
            details: Vec::new(),
        }
    }

    /// With one more line below the row.
    #[must_use]
    pub fn with(mut self, detail: Detail) -> Self {
        self.details.push(detail);
        self
    }

    /// These ratios as a line below another row.
    pub fn into_detail(self, text: impl Into<String>) -> Detail {
        Detail {
            text: text.into(),
            figures: Some(self.ratios),
            unit: "",
        }
    }
}

impl Detail {
    /// A sentence.
    pub fn note(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            figures: None,
            unit: "",
        }
    }

    /// Figures, one a round.
    pub fn figures(text: impl Into<String>, figures: Samples, unit: &'static str) -> Self {
        Self {
            text: text.into(),
            figures: Some(figures),
            unit,
        }
    }

    /// A single figure.
    pub fn figure(text: impl Into<String>, figure: f64, unit: &'static str) -> Self {
        Self::figures(text, Samples::one(figure), unit)
    }
}
