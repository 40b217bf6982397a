//! Where a job's output goes: `output_upload` of a job request.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::StringMap;
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
