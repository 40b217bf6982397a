//! What a session counts, as text for Prometheus (feature `metrics`): which metrics there are, and what they are called.
//! How they are written is in `text`; who asks for them, and over what, is the application's affair.
//!
//! ```
//! use facilitator_core::Timestamp;
//! use facilitator_core::client::{Config, Endpoint, FacilitatorClient};
//! use facilitator_core::metrics;
//! use facilitator_core::signature::{Keypair, Scheme};
//!
//! let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32])?;
//! let client = FacilitatorClient::new(Config::new(Endpoint::public()), &keypair, 42)?;
//! let text = metrics::render(&client.overview(Timestamp::ZERO));
//! assert!(text.contains("\nvalidator_facilitator_client_transport_layer_state 0\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The reference's metrics
//!
//! They keep their names, labels, label values and bounds, so that dashboards go on working. Where the reference has no
//! place for what happens here, this is meant:
//!
//! | metric | meaning |
//! |---|---|
//! | `component_state`, `component_uptime_seconds` | the one session, once under the name of each of the reference's four components |
//! | `messages_sent_total` | every transmission; `retries` is how often the same message had been sent before, `3` means three times or more |
//! | `message_send_failures_total` | messages that were refused, or taken out because they broke the connection |
//! | `message_send_duration_seconds` | from the acceptance of a message until the facilitator had it |
//! | `messages_received_total` with `message_type="unknown"` | frames that could not be read |
//!
//! The others have the same prefix, and are ours. Nothing that comes from outside is a label.

mod text;

use alloc::string::String;

use self::text::Page;
use crate::client::{Health, Overview, Phase, Stats};

/// The `Content-Type` of what [`render`] writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The beginning of all names.
const PREFIX: &str = "validator_facilitator_client_";

/// The reference's components. Here one session does the work of all of them.
const COMPONENTS: [&str; 4] = [
    "ConnectionManager",
    "HeartbeatManager",
    "JobRequestManager",
    "MessageManager",
];

/// The reference's names of message types, which are those of its classes.
const STATUS: (&str, &str) = ("message_type", "JobStatusUpdate");
const SPECS: (&str, &str) = ("message_type", "V0MachineSpecsUpdate");
const HEARTBEAT: (&str, &str) = ("message_type", "V0Heartbeat");

const RETRIES: [&str; 4] = ["0", "1", "2", "3"];

/// All metrics of a session in the text format of Prometheus, version 0.0.4; the text ends with a line break.
///
/// Every metric is always there, however little has happened, and in the same order.
pub fn render(overview: &Overview) -> String {
    let mut page = Page::new(PREFIX);
    component(&mut page, overview);
    transport(&mut page, &overview.stats);
    messages(&mut page, &overview.stats);
    session(&mut page, overview);
    delivery(&mut page, &overview.stats);
    inbound(&mut page, &overview.stats);
    page.finish()
}

fn component(page: &mut Page, overview: &Overview) {
    let runs = u64::from(overview.phase != Phase::Idle);
    let mut family = page.gauge(
        "component_state",
        "Whether the part of the client runs (1) or not (0)",
    );
    for name in COMPONENTS {
        family = family.sample(&[("component", name)], runs);
    }
    let mut family = page.gauge(
        "component_uptime_seconds",
        "Time since the part of the client was started",
    );
    for name in COMPONENTS {
        family = family.seconds(&[("component", name)], overview.stats.uptime);
    }
}

fn transport(page: &mut Page, stats: &Stats) {
    page.gauge(
        "transport_layer_state",
        "Whether the connection is authenticated, and messages flow (1), or not (0)",
    )
    .sample(&[], u64::from(stats.is_ready));
    page.counter(
        "transport_layer_events_total",
        "Connections that were authenticated, and that were lost, by whose fault it was",
    )
    .sample(&[("event", "success")], stats.sessions)
    .sample(&[("event", "transport_error")], stats.transport_errors)
    .sample(&[("event", "auth_error")], stats.authentication_failures)
    .sample(&[("event", "unknown_error")], stats.unknown_errors);
    page.histogram(
        "transport_layer_connection_duration_seconds",
        "Time that successful connection attempts took: DNS, TCP, TLS, WebSocket upgrade",
    )
    .durations(&[], &stats.connecting);
    page.histogram(
        "transport_layer_authentication_duration_seconds",
        "Time that successful authentications took",
    )
    .durations(&[], &stats.authenticating);
}

fn messages(page: &mut Page, stats: &Stats) {
    page.gauge(
        "message_queue_length",
        "Messages that are owed: they wait to be sent, or to be answered",
    )
    .sample(&[], count(stats.outbox_length) + count(stats.specs_length));
    let mut family = page.counter(
        "messages_sent_total",
        "Messages sent, by how often the same one had been sent before; 3 means three times or more",
    );
    let sent = [
        (STATUS, stats.statuses_sent_by_retries),
        (SPECS, stats.specs_sent_by_retries),
    ];
    for (kind, counts) in sent {
        for (retries, count) in RETRIES.into_iter().zip(counts) {
            family = family.sample(&[kind, ("retries", retries)], count);
        }
    }
    family.sample(&[HEARTBEAT, ("retries", "0")], stats.heartbeats_sent);
    let received = |name| [("message_type", name)];
    page.counter(
        "messages_received_total",
        "Messages received; unknown are those that could not be read",
    )
    .sample(&received("Response"), stats.responses_received)
    .sample(&received("V2JobRequest"), stats.job_requests_received)
    .sample(&received("V0JobCheated"), stats.cheat_reports_received)
    .sample(&received("unknown"), stats.malformed_received);
    page.counter(
        "message_send_failures_total",
        "Messages that the facilitator refused, or that were taken out because they broke the connection",
    )
    .sample(&[STATUS], stats.statuses_refused + stats.statuses_set_aside)
    .sample(&[SPECS], stats.specs_refused + stats.specs_set_aside)
    .sample(&[HEARTBEAT], stats.heartbeats_refused);
    page.histogram(
        "message_send_duration_seconds",
        "Time from the acceptance of a message until the facilitator had it",
    )
    .durations(&[STATUS], &stats.status_delivery)
    .durations(&[SPECS], &stats.specs_delivery);
}

