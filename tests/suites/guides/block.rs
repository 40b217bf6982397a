//! A guide's fenced blocks, and what is to become of each. One that nothing is to become of is an error.
//!
//! The comment in the line above the fence says more, as `<!-- says='..' -->`: readers do not see it, and rustdoc takes no
//! offence.
//!
//! | fence | comment | what it is |
//! |---|---|---|
//! | `sh` | none | it ends, well |
//! | `sh` | `fails=2` | it ends with this exit status |
//! | `sh` | `says='..'` | it prints this, too |
//! | `sh` | `background until='..' then='..'` | it goes on; first it prints the one, before the section's end the other, and SIGTERM ends it well |
//! | `sh` | `background killed` | SIGTERM kills it |
//! | `toml` | `file=..` | a file that the reader saves |
//! | none, `rust`, `rust,no_run` | none | rustdoc's affair |

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// The last heading of the second level above it.
    pub(crate) section: &'a str,
    pub(crate) text: &'a str,
    pub(crate) kind: Kind<'a>,
}

/// What is to become of a block.
#[derive(Debug, PartialEq)]
pub(crate) enum Kind<'a> {
    Rust,
    File(&'a str),
    Command(How<'a>),
}

/// How a command is to end.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct How<'a> {
    pub(crate) background: bool,
    pub(crate) killed: bool,
    pub(crate) fails: i32,
    pub(crate) says: Option<&'a str>,
    pub(crate) until: Option<&'a str>,
    pub(crate) then: Option<&'a str>,
}

/// All blocks, in their order.
pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, &str, usize)> = None;
    let (mut section, mut at, mut above) = ("", 0, "");
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let fence = line.trim_start().strip_prefix("```").map(str::trim_end);
        match (open, fence) {
            (None, Some(info)) => {
                assert!(line.starts_with("```"), "line {}: indented", index + 1);
                open = Some((index + 1, info, comment(above), at + line.len()));
            }
            (Some((line, info, comment, begin)), Some("")) => {
                blocks.push(Block {
                    line,
                    section,
                    text: &text[begin..at],
                    kind: kind(info, comment)
                        .unwrap_or_else(|| panic!("line {line}: `{info}` ({comment}) is not run")),
                });
                open = None;
            }
            (None, None) if line.starts_with("## ") => section = line.trim_end(),
            _ => {}
        }
        at += line.len();
        above = line;
    }
    assert!(open.is_none(), "a block without an end: {open:?}");
    blocks
}

/// What stands in a comment.
fn comment(line: &str) -> &str {
    let inner = line.trim().strip_prefix("<!--");
    let inner = inner.and_then(|inner| inner.strip_suffix("-->"));
    inner.unwrap_or("").trim()
}

fn kind<'a>(info: &str, comment: &'a str) -> Option<Kind<'a>> {
    match (info, comment) {
        ("" | "rust" | "rust,no_run", "") => Some(Kind::Rust),
        ("toml", comment) => comment.strip_prefix("file=").map(Kind::File),
        ("sh", comment) => how(words(comment).into_iter()).map(Kind::Command),
        _ => None,
    }
}

fn how<'a>(words: impl Iterator<Item = &'a str>) -> Option<How<'a>> {
    let mut how = How::default();
    for word in words {
        match word.split_once('=') {
            None if word == "background" => how.background = true,
            None if word == "killed" => how.killed = true,
            Some(("fails", status)) => how.fails = status.parse().ok()?,
            Some(("says", text)) => how.says = Some(text.trim_matches('\'')),
            Some(("until", text)) => how.until = Some(text.trim_matches('\'')),
            Some(("then", text)) => how.then = Some(text.trim_matches('\'')),
            _ => return None,
        }
    }
    Some(how)
}

/// Split at spaces that stand in no quotes.
fn words(info: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = info.split(|c: char| {
        quoted ^= c == '\'';
        c == ' ' && !quoted
    });
    parts.filter(|word| !word.is_empty()).collect()
}
