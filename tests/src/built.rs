//! The workspace's programs and examples, as its users build them: by cargo, with all features. What they do is for the
//! suites to test.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde::Deserialize;

/// By kind and name.
static BUILT: LazyLock<BTreeMap<(String, String), PathBuf>> = LazyLock::new(build);

/// The path of a program, which is up to date.
///
/// # Panics
/// When there is no such program, or it cannot be built.
pub fn program(name: &str) -> &'static PathBuf {
    find("bin", name)
}

/// The path of an example, which is up to date.
///
/// # Panics
/// When there is no such example, or it cannot be built.
pub fn example(name: &str) -> &'static PathBuf {
    find("example", name)
}

/// The names of all examples of the workspace.
///
/// # Panics
/// When they cannot be built.
pub fn examples() -> impl Iterator<Item = &'static str> {
    let examples = BUILT.keys().filter(|(kind, _)| kind == "example");
    examples.map(|(_, name)| name.as_str())
}

fn find(kind: &str, name: &str) -> &'static PathBuf {
    let path = BUILT.get(&(kind.to_owned(), name.to_owned()));
    path.unwrap_or_else(|| panic!("the workspace has no {kind} {name}"))
}

/// A line of cargo's, of which these fields matter.
#[derive(Deserialize)]
struct Artifact {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

/// The path of one program of one package with its default features, which is up to date: for programs that start others
/// and were built alone. Within tests it is the one of [`program`].
///
/// # Errors
/// What cargo says when it cannot be built.
pub fn program_alone(package: &str, name: &str) -> Result<PathBuf, String> {
    if cfg!(debug_assertions) {
        return Ok(program(name).clone());
    }
    let key = ("bin".to_owned(), name.to_owned());
    cargo(&["--package", package, "--bin", name])?
        .remove(&key)
        .ok_or_else(|| format!("{package} has no program {name}"))
}

/// After `cargo test --workspace --all-features` there is nothing left to do.
fn build() -> BTreeMap<(String, String), PathBuf> {
    let all = ["--workspace", "--all-features", "--bins", "--examples"];
    cargo(&all).unwrap_or_else(|error| panic!("{error}"))
}

/// Builds what these arguments say, and returns it by kind and name.
fn cargo(what: &[&str]) -> Result<BTreeMap<(String, String), PathBuf>, String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet"])
        .args(what)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo tells a test about its package would look like news to the build scripts that watch it.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    let output = cargo
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo build fails: {}", output.status));
    }
    let mut built = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Ok(Artifact {
            target: Some(target),
            executable: Some(path),
        }) = serde_json::from_str(line)
        {
            for kind in target.kind {
                built.insert((kind, target.name.clone()), path.clone());
            }
        }
    }
    Ok(built)
}
