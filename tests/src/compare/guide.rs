//! Putting a run's table into a guide, between two marks, so that no figure is copied by hand.

use thiserror::Error;

/// The line above the table.
const BEGIN: &str = "<!-- compare: begin -->\n";
/// The line below it.
const END: &str = "<!-- compare: end -->\n";

/// Why a guide cannot take a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GuideError {
    /// The marks are missing, repeated or in the wrong order.
    #[error(
        "the guide is unchanged: it needs the line `<!-- compare: begin -->` once, and `<!-- compare: end -->` once below it"
    )]
    Marks,
}

/// The guide with this text between its marks, in the place of what is there.
///
/// # Errors
/// [`GuideError::Marks`].
pub fn insert(guide: &str, text: &str) -> Result<String, GuideError> {
    let (above, rest) = once(guide, BEGIN)?;
    let (_, below) = once(rest, END)?;
    Ok(format!("{above}{BEGIN}\n{}\n\n{END}{below}", text.trim()))
}

fn once<'a>(text: &'a str, mark: &str) -> Result<(&'a str, &'a str), GuideError> {
    let (above, below) = text.split_once(mark).ok_or(GuideError::Marks)?;
    if below.contains(mark) || above.contains(BEGIN) || above.contains(END) {
        return Err(GuideError::Marks);
    }
    Ok((above, below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_replaced() {
        let guide = format!("# Speed\n{BEGIN}old\n{END}More.\n");
        let once = insert(&guide, "new\n").unwrap();
        assert_eq!(once, format!("# Speed\n{BEGIN}\nnew\n\n{END}More.\n"));
        assert_eq!(insert(&once, "new\n"), Ok(once));
    }

    #[test]
    fn a_guide_without_its_marks_stays_as_it_is() {
        for guide in [
            String::new(),
            BEGIN.to_owned(),
            END.to_owned(),
            format!("{END}{BEGIN}"),
            format!("{BEGIN}{END}{END}"),
            format!("{BEGIN}{BEGIN}{END}"),
        ] {
            assert_eq!(insert(&guide, "new"), Err(GuideError::Marks), "{guide}");
        }
    }
}
