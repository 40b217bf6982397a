//! A report as a picture, drawn by hand as SVG.
//!
//! One line a row: a dot at the median, a thick line over the middle half of the rounds and a thin one over nine tenths.
//! The axis is logarithmic and measures how good a ratio is from the row's bar, whichever way is better: right of the
//! bar it holds, and a mark shows the aim.

use std::fmt::Write as _;

use super::{Entry, Measured, Outcome, Report, Verdict};

/// The margin around everything.
const MARGIN: f64 = 24.0;
/// The length of the axis; the titles of the rows are left of it, the figures right.
const LENGTH: f64 = 470.0;
/// What the figures need.
const FIGURES: f64 = 136.0;
/// About the width of a letter.
const LETTER: f64 = 7.0;
/// A title that has more letters gets two lines.
const ONE_LINE: usize = 40;
const TOP: f64 = 84.0;
const STEP: f64 = 38.0;

/// In light and dark, as whoever looks at it prefers. The colours can be told apart by the colour-blind, and what they
/// say also stands in words at the right.
const STYLE: &str = "\
  svg { background: #ffffff; font-family: system-ui, sans-serif; font-size: 13px; }
  text { fill: #1f2328; }
  .soft { fill: #656d76; }
  .title { font-size: 17px; font-weight: 600; }
  .grid { stroke: #d8dee4; }
  .bar { stroke: #1f2328; stroke-width: 1.5; }
  .mark { fill: none; stroke: #656d76; stroke-width: 1.5; }
  .aim { fill: #0969da; stroke: #0969da; }
  .holds { fill: #1a7f37; stroke: #1a7f37; }
  .missed { fill: #cf222e; stroke: #cf222e; }
  .runs { fill: #656d76; stroke: #656d76; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; }
    text { fill: #e6edf3; }
    .soft { fill: #8d96a0; }
    .grid { stroke: #30363d; }
    .bar { stroke: #e6edf3; }
    .mark { stroke: #8d96a0; }
    .aim { fill: #58a6ff; stroke: #58a6ff; }
    .holds { fill: #3fb950; stroke: #3fb950; }
    .missed { fill: #ff7b72; stroke: #ff7b72; }
    .runs { fill: #8d96a0; stroke: #8d96a0; }
  }
";

/// The report as an SVG document.
pub fn plot(report: &Report) -> String {
    let axis = Axis::over(report);
    #[expect(clippy::cast_precision_loss, reason = "a few dozen rows")]
    let bottom = TOP + STEP * report.entries.len() as f64;
    let (width, height) = (axis.end() + FIGURES + MARGIN, bottom + 56.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Ratios of a run of compare, relative to their bars\">\n\
         <style>\n{STYLE}</style>\n"
    );
    text(
        &mut svg,
        (MARGIN, 32.0),
        "title",
        "How far from its bar each row is",
    );
    let legend = "right of the bar it holds; dot: median; thick: middle half of the rounds; thin: nine tenths; diamond: the aim";
    text(&mut svg, (MARGIN, 54.0), "soft", legend);
    axis.draw(&mut svg, bottom);
    let mut y = TOP + STEP / 2.0;
    for entry in &report.entries {
        row(&mut svg, &axis, entry, y);
        y += STEP;
    }
    let below = escape(&report.machine.summary());
    let _ = writeln!(
        svg,
        "<text class=\"soft\" x=\"24\" y=\"{:.1}\" font-size=\"10\">{below}</text>\n</svg>",
        bottom + 46.0
    );
    svg
}

/// From scores to places.
struct Axis {
    /// Where it begins.
    left: f64,
    /// In octaves from the bar.
    from: f64,
    to: f64,
}

impl Axis {
    /// Whole octaves, so that everything and the bar is on it.
    fn over(report: &Report) -> Self {
        let titles = report.entries.iter().map(|entry| lines(entry.title));
        let letters = titles.map(|(one, other)| one.chars().count().max(other.chars().count()));
        #[expect(clippy::cast_precision_loss, reason = "letters of a title")]
        let widest = letters.max().unwrap_or(0) as f64;
        let mut axis = Self {
            left: MARGIN + LETTER * widest + 8.0,
            from: -1.0,
            to: 1.0,
        };
        for entry in &report.entries {
            let aim = entry.bar.aim().map(|aim| entry.bar.score(aim));
            let measured = match &entry.outcome {
                Outcome::Measured { measured, .. } => Some(measured.ratios.spread()),
                Outcome::Skipped { .. } | Outcome::Failed { .. } => None,
            };
            let ends = measured
                .map(|spread| [spread.most.0, spread.most.1].map(|ratio| entry.bar.score(ratio)));
            for score in ends.into_iter().flatten().chain(aim) {
                let octaves = score.log2();
                if octaves.is_finite() {
                    axis.from = axis.from.min(octaves.floor());
                    axis.to = axis.to.max(octaves.ceil());
                }
            }
        }
        axis
    }

    fn place(&self, score: f64) -> f64 {
        // What is no number is as bad as can be.
        let octaves = score.log2().max(self.from).min(self.to);
        let part = (octaves - self.from) / (self.to - self.from);
        self.left + part * LENGTH
    }

    fn end(&self) -> f64 {
        self.left + LENGTH
    }

    fn draw(&self, svg: &mut String, bottom: f64) {
        let mut octave = self.from;
        while octave <= self.to {
            let score = octave.exp2();
            let x = self.place(score);
            let class = if octave == 0.0 { "bar" } else { "grid" };
            let _ = writeln!(
                svg,
                "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"
            );
            let name = match octave {
                octave if octave < 0.0 => format!("1/{:.0}", (-octave).exp2()),
                0.0 => "bar".into(),
                octave => format!("{:.0}×", octave.exp2()),
            };
            middle(svg, (x, bottom + 18.0), &name);
            octave += 1.0;
        }
    }
}

fn row(svg: &mut String, axis: &Axis, entry: &Entry, y: f64) {
    match lines(entry.title) {
        (one, "") => text(svg, (MARGIN, y + 4.0), "", one),
        (one, other) => {
            text(svg, (MARGIN, y - 4.0), "", one);
            text(svg, (MARGIN, y + 12.0), "", other);
        }
    }
    if let Some(aim) = entry.bar.aim() {
        let x = axis.place(entry.bar.score(aim));
        let _ = writeln!(
            svg,
            "<path class=\"mark\" d=\"M{:.1} {y} L{x:.1} {:.1} L{:.1} {y} L{x:.1} {:.1} Z\"/>",
            x - 6.0,
            y - 6.0,
            x + 6.0,
            y + 6.0
        );
    }
    let told = match &entry.outcome {
        Outcome::Measured {
            ratio,
            verdict,
            measured,
        } => {
            let class = match verdict {
                Some(Verdict::Aim) => "aim",
                Some(Verdict::Holds) => "holds",
                Some(Verdict::Missed) => "missed",
                None => "runs",
            };
            whiskers(svg, axis, entry, measured, (y, class));
            format!("{ratio:.3}  {}", entry.word())
        }
        Outcome::Skipped { .. } | Outcome::Failed { .. } => entry.word().to_owned(),
    };
    text(svg, (axis.end() + 16.0, y + 4.0), "", &told);
}

/// A title in one line, or in two that are about equally long.
fn lines(title: &str) -> (&str, &str) {
    if title.chars().count() <= ONE_LINE {
        return (title, "");
    }
    let from_middle = |(place, _): &(usize, &str)| place.abs_diff(title.len() / 2);
    let middle = title.match_indices(' ').min_by_key(from_middle);
    middle
        .and_then(|(place, _)| title.split_at_checked(place))
        .map_or((title, ""), |(one, other)| (one, other.trim_start()))
}

fn whiskers(
    svg: &mut String,
    axis: &Axis,
    entry: &Entry,
    measured: &Measured,
    (y, class): (f64, &str),
) {
    let spread = measured.ratios.spread();
    for ((from, to), thickness) in [(spread.most, 1.5), (spread.half, 6.0)] {
        let place = |ratio| axis.place(entry.bar.score(ratio));
        let _ = writeln!(
            svg,
            "<line class=\"{class}\" stroke-width=\"{thickness}\" x1=\"{:.1}\" y1=\"{y}\" x2=\"{:.1}\" y2=\"{y}\"/>",
            place(from),
            place(to)
        );
    }
    let _ = writeln!(
        svg,
        "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{y}\" r=\"4.5\"/>",
        axis.place(entry.bar.score(spread.median))
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), class: &str, text: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" xml:space=\"preserve\">{}</text>",
        escape(text)
    );
}

fn middle(svg: &mut String, (x, y): (f64, f64), text: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"soft\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escape(text)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_get_two_lines() {
        assert_eq!(
            lines("core cycle / VecDeque toy"),
            ("core cycle / VecDeque toy", "")
        );
        let long = "acknowledged updates a second, ours on tokio / somebody's in one task";
        let (one, other) = lines(long);
        assert_eq!(format!("{one} {other}"), long);
        assert!(one.len().abs_diff(other.len()) < 10, "{one:?}, {other:?}");
        let unbroken = "é".repeat(50);
        assert_eq!(lines(&unbroken), (unbroken.as_str(), ""));
    }
}
