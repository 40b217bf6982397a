//! The table of keys, and the layers on each other. What each mistake looks like is tested on the program itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args as _, Command, FromArgMatches as _};
use facilitator_tokio::Config;
use facilitator_tokio::core::client::TrustPolicy;
use toml::de::DeTable;

use super::*;

/// Every key with a value that is not its default.
const OTHER: &str = r#"
uri = "ws://127.0.0.1:8080/ws?x"
allow_plaintext = true
hotkey = "hotkeys/one.json"
authentication = "headers"
validator_version = "1.2"
runner_version = "3.4"
headers = { X-One = "1", "X-Two" = "2" }
decode_mode = "strict"
state_file = "/var/lib/state"
record = "trace-{time}"
line_bytes = "1MiB"
[trust]
signatories = ["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"]
file = "trusted"
sr25519 = false
ed25519 = false
max_age = "5m"
max_skew = "0s"
verifications_per_second = 7
[timing]
heartbeat_interval = "1s"
ping_interval = "2s"
pong_timeout = "3s"
connect_timeout = "4s"
authentication_timeout = "5s"
acknowledgement_timeout = "6s"
close_timeout = "7s"
drain_timeout = "8s"
job_margin = "9s"
adopted_job_limit = "11s"
[retry]
backoff_initial = "12s"
backoff_max = "13s"
backoff_reset_after = "14s"
retry_after_max = "15s"
refused_delay = "16s"
on_signature_invalid = "stop"
[limits]
window = 1
outbox_entries = 2_0
outbox_bytes = "3MiB"
specs_entries = 4
message_bytes = "5KiB"
inbound_message_bytes = "6KiB"
open_jobs = 7
waiting_job_bytes = "7KiB"
when_jobs_wait = "ignore"
waiting_events = 9
waiting_event_bytes = "8KiB"
ended_jobs = 0x8
[tls]
roots = "none"
ca_file = "ca.pem"
client_certificate = "me.pem"
client_key = "me.key"
[proxy]
uri = "http://user:pass@proxy:3128"
except = ["10.0.0.0/8", "localhost"]
[metrics]
listen = "0.0.0.0:9469"
allow_remote = true
[workers]
command = "cat"
socket = "/run/me/jobs"
on_cheated = "cat >&2"
max_jobs = 17
parallel = 18
queue_time = "19s"
margin = "20s"
leeway = "21s"
grace = "22s"
stop_time = "23s"
absence = "24s"
stall = "25s"
[webhook]
uri = "https://hooks.example.org/secret?of=it"
timeout = "26s"
[log]
filter = "warn,facilitator_core=debug"
format = "json"
"#;

fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("facilitator-config-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn flags(words: &[&str]) -> Flags {
    let command = Flags::augment_args(Command::new("test").no_binary_name(true));
    Flags::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap()
}

/// The configuration by this file, these variables and these flags.
fn load(file: &str, variables: &[(&str, &str)], words: &[&str]) -> Result<Loaded, String> {
    // Every file has a name of its own: tests run side by side.
    let folder = folder(&format!(
        "{:x}",
        std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), file)
    ));
    let path = folder.join("config.toml");
    std::fs::write(&path, file).unwrap();
    let mut variables: BTreeMap<OsString, OsString> = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    variables.insert("FACILITATOR_CONFIG".into(), path.into());
    let verbose = words.iter().filter(|word| **word == "-v").count();
    let words: Vec<&str> = words.iter().copied().filter(|word| *word != "-v").collect();
    let loaded = Loaded::layered(&flags(&words), verbose.try_into().unwrap(), &variables);
    std::fs::remove_dir_all(folder).unwrap();
    loaded.map_err(|mistake| crate::failure::Failure::from(mistake).to_string())
}

fn origin(loaded: &Loaded, path: &str) -> String {
    loaded
        .origins
        .get(path)
        .unwrap_or(&Origin::Default)
        .to_string()
}

