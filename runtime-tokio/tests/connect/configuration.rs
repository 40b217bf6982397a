//! The configuration as an operator meets it: what each mistake looks like, what `--print-config` says, and that what
//! is configured is what is done.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::peers::{SUCCESS, scripted_with_request};
use crate::program::{Program, SOON, bare_command, file, hotkey_file};

const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
/// It must never be shown.
const SECRET: &str = "hunter2";

/// One mistake, and what its line has to say.
struct Mistake {
    file: &'static str,
    variables: &'static [(&'static str, &'static str)],
    flags: &'static [&'static str],
    told: &'static [&'static str],
}

/// A mistake in the file.
const fn in_file(file: &'static str, told: &'static [&'static str]) -> Mistake {
    Mistake {
        file,
        variables: &[],
        flags: &[],
        told,
    }
}

/// A mistake in the environment.
const fn in_environment(
    variables: &'static [(&'static str, &'static str)],
    told: &'static [&'static str],
) -> Mistake {
    Mistake {
        file: "",
        variables,
        flags: &[],
        told,
    }
}

/// A mistake on the command line.
const fn in_flags(flags: &'static [&'static str], told: &'static [&'static str]) -> Mistake {
    Mistake {
        file: "",
        variables: &[],
        flags,
        told,
    }
}

