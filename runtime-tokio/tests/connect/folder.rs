//! Where the tests of one process put their files: in a folder that no other process uses meanwhile. The same tests can
//! run twice at once, `names` even starts them anew, and who rewrites a file leaves half of it for a moment. What is in
//! the files is the tests' business.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The path of this name, in the folder of this process.
pub(crate) fn path(name: impl AsRef<Path>) -> PathBuf {
    static OWN: OnceLock<Folder> = OnceLock::new();
    let own = OWN.get_or_init(|| Folder::take(Path::new(env!("CARGO_TARGET_TMPDIR"))));
    own.path.join(name)
}

/// A folder, and the lock on it, which ends with the process at the latest.
struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// The first that is free. What an earlier process has left in it stays, lest there be more with every run.
    fn take(parent: &Path) -> Self {
        let mut number = 0;
        loop {
            let path = parent.join(format!("connect-{number}"));
            fs::create_dir_all(&path).unwrap();
            let lock = File::open(&path).unwrap();
            match lock.try_lock() {
                Ok(()) => return Self { path, _lock: lock },
                Err(TryLockError::WouldBlock) => number += 1,
                Err(TryLockError::Error(error)) => panic!("{}: {error}", path.display()),
            }
        }
    }
}

#[test]
fn nobody_gets_a_folder_that_is_taken() {
    let parent = path("folders");
    let one = Folder::take(&parent);
    let other = Folder::take(&parent);
    assert_ne!(one.path, other.path);
    let path = one.path.clone();
    drop(one);
    assert_eq!(Folder::take(&parent).path, path, "it is free again");
}
