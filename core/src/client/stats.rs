//! Counters and gauges of a session, for whoever exports them. Nothing decides by them.

/// What a session has done since it was built, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connection attempts.
    pub connect_attempts: u64,
    /// Attempts that failed before the connection stood.
    pub connect_failures: u64,
    /// Connections that were authenticated.
    pub sessions: u64,
    /// Authentications that were refused, or not answered in time.
    pub authentication_failures: u64,
    /// Connections lost after they were established, whatever the reason.
    pub connections_lost: u64,
    /// Heartbeats sent.
    pub heartbeats_sent: u64,
    /// Pings sent.
    pub pings_sent: u64,
    /// Status updates accepted, the session's own included.
    pub statuses_accepted: u64,
    /// Status updates sent, repetitions included.
    pub statuses_sent: u64,
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
    /// Job requests taken on.
    pub jobs_received: u64,
    /// Job requests that were not handed on.
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
    /// Readable messages that meant nothing at their moment.
    pub unexpected_received: u64,
    /// Unknown fields in readable messages.
    pub unknown_fields_received: u64,
    /// Frames and failures of connections that were no longer current.
    pub stale_inputs: u64,

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
