//! What to do about each failure. Texts only; which step failed is found in `examination`.

use facilitator_tokio::core::client::{ConnectFailureKind, LostReason, Refusal};

use super::finding::Check;
use super::news::TlsTrouble;

/// Where a step was taken towards: the facilitator, or the proxy.
pub(super) struct Way<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
}

/// What to do when a session is lost for this reason at this step.
pub(super) fn advice(
    step: Check,
    reason: &LostReason,
    tls: Option<TlsTrouble>,
    way: &Way<'_>,
) -> String {
    let Way { host, port } = way;
    match (step, reason) {
        (Check::Hotkey | Check::Proxy, _) => {
            "correct the setting; `connect --print-config` shows where it comes from".to_owned()
        }
        (Check::Dns, LostReason::ConnectFailed(failure))
            if failure.kind == ConnectFailureKind::Timeout =>
        {
            format!(
                "no name server has answered: `getent hosts {host}` should hang as well; look at /etc/resolv.conf and at the firewall (port 53)"
            )
        }
        (Check::Dns, _) => format!(
            "is {host:?} spelled right? If it is, ask `getent hosts {host}`, and look at this machine's name servers"
        ),
        (Check::Tcp, LostReason::ConnectFailed(failure)) => tcp(failure.kind, way),
        (Check::ProxyTls, _) => {
            format!(
                "proxy {host}:{port}: {}",
                secured(tls, "proxy.uri (https://)")
            )
        }
        (Check::Tunnel, LostReason::ConnectFailed(failure)) => tunnel(failure.kind, way),
        (Check::Tls, LostReason::ConnectFailed(failure))
            if failure.kind == ConnectFailureKind::Timeout =>
        {
            format!("the server says nothing: is {port} the port of its TLS?")
        }
        (Check::Tls, _) => secured(tls, "uri"),
        (Check::Upgrade, LostReason::ConnectFailed(failure)) => upgrade(failure.kind),
        (Check::Authentication, reason) => authentication(reason),
        (Check::Heartbeat, reason) => heartbeat(reason).to_owned(),
        _ => "run it again with -vv, and look at the log on stderr".to_owned(),
    }
}

fn tcp(kind: ConnectFailureKind, way: &Way<'_>) -> String {
    let Way { host, port } = way;
    match kind {
        ConnectFailureKind::Timeout => format!(
            "packets are lost without a word, as firewalls do it: allow TCP from here to {host}:{port}, or go through a proxy (--proxy)"
        ),
        ConnectFailureKind::Refused => format!(
            "nobody listens at {host}:{port}, or a firewall says so: is the port right, and does the server run?"
        ),
        ConnectFailureKind::Dns => format!("the name {host:?} has no addresses: ask its owner"),
        _ => format!(
            "this machine has no way to {host}:{port}: look at its routes (`ip route get`, for IPv6 as well) and its firewall"
        ),
    }
}

fn secured(trouble: Option<TlsTrouble>, setting: &str) -> String {
    match trouble {
        Some(TlsTrouble::Expired) => {
            "look at this machine's clock (`date -u`); if that is right, the server needs a new certificate"
        }
        Some(TlsTrouble::NotYetValid) => {
            "this machine's clock is behind (`date -u`), or the certificate is of tomorrow"
        }
        Some(TlsTrouble::UnknownAuthority) => {
            "nobody trusted has signed the certificate: an authority of one's own is named with --tls-ca-file, that of \
             the system with --tls-roots system; if you expect neither, somebody between opens the connection: do not go on"
        }
        Some(TlsTrouble::OtherName) => {
            return format!(
                "the certificate is for another host: is the one in `{setting}` right, and does its name lead to the right server?"
            );
        }
        Some(TlsTrouble::NoTls) => {
            return format!(
                "what answers there does not speak TLS: look at port and scheme of `{setting}`"
            );
        }
        Some(TlsTrouble::Refused) => {
            "the server has broken it off: it may want a certificate of ours (--tls-client-certificate), or an older TLS than 1.2"
        }
        Some(TlsTrouble::HungUp) => {
            "the connection was cut in the handshake, as firewalls do that judge by names: try from another network, or through a proxy"
        }
        Some(TlsTrouble::Other) | None => {
            "the server's certificate or its TLS is not in order: tell its owner what is said here"
        }
    }
    .to_owned()
}