fn session(page: &mut Page, overview: &Overview) {
    let stats = &overview.stats;
    let mut family = page.gauge(
        "session_phase",
        "What the session is doing: 1 for its phase",
    );
    for phase in Phase::ALL {
        let is_now = u64::from(*phase == overview.phase);
        family = family.sample(&[("phase", phase.as_str())], is_now);
    }
    let mut family = page.gauge("session_health", "How the session is: 1 for its health");
    for health in Health::ALL {
        let is_now = u64::from(*health == overview.health);
        family = family.sample(&[("health", health.as_str())], is_now);
    }
    page.counter("connection_attempts_total", "Connection attempts")
        .sample(&[], stats.connect_attempts);
    page.counter(
        "connection_failures_total",
        "Connection attempts that failed before the connection stood",
    )
    .sample(&[], stats.connect_failures);
    page.counter(
        "connections_lost_total",
        "Connections that were lost after they were established",
    )
    .sample(&[], stats.connections_lost);
    page.counter("pings_sent_total", "Pings sent")
        .sample(&[], stats.pings_sent);
    page.counter(
        "stale_inputs_total",
        "Frames and failures of connections that were no longer current",
    )
    .sample(&[], stats.stale_inputs);
}

fn delivery(page: &mut Page, stats: &Stats) {
    page.counter("messages_accepted_total", "Messages accepted for delivery")
        .sample(&[STATUS], stats.statuses_accepted)
        .sample(&[SPECS], stats.specs_accepted);
    page.counter(
        "messages_resent_total",
        "Messages sent again after a connection broke",
    )
    .sample(&[STATUS], stats.statuses_resent)
    .sample(&[SPECS], stats.specs_resent);
    page.counter(
        "messages_acknowledged_total",
        "Messages that the facilitator has: statuses that it answered with success, specs that it has read past",
    )
    .sample(&[STATUS], stats.statuses_acknowledged)
    .sample(&[SPECS], stats.specs_acknowledged);
    page.counter(
        "messages_already_known_total",
        "Messages that the facilitator had before: delivered, too",
    )
    .sample(&[STATUS], stats.statuses_already_known);
    page.counter(
        "messages_refused_total",
        "Messages that the facilitator refused",
    )
    .sample(&[STATUS], stats.statuses_refused)
    .sample(&[SPECS], stats.specs_refused)
    .sample(&[HEARTBEAT], stats.heartbeats_refused);
    page.counter(
        "messages_set_aside_total",
        "Messages taken out because they broke the connection",
    )
    .sample(&[STATUS], stats.statuses_set_aside)
    .sample(&[SPECS], stats.specs_set_aside);
    page.counter(
        "messages_handed_back_total",
        "Messages that were not delivered before a stop",
    )
    .sample(&[], stats.handed_back);
    page.gauge("messages_owed", "Messages that are owed, by type")
        .sample(&[STATUS], count(stats.outbox_length))
        .sample(&[SPECS], count(stats.specs_length));
    page.gauge(
        "messages_in_flight",
        "Status updates that were sent and are unanswered",
    )
    .sample(&[STATUS], count(stats.in_flight));
    page.gauge("messages_owed_bytes", "Bytes of messages that are owed")
        .sample(&[], count(stats.outbox_bytes));
    page.histogram(
        "message_round_trip_seconds",
        "Time from the last transmission of a status update to its answer, whatever it was",
    )
    .durations(&[STATUS], &stats.round_trip);
}

fn inbound(page: &mut Page, stats: &Stats) {
    page.counter("frames_received_total", "Text frames read")
        .sample(&[], stats.frames_received);
    page.gauge("open_jobs", "Jobs without a terminal status")
        .sample(&[], count(stats.open_jobs));
    page.counter("jobs_received_total", "Job requests taken on")
        .sample(&[], stats.jobs_received);
    page.counter(
        "jobs_declined_total",
        "Job requests that were not handed on: repeated, unanswerable, or too many",
    )
    .sample(&[], stats.jobs_declined);
    page.counter(
        "jobs_overdue_total",
        "Jobs that nobody had ended in their time, ended as horde_failed",
    )
    .sample(&[], stats.jobs_overdue);
    page.counter(
        "signatures_refused_total",
        "Job requests and cheat reports that nobody trusted has signed",
    )
    .sample(&[], stats.signatures_refused);
    page.counter(
        "unexpected_messages_total",
        "Responses that nothing waited for, refused heartbeats and binary frames",
    )
    .sample(&[], stats.unexpected_received);
    page.counter(
        "unknown_fields_total",
        "Unknown fields in readable messages",
    )
    .sample(&[], stats.unknown_fields_received);
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
