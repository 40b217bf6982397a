//! The guides, taken at their word: what they tell a reader to type is typed, and what they name is there. Their Rust is
//! compiled with the package's documentation.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod block;
mod names;
mod shell;

use std::fs;
use std::path::{Path, PathBuf};

use self::block::{Block, Kind, blocks};
use self::shell::Shell;

/// Every guide of the workspace, and the file that makes documentation tests of its Rust, where it has any.
const GUIDES: [(&str, Option<&str>); 4] = [
    ("runtime-tokio/guide/operators.md", None),
    (
        "runtime-tokio/guide/embedding.md",
        Some("tests/src/guides.rs"),
    ),
    ("tests/guide/speed.md", None),
    ("tests/guide/testing.md", Some("tests/src/lib.rs")),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn every_guide_is_here() {
    let mut found = Vec::new();
    for package in ["core", "runtime-tokio", "runtime-async-std", "tests"] {
        let Ok(files) = fs::read_dir(root().join(package).join("guide")) else {
            continue;
        };
        for file in files {
            let path = file.unwrap().path();
            // Beside pictures.
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.file_name().unwrap().to_str().unwrap();
                found.push(format!("{package}/guide/{name}"));
            }
        }
    }
    found.sort();
    let mut known = GUIDES.map(|(guide, _)| guide.to_owned());
    known.sort();
    assert_eq!(found, known);
}

/// Where there is Rust, rustdoc sees it. That it does not pass over it, the kinds of blocks see to.
#[test]
fn rust_is_compiled() {
    for (guide, includes) in GUIDES {
        let text = read(guide);
        let has_rust = blocks(&text).iter().any(|block| block.kind == Kind::Rust);
        assert_eq!(has_rust, includes.is_some(), "{guide}");
        if let Some(includes) = includes {
            let name = guide.rsplit('/').next().unwrap();
            assert!(
                read(includes).contains(&format!("guide/{name}\")]")),
                "{guide} is not included in {includes}"
            );
        }
    }
}

#[test]
fn operators_commands_work() {
    run("runtime-tokio/guide/operators.md", 13);
}

#[test]
fn testing_commands_work() {
    run("tests/guide/testing.md", 8);
}

#[test]
fn speed_commands_work() {
    run("tests/guide/speed.md", 1);
}

#[test]
fn embedding_has_no_commands() {
    let text = read("runtime-tokio/guide/embedding.md");
    let others = blocks(&text)
        .into_iter()
        .filter(|block| block.kind != Kind::Rust);
    assert_eq!(others.count(), 0, "run them, as those of the others");
}

/// Runs the guide from top to bottom. What runs in the background ends with its section, as a reader would end it.
fn run(guide: &str, least: usize) {
    let Some(mut shell) = Shell::new(guide) else {
        return;
    };
    let text = read(guide);
    let mut section = "";
    let mut ran = 0;
    for block in blocks(&text) {
        if block.section != section {
            shell.end_section();
            section = block.section;
        }
        match &block.kind {
            Kind::Rust => {}
            Kind::File(name) => shell.write(name, block.text),
            Kind::Command(how) => {
                shell.run(&block, how);
                ran += 1;
            }
        }
    }
    shell.end_section();
    assert!(ran >= least, "{ran} commands of {least} or more were found");
}

#[test]
fn unknown_blocks_are_refused() {
    let infos = [
        "```text",
        "```console",
        "```bash",
        "```sh -x",
        "```toml",
        "```rust,ignore",
    ];
    let comments = [
        "<!-- later -->\n```sh",
        "<!-- fails=often -->\n```sh",
        "<!-- says='a' -->\n```rust",
    ];
    for begin in infos.into_iter().chain(comments) {
        let text = format!("## A\n\n{begin}\nfalse\n```\n");
        let refused = std::panic::catch_unwind(|| {
            let _ = blocks(&text);
        });
        assert!(refused.is_err(), "`{begin}` would not be run");
    }
    let Block { line, text, .. } = blocks("## A\n\n```sh\nfalse\n```\n").remove(0);
    assert_eq!((line, text), (3, "false\n"));
}