/// Every field of both is named here, or this does not compile.
macro_rules! fields {
    ($type:ident, $one:expr, $other:expr, [$($field:ident),*]) => {{
        let ($type { $($field),* }, other) = ($one, $other);
        [$((stringify!($field), *$field == other.$field)),*]
    }};
}

#[test]
fn every_field_of_the_session_has_a_key() {
    let (default, other) = (
        Settings::default().config,
        load(OTHER, &[], &[]).unwrap().settings.config,
    );
    let same: Vec<&str> = fields!(
        Config,
        &default,
        &other,
        [
            endpoint,
            validator_version,
            runner_version,
            extra_headers,
            authentication,
            trust,
            decode_mode,
            heartbeat_interval,
            ping_interval,
            pong_timeout,
            connect_timeout,
            authentication_timeout,
            acknowledgement_timeout,
            close_timeout,
            drain_timeout,
            backoff_initial,
            backoff_max,
            backoff_reset_after,
            refused_delay,
            on_signature_invalid,
            retry_after_max,
            window,
            outbox_entries,
            specs_entries,
            outbox_bytes,
            message_bytes,
            inbound_message_bytes,
            open_jobs,
            waiting_job_bytes,
            when_jobs_wait,
            waiting_events,
            waiting_event_bytes,
            job_margin,
            adopted_job_limit,
            ended_jobs
        ]
    )
    .into_iter()
    .chain(fields!(
        TrustPolicy,
        &default.trust,
        &other.trust,
        [
            signatories,
            sr25519,
            ed25519,
            max_age,
            max_skew,
            verifications_per_second
        ]
    ))
    .filter(|(_, same)| *same)
    .map(|(field, _)| field)
    .collect();
    assert!(same.is_empty(), "no key reaches {same:?}");
}

#[test]
fn every_key_is_in_the_test_file_and_changes_something() {
    let mut default = Settings::default();
    let loaded = load(OTHER, &[], &[]).unwrap();
    for key in keys::all() {
        assert!(
            origin(&loaded, key.path).contains("config.toml:"),
            "{} is missing",
            key.path
        );
        let (before, after) = (
            key.setting.show(&mut default),
            key.setting.show(&mut loaded.settings.clone()),
        );
        assert_ne!(before, after, "{}", key.path);
    }
}

#[test]
fn no_name_is_used_twice_and_every_key_stands_in_its_section() {
    let (mut flags, mut paths, mut variables) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for section in keys::SECTIONS {
        for key in section.keys {
            let expected = match section.name {
                "" => key.name().to_owned(),
                section => format!("{section}.{}", key.name()),
            };
            assert_eq!(key.path, expected);
            assert!(
                paths.insert(key.path) && flags.insert(key.flag),
                "{}",
                key.path
            );
            assert!(variables.insert(key.variable()), "{}", key.path);
            assert!(
                key.also
                    .is_none_or(|name| variables.insert(name.to_owned())),
                "{}",
                key.path
            );
            assert!(
                key.short.iter().all(|short| flags.insert(short.flag)),
                "{}",
                key.path
            );
            assert!(
                !key.about.is_empty() && !key.about.ends_with('.') || key.about.contains('\n'),
                "{}",
                key.path
            );
        }
    }
    // What clap itself has to say about them.
    Flags::augment_args(Command::new("test")).debug_assert();
}

