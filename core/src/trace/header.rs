//! The first line of a trace: whose session it is, and how it was configured. No secret of the configuration is in it.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::time::Span;
use crate::client::{
    AuthenticationMethod, Config, Endpoint, FacilitatorClient, OnSignatureInvalid, Signatories,
    TrustPolicy, WhenJobsWait,
};
use crate::message::DecodeMode;
use crate::signature::AccountId;

/// The format that is written, and the only one that is read.
pub(super) const FORMAT: u32 = 2;

/// How a session began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) hotkey: String,
    pub(super) seed: u64,
    pub(super) config: Settings,
}

impl Header {
    pub(super) fn of(session: &FacilitatorClient, seed: u64) -> Self {
        Self {
            format: FORMAT,
            hotkey: session.hotkey().into(),
            seed,
            config: Settings::of(session.config()),
        }
    }
}

/// A configuration. Header values are their lengths; of the endpoint, path and query are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    endpoint: String,
    validator_version: usize,
    runner_version: usize,
    extra_headers: Vec<(String, usize)>,
    authentication: Authentication,
    trust: Trust,
    strict: bool,
    heartbeat_interval: Span,
    ping_interval: Span,
    pong_timeout: Span,
    connect_timeout: Span,
    authentication_timeout: Span,
    acknowledgement_timeout: Span,
    close_timeout: Span,
    drain_timeout: Span,
    backoff_initial: Span,
    backoff_max: Span,
    backoff_reset_after: Span,
    refused_delay: Span,
    stop_on_signature_invalid: bool,
    retry_after_max: Span,
    window: usize,
    outbox_entries: usize,
    specs_entries: usize,
    outbox_bytes: usize,
    message_bytes: usize,
    inbound_message_bytes: usize,
    open_jobs: usize,
    waiting_job_bytes: usize,
    leave_waiting_unanswered: bool,
    waiting_events: usize,
    waiting_event_bytes: usize,
    job_margin: Span,
    adopted_job_limit: Span,
    ended_jobs: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Authentication {
    FirstFrame,
    Headers,
}

/// Who may give work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trust {
    signatories: Who,
    sr25519: bool,
    ed25519: bool,
    max_age: Option<Span>,
    max_skew: Span,
    verifications_per_second: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    OwnAnd(Vec<String>),
    Anyone,
    Unverified,
}

impl Trust {
    pub(super) fn of(policy: &TrustPolicy) -> Self {
        let signatories = match &policy.signatories {
            Signatories::OwnAnd(others) => {
                Who::OwnAnd(others.iter().map(|account| account.to_ss58()).collect())
            }
            Signatories::Anyone => Who::Anyone,
            Signatories::Unverified => Who::Unverified,
        };
        Self {
            signatories,
            sr25519: policy.sr25519,
            ed25519: policy.ed25519,
            max_age: policy.max_age.map(Span::from),
            max_skew: policy.max_skew.into(),
            verifications_per_second: policy.verifications_per_second,
        }
    }

    fn to_policy(&self) -> Result<TrustPolicy, &'static str> {
        let account = |text: &String| AccountId::from_ss58(text);
        let signatories = match &self.signatories {
            Who::OwnAnd(others) => {
                let others: Result<BTreeSet<_>, _> = others.iter().map(account).collect();
                Signatories::OwnAnd(others.map_err(|_| "an account is no SS58 address")?)
            }
            Who::Anyone => Signatories::Anyone,
            Who::Unverified => Signatories::Unverified,
        };
        Ok(TrustPolicy {
            signatories,
            sr25519: self.sr25519,
            ed25519: self.ed25519,
            max_age: self.max_age.map(Into::into),
            max_skew: self.max_skew.into(),
            verifications_per_second: self.verifications_per_second,
        })
    }
}

/// No header is longer, and a damaged trace shall not ask for more.
const LONGEST_HEADER: usize = 1 << 20;

impl Settings {
    fn of(config: &Config) -> Self {
        // Every field by its name: one that is added must be thought of here.
        let Config {
            endpoint,
            validator_version,
            runner_version,
            extra_headers,
            authentication,
            trust,
            decode_mode,
            heartbeat_interval,
            ping_interval,
            pong_timeout,
            connect_timeout,
            authentication_timeout,
            acknowledgement_timeout,
            close_timeout,
            drain_timeout,
            backoff_initial,
            backoff_max,
            backoff_reset_after,
            refused_delay,
            on_signature_invalid,
            retry_after_max,
            window,
            outbox_entries,
            specs_entries,
            outbox_bytes,
            message_bytes,
            inbound_message_bytes,
            open_jobs,
            waiting_job_bytes,
            when_jobs_wait,
            waiting_events,
            waiting_event_bytes,
            job_margin,
            adopted_job_limit,
            ended_jobs,
        } = config;
        let headers = extra_headers.iter();
        Self {
            endpoint: origin(endpoint),
            validator_version: validator_version.len(),
            runner_version: runner_version.len(),
            extra_headers: headers
                .map(|(name, value)| (name.clone(), value.len()))
                .collect(),
            authentication: match authentication {
                AuthenticationMethod::FirstFrame => Authentication::FirstFrame,
                AuthenticationMethod::Headers => Authentication::Headers,
            },
            trust: Trust::of(trust),
            strict: *decode_mode == DecodeMode::Strict,
            heartbeat_interval: (*heartbeat_interval).into(),
            ping_interval: (*ping_interval).into(),
            pong_timeout: (*pong_timeout).into(),
            connect_timeout: (*connect_timeout).into(),
            authentication_timeout: (*authentication_timeout).into(),
            acknowledgement_timeout: (*acknowledgement_timeout).into(),
            close_timeout: (*close_timeout).into(),
            drain_timeout: (*drain_timeout).into(),
            backoff_initial: (*backoff_initial).into(),
            backoff_max: (*backoff_max).into(),
            backoff_reset_after: (*backoff_reset_after).into(),
            refused_delay: (*refused_delay).into(),
            stop_on_signature_invalid: *on_signature_invalid == OnSignatureInvalid::Stop,
            retry_after_max: (*retry_after_max).into(),
            window: *window,
            outbox_entries: *outbox_entries,
            specs_entries: *specs_entries,
            outbox_bytes: *outbox_bytes,
            message_bytes: *message_bytes,
            inbound_message_bytes: *inbound_message_bytes,
            open_jobs: *open_jobs,
            waiting_job_bytes: *waiting_job_bytes,
            leave_waiting_unanswered: *when_jobs_wait == WhenJobsWait::Ignore,
            waiting_events: *waiting_events,
            waiting_event_bytes: *waiting_event_bytes,
            job_margin: (*job_margin).into(),
            adopted_job_limit: (*adopted_job_limit).into(),
            ended_jobs: *ended_jobs,
        }
    }

