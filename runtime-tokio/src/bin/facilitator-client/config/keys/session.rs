//! The keys without a section: where, who, and what is kept.

use facilitator_tokio::core::client::AuthenticationMethod;
use facilitator_tokio::core::message::DecodeMode;

use super::super::key::{At, Key, Section, Shorthand};
use super::super::kinds::{Choice, FilePath, HeaderText, Headers, Size, Switch, Uri};

pub(super) const SECTION: Section = Section {
    name: "",
    heading: "Session",
    keys: &[
        Key::new(
            "uri",
            "uri",
            &At {
                kind: Uri,
                place: |s| &mut s.config.endpoint,
            },
            "The facilitator",
        ),
        Key::new(
            "allow_plaintext",
            "allow-plaintext",
            &At {
                kind: Switch,
                place: |s| &mut s.allow_plaintext,
            },
            "Allow ws:// to other hosts than this one: everybody on the way can then read the authentication and replay it",
        ),
        Key::new(
            "hotkey",
            "hotkey",
            &At {
                kind: FilePath,
                place: |s| &mut s.hotkey,
            },
            "A wallet's hotkey file (JSON with `secretSeed` or `secretPhrase`), or one of ours with a `cryptoType`",
        ),
        Key::new(
            "authentication",
            "authentication",
            &At {
                kind: Choice {
                    names: &[
                        ("frame", AuthenticationMethod::FirstFrame),
                        ("headers", AuthenticationMethod::Headers),
                    ],
                },
                place: |s| &mut s.config.authentication,
            },
            "Where the authentication stands: in the first frame, as today's facilitator wants it, or in the request headers",
        ),
        Key {
            also: Some("VALIDATOR_VERSION"),
            ..Key::new(
                "validator_version",
                "validator-version",
                &At {
                    kind: HeaderText,
                    place: |s| &mut s.config.validator_version,
                },
                "The request header X-Validator-Version",
            )
        },
        Key {
            also: Some("VALIDATOR_RUNNER_VERSION"),
            ..Key::new(
                "runner_version",
                "runner-version",
                &At {
                    kind: HeaderText,
                    place: |s| &mut s.config.runner_version,
                },
                "The request header X-Validator-Runner-Version",
            )
        },
        Key::new(
            "headers",
            "header",
            &At {
                kind: Headers,
                place: |s| &mut s.config.extra_headers,
            },
            "Further request headers; their values are never shown\n\
             On the command line, everybody on this machine can read them.",
        ),
        Key {
            short: &[Shorthand {
                flag: "strict",
                value: "strict",
                about: "Refuse what the reference refuses, instead of bearing with unknown fields",
            }],
            ..Key::new(
                "decode_mode",
                "decode-mode",
                &At {
                    kind: Choice {
                        names: &[
                            ("lenient", DecodeMode::Lenient),
                            ("strict", DecodeMode::Strict),
                        ],
                    },
                    place: |s| &mut s.config.decode_mode,
                },
                "How messages of the facilitator are read: \"lenient\" bears with unknown fields, \"strict\" refuses what the reference refuses",
            )
        },
        Key::new(
            "state_file",
            "state-file",
            &At {
                kind: FilePath,
                place: |s| &mut s.state_file,
            },
            "Where a stop keeps what is owed and which jobs are open, for the next start to take it up\n\
             Only its owner can read it. Without one, what is owed is printed at the end, and forgotten.",
        ),
        Key::new(
            "record",
            "record",
            &At {
                kind: FilePath,
                place: |s| &mut s.record,
            },
            "Record the session for `replay`, in a new file: no secret is in it, only its owner can read it\n\
             `{time}` in the name becomes the Unix time of the start.",
        ),
        Key::new(
            "line_bytes",
            "line-bytes",
            &At {
                kind: Size {
                    least: 1 << 10,
                    most: 1 << 30,
                },
                place: |s| &mut s.line_bytes,
            },
            "Longest line of the input; the default is three times the largest message, for text that is escaped all over",
        ),
    ],
};