fn tunnel(kind: ConnectFailureKind, way: &Way<'_>) -> String {
    let Way { host, port } = way;
    match kind {
        ConnectFailureKind::Proxy { status: Some(407) } => format!(
            "the proxy {host}:{port} wants a user name and password: write them into its URI, http://USER:PASSWORD@{host}:{port}"
        ),
        ConnectFailureKind::Proxy {
            status: Some(403 | 405),
        } => format!(
            "the proxy {host}:{port} does not allow it: ask whoever runs it to allow CONNECT to the facilitator"
        ),
        ConnectFailureKind::Proxy { status: Some(_) } => {
            format!("the proxy {host}:{port} does not reach the facilitator: its own log knows why")
        }
        _ => format!(
            "is {host}:{port} an HTTP proxy? `--proxy none` goes without one, `connect --print-config` shows who has named it"
        ),
    }
}

fn upgrade(kind: ConnectFailureKind) -> String {
    match kind {
        ConnectFailureKind::Http { status } => match status {
            300..400 => "name the place that the server points to as --uri; redirects are not followed",
            401 | 403 => {
                "the server does not let us in: with authentication in headers, look at the hotkey and at this machine's clock; \
                 else a gateway refuses this machine's address"
            }
            404 => "nothing is at this path: the public facilitator's is /ws/v0/; look at --uri",
            426 | 400 | 405 => "something there does not understand WebSocket: look at --uri, and at gateways between",
            429 => "too many connections from here: does another instance try again and again? Wait a while",
            500.. => "the facilitator, or a gateway in front of it, is out of order: try again later, and tell its owner",
            _ => "look at --uri: what answers there is no facilitator",
        },
        ConnectFailureKind::Timeout => {
            "the server takes connections and does not answer: it is overloaded, or --uri names another service"
        }
        ConnectFailureKind::Tls => {
            "the server wants a certificate that says who we are: --tls-client-certificate and --tls-client-key"
        }
        _ => "what answers there does not speak WebSocket: look at scheme, port and path of --uri, and at gateways between",
    }
    .to_owned()
}

fn authentication(reason: &LostReason) -> String {
    match reason {
        LostReason::AuthenticationRefused(Refusal::ValidatorNotFound) => {
            "is the hotkey above registered as a validator on the subnet? Then wait: the facilitator's list follows within minutes"
        }
        LostReason::AuthenticationRefused(Refusal::SignatureInvalid) => {
            "the facilitator verifies sr25519 keys: is the hotkey file of that kind (`key show`), and is --authentication right?"
        }
        LostReason::AuthenticationRefused(_) => {
            "what the facilitator says is unknown here: is it newer than this program?"
        }
        LostReason::AuthenticationTimeout => {
            "connected, but nobody answers: look at --uri; if that is right, the facilitator is overloaded"
        }
        LostReason::EndOfStream | LostReason::Closed(_) | LostReason::Io(_) => {
            "the server hangs up where it should answer: is it a facilitator (--uri), and does a gateway between let WebSockets live?"
        }
        _ => "what answers there does not speak this protocol: look at --uri",
    }
    .to_owned()
}

/// After the authentication.
pub(super) fn heartbeat(reason: &LostReason) -> &'static str {
    match reason {
        LostReason::PongTimeout => {
            "the way is open and then silent: something between forgets connections; look at firewalls and NAT"
        }
        LostReason::Closed(_) | LostReason::EndOfStream | LostReason::Io(_) => {
            "the facilitator or a gateway ends working connections: try again; if it stays so, tell the facilitator's owner"
        }
        _ => {
            "the facilitator does not take what today's protocol says: is it newer than this program?"
        }
    }
}
