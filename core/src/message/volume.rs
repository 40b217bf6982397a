//! Where a job's input comes from: `volume` of a job request.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::json::{Encode, Sink, Value, Writer};
use super::reader::{Read, Reader};
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

impl SingleVolume {
    /// The `volume_type`.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Inline(_) => INLINE,
            Self::ZipUrl(_) => ZIP_URL,
            Self::SingleFile(_) => SINGLE_FILE,
            Self::Huggingface(_) => HUGGINGFACE,
        }
    }

    /// `tag` is what `value` says its type is. Without one of ours: nothing.
    fn read<'t>(r: &mut Reader<'t>, tag: &str, value: Value<'t>) -> Option<Read<Self>> {
        Some(match tag {
            INLINE => r
                .within(INLINE, value, InlineVolume::read)
                .map(Self::Inline),
            ZIP_URL => r
                .within(ZIP_URL, value, ZipUrlVolume::read)
                .map(Self::ZipUrl),
            SINGLE_FILE => r
                .within(SINGLE_FILE, value, SingleFileVolume::read)
                .map(Self::SingleFile),
            HUGGINGFACE => r
                .within(HUGGINGFACE, value, HuggingfaceVolume::read)
                .map(Self::Huggingface),
            _ => return None,
        })
    }
}

const TAG: &str = "volume_type";
const INLINE: &str = "inline";
const ZIP_URL: &str = "zip_url";
const SINGLE_FILE: &str = "single_file";
const HUGGINGFACE: &str = "huggingface_volume";
const MULTI: &str = "multi_volume";

// As the reference quotes them, in its order.
const SINGLE_TYPES: &str = "<VolumeType.inline: 'inline'>, <VolumeType.zip_url: 'zip_url'>, \
     <VolumeType.single_file: 'single_file'>, <VolumeType.huggingface_volume: 'huggingface_volume'>";
const TYPES: &str = "<VolumeType.inline: 'inline'>, <VolumeType.zip_url: 'zip_url'>, \
     <VolumeType.single_file: 'single_file'>, <VolumeType.multi_volume: 'multi_volume'>, \
     <VolumeType.huggingface_volume: 'huggingface_volume'>";

impl Volume {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let tag = r.tag(value, TAG, TYPES)?;
        if tag == MULTI {
            return r.within(MULTI, value, MultiVolume::read).map(Self::Multi);
        }
        let volume = SingleVolume::read(r, &tag, value);
        volume
            .unwrap_or_else(|| Err(r.unknown_tag(value, TAG, &tag, TYPES)))
            .map(Self::Single)
    }
}

impl MultiVolume {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([_, volumes], rest) = r.model(value, &[TAG, "volumes"])?;
        let volumes = r.required(volumes, |r, list| {
            r.list(list, |r, value| {
                let tag = r.tag(value, TAG, SINGLE_TYPES)?;
                let volume = SingleVolume::read(r, &tag, value);
                volume.unwrap_or_else(|| Err(r.unknown_tag(value, TAG, &tag, SINGLE_TYPES)))
            })
        });
        r.ignore(&rest);
        Ok(Self { volumes: volumes? })
    }
}

impl InlineVolume {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([_, contents, relative_path], rest) =
            r.model(value, &[TAG, "contents", "relative_path"])?;
        let contents = r.required(contents, Reader::string);
        let relative_path = r.optional(relative_path, Reader::string);
        r.ignore(&rest);
        Ok(Self {
            contents: contents?,
            relative_path: relative_path?,
        })
    }
}

impl ZipUrlVolume {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let InlineVolume {
            contents,
            relative_path,
        } = InlineVolume::read(r, value)?;
        Ok(Self {
            contents,
            relative_path,
        })
    }
}

impl SingleFileVolume {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([_, url, relative_path], rest) = r.model(value, &[TAG, "url", "relative_path"])?;
        let url = r.required(url, Reader::string);
        let relative_path = r.required(relative_path, Reader::string);
        r.ignore(&rest);
        Ok(Self {
            url: url?,
            relative_path: relative_path?,
        })
    }
}

impl HuggingfaceVolume {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let (
            [
                _,
                repo_id,
                repo_type,
                revision,
                relative_path,
                allow_patterns,
                token,
            ],
            rest,
        ) = r.model(
            value,
            &[
                TAG,
                "repo_id",
                "repo_type",
                "revision",
                "relative_path",
                "allow_patterns",
                "token",
            ],
        )?;
        let repo_id = r.required(repo_id, Reader::string);
        let repo_type = r.optional(repo_type, Reader::string);
        let revision = r.optional(revision, Reader::string);
        let relative_path = r.optional(relative_path, Reader::string);
        let allow_patterns = r.optional(allow_patterns, AllowPatterns::read);
        let token = r.optional(token, Reader::string);
        r.ignore(&rest);
        Ok(Self {
            repo_id: repo_id?,
            repo_type: repo_type?,
            revision: revision?,
            relative_path: relative_path?,
            allow_patterns: allow_patterns?,
            token: token?,
        })
    }
}

impl AllowPatterns {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        if value.as_text().is_some() {
            return r.string(value).map(Self::One);
        }
        if let Some(patterns) = r.attempt(|r| r.strings(value)) {
            return Ok(Self::Many(patterns));
        }
        // The reference tells what is wrong with it as either of the two.
        let _ = r.within("str", value, Reader::string);
        r.within("list[str]", value, Reader::strings)
            .map(Self::Many)
    }
}

impl Encode for Volume {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        match self {
            Self::Single(volume) => volume.write(w),
            Self::Multi(multi) => w.object(|w| {
                w.field(TAG, MULTI);
                w.field("volumes", &multi.volumes);
            }),
        }
    }
}

impl Encode for SingleVolume {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field(TAG, self.type_name());
            match self {
                Self::Inline(InlineVolume {
                    contents,
                    relative_path,
                })
                | Self::ZipUrl(ZipUrlVolume {
                    contents,
                    relative_path,
                }) => {
                    w.field("contents", contents);
                    w.field("relative_path", relative_path);
                }
                Self::SingleFile(SingleFileVolume { url, relative_path }) => {
                    w.field("url", url);
                    w.field("relative_path", relative_path);
                }
                Self::Huggingface(volume) => {
                    w.field("repo_id", &volume.repo_id);
                    w.field("repo_type", &volume.repo_type);
                    w.field("revision", &volume.revision);
                    w.field("relative_path", &volume.relative_path);
                    w.field("allow_patterns", &volume.allow_patterns);
                    w.field("token", &volume.token);
                }
            }
        });
    }
}

impl Encode for AllowPatterns {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        match self {
            Self::One(pattern) => pattern.write(w),
            Self::Many(patterns) => patterns.write(w),
        }
    }
}
