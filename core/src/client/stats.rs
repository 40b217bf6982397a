//! Counters and gauges of a session, for whoever exports them. Nothing decides by them.

use core::time::Duration;

use super::event::LostReason;
use super::histogram::Histogram;

/// Messages are counted by their repetitions up to three; the reference gave up after as many.
const RETRIES: usize = 4;

/// What a session has done since it was built, and what it holds now.
///
/// All that the reference's metrics (`validator_facilitator_client_..`) say can be told from these:
///
/// | reference | here |
/// |---|---|
/// | `component_state`, `component_uptime_seconds` | [`FacilitatorClient::health`](super::FacilitatorClient::health), [`uptime`](Self::uptime) |
/// | `transport_layer_state` | [`is_ready`](Self::is_ready) |
/// | `transport_layer_events_total`: `success`, `transport_error`, `auth_error`, `unknown_error` | [`sessions`](Self::sessions), [`transport_errors`](Self::transport_errors), [`authentication_failures`](Self::authentication_failures), [`unknown_errors`](Self::unknown_errors) |
/// | `transport_layer_connection_duration_seconds` | [`connecting`](Self::connecting) |
/// | `transport_layer_authentication_duration_seconds` | [`authenticating`](Self::authenticating) |
/// | `message_queue_length` | [`outbox_length`](Self::outbox_length) and [`specs_length`](Self::specs_length) |
/// | `messages_sent_total` by type and `retries` | `.._sent_by_retries`, [`heartbeats_sent`](Self::heartbeats_sent) |
/// | `messages_received_total` by type | [`responses_received`](Self::responses_received), [`job_requests_received`](Self::job_requests_received), [`cheat_reports_received`](Self::cheat_reports_received), [`malformed_received`](Self::malformed_received) |
/// | `message_send_failures_total` by type | `.._refused` and `.._set_aside` |
/// | `message_send_duration_seconds` by type | [`status_delivery`](Self::status_delivery), [`specs_delivery`](Self::specs_delivery) |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connection attempts.
    pub connect_attempts: u64,
    /// Attempts that failed before the connection stood; [`transport_errors`](Self::transport_errors) has them too.
    pub connect_failures: u64,
    /// Connections that were authenticated.
    pub sessions: u64,
    /// Connections lost to the network: it could not be reached, failed, fell silent, or the peer closed.
    pub transport_errors: u64,
    /// Connections lost to anything that is neither the network nor the authentication: an update that was not
    /// answered, an answer that could not be matched.
    pub unknown_errors: u64,
    /// Authentications that were refused, forgotten, or not answered in time.
    pub authentication_failures: u64,
    /// Connections lost after they were established, whatever the reason.
    pub connections_lost: u64,
    /// Heartbeats sent.
    pub heartbeats_sent: u64,
    /// Heartbeats that the facilitator refused.
    pub heartbeats_refused: u64,
    /// Pings sent.
    pub pings_sent: u64,
    /// Status updates accepted, the session's own included; a repetition of one that is owed or delivered is not counted.
    pub statuses_accepted: u64,
    /// Status updates sent, repetitions included.
    pub statuses_sent: u64,
    /// Of those, by how often the same update had been sent before; the last class is that many times or more.
    pub statuses_sent_by_retries: [u64; RETRIES],
    /// Status updates sent again after a connection broke.
    pub statuses_resent: u64,
    /// Status updates that the facilitator answered with success.
    pub statuses_acknowledged: u64,
    /// Status updates that the facilitator had already.
    pub statuses_already_known: u64,
    /// Status updates that the facilitator refused.
    pub statuses_refused: u64,
    /// Status updates taken out because they broke the connection.
    pub statuses_set_aside: u64,
    /// Machine specs accepted.
    pub specs_accepted: u64,
    /// Machine specs sent, repetitions included.
    pub specs_sent: u64,
    /// Of those, by how often the same specs had been sent before; the last class is that many times or more.
    pub specs_sent_by_retries: [u64; RETRIES],
    /// Machine specs sent again after a connection broke.
    pub specs_resent: u64,
    /// Machine specs that the peer has read past.
    pub specs_acknowledged: u64,
    /// Machine specs that the facilitator refused.
    pub specs_refused: u64,
    /// Machine specs taken out because they broke the connection.
    pub specs_set_aside: u64,
    /// Messages handed back at a stop.
    pub handed_back: u64,
    /// Text frames read.
    pub frames_received: u64,
    /// Job requests read.
    pub job_requests_received: u64,
    /// Job requests taken on.
    pub jobs_received: u64,
    /// Job requests that were not handed on, as [`JobDeclined`](super::Event::JobDeclined) tells.
    pub jobs_declined: u64,
    /// Jobs that nobody had ended in their time.
    pub jobs_overdue: u64,
    /// Cheat reports read.
    pub cheat_reports_received: u64,
    /// Job requests and cheat reports that nobody trusted has signed.
    pub signatures_refused: u64,
    /// `Response`s read.
    pub responses_received: u64,
    /// Frames that could not be read.
    pub malformed_received: u64,
    /// Responses that nothing waited for, refused heartbeats and binary frames, as
    /// [`Unexpected`](super::Event::Unexpected) tells.
    pub unexpected_received: u64,
    /// Unknown fields in readable messages.
    pub unknown_fields_received: u64,
    /// Frames and failures of connections that were no longer current.
    pub stale_inputs: u64,

    /// How long attempts took that led to a connection: DNS, TCP, TLS and the upgrade.
    pub connecting: Histogram,
    /// How long authentications took that succeeded.
    pub authenticating: Histogram,

    /// How long status updates took from their acceptance until the facilitator had them.
    pub status_delivery: Histogram,
    /// How long machine specs took from their acceptance until the peer had read past them.
    pub specs_delivery: Histogram,
    /// How long status updates took from their last transmission to their answer, whatever it was.
    pub round_trip: Histogram,

    /// Now: whether the session is authenticated, and messages flow.
    pub is_ready: bool,
    /// Now, which is the session's latest input: the time since the start; zero when the session does not run.
    pub uptime: Duration,
    /// Now: status updates that wait or are unanswered.
    pub outbox_length: usize,
    /// Now: status updates that were sent and are unanswered.
    pub in_flight: usize,
    /// Now: machine specs that wait or are unproven.
    pub specs_length: usize,
    /// Now: bytes owed.
    pub outbox_bytes: usize,
    /// Now: jobs without a terminal status.
    pub open_jobs: usize,
}

