//! Which answer a request gets. How the page looks is in `page`.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use facilitator_tokio::core::client::Overview;
use facilitator_tokio::core::metrics;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER,
};
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode};

use super::{Shared, live, page, report};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

const TEXT: &str = "text/plain; charset=utf-8";
/// Nothing but what is served here, and no other page around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Marks the answer that goes on for as long as its page is open.
#[derive(Clone)]
pub(super) struct Lasting;

/// What can be asked for.
enum Resource {
    Page,
    Style,
    Script,
    Live,
    Status,
    Metrics,
    Alive,
    Ready,
}

impl Resource {
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Page,
            "/page.css" => Self::Style,
            "/page.js" => Self::Script,
            "/live" => Self::Live,
            "/status.json" => Self::Status,
            "/metrics" => Self::Metrics,
            "/healthz" => Self::Alive,
            "/readyz" => Self::Ready,
            _ => return None,
        })
    }
}

pub(super) fn answer<B>(shared: &Arc<Shared>, request: &Request<B>) -> Response<Body> {
    if shared.local && !names_this_machine(request) {
        // A page of another origin whose name was pointed here would read everything otherwise.
        let text = "this is for this machine only: ask by its loopback address, or by localhost\n";
        return plain(StatusCode::MISDIRECTED_REQUEST, text);
    }
    let Some(resource) = Resource::at(request.uri().path()) else {
        let text = "nothing is here; there are /, /status.json, /metrics, /healthz and /readyz\n";
        return plain(StatusCode::NOT_FOUND, text);
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "accepted are GET and HEAD\n",
        );
        set(&mut response, ALLOW, "GET, HEAD");
        return response;
    }
    match resource {
        Resource::Page => found("text/html; charset=utf-8", page::document(shared)),
        Resource::Style => found("text/css; charset=utf-8", page::STYLE),
        Resource::Script => found("text/javascript; charset=utf-8", page::SCRIPT),
        Resource::Live if request.method() == Method::HEAD => found(live::CONTENT_TYPE, ""),
        Resource::Live => live::body(shared).map_or_else(crowded, |body| {
            let mut response = response(StatusCode::OK, live::CONTENT_TYPE, body);
            response.extensions_mut().insert(Lasting);
            response
        }),
        Resource::Status => found("application/json", report::text(shared)),
        Resource::Metrics => found(metrics::CONTENT_TYPE, metrics::render(&shared.overview())),
        Resource::Alive => plain(StatusCode::OK, "alive\n"),
        Resource::Ready => ready(shared, &shared.overview()),
    }
}

fn crowded() -> Response<Body> {
    let text = "too many pages are open; close one\n";
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    set(&mut response, RETRY_AFTER, "5");
    response
}

/// Whether new work is welcome; if not, why.
fn ready(shared: &Shared, overview: &Overview) -> Response<Body> {
    if shared.is_ready(overview) {
        return plain(StatusCode::OK, "ready\n");
    }
    let mut text = format!("not ready: {}", shared.state(overview));
    if let Some(reason) = &overview.reason {
        let reason = reason.to_string();
        text.push_str("; ");
        text.extend(reason.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    if let Some(left) = overview.retry_in() {
        // A string takes everything.
        let _ = write!(text, "; next attempt in {:.1} s", left.as_secs_f64());
    }
    text.push('\n');
    plain(StatusCode::SERVICE_UNAVAILABLE, text)
}

/// Whether a request was meant for this machine: by the name that it was sent to. One without a name is of no browser.
fn names_this_machine<B>(request: &Request<B>) -> bool {
    let named = request.headers().get(HOST).map(HeaderValue::as_bytes);
    let named = named.map(Authority::try_from);
    let host = match (request.uri().authority(), &named) {
        (Some(authority), _) | (None, Some(Ok(authority))) => authority.host(),
        (None, Some(Err(_))) => return false,
        (None, None) => return true,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    response(status, TEXT, whole(text))
}

fn found(content_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    response(StatusCode::OK, content_type, whole(text))
}

fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    set(&mut response, CACHE_CONTROL, "no-store");
    set(
        &mut response,
        HeaderName::from_static("content-security-policy"),
        POLICY,
    );
    set(
        &mut response,
        HeaderName::from_static("x-content-type-options"),
        "nosniff",
    );
    set(
        &mut response,
        HeaderName::from_static("referrer-policy"),
        "no-referrer",
    );
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &'static str) {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
}
