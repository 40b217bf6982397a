//! Where a job's output goes: `output_upload` of a job request.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::StringMap;
use super::json::{Encode, Sink, Value, Writer};
use super::reader::{Read, Reader};
use super::redact::RedactedUrl;

/// A job's output: the reference's `OutputUpload`, told apart by `output_upload_type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputUpload {
    /// One file to one address.
    SingleFile(SingleFileUpload),
    /// The whole output directory as one archive.
    Zip(ZipUpload),
    /// Several files: `multi_upload`.
    Multi(MultiUpload),
}

/// Several files, and optionally the process's own output: the reference's `MultiUpload`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MultiUpload {
    /// The files, in order.
    pub uploads: Vec<SingleFileUpload>,
    /// Where standard output and standard error go. No signature covers it.
    pub system_output: Option<ZipUpload>,
}

/// One file to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SingleFileUpload {
    /// `single_file_post`.
    Post(SingleFilePostUpload),
    /// `single_file_put`.
    Put(SingleFilePutUpload),
}

/// A directory as one archive to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZipUpload {
    /// `zip_and_http_post`.
    Post(ZipAndHttpPostUpload),
    /// `zip_and_http_put`.
    Put(ZipAndHttpPutUpload),
}

/// A form with the file: the reference's `SingleFilePostUpload`. `Debug` cuts the address before its query.
#[derive(Clone, PartialEq, Eq)]
pub struct SingleFilePostUpload {
    /// Where to.
    pub url: String,
    /// Fields of the form beside the file.
    pub form_fields: Option<StringMap>,
    /// Which file, below the output directory.
    pub relative_path: String,
    /// Request headers that the address was signed with.
    pub signed_headers: Option<StringMap>,
}

/// The file as a request body: the reference's `SingleFilePutUpload`. `Debug` cuts the address before its query.
#[derive(Clone, PartialEq, Eq)]
pub struct SingleFilePutUpload {
    /// Where to.
    pub url: String,
    /// Which file, below the output directory.
    pub relative_path: String,
    /// Request headers that the address was signed with.
    pub signed_headers: Option<StringMap>,
}

/// A form with the archive: the reference's `ZipAndHttpPostUpload`. `Debug` cuts the address before its query.
#[derive(Clone, PartialEq, Eq)]
pub struct ZipAndHttpPostUpload {
    /// Where to.
    pub url: String,
    /// Fields of the form beside the archive.
    pub form_fields: Option<StringMap>,
}

/// The archive as a request body: the reference's `ZipAndHttpPutUpload`. `Debug` cuts the address before its query.
#[derive(Clone, PartialEq, Eq)]
pub struct ZipAndHttpPutUpload {
    /// Where to.
    pub url: String,
}

impl fmt::Debug for SingleFilePostUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFilePostUpload")
            .field("url", &RedactedUrl(&self.url))
            .field("form_fields", &self.form_fields)
            .field("relative_path", &self.relative_path)
            .field("signed_headers", &self.signed_headers)
            .finish()
    }
}

impl fmt::Debug for SingleFilePutUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFilePutUpload")
            .field("url", &RedactedUrl(&self.url))
            .field("relative_path", &self.relative_path)
            .field("signed_headers", &self.signed_headers)
            .finish()
    }
}

impl fmt::Debug for ZipAndHttpPostUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipAndHttpPostUpload")
            .field("url", &RedactedUrl(&self.url))
            .field("form_fields", &self.form_fields)
            .finish()
    }
}

impl fmt::Debug for ZipAndHttpPutUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipAndHttpPutUpload")
            .field("url", &RedactedUrl(&self.url))
            .finish()
    }
}

const TAG: &str = "output_upload_type";
const FILE_POST: &str = "single_file_post";
const FILE_PUT: &str = "single_file_put";
const ZIP_POST: &str = "zip_and_http_post";
const ZIP_PUT: &str = "zip_and_http_put";
const MULTI: &str = "multi_upload";

// As the reference quotes them, in its order.
const FILE_TYPES: &str = "<OutputUploadType.single_file_post: 'single_file_post'>, \
     <OutputUploadType.single_file_put: 'single_file_put'>";
const TYPES: &str = "<OutputUploadType.single_file_post: 'single_file_post'>, \
     <OutputUploadType.single_file_put: 'single_file_put'>, \
     <OutputUploadType.zip_and_http_post: 'zip_and_http_post'>, \
     <OutputUploadType.zip_and_http_put: 'zip_and_http_put'>, <OutputUploadType.multi_upload: 'multi_upload'>";
const ZIP_POST_QUOTED: &str = "<OutputUploadType.zip_and_http_post: 'zip_and_http_post'>";
const ZIP_PUT_QUOTED: &str = "<OutputUploadType.zip_and_http_put: 'zip_and_http_put'>";

impl OutputUpload {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let tag = r.tag(value, TAG, TYPES)?;
        if let Some(upload) = SingleFileUpload::read(r, &tag, value) {
            return upload.map(Self::SingleFile);
        }
        match &*tag {
            ZIP_POST => r
                .within(ZIP_POST, value, ZipAndHttpPostUpload::read)
                .map(|upload| Self::Zip(ZipUpload::Post(upload))),
            ZIP_PUT => r
                .within(ZIP_PUT, value, ZipAndHttpPutUpload::read)
                .map(|upload| Self::Zip(ZipUpload::Put(upload))),
            MULTI => r.within(MULTI, value, MultiUpload::read).map(Self::Multi),
            _ => Err(r.unknown_tag(value, TAG, &tag, TYPES)),
        }
    }
}

