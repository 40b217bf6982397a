//! What the keys must be together: each is fine by itself here. Whatever is wrong is told of the key that caused it.

use std::collections::BTreeMap;

use facilitator_tokio::Endpoint;
use facilitator_tokio::core::client::{ConfigError, Signatories};

use super::keys;
use super::mistake::Mistake;
use super::origin::Origin;
use super::settings::Settings;

/// Where the values come from; what is missing is a default.
pub(super) type Origins = BTreeMap<&'static str, Origin>;

/// The input waits for room in the outbox, so what never fits must be refused instead: a message that is larger than
/// the outbox, and one more job when every place is kept for the last status of those that are open. Where nobody has
/// set these bounds, they follow from the outbox's.
pub(super) fn bound(settings: &mut Settings, origins: &mut Origins) {
    let config = &mut settings.config;
    let is_given = |origins: &Origins, path: &str| origins.get(path).is_some_and(Origin::is_given);
    if !is_given(origins, "limits.message_bytes") && config.message_bytes > config.outbox_bytes {
        config.message_bytes = config.outbox_bytes;
        origins.insert(
            "limits.message_bytes",
            Origin::Bounded {
                by: "limits.outbox_bytes",
            },
        );
    }
    let most = most_open_jobs(config.outbox_entries);
    if !is_given(origins, "limits.open_jobs") && config.open_jobs > most {
        config.open_jobs = most;
        origins.insert(
            "limits.open_jobs",
            Origin::Bounded {
                by: "limits.outbox_entries",
            },
        );
    }
}

const fn most_open_jobs(outbox_entries: usize) -> usize {
    let most = outbox_entries.saturating_sub(2);
    if most == 0 { 1 } else { most }
}

/// Checks the whole.
pub(super) fn check(settings: &Settings, origins: &Origins) -> Result<(), Mistake> {
    let config = &settings.config;
    if !settings.allow_plaintext
        && let Err(error) = Endpoint::parse(config.endpoint.as_str())
    {
        let what = format!("{error}; `allow_plaintext` allows it all the same");
        return Err(blame(origins, &["uri"], &what));
    }
    if let Some(address) = settings.metrics.listen
        && !address.is_local()
        && !settings.metrics.allow_remote
    {
        let what = format!(
            "other machines can reach {address}, without a password; take 127.0.0.1 or [::1], or allow it with `metrics.allow_remote`"
        );
        return Err(blame(origins, &["metrics.listen"], &what));
    }
    let trust = &config.trust;
    if !trust.sr25519 && !trust.ed25519 && trust.signatories != Signatories::Unverified {
        let what = "no signature counts, neither sr25519 nor ed25519, so no job would ever be taken; accept one of them";
        return Err(blame(origins, &["trust.sr25519", "trust.ed25519"], what));
    }
    let most = most_open_jobs(config.outbox_entries);
    if config.open_jobs > most {
        let what = format!(
            "found {}, with limits.outbox_entries = {}; accepted are {most} open jobs at most, since each keeps a place in the outbox",
            config.open_jobs, config.outbox_entries
        );
        return Err(blame(
            origins,
            &["limits.open_jobs", "limits.outbox_entries"],
            &what,
        ));
    }
    config.check().map_err(|error| {
        let (paths, what) = explain(&error);
        blame(origins, &paths, &what)
    })
}

/// The keys of a [`ConfigError`], and its text.
fn explain(error: &ConfigError) -> (Vec<&'static str>, String) {
    let paths = match error {
        ConfigError::Zero { field } => keys::all()
            .filter(|key| key.name() == *field)
            .map(|key| key.path)
            .collect(),
        ConfigError::OutboxTooSmall { .. } => vec!["limits.outbox_entries"],
        ConfigError::MessageBytes { .. } => vec!["limits.message_bytes"],
        ConfigError::OutboxBytes { .. } => vec!["limits.message_bytes", "limits.outbox_bytes"],
        ConfigError::BackoffOrder { .. } => vec!["retry.backoff_max", "retry.backoff_initial"],
        ConfigError::Header { .. } | ConfigError::ReservedHeader { .. } => vec!["headers"],
        _ => Vec::new(),
    };
    (paths, error.to_string())
}

/// A mistake of the strongest of these keys; the others are named with their origins.
pub(super) fn blame(origins: &Origins, paths: &[&'static str], what: &str) -> Mistake {
    let origin = |path: &str| origins.get(path).cloned().unwrap_or(Origin::Default);
    // The first of equals.
    let guilty = paths
        .iter()
        .copied()
        .rev()
        .max_by_key(|path| origin(path).rank());
    let Some(key) = guilty.and_then(keys::find) else {
        return Mistake::new(what);
    };
    let others: Vec<String> = paths
        .iter()
        .filter(|path| **path != key.path)
        .map(|path| {
            format!(
                "`{path}` comes from {}",
                match origin(path) {
                    Origin::Default => "the default".to_owned(),
                    other => other.to_string(),
                }
            )
        })
        .collect();
    let what = match others.as_slice() {
        [] => what.to_owned(),
        others => format!("{what}; {}", others.join(", ")),
    };
    Mistake::of(key, &origin(key.path), &what)
}
