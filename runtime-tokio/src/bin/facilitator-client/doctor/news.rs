//! What is heard of a connection besides the session's own events: the steps of the attempt, and what passes by.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use facilitator_tokio::core::driver::rustls::{CertificateError, Error};
use facilitator_tokio::core::driver::{Observe, Progress, Step, TlsSession};
use tokio::sync::mpsc::UnboundedSender;

use super::validity::not_after;

/// Something that was heard.
pub(super) enum News {
    Begun {
        step: Step,
        host: String,
        port: u16,
        at: Instant,
    },
    Done {
        at: Instant,
        facts: Facts,
    },
    AddressFailed(String),
    /// Why there is no TLS.
    NotSecured(TlsTrouble),
    /// A ping behind the heartbeat was answered after this time.
    Pong(Duration),
    /// The facilitator sent something by itself, which was kept from the session.
    Pushed,
}

/// What is known after a step.
pub(super) enum Facts {
    Addresses(Vec<SocketAddr>),
    Address(SocketAddr),
    Tls {
        agreed: String,
        /// Until when the certificate is valid.
        until: Option<SystemTime>,
    },
    Nothing,
}

/// What is wrong with TLS, as far as what to do about it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsTrouble {
    Expired,
    NotYetValid,
    UnknownAuthority,
    OtherName,
    NoTls,
    /// The other side has refused.
    Refused,
    HungUp,
    Other,
}

impl TlsTrouble {
    fn of(error: &std::io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(Error::InvalidCertificate(certificate)) => match certificate {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotYetValid
                }
                CertificateError::UnknownIssuer => Self::UnknownAuthority,
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
                _ => Self::Other,
            },
            Some(Error::InvalidMessage(_)) => Self::NoTls,
            Some(Error::AlertReceived(_)) => Self::Refused,
            Some(_) => Self::Other,
            None => Self::HungUp,
        }
    }
}

/// Passes the steps of an attempt on.
pub(super) struct Witness(pub(super) UnboundedSender<News>);

impl Observe for Witness {
    fn observe(&self, progress: Progress<'_>) {
        let at = Instant::now();
        let done = |facts| News::Done { at, facts };
        let news = match progress {
            Progress::Begun { step, host, port } => News::Begun {
                step,
                host: host.to_owned(),
                port,
                at,
            },
            Progress::Resolved { addresses } => done(Facts::Addresses(addresses.to_vec())),
            Progress::AddressFailed { address, error } => {
                News::AddressFailed(format!("{address}: {error}"))
            }
            Progress::Connected { address } => done(Facts::Address(address)),
            Progress::Secured(session) => done(tls(&session)),
            Progress::NotSecured { error } => News::NotSecured(TlsTrouble::of(error)),
            Progress::Tunnelled | Progress::Upgraded => done(Facts::Nothing),
            _ => return,
        };
        // Nobody listens after the end.
        let _ = self.0.send(news);
    }
}

fn tls(session: &TlsSession<'_>) -> Facts {
    let version = session.version.map(|version| format!("{version:?}"));
    let suite = session.suite.map(|suite| format!("{suite:?}"));
    let agreed: Vec<String> = [version, suite].into_iter().flatten().collect();
    Facts::Tls {
        agreed: agreed.join(", "),
        until: session.certificates.first().and_then(|it| not_after(it)),
    }
}
