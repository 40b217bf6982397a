//! Canonical payloads of random messages, against the slow imitation of Python.

use facilitator_core::message::{
    AllowPatterns, ExecutorClass, HuggingfaceVolume, InlineVolume, Integer, Json, MultiUpload,
    MultiVolume, OutputUpload, SingleFilePostUpload, SingleFilePutUpload, SingleFileUpload,
    SingleFileVolume, SingleVolume, StreamingDetails, StringMap, V0JobCheated, V2JobRequest,
    Volume, ZipAndHttpPostUpload, ZipAndHttpPutUpload, ZipUpload, ZipUrlVolume,
};
use facilitator_core::signature::SignedMessage;
use facilitator_tests::python::{self, Node};
use facilitator_tests::signed;
use proptest::prelude::*;

/// What `CPython` writes for these floats.
#[test]
fn floats_are_pythons() {
    for (text, python) in [
        ("0.0", "0.0"),
        ("-0.0", "-0.0"),
        ("-0e5", "-0.0"),
        ("1e0", "1.0"),
        ("1e15", "1000000000000000.0"),
        ("9999999999999998.0", "9999999999999998.0"),
        ("1e16", "1e+16"),
        ("12345678901234567890.0", "1.2345678901234567e+19"),
        ("1E22", "1e+22"),
        ("1e23", "1e+23"),
        ("0.0001", "0.0001"),
        ("0.00012345", "0.00012345"),
        ("0.00001", "1e-05"),
        ("1.5e-7", "1.5e-07"),
        ("1e-100", "1e-100"),
        ("5e-324", "5e-324"),
        ("2.2250738585072014e-308", "2.2250738585072014e-308"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("9007199254740993.0", "9007199254740992.0"),
        ("100.0", "100.0"),
        ("123456.789e3", "123456789.0"),
        ("5.684341886080801e-14", "5.684341886080801e-14"),
        // A power of two: its neighbour below is closer than the one above.
        ("5.6843418860808015e-14", "5.684341886080802e-14"),
        ("7.1202363472230444e-307", "7.120236347223045e-307"),
        // Exactly between two texts of the same length: the even one.
        ("1273812973436447.25", "1273812973436447.2"),
        ("1273812973436447.75", "1273812973436447.8"),
        ("2.98023223876953125e-08", "2.9802322387695312e-08"),
        ("1e400", "Infinity"),
        ("-1e400", "-Infinity"),
        ("1e-400", "0.0"),
    ] {
        assert_eq!(details_payload(text), python, "{text}");
        assert_eq!(
            Node::parse(text).dumps_sorted(),
            python,
            "the yardstick, {text}"
        );
    }
}

fn report(details: &str) -> V0JobCheated {
    V0JobCheated {
        signature: None,
        job_uuid: "j".into(),
        trusted_job_uuid: "t".into(),
        details: Json::parse(details).unwrap_or_else(|error| panic!("{details}: {error}")),
    }
}

fn details_payload(details: &str) -> String {
    let report = report(details);
    let payload = SignedMessage::from(&report).payload();
    let inside = payload
        .strip_prefix("{\"details\": ")
        .and_then(|rest| rest.strip_suffix(", \"job_uuid\": \"j\", \"trusted_job_uuid\": \"t\"}"));
    inside.unwrap_or_else(|| panic!("{payload}")).to_owned()
}

/// Characters that escapes and orders could go wrong about, and any other.
pub(super) fn texts() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        8 => prop::char::range(' ', '~'),
        2 => prop::sample::select(vec![
            '"', '\\', '/', '\0', '\u{8}', '\t', '\n', '\u{b}', '\u{c}', '\r', '\u{1f}', '\u{7f}', '\u{80}', '\u{2028}',
            '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{10000}', '\u{10ffff}',
        ]),
        2 => any::<char>(),
    ];
    prop::collection::vec(character, 0..12).prop_map(String::from_iter)
}

/// A string in one of the spellings that JSON allows.
fn spelled(text: &str, spelling: u8) -> String {
    match spelling % 3 {
        0 => python::quote(text),
        1 => Node::Text(text.into()).dumps_compact(),
        _ => {
            let units: Vec<String> = text
                .encode_utf16()
                .map(|unit| format!("\\u{unit:04X}"))
                .collect();
            format!("\"{}\"", units.concat())
        }
    }
}

fn numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        "-?[1-9][0-9]{0,60}",
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,20}([eE][-+]?[0-9]{1,3})?",
        "-?(0|[1-9][0-9]{0,5})[eE][-+]?[0-9]{1,3}",
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        Just("-0".to_owned()),
    ]
}

/// JSON as text, oddly spelled and spaced, keys repeated now and then.
pub(super) fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(String::from),
        numbers(),
        (texts(), any::<u8>()).prop_map(|(text, spelling)| spelled(&text, spelling)),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        let space = || prop::sample::select(vec!["", "", " ", "\n\t", "\r\n  "]);
        let key = prop_oneof!["[ab]", texts()];
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..8), space()).prop_map(|(items, space)| {
                format!(
                    "[{space}{}{space}]",
                    items.join(&format!("{space},{space}"))
                )
            }),
            (
                prop::collection::vec((key, any::<u8>(), inner), 0..8),
                space()
            )
                .prop_map(|(entries, space)| {
                    let entries: Vec<String> = entries
                        .iter()
                        .map(|(key, spelling, value)| {
                            format!("{}{space}:{space}{value}", spelled(key, *spelling))
                        })
                        .collect();
                    format!(
                        "{{{space}{}{space}}}",
                        entries.join(&format!("{space},{space}"))
                    )
                }),
        ]
    })
}