const MISTAKES: &[Mistake] = &[
    // What is no TOML.
    in_file("uri = \"wss://h/", &["bad.toml:1:16: no TOML", "string"]),
    in_file("uri \"wss://h/\"", &["bad.toml:1:", "no TOML"]),
    in_file(
        "uri = wss://h/",
        &["bad.toml:1:7: no TOML", "string values must be quoted"],
    ),
    in_file(
        "[timing\ndrain_timeout = \"1s\"",
        &["bad.toml:1:8: no TOML", "unclosed table"],
    ),
    in_file("[limits]\nwindow = 1 2", &["bad.toml:2:10: no TOML"]),
    in_file("{\"secretSeed\": \"hunter2\"}", &["bad.toml:1:1: no TOML"]),
    // What stands there twice.
    in_file(
        "uri = \"wss://h/\"\nuri = \"wss://i/\"",
        &["bad.toml:2:1: \"uri\" stands there twice; leave one"],
    ),
    in_file(
        "[trust]\n[log]\n[trust]",
        &["bad.toml:3:2: \"trust\" stands there twice"],
    ),
    // Keys that are none.
    in_file(
        "\nurl = \"wss://h/\"",
        &["bad.toml:2:1: unknown key \"url\"; did you mean `uri`, above the first [section]?"],
    ),
    in_file(
        "drain_timeout = \"1s\"",
        &[
            "bad.toml:1:1",
            "did you mean `drain_timeout` in the section [timing]?",
        ],
    ),
    in_file(
        "[timing]\ndrain-timeot = \"1s\"",
        &[
            "bad.toml:2:1: unknown key \"timing.drain-timeot\"",
            "`drain_timeout` in the section [timing]?",
        ],
    ),
    in_file(
        "[log]\nhotkey = \"x\"",
        &[
            "bad.toml:2:1",
            "did you mean `hotkey`, above the first [section]?",
        ],
    ),
    in_file(
        "[limit]\nwindow = 1",
        &["bad.toml:1:2: unknown key \"limit\"; did you mean the section [limits]?"],
    ),
    in_file(
        "colour = 1",
        &["bad.toml:1:1: unknown key \"colour\"; --print-config shows all that there are"],
    ),
    in_file(
        "[trust.signatories.more]\nx = 1",
        &[
            "bad.toml:1:8: `trust.signatories`: found a table",
            "a list of SS58 addresses",
        ],
    ),
    in_file(
        "[[limits]]\nwindow = 1",
        &[
            "bad.toml:1:1: `limits`: found a list",
            "[limits] with keys below it",
        ],
    ),
    in_file(
        "timing = \"fast\"",
        &[
            "bad.toml:1:10: `timing`: found a text",
            "[timing] with keys below it",
        ],
    ),
    // Times.
    in_file(
        "[timing]\ndrain_timeout = 10",
        &[
            "bad.toml:2:17: `timing.drain_timeout`: found 10, a number without its unit",
            "did you mean \"10s\"?",
        ],
    ),
    in_file(
        "[timing]\ndrain_timeout = 1.5",
        &[
            "bad.toml:2:17",
            "1.5, a number without its unit",
            "did you mean \"1.5s\"?",
        ],
    ),
    in_file(
        "[timing]\ndrain_timeout = \"10\"",
        &["without its unit", "did you mean \"10s\"?"],
    ),
    in_file(
        "[timing]\ndrain_timeout = \"10 minutes\"",
        &["with a unit that is none", "did you mean \"10m\"?"],
    ),
    in_file("[timing]\ndrain_timeout = \"30s1m\"", &["out of order"]),
    in_file(
        "[timing]\ndrain_timeout = \"0s\"",
        &["no time at all", "more than 0s to 366d"],
    ),
    in_file(
        "[timing]\ndrain_timeout = \"400d\"",
        &["which is too long", "to 366d"],
    ),
    in_file(
        "[timing]\ndrain_timeout = true",
        &["found true, a truth value; accepted is a time"],
    ),
    in_file(
        "[timing]\ndrain_timeout = 1979-05-27",
        &["found 1979-05-27, a date; accepted is a time"],
    ),
    in_file(
        "[trust]\nmax_age = \"never\"",
        &[
            "bad.toml:2:11: `trust.max_age`",
            "accepted is \"unlimited\", or a time",
        ],
    ),
    // Sizes.
    // Who may watch.
    in_file(
        "[metrics]\nlisten = \"0.0.0.0:9469\"",
        &[
            "bad.toml:2:1: ",
            "other machines can reach 0.0.0.0:9469, without a password",
            "`metrics.allow_remote`",
        ],
    ),
    in_file(
        "[metrics]\nlisten = \"localhost\"",
        &[
            "bad.toml:2:",
            "\"localhost\"",
            "an IP address with a port, as 127.0.0.1:9469",
        ],
    ),
    in_file("[metrics]\nport = 9469", &["bad.toml:2:1: ", "unknown key"]),
    in_flags(
        &["--metrics", "[::]:1"],
        &["--metrics", "other machines can reach [::]:1"],
    ),
    in_file(
        "[limits]\noutbox_bytes = 67108864",
        &[
            "bad.toml:2:16",
            "a number without its unit",
            "did you mean \"64MiB\"?",
        ],
    ),
    in_file(
        "[limits]\noutbox_bytes = \"64M\"",
        &["no size", "did you mean \"64MiB\"?"],
    ),
    in_file(
        "[limits]\noutbox_bytes = \"1B\"",
        &["found \"1B\"; accepted is a size", "from 1KiB to 1GiB"],
    ),
    in_file(
        "[limits]\noutbox_bytes = \"2GiB\"",
        &["found \"2GiB\"", "from 1KiB to 1GiB"],
    ),
    // Counts.
    in_file(
        "[limits]\nwindow = 0",
        &["bad.toml:2:10: `limits.window`: found 0; accepted is a whole number from 1 to 1000000"],
    ),
    in_file(
        "[limits]\nwindow = -3",
        &["found -3; accepted is a whole number from 1"],
    ),
    in_file(
        "[limits]\nwindow = \"64\"",
        &["found \"64\", a text", "did you mean 64?"],
    ),
    in_file(
        "[limits]\nwindow = 6.4",
        &["found 6.4, a number with a fraction"],
    ),
    in_file(
        "[limits]\nwindow = 99999999999999999999999999999999999999999999",
        &["bad.toml:2:10", "from 1 to 1000000"],
    ),
    // Names and truth values.
    in_file(
        "authentication = \"header\"",
        &[
            "bad.toml:1:18: `authentication`: found \"header\"",
            "\"frame\", \"headers\"; did you mean \"headers\"?",
        ],
    ),
    in_file(
        "[retry]\non_signature_invalid = \"abort\"",
        &["\"retry\", \"stop\""],
    ),
    in_file(
        "allow_plaintext = \"yes\"",
        &["found \"yes\", a text; accepted is true or false; did you mean true?"],
    ),
    in_file(
        "[log]\nfilter = \"inof\"",
        &[
            "found \"inof\", which is no level",
            "did you mean \"info\"?",
        ],
    ),
    in_file(
        "[log]\nfilter = \"info,core\"",
        &["found \"core\", which is no level"],
    ),
    // Web addresses: their paths stay secret.
    in_file(
        "[webhook]\nuri = \"hooks.example.org/hunter2\"",
        &["bad.toml:2:7: `webhook.uri`: it is no URL; accepted is a URL as https://"],
    ),
    in_file(
        "[webhook]\nuri = \"https://h/(redacted)\"",
        &["bad.toml:2:7: `webhook.uri`", "write the value itself"],
    ),
    // Accounts.
    in_file(
        "[trust]\nsignatories = [\"5Grwva\"]",
        &["bad.toml:2:16: `trust.signatories`: found \"5Grwva\", which is no SS58 address"],
    ),
    in_file(
        "[trust]\nsignatories = \"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\"",
        &["which is no list", "did you mean [\"5Grwva"],
    ),
    in_file(
        "[trust]\nsignatories = \"anybody\"",
        &["no list", "\"anyone\" or \"unverified\""],
    ),
    in_file(
        "[trust]\nsr25519 = false\ned25519 = false",
        &[
            "bad.toml:2:1: `trust.sr25519`: no signature counts",
            "`trust.ed25519` comes from",
        ],
    ),
    in_file(
        "[trust]\nfile = \"nowhere.txt\"",
        &[
            "bad.toml:2:1: `trust.file`: the file",
            "nowhere.txt cannot be read",
        ],
    ),
    // Headers: their values stay secret.
    in_file(
        "headers = { \"X A\" = \"hunter2\" }",
        &[
            "bad.toml:1:13: `headers`: the header \"X A\" cannot be sent",
            "a name is a token",
        ],
    ),
    in_file(
        "headers = { X = \"hunter2\\u0007\" }",
        &["the header \"X\" cannot be sent", "a value printable ASCII"],
    ),
    in_file(
        "headers = { X = 5 }",
        &["found a whole number; accepted is headers as"],
    ),
    in_file(
        "headers = { sec-websocket-key = \"hunter2\" }",
        &["the header \"sec-websocket-key\" is set by the WebSocket upgrade"],
    ),
    in_file(
        "[headers]\nx-signature = \"hunter2\"",
        &["bad.toml:2:1", "the header \"x-signature\" is set by"],
    ),
    in_file(
        "headers = [\"X: hunter2\"]",
        &["bad.toml:1:11: `headers`: found no table"],
    ),
    in_file(
        "[headers]\nHost = \"hunter2\"",
        &[
            "bad.toml:2:1",
            "`headers`: the header \"Host\" is set by the WebSocket upgrade",
            "leave it out",
        ],
    ),
    in_file(
        "[headers]\nX-Validator-Version = \"1\"",
        &["has a key of its own; set `validator_version`"],
    ),
    in_file(
        "validator_version = \"1.\u{17c}\"",
        &["found a text that cannot be sent as a header; accepted is printable ASCII"],
    ),
    // Where to.
    in_file("uri = \"https://h/\"", &["bad.toml:1:7: `uri`", "wss://"]),
    in_file(
        "uri = \"wss://user:hunter2@h/\"",
        &["bad.toml:1:7: `uri`", "user name"],
    ),
    in_file(
        "uri = \"ws://example.org/\"",
        &[
            "bad.toml:1:1: `uri`",
            "wss://",
            "`allow_plaintext` allows it",
        ],
    ),
    in_file("uri = 5", &["found a whole number; accepted is a URI"]),
    in_file(
        "uri = [\"wss://h/?hunter2\"]",
        &["bad.toml:1:7: `uri`: found a list; accepted is a URI"],
    ),
    in_file(
        "[proxy]\nuri = [\"http://u:hunter2@h\"]",
        &["bad.toml:2:7: `proxy.uri`: found a list"],
    ),
    in_file(
        "[webhook]\nuri = [\"http://h/hunter2\"]",
        &["bad.toml:2:7: `webhook.uri`: found a list"],
    ),
    in_file(
        "hotkey = \"\"",
        &["bad.toml:1:10: `hotkey`: found an empty path"],
    ),
    in_file(
        "hotkey = \"a\\u0000b\"",
        &["found a path with a NUL character"],
    ),
    // The way there.
    in_file(
        "[tls]\nroots = \"mozilla\"",
        &[
            "bad.toml:2:9: `tls.roots`",
            "\"public\", \"system\", \"none\"",
        ],
    ),
    in_file(
        "[tls]\nroots = \"none\"",
        &[
            "bad.toml:2:1: `tls.roots`: nobody would be trusted",
            "`tls.ca_file`",
        ],
    ),
    in_file(
        "[tls]\nca_file = \"nowhere.pem\"",
        &[
            "bad.toml:2:1: `tls.ca_file`: the file",
            "nowhere.pem cannot be read",
        ],
    ),
    in_file(
        "[tls]\nca_file = \"bad.toml\"",
        &[
            "bad.toml:2:1: `tls.ca_file`: the file of authorities holds none",
            "PEM",
        ],
    ),
    in_file(
        "[tls]\nclient_key = \"bad.toml\"",
        &["bad.toml:2:1: `tls.client_key`: a key without its certificate"],
    ),
    in_file(
        "[tls]\nclient_certificate = \"/dev/zero\"",
        &["`tls.client_certificate`", "longer than 1048576 bytes"],
    ),
    in_file(
        "[proxy]\nuri = \"socks5://user:hunter2@h\"",
        &["bad.toml:2:7: `proxy.uri`: the proxy's URI names a SOCKS proxy"],
    ),
    in_file(
        "[proxy]\nuri = \"http://user:hunter2@h:0\"",
        &["bad.toml:2:7: `proxy.uri`", "a port that is none"],
    ),
    in_file(
        "[proxy]\nexcept = [\"10.0.0.0/8\", \"10.0.0.0/99\"]",
        &["bad.toml:2:25: `proxy.except`", "10.0.0.0/99"],
    ),
    in_file(
        "[proxy]\nuri = \"none\"\nexcept = [\"h\"]",
        &["`proxy.uri`", "there is no proxy to make an exception from"],
    ),
    in_environment(
        &[("HTTPS_PROXY", "socks5://user:hunter2@h")],
        &[
            "the environment variable HTTPS_PROXY names a SOCKS proxy",
            "--proxy none",
        ],
    ),
    // What does not go together.
    in_file(
        "[retry]\nbackoff_initial = \"10s\"\nbackoff_max = \"1s\"",
        &[
            "bad.toml:3:1: `retry.backoff_max`",
            "`retry.backoff_initial` comes from",
            "bad.toml:2:1",
        ],
    ),
    in_file(
        "[retry]\nbackoff_initial = \"2m\"",
        &[
            "bad.toml:2:1: `retry.backoff_initial`",
            "`retry.backoff_max` comes from the default",
        ],
    ),
    in_file(
        "[limits]\nmessage_bytes = \"2MiB\"\noutbox_bytes = \"1MiB\"",
        &[
            "bad.toml:2:1: `limits.message_bytes`",
            "never have room",
            "`limits.outbox_bytes` comes from",
        ],
    ),
    in_file(
        "[limits]\nopen_jobs = 10\noutbox_entries = 10",
        &[
            "bad.toml:2:1: `limits.open_jobs`: found 10, with limits.outbox_entries = 10; accepted are 8",
        ],
    ),
    // The environment.
    in_environment(
        &[("FACILITATOR_DRAIN_TIMEOT", "1s")],
        &[
            "unknown environment variables: FACILITATOR_DRAIN_TIMEOT (did you mean FACILITATOR_DRAIN_TIMEOUT?)",
        ],
    ),
    in_environment(
        &[("FACILITATOR_ONE", "1"), ("FACILITATOR_TWO", "2")],
        &["FACILITATOR_ONE, FACILITATOR_TWO; unset them"],
    ),
    in_environment(
        &[("FACILITATOR_DRAIN_TIMEOUT", "10")],
        &[
            "FACILITATOR_DRAIN_TIMEOUT: found 10, a number without its unit",
            "\"10s\"?",
        ],
    ),
    in_environment(
        &[("FACILITATOR_DRAIN_TIMEOUT", "")],
        &["FACILITATOR_DRAIN_TIMEOUT: the variable is empty; give it a value, or unset it"],
    ),
    in_environment(
        &[("FACILITATOR_ALLOW_PLAINTEXT", "1")],
        &[
            "FACILITATOR_ALLOW_PLAINTEXT: found \"1\"; accepted is true or false; did you mean true?",
        ],
    ),
    in_environment(
        &[("FACILITATOR_TRUST", "5Grwva")],
        &["FACILITATOR_TRUST: found \"5Grwva\", which is no SS58 address"],
    ),
    in_environment(
        &[("FACILITATOR_HEADER", "hunter2")],
        &["FACILITATOR_HEADER: found a header without a colon"],
    ),
    in_environment(
        &[("FACILITATOR_LOG", "loud")],
        &["FACILITATOR_LOG: found \"loud\", which is no level"],
    ),
    in_environment(
        &[("FACILITATOR_CONFIG", "")],
        &["FACILITATOR_CONFIG: the variable is empty"],
    ),
    in_environment(
        &[("FACILITATOR_CONFIG", "/nowhere/at/all.toml")],
        &["FACILITATOR_CONFIG: the file /nowhere/at/all.toml cannot be read"],
    ),
    in_environment(
        &[("VALIDATOR_VERSION", "1.\u{17c}")],
        &[
            "VALIDATOR_VERSION: found a text that cannot be sent",
            "printable ASCII",
        ],
    ),
    // The command line.
    in_flags(
        &["--drain-timeout", "10"],
        &[
            "--drain-timeout: found 10, a number without its unit",
            "did you mean \"10s\"?",
        ],
    ),
    in_flags(
        &["--drain-timeot", "10s"],
        &["--drain-timeot", "--drain-timeout"],
    ),
    in_flags(
        &["--window", "2", "--window", "3"],
        &["--window", "multiple times"],
    ),
    in_flags(
        &["--trust-anyone", "--unverified"],
        &["--trust-anyone", "--unverified", "cannot be used"],
    ),
    in_flags(
        &["--allow-plaintext=maybe"],
        &["--allow-plaintext: found \"maybe\"; accepted is true or false"],
    ),
    in_flags(
        &["--header", "Authorization hunter2"],
        &["--header: found a header without a colon"],
    ),
    in_flags(
        &["--config", "/nowhere/at/all.toml"],
        &["--config: the file /nowhere/at/all.toml cannot be read"],
    ),
    in_flags(
        &["--config", "/"],
        &["--config: the file / cannot be read", "directory"],
    ),
    in_flags(
        &["--config", "/dev/zero"],
        &["/dev/zero cannot be read: it is longer than 1048576 bytes"],
    ),
    in_flags(
        &["--backoff-max", "500ms"],
        &[
            "--backoff-max: ",
            "`retry.backoff_initial` comes from the default",
        ],
    ),
];

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = crate::folder::path(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// `connect` with this configuration file.
fn with_file(name: &str, content: &str) -> (Command, PathBuf) {
    let path = folder(name).join("bad.toml");
    fs::write(&path, content).unwrap();
    let mut command = bare_command(&["connect"]);
    command.env("FACILITATOR_CONFIG", &path);
    (command, path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn assert_one_line(output: &Output, told: &[&str], what: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(2), ""),
        "{what}: {stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{what}: {stderr}");
    assert!(
        stderr.starts_with("facilitator-client: "),
        "{what}: {stderr}"
    );
    for told in told {
        assert!(
            stderr.contains(told),
            "{what}\ndoes not say {told:?}:\n{stderr}"
        );
    }
    assert!(!stderr.contains(SECRET), "{what}: {stderr}");
}

#[test]
fn each_mistake_gives_one_clear_line() {
    assert!(MISTAKES.len() >= 30);
    let hotkey = hotkey_file();
    for (index, mistake) in MISTAKES.iter().enumerate() {
        let (mut command, _) = with_file(&format!("mistake-{index}"), mistake.file);
        let sets_hotkey = mistake.file.contains("hotkey = ");
        if !sets_hotkey {
            command.env("FACILITATOR_HOTKEY", &hotkey);
        }
        command
            .envs(mistake.variables.iter().copied())
            .args(mistake.flags);
        let what = format!(
            "{:?} {:?} {:?}",
            mistake.file, mistake.variables, mistake.flags
        );
        assert_one_line(&command.output().unwrap(), mistake.told, &what);
    }
}

#[test]
fn files_that_are_no_text_or_lists_with_a_mistake_are_told_with_their_line() {
    let path = file("latin.toml", b"# one\n# two \xe9\n");
    let mut command = bare_command(&["connect"]);
    command.arg("--config").arg(&path);
    assert_one_line(
        &command.output().unwrap(),
        &["latin.toml", "line 2 is no UTF-8"],
        "latin",
    );

    let trusted = file(
        "trusted.txt",
        format!("# customers\n{ALICE} # one\n\n5Grwva\n"),
    );
    let mut command = bare_command(&["connect", "--uri", "ws://127.0.0.1:9/", "--hotkey"]);
    command.arg(hotkey_file()).arg("--trust-file").arg(trusted);
    assert_one_line(
        &command.output().unwrap(),
        &["trusted.txt:4: found \"5Grwva\"", "an SS58 address a line"],
        "trust",
    );
}

/// Of what cannot be read as text, nothing is repeated where it could be a secret.
#[test]
fn a_secret_that_is_no_text_is_not_shown() {
    use std::os::unix::ffi::OsStrExt as _;
    for variable in [
        "FACILITATOR_HEADER",
        "FACILITATOR_URI",
        "FACILITATOR_PROXY",
        "FACILITATOR_WEBHOOK",
    ] {
        let mut command = bare_command(&["connect", "--hotkey"]);
        command.arg(hotkey_file());
        command.env(variable, std::ffi::OsStr::from_bytes(b"X: hunter2\xff"));
        let told = format!("{variable}: found a value that is no UTF-8");
        assert_one_line(&command.output().unwrap(), &[&told], variable);
    }
}

#[test]
fn without_a_hotkey_the_ways_to_name_one_are_told() {
    let output = bare_command(&["connect"]).output().unwrap();
    assert_one_line(
        &output,
        &[
            "no hotkey file",
            "--hotkey",
            "FACILITATOR_HOTKEY",
            "`hotkey`",
        ],
        "no hotkey",
    );
}

#[test]
fn a_container_platforms_own_variables_are_no_mistake() {
    let mut command = bare_command(&["connect", "--print-config"]);
    command
        .env("FACILITATOR_SERVICE_HOST", "10.0.0.1")
        .env("FACILITATOR_PORT_80_TCP_ADDR", "10.0.0.1");
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

#[test]
fn the_usual_file_is_read_when_none_is_named() {
    let home = folder("home");
    let print = |variable: &str, value: &std::path::Path| {
        let mut command = bare_command(&["connect", "--print-config"]);
        command
            .env_remove("FACILITATOR_CONFIG")
            .env_remove("XDG_CONFIG_HOME")
            .env("HOME", &home);
        text(&command.env(variable, value).output().unwrap().stdout)
    };
    let empty = folder("home/empty");
    assert!(!print("XDG_CONFIG_HOME", &empty).contains("window = 5"));
    for (config, variable, value) in [
        ("home/xdg", "XDG_CONFIG_HOME", folder("home/xdg")),
        ("home/.config", "HOME", home.clone()),
    ] {
        let path = folder(&format!("{config}/facilitator-client")).join("config.toml");
        fs::write(&path, "[limits]\nwindow = 5\n").unwrap();
        let expected = format!("window = 5  # {}:2:1\n", path.display());
        let printed = print(variable, &value);
        assert!(printed.contains(&expected), "{variable}: {printed}");
    }
}

#[test]
fn what_is_printed_is_complete_and_can_be_fed_back() {
    let (mut first, path) = with_file(
        "fed-back",
        "headers = { X-Token = \"hunter2\" }\n[timing]\ndrain_timeout = \"90s\"\n",
    );
    let output = first
        .args(["--print-config", "--window", "7"])
        .output()
        .unwrap();
    let printed = text(&output.stdout);
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(0), ""),
        "{printed}"
    );
    assert!(!printed.contains(SECRET), "{printed}");
    for line in [
        format!(
            "headers = {{ \"X-Token\" = \"(redacted)\" }}  # {}:1:1\n",
            path.display()
        ),
        format!("drain_timeout = \"1m30s\"  # {}:3:1\n", path.display()),
        "window = 7  # --window\n".to_owned(),
        "heartbeat_interval = \"1m\"  # default\n".to_owned(),
        "# state_file = ".to_owned(),
    ] {
        assert!(printed.contains(&line), "no {line:?} in {printed}");
    }
    // With the secret filled in, the same comes out, but for the places.
    let (mut second, _) = with_file("fed-back-again", &printed.replace("(redacted)", SECRET));
    let again = text(&second.arg("--print-config").output().unwrap().stdout);
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split("  # ").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(values(&printed), values(&again));
    assert!(values(&printed).len() > 40, "{printed}");
}

