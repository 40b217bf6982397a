//! Repeats the committed fuzz corpora, with the same checks and without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use facilitator_tests::fuzz;

/// The files of a target's corpus, in a fixed order.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("a fuzz target has a corpus")
        .map(|entry| entry.expect("the corpus can be listed").path())
        .collect();
    files.sort();
    files
}

#[test]
fn decode() {
    let (mut inputs, mut accepted, mut refused) = (0, 0, 0);
    for file in corpus("decode") {
        // A failing check does not know its input: this line, shown on failure, names it.
        println!("{}", file.display());
        let readings = fuzz::decode(&fs::read(&file).expect("a seed can be read"));
        inputs += 1;
        accepted += usize::from(readings.accepted > 0);
        refused += usize::from(readings.accepted == 0);
    }
    println!("decode: {inputs} inputs, {accepted} accepted, {refused} refused");
    // A corpus that one side of the decoder never sees would prove little.
    assert!(
        accepted >= 20 && refused >= 5,
        "{accepted} accepted, {refused} refused"
    );
}
