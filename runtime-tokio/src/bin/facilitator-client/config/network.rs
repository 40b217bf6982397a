//! From the keys of TLS and proxies to a network: reads the files that they name. A key's bytes are erased after that.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use facilitator_tokio::core::driver::{Network, Proxy, Tls, TlsBuilder, TlsError, TlsInput};
use zeroize::Zeroizing;

use super::check::{Origins, blame};
use super::mistake::Mistake;
use super::origin::Origin;
use super::settings::{NetworkSettings, ProxyChoice, Roots};

/// A bundle of all authorities of the world has a quarter of it.
const MOST_BYTES: usize = 1 << 20;

const ROOTS: &str = "tls.roots";
const CA_FILE: &str = "tls.ca_file";
const CERTIFICATE: &str = "tls.client_certificate";
const KEY: &str = "tls.client_key";
const PROXY: &str = "proxy.uri";
const EXCEPT: &str = "proxy.except";

/// The network that the settings ask for.
pub(super) fn network(settings: &NetworkSettings, origins: &Origins) -> Result<Network, Mistake> {
    let tls = tls(settings, origins)?;
    let proxy = proxy(settings, origins)?;
    Ok(Network::default().with_tls(tls).with_proxy(proxy))
}

fn tls(settings: &NetworkSettings, origins: &Origins) -> Result<Tls, Mistake> {
    let wrong = |error: TlsError| blame(origins, &[key_of(&error, settings)], &error.to_string());
    let read = |path: &Path, key| {
        read(path).map_err(|error| {
            let what = format!("the file {} cannot be read: {error}", path.display());
            blame(origins, &[key], &what)
        })
    };
    let authorities = settings.ca_file.as_deref();
    let authorities = authorities.map(|path| read(path, CA_FILE)).transpose()?;
    let builder = match settings.roots {
        Roots::Public => Tls::builder(),
        Roots::System => Tls::builder().platform_verifier(),
        Roots::None => {
            let what = "nobody would be trusted; name the authorities with `tls.ca_file`";
            let pem = authorities.as_ref();
            let pem = pem.ok_or_else(|| blame(origins, &[ROOTS], what))?;
            Tls::builder().trust_only(pem).map_err(wrong)?
        }
    };
    let builder = match authorities.filter(|_| settings.roots != Roots::None) {
        Some(pem) => builder.trust(&pem).map_err(wrong)?,
        None => builder,
    };
    let builder = match (&settings.client_certificate, &settings.client_key) {
        (None, None) => builder,
        (None, Some(_)) => {
            let what = "a key without its certificate; name that with `tls.client_certificate`";
            return Err(blame(origins, &[KEY], what));
        }
        (Some(chain), key) => {
            let chain = read(chain, CERTIFICATE)?;
            let key = key.as_deref().map(|key| read(key, KEY)).transpose()?;
            let key = key.as_ref().unwrap_or(&chain);
            TlsBuilder::identity(builder, &chain, key).map_err(wrong)?
        }
    };
    builder.build().map_err(wrong)
}

/// The key that named what is wrong.
fn key_of(error: &TlsError, settings: &NetworkSettings) -> &'static str {
    let key = if settings.client_key.is_some() {
        KEY
    } else {
        CERTIFICATE
    };
    match error {
        TlsError::Missing { input }
        | TlsError::Malformed { input, .. }
        | TlsError::Unusable { input, .. } => match input {
            TlsInput::Authorities => CA_FILE,
            TlsInput::Key => key,
            _ => CERTIFICATE,
        },
        TlsError::EncryptedKey => key,
        TlsError::Mismatch => CERTIFICATE,
        _ => ROOTS,
    }
}

fn proxy(settings: &NetworkSettings, origins: &Origins) -> Result<Proxy, Mistake> {
    let proxy = match &settings.proxy {
        // It names the variable.
        ProxyChoice::Environment => Proxy::from_environment().map_err(|error| {
            Mistake::new(format!(
                "{error}; `proxy.uri = \"none\"` (--proxy none) goes without one"
            ))
        })?,
        ProxyChoice::None => Proxy::none(),
        ProxyChoice::Via(uri) => {
            Proxy::via(uri).map_err(|error| blame(origins, &[PROXY], &error.to_string()))?
        }
    };
    match &settings.proxy_except {
        None => Ok(proxy),
        Some(_)
            if matches!(settings.proxy, ProxyChoice::None)
                && origins.get(EXCEPT).is_some_and(Origin::is_given) =>
        {
            let what = "there is no proxy to make an exception from; leave it out, or name one with `proxy.uri`";
            Err(blame(origins, &[EXCEPT, PROXY], what))
        }
        Some(hosts) => proxy
            .except(&hosts.join(","))
            .map_err(|error| blame(origins, &[EXCEPT], &error.to_string())),
    }
}

/// The whole file, which can hold a private key.
fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Roomy enough never to grow: growing would leave a copy of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 2));
    let limit = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
        let text = format!("it is longer than {MOST_BYTES} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}
