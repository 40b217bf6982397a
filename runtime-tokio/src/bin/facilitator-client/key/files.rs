//! New key files, and what may be shown of one. No secret leaves by any other way than into the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use facilitator_tokio::Keypair;
use facilitator_tokio::core::signature::{Scheme, hotkey};
use serde::Serialize;
use zeroize::Zeroizing;

use super::streams;
use crate::failure::Failure;
use crate::hotkey_file;

/// Makes a key and writes its file.
pub(super) fn create(path: &Path, scheme: Scheme) -> Result<(), Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice())
        .map_err(|error| Failure::failed(format!("the system gives no random numbers: {error}")))?;
    let keypair = Keypair::from_seed(scheme, *seed)
        .map_err(|error| Failure::failed(format!("no key was made: {error}")))?;
    let mut file = create_new(path).map_err(|error| {
        let wrong = if error.kind() == io::ErrorKind::AlreadyExists {
            "exists already; a key is never overwritten: name another file".to_owned()
        } else {
            format!("cannot be created: {error}")
        };
        Failure::usage(format!("the key file {} {wrong}", path.display()))
    })?;
    let written = file
        .write_all(hotkey::to_json(&keypair).as_bytes())
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        drop(file);
        // Half a key is none, and would be in the way of the next attempt. It is ours: nobody else made this file.
        let _ = fs::remove_file(path);
        return Err(Failure::failed(format!(
            "the key file {} cannot be written: {error}",
            path.display()
        )));
    }
    let public = keypair.public();
    streams::print(&format!("{} {}", public.scheme(), public.to_ss58()))
}

/// A file that only its owner can read, from its first moment on.
fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The public half of a key.
#[derive(Serialize)]
struct Shown {
    scheme: &'static str,
    ss58_address: String,
    public_key: String,
}

/// Shows who a key file belongs to.
pub(super) fn show(path: &Path, json: bool) -> Result<(), Failure> {
    let keypair = hotkey_file::read(path)?;
    let public = keypair.public();
    let shown = Shown {
        scheme: public.scheme().as_str(),
        ss58_address: public.to_ss58(),
        public_key: format!("0x{}", public.to_hex()),
    };
    if json {
        return streams::print_json(&shown);
    }
    streams::print(&format!(
        "scheme      {}\naddress     {}\npublic key  {}",
        shown.scheme, shown.ss58_address, shown.public_key
    ))
}
