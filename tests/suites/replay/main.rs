//! Repeats the committed fuzz corpora, with the same checks and without a fuzzer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use facilitator_tests::fuzz;

/// The files of a target's corpus, in a fixed order.
fn corpus(target: &str) -> io::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut files = fs::read_dir(folder.join(target))?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

#[test]
fn decode() -> io::Result<()> {
    let (mut accepted, mut refused) = (0, 0);
    for file in corpus("decode")? {
        // A check that fails does not know its input: this line, shown on failure, names it.
        println!("{}", file.display());
        match fuzz::decode(&fs::read(&file)?).accepted {
            0 => refused += 1,
            _ => accepted += 1,
        }
    }
    println!("decode: {accepted} inputs accepted, {refused} refused");
    // A corpus that decodes to nothing, or is never refused, would prove little.
    assert!(accepted >= 20, "only {accepted} inputs are messages");
    assert!(refused >= 5, "only {refused} inputs are none");
    Ok(())
}
