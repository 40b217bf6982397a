//! The socket's file: made so that only its owner can use it, at a place where nobody else can put anything in its
//! stead, and taken away in the end. What is said on it is in `connection`.
//!
//! The socket is made inside a new folder that is closed to everybody else, and moved to its place. So there is no time
//! in which its permissions are wider, and a link at its place is replaced, never followed. A lock beside it keeps two
//! programs from taking each other's for one that was left behind.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// The socket while it is listened at. Dropping it removes the file.
#[derive(Debug)]
pub(in crate::connect::workers) struct Listening {
    pub(super) listener: UnixListener,
    file: SocketFile,
}

#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and number of the file that is ours.
    identity: (u64, u64),
    /// Held as long as the file is there.
    _lock: File,
}

impl Listening {
    /// Makes the socket. The error says what is wrong with its place.
    pub(in crate::connect::workers) fn at(path: &Path) -> Result<Self, String> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        check_folder(folder)?;
        let lock = lock(path)?;
        clear(path)?;
        let listener = bind(path, folder)
            .map_err(|error| format!("{} cannot be listened at: {error}", path.display()))?;
        let made = fs::symlink_metadata(path)
            .map_err(|error| format!("{} cannot be looked at: {error}", path.display()))?;
        let file = SocketFile {
            path: path.to_owned(),
            identity: (made.dev(), made.ino()),
            _lock: lock,
        };
        Ok(Self { listener, file })
    }

    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours {
            // It is found, and taken for what it is, at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where others can rename and remove our file, they can put theirs in its place.
fn check_folder(folder: &Path) -> Result<(), String> {
    let shown = folder.display();
    let found = fs::metadata(folder)
        .map_err(|error| format!("its folder {shown} cannot be looked at: {error}"))?;
    let mode = found.mode();
    let (others_write, sticky) = (mode & 0o022 != 0, mode & 0o1000 != 0);
    if others_write && !sticky {
        return Err(format!(
            "others can change its folder {shown} (mode {:o}), and so take its place; use a folder of your own",
            mode & 0o7777
        ));
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, String> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let lock = PathBuf::from(name);
    let shown = lock.display();
    let is_link = fs::symlink_metadata(&lock).is_ok_and(|found| !found.is_file());
    if is_link {
        return Err(format!("{shown} beside it is no regular file; remove it"));
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock)
        .map_err(|error| format!("{shown} beside it cannot be made: {error}"))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => format!(
            "{} is in use by another process; stop that one first, or use another path",
            path.display()
        ),
        TryLockError::Error(error) => format!("{shown} cannot be locked: {error}"),
    })?;
    Ok(file)
}

/// Removes a socket that nobody listens at. Everything else at its place stays there.
fn clear(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{shown} cannot be looked at: {error}")),
    };
    if !found.file_type().is_socket() {
        return Err(format!(
            "{shown} is there, and is no socket; remove it, or use another path"
        ));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| format!("{shown} was left behind and cannot be removed: {error}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{shown} is there and cannot be used: {error}")),
        Ok(_) => Err(format!(
            "somebody listens at {shown} already; stop that program, or use another path"
        )),
    }
}

fn bind(path: &Path, folder: &Path) -> io::Result<UnixListener> {
    let own = folder.join(format!(".fc{}", std::process::id()));
    // One that was left behind by a process of our number is empty, or holds a socket.
    let inside = own.join("s");
    let _ = fs::remove_file(&inside);
    let _ = fs::remove_dir(&own);
    DirBuilder::new().mode(0o700).create(&own)?;
    let bound = UnixListener::bind(&inside).and_then(|listener| {
        fs::set_permissions(&inside, Permissions::from_mode(0o600))?;
        fs::rename(&inside, path)?;
        Ok(listener)
    });
    let _ = fs::remove_file(&inside);
    let _ = fs::remove_dir(&own);
    bound
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder of its own; the paths of sockets are short.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("fcl-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        DirBuilder::new().mode(0o700).create(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn the_socket_is_its_owners_and_is_removed_in_the_end() {
        let folder = folder("own");
        let path = folder.join("s");
        let listening = Listening::at(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(&folder), ["s", "s.lock"]);
        assert_eq!(listening.path(), path);
        UnixStream::connect(&path).unwrap();
        let error = Listening::at(&path).unwrap_err();
        assert!(error.contains("in use by another process"), "{error}");
        drop(listening);
        assert_eq!(names(&folder), ["s.lock"]);
        // What stands there in the end and is another one's stays.
        let listening = Listening::at(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "x").unwrap();
        drop(listening);
        assert_eq!(names(&folder), ["s", "s.lock"]);
    }

    #[tokio::test]
    async fn one_that_was_left_behind_is_replaced_and_nothing_else_is() {
        let folder = folder("left");
        let path = folder.join("s");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(Listening::at(&path).unwrap());

        let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = Listening::at(&path).unwrap_err();
        assert!(error.contains("somebody listens"), "{error}");
        drop(other);
        fs::remove_file(&path).unwrap();

        fs::write(&path, "mine").unwrap();
        let error = Listening::at(&path).unwrap_err();
        assert!(error.contains("is no socket"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        fs::remove_file(&path).unwrap();

        let target = folder.join("target");
        drop(std::os::unix::net::UnixListener::bind(&target).unwrap());
        symlink(&target, &path).unwrap();
        let error = Listening::at(&path).unwrap_err();
        assert!(error.contains("is no socket"), "{error}");
        assert!(target.exists(), "a link is never followed");
        fs::remove_file(&path).unwrap();

        let lock = folder.join("s.lock");
        fs::remove_file(&lock).unwrap();
        symlink(folder.join("elsewhere"), &lock).unwrap();
        let error = Listening::at(&path).unwrap_err();
        assert!(error.contains("no regular file"), "{error}");
        assert!(!folder.join("elsewhere").exists());
    }

    #[tokio::test]
    async fn a_folder_that_others_can_change_is_refused() {
        let folder = folder("open");
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        let error = Listening::at(&folder.join("s")).unwrap_err();
        assert!(error.contains("others can change"), "{error}");
        fs::set_permissions(&folder, Permissions::from_mode(0o1777)).unwrap();
        Listening::at(&folder.join("s")).unwrap();
        let error = Listening::at(&folder.join("none/s")).unwrap_err();
        assert!(error.contains("cannot be looked at"), "{error}");
        let long = folder.join("x".repeat(120));
        let error = Listening::at(&long.join("s")).unwrap_err();
        assert!(error.contains("cannot be looked at"), "{error}");
    }
}
