//! How long things may take at the most, computed from the configuration alone.

use std::time::Duration;

use facilitator_core::client::Config;

use super::job::LIMIT;
use super::queue::{Nanos, nanos};
use super::settings::Workload;

/// Bytes a second that the session grants a slow line.
const SLOWEST_LINE: usize = 64 * 1024;

/// A peer that sends something, but no pong, is believed to live for this many times the pong timeout.
const LATE_PONGS: u32 = 3;

/// How long a session may take to notice that a link is dead in one direction at least: the next ping, then the wait
/// for its pong, which is longer while much is under way, and longest when the peer still talks.
pub(super) fn notice(config: &Config, workload: &Workload) -> Nanos {
    let bytes = config.window.saturating_mul(workload.output + 400);
    let under_way = Duration::from_secs((bytes / SLOWEST_LINE) as u64 + 1);
    let connecting = config.authentication_timeout;
    nanos(connecting.max(config.ping_interval + config.pong_timeout * LATE_PONGS + under_way * 2))
}

/// How long all may take to be settled once nothing goes wrong any more: dead links are noticed, the longest wait of
/// any schedule ends, poison breaks its three connections each, and what is owed is delivered.
pub(super) fn settle(config: &Config, workload: &Workload, poison: u64) -> Duration {
    let noticing = Duration::from_nanos(notice(config, workload));
    let waiting = (config.refused_delay * 6 / 5).max(config.retry_after_max + config.backoff_max);
    let connecting = config.connect_timeout + config.authentication_timeout + config.close_timeout;
    let answering = config.acknowledgement_timeout + noticing;
    let attempt = config.backoff_max + connecting + answering;
    let watched = Duration::from_secs(LIMIT) + config.job_margin;
    let workers = watched.max(workload.step * 8 + workload.crash_noticed_after);
    let poison = u32::try_from(poison).unwrap_or(u32::MAX);
    (noticing + waiting + attempt * 4 + workers + config.drain_timeout)
        .saturating_add((attempt * 3).saturating_mul(poison))
}