impl MultiUpload {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([_, uploads, system_output], rest) =
            r.model(value, &[TAG, "uploads", "system_output"])?;
        let uploads = r.required(uploads, |r, list| {
            r.list(list, |r, value| {
                let tag = r.tag(value, TAG, FILE_TYPES)?;
                let upload = SingleFileUpload::read(r, &tag, value);
                upload.unwrap_or_else(|| Err(r.unknown_tag(value, TAG, &tag, FILE_TYPES)))
            })
        });
        let system_output = r.optional(system_output, ZipUpload::read_untagged);
        r.ignore(&rest);
        Ok(Self {
            uploads: uploads?,
            system_output: system_output?,
        })
    }
}

impl SingleFileUpload {
    /// `tag` is what `value` says its type is. Without one of ours: nothing.
    fn read<'t>(r: &mut Reader<'t>, tag: &str, value: Value<'t>) -> Option<Read<Self>> {
        Some(match tag {
            FILE_POST => r
                .within(FILE_POST, value, SingleFilePostUpload::read)
                .map(Self::Post),
            FILE_PUT => r
                .within(FILE_PUT, value, SingleFilePutUpload::read)
                .map(Self::Put),
            _ => return None,
        })
    }
}

impl ZipUpload {
    /// `system_output`, the only union of the reference that needs no tag: a form unless it says or has to be a body.
    fn read_untagged<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        // What says to be a body is no form: no need to try.
        let is_put = value.get(TAG).is_some_and(|tag| tag.is(ZIP_PUT));
        if !is_put && let Some(upload) = r.attempt(|r| ZipAndHttpPostUpload::read(r, value)) {
            return Ok(Self::Post(upload));
        }
        if let Some(upload) = r.attempt(|r| ZipAndHttpPutUpload::read(r, value)) {
            return Ok(Self::Put(upload));
        }
        // The reference tells what is wrong with it as either of the two.
        let _ = r.within("ZipAndHttpPostUpload", value, ZipAndHttpPostUpload::read);
        r.within("ZipAndHttpPutUpload", value, ZipAndHttpPutUpload::read)
            .map(Self::Put)
    }
}

impl SingleFilePostUpload {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([_, url, form_fields, relative_path, signed_headers], rest) = r.model(
            value,
            &[TAG, "url", "form_fields", "relative_path", "signed_headers"],
        )?;
        let url = r.required(url, Reader::string);
        let form_fields = r.optional(form_fields, Reader::string_map);
        let relative_path = r.required(relative_path, Reader::string);
        let signed_headers = r.optional(signed_headers, Reader::string_map);
        r.ignore(&rest);
        Ok(Self {
            url: url?,
            form_fields: form_fields?,
            relative_path: relative_path?,
            signed_headers: signed_headers?,
        })
    }
}

impl SingleFilePutUpload {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([_, url, relative_path, signed_headers], rest) =
            r.model(value, &[TAG, "url", "relative_path", "signed_headers"])?;
        let url = r.required(url, Reader::string);
        let relative_path = r.required(relative_path, Reader::string);
        let signed_headers = r.optional(signed_headers, Reader::string_map);
        r.ignore(&rest);
        Ok(Self {
            url: url?,
            relative_path: relative_path?,
            signed_headers: signed_headers?,
        })
    }
}

impl ZipAndHttpPostUpload {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([tag, url, form_fields], rest) = r.model(value, &[TAG, "url", "form_fields"])?;
        let tag = r.constant(tag, ZIP_POST, ZIP_POST_QUOTED);
        let url = r.required(url, Reader::string);
        let form_fields = r.optional(form_fields, Reader::string_map);
        r.ignore(&rest);
        tag?;
        Ok(Self {
            url: url?,
            form_fields: form_fields?,
        })
    }
}

impl ZipAndHttpPutUpload {
    fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([tag, url], rest) = r.model(value, &[TAG, "url"])?;
        let tag = r.constant(tag, ZIP_PUT, ZIP_PUT_QUOTED);
        let url = r.required(url, Reader::string);
        r.ignore(&rest);
        tag?;
        Ok(Self { url: url? })
    }
}

impl Encode for OutputUpload {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        match self {
            Self::SingleFile(upload) => upload.write(w),
            Self::Zip(upload) => upload.write(w),
            Self::Multi(multi) => w.object(|w| {
                w.field(TAG, MULTI);
                w.field("uploads", &multi.uploads);
                w.field("system_output", &multi.system_output);
            }),
        }
    }
}

impl Encode for SingleFileUpload {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| match self {
            Self::Post(upload) => {
                w.field(TAG, FILE_POST);
                w.field("url", &upload.url);
                w.field("form_fields", &upload.form_fields);
                w.field("relative_path", &upload.relative_path);
                w.field("signed_headers", &upload.signed_headers);
            }
            Self::Put(upload) => {
                w.field(TAG, FILE_PUT);
                w.field("url", &upload.url);
                w.field("relative_path", &upload.relative_path);
                w.field("signed_headers", &upload.signed_headers);
            }
        });
    }
}

impl Encode for ZipUpload {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| match self {
            Self::Post(upload) => {
                w.field(TAG, ZIP_POST);
                w.field("url", &upload.url);
                w.field("form_fields", &upload.form_fields);
            }
            Self::Put(upload) => {
                w.field(TAG, ZIP_PUT);
                w.field("url", &upload.url);
            }
        });
    }
}