impl Stats {
    /// A status update was sent, for the `transmissions`-th time.
    pub(super) fn count_status(&mut self, transmissions: u32) {
        self.statuses_sent += 1;
        self.statuses_resent += u64::from(transmissions > 1);
        count_retries(&mut self.statuses_sent_by_retries, transmissions);
    }

    /// Machine specs were sent, for the `transmissions`-th time.
    pub(super) fn count_specs(&mut self, transmissions: u32) {
        self.specs_sent += 1;
        self.specs_resent += u64::from(transmissions > 1);
        count_retries(&mut self.specs_sent_by_retries, transmissions);
    }

    /// A connection, or the attempt at one, is gone.
    pub(super) fn count_loss(&mut self, reason: &LostReason) {
        match reason {
            LostReason::ConnectFailed(_) => {
                self.connect_failures += 1;
                self.transport_errors += 1;
            }
            LostReason::Closed(_)
            | LostReason::EndOfStream
            | LostReason::Io(_)
            | LostReason::PongTimeout
            | LostReason::Protocol(_) => self.transport_errors += 1,
            LostReason::AuthenticationTimeout
            | LostReason::AuthenticationRefused(_)
            | LostReason::NotAuthenticated(_) => self.authentication_failures += 1,
            LostReason::AcknowledgementTimeout | LostReason::AmbiguousResponse(_) => {
                self.unknown_errors += 1;
            }
        }
    }
}

fn count_retries(classes: &mut [u64; RETRIES], transmissions: u32) {
    let retries = usize::try_from(transmissions.saturating_sub(1)).unwrap_or(RETRIES);
    if let Some(class) = classes.get_mut(retries.min(RETRIES - 1)) {
        *class += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_class_of_repetitions_takes_all_others() {
        let mut stats = Stats::default();
        for transmissions in [1, 1, 2, 3, 4, 5, u32::MAX] {
            stats.count_status(transmissions);
        }
        assert_eq!(stats.statuses_sent_by_retries, [2, 1, 1, 3]);
        assert_eq!((stats.statuses_sent, stats.statuses_resent), (7, 5));
    }
}