#[test]
fn what_is_printed_says_the_same_when_it_is_read_again() {
    for file in ["", OTHER] {
        let first = load(file, &[], &[]).unwrap();
        let printed = first.print();
        DeTable::parse(&printed).unwrap();
        // Secrets are left out: here the tester fills them in.
        let filled = printed
            .replace(
                r#"headers = { "X-One" = "(redacted)", "X-Two" = "(redacted)" }"#,
                r#"headers = { X-One = "1", X-Two = "2" }"#,
            )
            .replace("?(redacted)", "?x")
            .replace("hooks.example.org/(redacted)", "hooks.example.org/secret")
            .replace("(redacted)@proxy", "user:pass@proxy");
        let second = load(&filled, &[], &[]).unwrap();
        assert_eq!(first.settings.config, second.settings.config);
        for key in keys::all() {
            let show = |loaded: &Loaded| key.setting.show(&mut loaded.settings.clone());
            assert_eq!(show(&first), show(&second), "{}", key.path);
        }
        // And nothing gets lost on the way: a key stands there with its value, or as a comment.
        for key in keys::all() {
            let (live, comment) = (
                format!("\n{} = ", key.name()),
                format!("\n# {} = ", key.name()),
            );
            assert!(
                printed.contains(&live) || printed.contains(&comment),
                "{}",
                key.path
            );
        }
    }
}

