//! Where a job's input comes from: `volume` of a job request.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::redact::{Redacted, RedactedUrl, redacted};

/// A job's input: the reference's `Volume`, told apart by `volume_type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volume {
    /// One source.
    Single(SingleVolume),
    /// Several: `multi_volume`.
    Multi(MultiVolume),
}

impl Volume {
    /// The sources in order; a single volume is a list of one, as in the signed payload.
    pub fn parts(&self) -> &[SingleVolume] {
        match self {
            Self::Single(volume) => core::slice::from_ref(volume),
            Self::Multi(multi) => &multi.volumes,
        }
    }
}

/// Several sources: the reference's `MultiVolume`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultiVolume {
    /// The sources, in order. The protocol does not nest them.
    pub volumes: Vec<SingleVolume>,
}

/// One source of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SingleVolume {
    /// `inline`.
    Inline(InlineVolume),
    /// `zip_url`.
    ZipUrl(ZipUrlVolume),
    /// `single_file`.
    SingleFile(SingleFileVolume),
    /// `huggingface_volume`.
    Huggingface(HuggingfaceVolume),
}

/// An archive inside the message: the reference's `InlineVolume`. `Debug` does not show the contents.
#[derive(Clone, PartialEq, Eq)]
pub struct InlineVolume {
    /// A zip archive in base64.
    pub contents: String,
    /// Where to unpack it, below the volume's root.
    pub relative_path: Option<String>,
}

/// An archive to download: the reference's `ZipUrlVolume`. `Debug` cuts the address before its query.
#[derive(Clone, PartialEq, Eq)]
pub struct ZipUrlVolume {
    /// The archive's address; the name is the reference's.
    pub contents: String,
    /// Where to unpack it, below the volume's root.
    pub relative_path: Option<String>,
}

/// A file to download: the reference's `SingleFileVolume`. `Debug` cuts the address before its query.
#[derive(Clone, PartialEq, Eq)]
pub struct SingleFileVolume {
    /// The file's address.
    pub url: String,
    /// What to call it, below the volume's root.
    pub relative_path: String,
}

/// A repository of a model hub: the reference's `HuggingfaceVolume`. `Debug` does not show the token.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HuggingfaceVolume {
    /// Owner and name.
    pub repo_id: String,
    /// `dataset`, `space`, or null for a model.
    pub repo_type: Option<String>,
    /// A branch, tag or commit.
    pub revision: Option<String>,
    /// Where to put it, below the volume's root.
    pub relative_path: Option<String>,
    /// Which files to download; all of them when null.
    pub allow_patterns: Option<AllowPatterns>,
    /// A secret.
    pub token: Option<String>,
}

/// Which files of a repository to download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowPatterns {
    /// One pattern, a bare string on the wire.
    One(String),
    /// A list of patterns.
    Many(Vec<String>),
}

impl fmt::Debug for InlineVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineVolume")
            .field("contents", &Redacted(&self.contents))
            .field("relative_path", &self.relative_path)
            .finish()
    }
}

impl fmt::Debug for ZipUrlVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipUrlVolume")
            .field("contents", &RedactedUrl(&self.contents))
            .field("relative_path", &self.relative_path)
            .finish()
    }
}

impl fmt::Debug for SingleFileVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFileVolume")
            .field("url", &RedactedUrl(&self.url))
            .field("relative_path", &self.relative_path)
            .finish()
    }
}

impl fmt::Debug for HuggingfaceVolume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HuggingfaceVolume")
            .field("repo_id", &self.repo_id)
            .field("repo_type", &self.repo_type)
            .field("revision", &self.revision)
            .field("relative_path", &self.relative_path)
            .field("allow_patterns", &self.allow_patterns)
            .field("token", &redacted(self.token.as_ref()))
            .finish()
    }
}
