//! A report as text: for a terminal, and in Markdown for a guide.

use std::fmt::Write as _;

use super::{Detail, Entry, Measured, Outcome, Report, Spread};

/// The width that explanations are wrapped to.
const WIDTH: usize = 118;

/// For a terminal: a line for each row, with its explanation and details below.
pub fn table(report: &Report) -> String {
    let widest = report.entries.iter().map(|entry| entry.id.len()).max();
    let id = widest.unwrap_or(0).max(3);
    let mut text = format!("{}\n\n", report.machine.summary());
    line(
        &mut text,
        &format!(
            "{:<id$}  {:>7}  {:<17} {:<17} {:>9} {:>9}  {:<9}  {:<7} {:<7} verdict",
            "row", "ratio", "middle half", "nine tenths", "ours", "theirs", "unit", "bar", "aim"
        ),
    );
    for entry in &report.entries {
        line(&mut text, &columns(entry, id));
        paragraph(
            &mut text,
            &format!("{}. {}", entry.title, entry.explanation),
        );
        if let Outcome::Measured { measured, .. } = &entry.outcome {
            let names = (&measured.ours.name, &measured.theirs.name);
            line(
                &mut text,
                &format!("    ours: {}; theirs: {}", names.0, names.1),
            );
            for detail in &measured.details {
                paragraph(&mut text, &format!("- {}", told(detail)));
            }
        }
        text.push('\n');
    }
    line(&mut text, &verdict(report));
    text
}

fn columns(entry: &Entry, id: usize) -> String {
    let aim = entry.bar.aim();
    let limits = (
        format!("{} {}", entry.bar.sign(), limit(entry.bar.bar())),
        aim.map_or(String::new(), |aim| {
            format!("{} {}", entry.bar.sign(), limit(aim))
        }),
    );
    let figures = match &entry.outcome {
        Outcome::Measured { measured, .. } => {
            let spread = measured.ratios.spread();
            format!(
                "{:>7}  {:<17} {:<17} {:>9} {:>9}  {:<9}",
                short(spread.median),
                range(spread.half),
                range(spread.most),
                short(measured.ours.figures.median()),
                short(measured.theirs.figures.median()),
                measured.unit,
            )
        }
        Outcome::Skipped { why } | Outcome::Failed { why } => {
            return format!("{:<id$}  {}: {why}", entry.id, entry.word());
        }
    };
    format!(
        "{:<id$}  {figures}  {:<7} {:<7} {}",
        entry.id,
        limits.0,
        limits.1,
        entry.word()
    )
}

/// What it comes to, in a line.
fn verdict(report: &Report) -> String {
    let (skipped, failed) = (report.skipped(), report.failed());
    let measured = report.entries.len() - skipped - failed;
    let mut text = format!("{measured} rows measured");
    if report.quick {
        text += ", one quick round of each: nothing is judged";
    } else {
        let _ = write!(text, ", {} of them miss their bar", report.missed());
    }
    if skipped > 0 {
        let _ = write!(text, "; {skipped} SKIPPED");
    }
    if failed > 0 {
        let _ = write!(text, "; {failed} FAILED");
    }
    text
}

/// In Markdown: where it was measured, and a table with a line for each row. Explanations stand below it, as a list.
pub fn markdown(report: &Report) -> String {
    let mut text = format!(
        "{}.\n\n| row | ratio | middle half | nine tenths | ours | theirs | bar | aim | |\n|---|---|---|---|---|---|---|---|---|\n",
        report.machine.summary()
    );
    for entry in &report.entries {
        let aim = entry.bar.aim().map_or(String::new(), limit);
        let bar = format!("{} {}", entry.bar.sign(), limit(entry.bar.bar()));
        let (figures, told) = match &entry.outcome {
            Outcome::Measured { measured, .. } => (cells(measured), entry.word().to_owned()),
            Outcome::Skipped { why } | Outcome::Failed { why } => {
                (" | | | | |".to_owned(), format!("{}: {why}", entry.word()))
            }
        };
        let title = escape(entry.title);
        let _ = writeln!(
            text,
            "| {title} |{figures} {bar} | {aim} | {} |",
            escape(&told)
        );
    }
    text.push('\n');
    for entry in &report.entries {
        let _ = writeln!(text, "- **{}**: {}", entry.title, entry.explanation);
        if let Outcome::Measured { measured, .. } = &entry.outcome {
            for detail in &measured.details {
                let _ = writeln!(text, "  - {}", told(detail));
            }
        }
    }
    text
}

fn cells(measured: &Measured) -> String {
    let Spread { median, half, most } = measured.ratios.spread();
    let unit = measured.unit;
    format!(
        " {} | {} | {} | {} {unit} | {} {unit} |",
        short(median),
        range(half),
        range(most),
        short(measured.ours.figures.median()),
        short(measured.theirs.figures.median()),
    )
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

fn told(detail: &Detail) -> String {
    let Some(figures) = &detail.figures else {
        return detail.text.clone();
    };
    let spread = figures.spread();
    let mut text = format!("{}: {}", detail.text, short(spread.median));
    if !detail.unit.is_empty() {
        text = format!("{text} {}", detail.unit);
    }
    if figures.figures().len() > 1 {
        text = format!("{text} ({})", range(spread.half));
    }
    text
}

fn range((from, to): (f64, f64)) -> String {
    format!("{} .. {}", short(from), short(to))
}

/// What a ratio has to reach, without needless digits.
fn limit(limit: f64) -> String {
    let text = format!("{limit:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Four digits, however large or small; whole when it is.
fn short(figure: f64) -> String {
    let size = figure.abs();
    if !figure.is_finite() {
        "none".into()
    } else if size >= 1e7 {
        format!("{:.1}M", figure / 1e6)
    } else if size >= 1e5 {
        format!("{:.0}k", figure / 1e3)
    } else if size >= 1e3 || figure.fract() == 0.0 {
        format!("{figure:.0}")
    } else if size >= 100.0 {
        format!("{figure:.1}")
    } else if size >= 10.0 {
        format!("{figure:.2}")
    } else {
        format!("{figure:.3}")
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Wrapped, and indented by four.
fn paragraph(text: &mut String, paragraph: &str) {
    let mut now = String::from("   ");
    for word in paragraph.split_whitespace() {
        if now.chars().count() + word.chars().count() >= WIDTH {
            line(text, &now);
            now = String::from("     ");
        }
        now.push(' ');
        now.push_str(word);
    }
    line(text, &now);
}
