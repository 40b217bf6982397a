//! Where everything goes: progress to stderr, figures and plot to files, the table to the guide.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use facilitator_tests::arguments::ArgumentError;
use facilitator_tests::compare::{GuideError, Report, insert, markdown, plot};
use thiserror::Error;

use super::arguments::Arguments;

/// Why there is no table.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Arguments(#[from] ArgumentError),
    #[error("the table cannot be printed: {0}")]
    Print(#[from] io::Error),
    #[error("{} cannot be written: {cause}", .path.display())]
    Write { path: PathBuf, cause: io::Error },
    #[error("the figures cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{} cannot take the table: {cause}", .path.display())]
    Guide { path: PathBuf, cause: GuideError },
}

/// The folder that holds all packages.
pub(crate) fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The plot and the figures, and the guide if that is asked for. Returns what was written.
pub(crate) fn write(report: &Report, arguments: &Arguments) -> Result<Vec<PathBuf>, Failure> {
    let folder = arguments.out.clone().unwrap_or_else(usual_folder);
    fs::create_dir_all(&folder).map_err(|cause| Failure::Write {
        path: folder.clone(),
        cause,
    })?;
    let mut written = vec![
        put(folder.join("compare.json"), &report.to_json()?)?,
        put(folder.join("compare.svg"), &plot(report))?,
    ];
    // Figures of a run with a failure are no figures to show.
    if arguments.write_guide && report.failed() == 0 {
        let folder = workspace().join("tests/guide");
        let path = folder.join("speed.md");
        let guide = fs::read_to_string(&path).map_err(|cause| Failure::Write {
            path: path.clone(),
            cause,
        })?;
        let guide = insert(&guide, &markdown(report)).map_err(|cause| Failure::Guide {
            path: path.clone(),
            cause,
        })?;
        written.push(put(path, &guide)?);
        written.push(put(folder.join("speed.svg"), &plot(report))?);
    }
    Ok(written)
}

fn put(path: PathBuf, text: &str) -> Result<PathBuf, Failure> {
    match fs::write(&path, text) {
        Ok(()) => Ok(path),
        Err(cause) => Err(Failure::Write { path, cause }),
    }
}

/// `compare/` in cargo's target folder, where this program is.
fn usual_folder() -> PathBuf {
    let program = env::current_exe().ok();
    let target = program.as_deref().and_then(|path| path.parent()?.parent());
    target.unwrap_or(Path::new("target")).join("compare")
}

/// What is going on: in a line that is written over where somebody watches, else only the name of each row.
pub(crate) fn show(row: &str, what: &str) {
    let mut err = io::stderr();
    let _nobody_reads = if err.is_terminal() {
        write!(err, "\r\x1b[K{row}: {what}")
    } else if what.is_empty() {
        writeln!(err, "compare: {row}")
    } else {
        Ok(())
    };
}

/// Takes that line away.
pub(crate) fn clear() {
    let mut err = io::stderr();
    if err.is_terminal() {
        let _nobody_reads = write!(err, "\r\x1b[K");
    }
}
