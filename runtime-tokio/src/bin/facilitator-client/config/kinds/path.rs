//! Paths of files. Nothing is opened here.

use std::path::PathBuf;

use super::super::given::{Given, Wrong};
use super::{Kind, toml_string};

/// A file, or none.
pub(crate) struct FilePath;

impl Kind for FilePath {
    type Value = Option<PathBuf>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Wrong> {
        given.path().map(Some)
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        value
            .as_ref()
            .map(|path| toml_string(&path.to_string_lossy()))
    }

    fn accepted(&self) -> String {
        "the path of a file".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "FILE"
    }
}
