//! What `Debug` shows in place of a secret.

use alloc::string::String;
use core::fmt::{self, Write as _};

/// Shows how long a secret is, and nothing of it.
pub(crate) struct Redacted<'a>(pub(crate) &'a str);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

/// A run of hexadecimal digits from this length on is a key or a signature: a uuid has 32 at the most.
const LONG: usize = 40;

/// The text with every run of 40 hexadecimal digits or more replaced by how long it is: for whoever shows what a peer says.
/// A peer can repeat the authentication, as validation errors do, and whoever reads that can replay it for ever.
pub fn scrub(text: &str) -> String {
    let mut scrubbed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        let end = from
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        scrubbed.push_str(before);
        if run.len() < LONG {
            scrubbed.push_str(run);
        } else {
            // Writing to a string does not fail.
            let _ = write!(scrubbed, "<{} hex digits>", run.len());
        }
        rest = after;
    }
    scrubbed.push_str(rest);
    scrubbed
}

/// [`Redacted`] for an optional secret.
pub(crate) fn redacted(text: Option<&String>) -> Option<Redacted<'_>> {
    text.map(|text| Redacted(text))
}

/// Shows an address without its user, query and fragment, which is where presigned addresses keep their key.
pub(crate) struct RedactedUrl<'a>(pub(crate) &'a str);

impl fmt::Debug for RedactedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = shown.split_once("://").unwrap_or(("", shown));
        let host_and_path = match rest.split_once('/') {
            Some((authority, path)) => {
                (authority.rsplit('@').next().unwrap_or_default(), "/", path)
            }
            None => (rest.rsplit('@').next().unwrap_or_default(), "", ""),
        };
        let (host, slash, path) = host_and_path;
        let separator = if scheme.is_empty() { "" } else { "://" };
        let more = if shown.len() < self.0.len() {
            "?.."
        } else {
            ""
        };
        write!(
            f,
            "\"{}{separator}{}{slash}{}{more}\"",
            scheme.escape_debug(),
            host.escape_debug(),
            path.escape_debug()
        )
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::*;
    use super::*;

    const SECRET: &str = "5ecret";

    #[test]
    fn what_looks_like_a_signature_is_not_repeated() {
        let uuid = "0a000000-0000-4000-8000-000000000001 0a000000000040008000000000000001";
        for harmless in ["", "no", "auth.not_authenticated", uuid, &"a".repeat(39)] {
            assert_eq!(scrub(harmless), harmless);
        }
        let signature = "0123456789abcdefABCDEF".repeat(6);
        let said = format!("auth.0x{signature}: b\u{e9}{signature}");
        let expected = "auth.0x<132 hex digits>: b\u{e9}<132 hex digits>";
        assert_eq!(scrub(&said), expected);
    }

    fn map() -> StringMap {
        StringMap::from([("name", SECRET.into())])
    }

    /// Every message that can hold a secret, with one wherever one can be.
    fn secretive() -> [String; 6] {
        let url = || format!("https://user:{SECRET}@host/path?key={SECRET}#{SECRET}");
        let mut request = V2JobRequest::new("uuid", ExecutorClass::AlwaysOnTest, "image");
        request.env = map();
        request.volume = Some(Volume::Multi(MultiVolume {
            volumes: [
                SingleVolume::Inline(InlineVolume {
                    contents: SECRET.into(),
                    relative_path: None,
                }),
                SingleVolume::ZipUrl(ZipUrlVolume {
                    contents: url(),
                    relative_path: None,
                }),
                SingleVolume::SingleFile(SingleFileVolume {
                    url: url(),
                    relative_path: "to".into(),
                }),
                SingleVolume::Huggingface(HuggingfaceVolume {
                    token: Some(SECRET.into()),
                    ..HuggingfaceVolume::default()
                }),
            ]
            .into(),
        }));
        request.output_upload = Some(OutputUpload::Multi(MultiUpload {
            uploads: [
                SingleFileUpload::Post(SingleFilePostUpload {
                    url: url(),
                    form_fields: Some(map()),
                    relative_path: "from".into(),
                    signed_headers: Some(map()),
                }),
                SingleFileUpload::Put(SingleFilePutUpload {
                    url: url(),
                    relative_path: "from".into(),
                    signed_headers: Some(map()),
                }),
            ]
            .into(),
            system_output: Some(ZipUpload::Post(ZipAndHttpPostUpload {
                url: url(),
                form_fields: Some(map()),
            })),
        }));
        let put = OutputUpload::Zip(ZipUpload::Put(ZipAndHttpPutUpload { url: url() }));
        let mut failure = JobFailureDetails::new(
            JobFailureReason::Unknown,
            JobFailureStage::Unknown,
            "message",
        );
        failure.docker_process_stdout = Some(SECRET.into());
        failure.docker_process_stderr = Some(SECRET.into());
        let mut answer = MinerResponse::new(SECRET, SECRET);
        answer.artifacts = Some(map());
        answer.upload_results = Some(map());
        let mut error = ResponseError::new("missing", "Field required");
        error.extra.insert("input", Json::from(SECRET));
        [
            format!(
                "{:?}",
                V0AuthenticationRequest {
                    public_key: "key".into(),
                    signature: SECRET.into()
                }
            ),
            format!("{request:?}"),
            format!("{put:?}"),
            format!("{:?}", JobStatusMetadata::from(failure)),
            format!("{:?}", JobStatusMetadata::from(answer)),
            format!("{:?}", Response::error(error)),
        ]
    }

    #[test]
    fn debug_keeps_secrets() {
        for shown in secretive() {
            assert!(!shown.contains(SECRET), "{shown}");
        }
    }

    #[test]
    fn debug_still_says_where_to() {
        let url = |text| format!("{:?}", RedactedUrl(text));
        assert_eq!(
            url("https://u:p@host:1/a/b?k=v"),
            "\"https://host:1/a/b?..\""
        );
        assert_eq!(url("https://u:p@host"), "\"https://host\"");
        assert_eq!(url("no address"), "\"no address\"");
    }

    #[test]
    fn errors_keep_secrets() {
        let request = format!(
            r#"{{"message_type":"V2JobRequest","env":"{SECRET}","volume":"{SECRET}","uuid":["{SECRET}"],
            "signature":{{"signature":"{SECRET}"}},"use_gpu":"{SECRET}","executor_class":"{SECRET}"}}"#
        );
        for text in [request, format!("{{\"{SECRET}")] {
            for mode in [DecodeMode::Lenient, DecodeMode::Strict] {
                let error = FacilitatorMessage::decode(&text, mode).unwrap_err();
                assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
            }
        }
    }
}