#[test]
fn what_does_not_go_together_is_printed_and_told() {
    let (mut command, _) = with_file("together", "[retry]\nbackoff_max = \"1ms\"\n");
    let output = command.arg("--print-config").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("backoff_max = \"1ms\""));
    assert!(text(&output.stderr).contains("bad.toml:2:1: `retry.backoff_max`"));
}

/// What is configured reaches the wire and the log.
#[test]
fn a_session_runs_as_it_is_configured() {
    let (sender, requests) = std::sync::mpsc::channel();
    let uri = scripted_with_request(move |script, request| {
        sender.send(request.to_owned()).unwrap();
        if script.read().is_some() {
            script.say(SUCCESS);
        }
        script.fall_silent();
    });
    let hotkey = hotkey_file();
    let (mut command, _) = with_file(
        "runs",
        &format!(
            "uri = \"{uri}\"\nhotkey = {hotkey:?}\nrunner_version = \"file\"\nheaders = {{ X-Token = \"{SECRET}\" }}\n[log]\nformat = \"json\"\nfilter = \"debug\"\n"
        ),
    );
    command.env("VALIDATOR_VERSION", "1.2.3");
    let mut program = Program::start_unread(command);
    program.read_stdout();
    program.expect_phase("ready");
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let request = requests.recv_timeout(SOON).unwrap();
    for header in [
        "x-validator-version: 1.2.3\n",
        "x-validator-runner-version: file\n",
        "x-token: hunter2\n",
    ] {
        assert!(request.contains(header), "no {header:?} in {request}");
    }
    for line in ended.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    assert!(
        ended.stderr.contains("\"DEBUG\"") && !ended.stderr.contains(SECRET),
        "{}",
        ended.stderr
    );
}