    /// The configuration, with `x` for what is left out; or what is wrong with it.
    pub(super) fn to_config(&self) -> Result<Config, String> {
        let header = |bytes: usize| "x".repeat(bytes.min(LONGEST_HEADER));
        let endpoint = Endpoint::parse_allowing_plaintext(&self.endpoint);
        let headers = self.extra_headers.iter();
        let config = Config {
            endpoint: endpoint.map_err(|error| error.to_string())?,
            validator_version: header(self.validator_version),
            runner_version: header(self.runner_version),
            extra_headers: headers
                .map(|(name, value)| (name.clone(), header(*value)))
                .collect(),
            authentication: match self.authentication {
                Authentication::FirstFrame => AuthenticationMethod::FirstFrame,
                Authentication::Headers => AuthenticationMethod::Headers,
            },
            trust: self.trust.to_policy()?,
            decode_mode: if self.strict {
                DecodeMode::Strict
            } else {
                DecodeMode::Lenient
            },
            heartbeat_interval: self.heartbeat_interval.into(),
            ping_interval: self.ping_interval.into(),
            pong_timeout: self.pong_timeout.into(),
            connect_timeout: self.connect_timeout.into(),
            authentication_timeout: self.authentication_timeout.into(),
            acknowledgement_timeout: self.acknowledgement_timeout.into(),
            close_timeout: self.close_timeout.into(),
            drain_timeout: self.drain_timeout.into(),
            backoff_initial: self.backoff_initial.into(),
            backoff_max: self.backoff_max.into(),
            backoff_reset_after: self.backoff_reset_after.into(),
            refused_delay: self.refused_delay.into(),
            on_signature_invalid: if self.stop_on_signature_invalid {
                OnSignatureInvalid::Stop
            } else {
                OnSignatureInvalid::Retry
            },
            retry_after_max: self.retry_after_max.into(),
            window: self.window,
            outbox_entries: self.outbox_entries,
            specs_entries: self.specs_entries,
            outbox_bytes: self.outbox_bytes,
            message_bytes: self.message_bytes,
            inbound_message_bytes: self.inbound_message_bytes,
            open_jobs: self.open_jobs,
            waiting_job_bytes: self.waiting_job_bytes,
            when_jobs_wait: if self.leave_waiting_unanswered {
                WhenJobsWait::Ignore
            } else {
                WhenJobsWait::Reject
            },
            waiting_events: self.waiting_events,
            waiting_event_bytes: self.waiting_event_bytes,
            job_margin: self.job_margin.into(),
            adopted_job_limit: self.adopted_job_limit.into(),
            ended_jobs: self.ended_jobs,
        };
        Ok(config)
    }
}

/// Where, without path and query: they can hold a key.
fn origin(endpoint: &Endpoint) -> String {
    let scheme = if endpoint.is_secure() { "wss" } else { "ws" };
    let (host, port) = (endpoint.host(), endpoint.port());
    if host.contains(':') {
        alloc::format!("{scheme}://[{host}]:{port}/")
    } else {
        alloc::format!("{scheme}://{host}:{port}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_configuration_comes_back_without_its_secrets() {
        let endpoint =
            Endpoint::parse_allowing_plaintext("ws://[2001:db8::1]:81/s3cret?key=s3cret");
        let config = Config {
            validator_version: "s3cret".into(),
            runner_version: "s3cret".into(),
            extra_headers: alloc::vec![("X-Key".into(), "s3cret".into())],
            authentication: AuthenticationMethod::Headers,
            trust: TrustPolicy {
                signatories: Signatories::OwnAnd([AccountId::from_bytes([3; 32])].into()),
                max_age: Some(Duration::from_millis(1)),
                ..TrustPolicy::default()
            },
            decode_mode: DecodeMode::Strict,
            on_signature_invalid: OnSignatureInvalid::Stop,
            when_jobs_wait: WhenJobsWait::Ignore,
            waiting_job_bytes: 5,
            drain_timeout: Duration::MAX,
            window: 3,
            ..Config::new(endpoint.unwrap())
        };
        let settings = Settings::of(&config);
        let json = serde_json::to_string(&settings).unwrap();
        assert!(!json.contains("s3cret"), "{json}");
        let read: Settings = serde_json::from_str(&json).unwrap();
        let expected = Config {
            endpoint: Endpoint::parse_allowing_plaintext("ws://[2001:db8::1]:81/").unwrap(),
            validator_version: "xxxxxx".into(),
            runner_version: "xxxxxx".into(),
            extra_headers: alloc::vec![("X-Key".into(), "xxxxxx".into())],
            ..config
        };
        assert_eq!(read.to_config(), Ok(expected));
    }
}