#[test]
fn a_redacted_value_is_not_taken_for_one() {
    let printed = load(OTHER, &[], &[]).unwrap().print();
    assert!(
        !printed.contains("\"1\"") && !printed.contains("?x") && !printed.contains("secret?of=it"),
        "{printed}"
    );
    for part in [
        "headers = { X = \"(redacted)\" }",
        "uri = \"wss://h/?(redacted)\"",
        "webhook = { uri = \"https://h/(redacted)\" }",
    ] {
        let error = load(part, &[], &[]).map(|_| ()).unwrap_err();
        assert!(
            error.contains("--print-config") && error.contains("write the value itself"),
            "{error}"
        );
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "[timing]\ndrain_timeout = \"1s\"\nclose_timeout = \"1s\"\npong_timeout = \"1s\"\n";
    let variables = [
        ("FACILITATOR_DRAIN_TIMEOUT", "2s"),
        ("FACILITATOR_CLOSE_TIMEOUT", "2s"),
    ];
    let loaded = load(file, &variables, &["--drain-timeout", "3s"]).unwrap();
    let config = &loaded.settings.config;
    let seconds = [
        config.drain_timeout,
        config.close_timeout,
        config.pong_timeout,
        config.ping_interval,
    ];
    assert_eq!(seconds.map(|time| time.as_secs()), [3, 2, 1, 20]);
    assert_eq!(origin(&loaded, "timing.drain_timeout"), "--drain-timeout");
    assert_eq!(
        origin(&loaded, "timing.close_timeout"),
        "FACILITATOR_CLOSE_TIMEOUT"
    );
    assert!(origin(&loaded, "timing.pong_timeout").ends_with("config.toml:4:1"));
    assert_eq!(origin(&loaded, "timing.ping_interval"), "default");
    let printed = loaded.print();
    for line in [
        "drain_timeout = \"3s\"  # --drain-timeout\n",
        "close_timeout = \"2s\"  # FACILITATOR_CLOSE_TIMEOUT\n",
        "config.toml:4:1\n",
        "ping_interval = \"20s\"  # default\n",
    ] {
        assert!(printed.contains(line), "no {line:?} in {printed}");
    }
}

#[test]
fn how_verbose_the_log_is_can_be_said_by_a_letter() {
    let of = |words: &[_]| {
        let loaded = load("", &[("FACILITATOR_LOG", "error")], words).unwrap();
        let origin = origin(&loaded, "log.filter");
        (loaded.settings.log.filter, origin)
    };
    let said = |filter: &str, origin: &str| (filter.to_owned(), origin.to_owned());
    assert_eq!(of(&[]), said("error", "FACILITATOR_LOG"));
    assert_eq!(of(&["-v"]), said("debug", "--verbose"));
    assert_eq!(of(&["-v", "-v"]), said("trace", "--verbose"));
}

#[test]
fn the_command_line_is_shown_without_its_values() {
    let shown = format!(
        "{:?}",
        flags(&["--header", "X: hunter2", "--proxy", "http://a:hunter2@b"])
    );
    assert!(
        shown.contains("proxy") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn the_variables_of_the_reference_are_weaker_than_ours() {
    let file = "validator_version = \"file\"";
    let theirs = ("VALIDATOR_VERSION", "theirs");
    let loaded = load(file, &[theirs], &[]).unwrap();
    assert_eq!(loaded.settings.config.validator_version, "theirs");
    assert_eq!(origin(&loaded, "validator_version"), "VALIDATOR_VERSION");
    let ours = ("FACILITATOR_VALIDATOR_VERSION", "ours");
    let loaded = load(file, &[theirs, ours], &[]).unwrap();
    assert_eq!(loaded.settings.config.validator_version, "ours");
    // An empty one is sent as it is, as the reference does.
    let loaded = load(file, &[("VALIDATOR_VERSION", "")], &[]).unwrap();
    assert_eq!(loaded.settings.config.validator_version, "");
}

#[test]
fn lists_replace_each_other_whole() {
    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
    let file = format!("[trust]\nsignatories = [\"{ALICE}\"]");
    let trusted = |variables: &[_], words: &[_]| {
        let loaded = load(&file, variables, words).unwrap();
        let key = keys::find("trust.signatories").unwrap();
        key.setting.show(&mut loaded.settings.clone()).unwrap()
    };
    assert_eq!(trusted(&[], &[]), format!("[\"{ALICE}\"]"));
    assert_eq!(
        trusted(&[("FACILITATOR_TRUST", BOB)], &[]),
        format!("[\"{BOB}\"]")
    );
    assert_eq!(trusted(&[("FACILITATOR_TRUST", "")], &[]), "[]");
    let both = format!("{ALICE}, {BOB}");
    let listed = trusted(&[("FACILITATOR_TRUST", &both)], &[]);
    assert!(listed.contains(ALICE) && listed.contains(BOB), "{listed}");
    assert_eq!(trusted(&[], &["--unverified"]), "\"unverified\"");
    assert_eq!(trusted(&[], &["--trust-anyone"]), "\"anyone\"");
    assert_eq!(trusted(&[], &["--trust", "anyone"]), "\"anyone\"");
    assert_eq!(
        trusted(&[], &["--trust", BOB, "--trust", ALICE]),
        trusted(&[("FACILITATOR_TRUST", &both)], &[])
    );
}

#[test]
fn switches_can_be_switched_off_again() {
    let of = |words: &[_]| {
        load("allow_plaintext = true", &[], words)
            .unwrap()
            .settings
            .allow_plaintext
    };
    assert_eq!(
        [
            of(&[]),
            of(&["--allow-plaintext"]),
            of(&["--allow-plaintext=false"])
        ],
        [true, true, false]
    );
}

#[test]
fn paths_start_from_where_they_are_written() {
    let loaded = load(
        "hotkey = \"a/b\"\nstate_file = \"~/c\"\nrecord = \"/d\"",
        &[],
        &["--trust-file", "e"],
    )
    .unwrap();
    let Settings {
        hotkey,
        state_file,
        record,
        trust_file,
        ..
    } = loaded.settings;
    assert!(hotkey.is_some_and(|path| path.is_absolute()
        && path.ends_with("a/b")
        && !path.starts_with(std::env::current_dir().unwrap())));
    assert_eq!(state_file, std::env::home_dir().map(|home| home.join("c")));
    assert_eq!(record.as_deref(), Some(Path::new("/d")));
    assert_eq!(trust_file, Some(std::env::current_dir().unwrap().join("e")));
}

#[test]
fn bounds_that_nobody_has_set_follow_the_outbox() {
    let loaded = load(
        "[limits]\noutbox_entries = 10\noutbox_bytes = \"1MiB\"",
        &[],
        &[],
    )
    .unwrap();
    let config = &loaded.settings.config;
    assert_eq!((config.open_jobs, config.message_bytes), (8, 1 << 20));
    assert_eq!(
        origin(&loaded, "limits.open_jobs"),
        "default, bounded by limits.outbox_entries"
    );
    assert!(loaded.check().is_ok());
}