pub(super) fn maps() -> impl Strategy<Value = StringMap> {
    prop::collection::vec((texts(), texts()), 0..5)
        .prop_map(|entries| entries.into_iter().collect())
}

pub(super) fn option_of<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    prop::option::of(strategy)
}

fn volumes() -> impl Strategy<Value = SingleVolume> {
    let patterns = prop_oneof![
        texts().prop_map(AllowPatterns::One),
        prop::collection::vec(texts(), 0..3).prop_map(AllowPatterns::Many),
    ];
    let optional = || option_of(texts());
    prop_oneof![
        (texts(), optional()).prop_map(|(contents, relative_path)| SingleVolume::Inline(
            InlineVolume {
                contents,
                relative_path
            }
        )),
        (texts(), optional()).prop_map(|(contents, relative_path)| SingleVolume::ZipUrl(
            ZipUrlVolume {
                contents,
                relative_path
            }
        )),
        (texts(), texts()).prop_map(|(url, relative_path)| SingleVolume::SingleFile(
            SingleFileVolume { url, relative_path }
        )),
        (
            texts(),
            optional(),
            optional(),
            optional(),
            option_of(patterns),
            optional()
        )
            .prop_map(
                |(repo_id, repo_type, revision, relative_path, allow_patterns, token)| {
                    SingleVolume::Huggingface(HuggingfaceVolume {
                        repo_id,
                        repo_type,
                        revision,
                        relative_path,
                        allow_patterns,
                        token,
                    })
                }
            ),
    ]
}

fn files() -> impl Strategy<Value = SingleFileUpload> {
    prop_oneof![
        (texts(), option_of(maps()), texts(), option_of(maps())).prop_map(
            |(url, form_fields, relative_path, signed_headers)| SingleFileUpload::Post(
                SingleFilePostUpload {
                    url,
                    form_fields,
                    relative_path,
                    signed_headers
                }
            )
        ),
        (texts(), texts(), option_of(maps())).prop_map(|(url, relative_path, signed_headers)| {
            SingleFileUpload::Put(SingleFilePutUpload {
                url,
                relative_path,
                signed_headers,
            })
        }),
    ]
}

fn archives() -> impl Strategy<Value = ZipUpload> {
    prop_oneof![
        (texts(), option_of(maps())).prop_map(|(url, form_fields)| ZipUpload::Post(
            ZipAndHttpPostUpload { url, form_fields }
        )),
        texts().prop_map(|url| ZipUpload::Put(ZipAndHttpPutUpload { url })),
    ]
}

pub(super) fn requests() -> impl Strategy<Value = V2JobRequest> {
    let volume = prop_oneof![
        volumes().prop_map(Volume::Single),
        prop::collection::vec(volumes(), 0..3)
            .prop_map(|volumes| Volume::Multi(MultiVolume { volumes })),
    ];
    let upload = prop_oneof![
        files().prop_map(OutputUpload::SingleFile),
        archives().prop_map(OutputUpload::Zip),
        (prop::collection::vec(files(), 0..3), option_of(archives())).prop_map(
            |(uploads, system_output)| OutputUpload::Multi(MultiUpload {
                uploads,
                system_output
            })
        ),
    ];
    let streaming =
        (texts(), option_of(texts())).prop_map(|(public_key, executor_ip)| StreamingDetails {
            public_key,
            executor_ip,
        });
    let limit = || {
        "(0|-?[1-9][0-9]{0,30})".prop_map(|digits| digits.parse::<Integer>().expect("an integer"))
    };
    let plain = (
        prop::sample::select(ExecutorClass::ALL),
        texts(),
        any::<(bool, bool)>(),
    );
    let lists = (
        prop::collection::vec(texts(), 0..4),
        maps(),
        option_of(texts()),
    );
    let limits = (limit(), limit(), limit(), limit());
    let parts = (option_of(volume), option_of(upload), option_of(streaming));
    (plain, lists, limits, parts).prop_map(|(plain, lists, limits, parts)| {
        let (executor_class, docker_image, (use_gpu, on_trusted_miner)) = plain;
        let (args, env, artifacts_dir) = lists;
        let (volume, output_upload, streaming_details) = parts;
        V2JobRequest {
            args,
            env,
            use_gpu,
            volume,
            output_upload,
            artifacts_dir,
            on_trusted_miner,
            download_time_limit: limits.0,
            execution_time_limit: limits.1,
            upload_time_limit: limits.2,
            streaming_start_time_limit: limits.3,
            streaming_details,
            ..V2JobRequest::new("not signed", executor_class, docker_image)
        }
    })
}

proptest! {
    #[test]
    fn reports_are_spelled_as_python_spells_them(details in json()) {
        prop_assert_eq!(details_payload(&details), Node::parse(&details).dumps_sorted());
    }

    #[test]
    fn requests_are_encoded_twice(request in requests()) {
        prop_assert_eq!(SignedMessage::from(&request).payload(), signed::job_request(&request));
    }

    #[test]
    fn what_is_not_signed_changes_nothing(request in requests(), other in requests(), id in texts()) {
        let mut altered = request.clone();
        altered.uuid.clone_from(&id);
        altered.job_namespace = Some(id);
        if let (Some(OutputUpload::Multi(to)), Some(OutputUpload::Multi(from))) =
            (&mut altered.output_upload, &other.output_upload)
        {
            to.system_output.clone_from(&from.system_output);
        }
        let digest = SignedMessage::from(&request).digest(7);
        prop_assert_eq!(digest, SignedMessage::from(&altered).digest(7));
        prop_assert_ne!(digest, SignedMessage::from(&request).digest(8));
    }
}
