//! What Prometheus is told: the reference's metrics under their own names, and everything else that is counted.

use std::collections::BTreeMap;
use std::time::Duration;

use facilitator_core::client::{Health, Overview, Phase, Stats};
use facilitator_core::message::JobStatus;
use facilitator_core::metrics;
use facilitator_tests::solo::{SUCCESS, Solo, config, error, job, job_request, specs};

use crate::exposition::{Family, parse};

const PREFIX: &str = "validator_facilitator_client_";
const MINER: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

fn families(overview: &Overview) -> BTreeMap<String, Family> {
    let text = metrics::render(overview);
    let families = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let named = families.into_iter().map(|family| {
        let name = family.name.strip_prefix(PREFIX).unwrap().to_owned();
        (name, family)
    });
    named.collect()
}

/// Values are in billionths.
const ONE: u128 = 1_000_000_000;

/// The value of a sample, written as `name{label=value,..}`.
fn value(families: &BTreeMap<String, Family>, sample: &str) -> Option<u128> {
    let (name, labels) = match sample.split_once('{') {
        None => (sample, BTreeMap::new()),
        Some((name, labels)) => {
            let pairs = labels.trim_end_matches('}').split(',');
            let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
            (
                name,
                pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).collect(),
            )
        }
    };
    let (family, suffix) = ["_count", "_sum", "_bucket", ""]
        .into_iter()
        .find_map(|suffix| Some((families.get(name.strip_suffix(suffix)?)?, suffix)))?;
    let found = family
        .samples
        .iter()
        .find(|sample| sample.suffix == suffix && sample.labels == labels);
    found.map(|sample| sample.value)
}

/// As the reference declares them; dashboards and alerts are built on these.
#[test]
fn the_reference_s_metrics_are_there() {
    let solo = Solo::new(config());
    let families = families(&solo.client.overview(solo.now));
    for (name, kind, labels) in [
        ("component_state", "gauge", vec!["component"]),
        ("component_uptime_seconds", "gauge", vec!["component"]),
        ("transport_layer_state", "gauge", vec![]),
        ("transport_layer_events_total", "counter", vec!["event"]),
        (
            "transport_layer_connection_duration_seconds",
            "histogram",
            vec![],
        ),
        (
            "transport_layer_authentication_duration_seconds",
            "histogram",
            vec![],
        ),
        ("message_queue_length", "gauge", vec![]),
        (
            "messages_sent_total",
            "counter",
            vec!["message_type", "retries"],
        ),
        ("messages_received_total", "counter", vec!["message_type"]),
        (
            "message_send_failures_total",
            "counter",
            vec!["message_type"],
        ),
        (
            "message_send_duration_seconds",
            "histogram",
            vec!["message_type"],
        ),
    ] {
        let family = families.get(name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(family.kind, kind, "{name}");
        for sample in &family.samples {
            let found = sample.labels.keys().filter(|label| *label != "le");
            assert_eq!(found.collect::<Vec<_>>(), labels, "{name}");
        }
    }
    let of = |name: &str, label: &str| -> Vec<String> {
        let labels = families[name].samples.iter().map(|sample| &sample.labels);
        labels.map(|labels| labels[label].clone()).collect()
    };
    assert_eq!(
        of("transport_layer_events_total", "event"),
        ["success", "transport_error", "auth_error", "unknown_error"]
    );
    assert_eq!(
        of("component_state", "component"),
        [
            "ConnectionManager",
            "HeartbeatManager",
            "JobRequestManager",
            "MessageManager"
        ]
    );
    let buckets = families["message_send_duration_seconds"].samples.iter();
    let bounds = buckets
        .filter_map(|sample| sample.labels.get("le"))
        .take(16);
    assert_eq!(
        bounds.collect::<Vec<_>>(),
        [
            "0.001", "0.005", "0.01", "0.025", "0.05", "0.075", "0.1", "0.25", "0.5", "0.75",
            "1.0", "2.0", "3.0", "5.0", "10.0", "+Inf"
        ]
    );
}

type Field = fn(&mut Stats) -> &mut u64;

/// Where each counter is told.
const COUNTERS: &[(&str, Field, &str)] = &[
    (
        "connect_attempts",
        |s| &mut s.connect_attempts,
        "connection_attempts_total",
    ),
    (
        "connect_failures",
        |s| &mut s.connect_failures,
        "connection_failures_total",
    ),
    (
        "sessions",
        |s| &mut s.sessions,
        "transport_layer_events_total{event=success}",
    ),
    (
        "transport_errors",
        |s| &mut s.transport_errors,
        "transport_layer_events_total{event=transport_error}",
    ),
    (
        "unknown_errors",
        |s| &mut s.unknown_errors,
        "transport_layer_events_total{event=unknown_error}",
    ),
    (
        "authentication_failures",
        |s| &mut s.authentication_failures,
        "transport_layer_events_total{event=auth_error}",
    ),
    (
        "connections_lost",
        |s| &mut s.connections_lost,
        "connections_lost_total",
    ),
    (
        "heartbeats_sent",
        |s| &mut s.heartbeats_sent,
        "messages_sent_total{message_type=V0Heartbeat,retries=0}",
    ),
    (
        "heartbeats_refused",
        |s| &mut s.heartbeats_refused,
        "messages_refused_total{message_type=V0Heartbeat}",
    ),
    ("pings_sent", |s| &mut s.pings_sent, "pings_sent_total"),
    (
        "statuses_accepted",
        |s| &mut s.statuses_accepted,
        "messages_accepted_total{message_type=JobStatusUpdate}",
    ),
    (
        "statuses_resent",
        |s| &mut s.statuses_resent,
        "messages_resent_total{message_type=JobStatusUpdate}",
    ),
    (
        "statuses_acknowledged",
        |s| &mut s.statuses_acknowledged,
        "messages_acknowledged_total{message_type=JobStatusUpdate}",
    ),
    (
        "statuses_already_known",
        |s| &mut s.statuses_already_known,
        "messages_already_known_total{message_type=JobStatusUpdate}",
    ),
    (
        "statuses_refused",
        |s| &mut s.statuses_refused,
        "messages_refused_total{message_type=JobStatusUpdate}",
    ),
    (
        "statuses_set_aside",
        |s| &mut s.statuses_set_aside,
        "messages_set_aside_total{message_type=JobStatusUpdate}",
    ),
    (
        "specs_accepted",
        |s| &mut s.specs_accepted,
        "messages_accepted_total{message_type=V0MachineSpecsUpdate}",
    ),
    (
        "specs_resent",
        |s| &mut s.specs_resent,
        "messages_resent_total{message_type=V0MachineSpecsUpdate}",
    ),
    (
        "specs_acknowledged",
        |s| &mut s.specs_acknowledged,
        "messages_acknowledged_total{message_type=V0MachineSpecsUpdate}",
    ),
    (
        "specs_refused",
        |s| &mut s.specs_refused,
        "messages_refused_total{message_type=V0MachineSpecsUpdate}",
    ),
    (
        "specs_set_aside",
        |s| &mut s.specs_set_aside,
        "messages_set_aside_total{message_type=V0MachineSpecsUpdate}",
    ),
    (
        "handed_back",
        |s| &mut s.handed_back,
        "messages_handed_back_total",
    ),
    (
        "frames_received",
        |s| &mut s.frames_received,
        "frames_received_total",
    ),
    (
        "job_requests_received",
        |s| &mut s.job_requests_received,
        "messages_received_total{message_type=V2JobRequest}",
    ),
    (
        "jobs_received",
        |s| &mut s.jobs_received,
        "jobs_received_total",
    ),
    (
        "jobs_declined",
        |s| &mut s.jobs_declined,
        "jobs_declined_total",
    ),
    (
        "jobs_overdue",
        |s| &mut s.jobs_overdue,
        "jobs_overdue_total",
    ),
    (
        "cheat_reports_received",
        |s| &mut s.cheat_reports_received,
        "messages_received_total{message_type=V0JobCheated}",
    ),
    (
        "signatures_refused",
        |s| &mut s.signatures_refused,
        "signatures_refused_total",
    ),
    (
        "responses_received",
        |s| &mut s.responses_received,
        "messages_received_total{message_type=Response}",
    ),
    (
        "malformed_received",
        |s| &mut s.malformed_received,
        "messages_received_total{message_type=unknown}",
    ),
    (
        "unexpected_received",
        |s| &mut s.unexpected_received,
        "unexpected_messages_total",
    ),
    (
        "unknown_fields_received",
        |s| &mut s.unknown_fields_received,
        "unknown_fields_total",
    ),
    (
        "stale_inputs",
        |s| &mut s.stale_inputs,
        "stale_inputs_total",
    ),
];

/// Fields that other tests here look at, and the two totals that are the sums of what stands beside them.
const OTHERS: &[&str] = &[
    "statuses_sent",
    "statuses_sent_by_retries",
    "specs_sent",
    "specs_sent_by_retries",
    "connecting",
    "authenticating",
    "status_delivery",
    "specs_delivery",
    "round_trip",
    "is_ready",
    "uptime",
    "outbox_length",
    "in_flight",
    "specs_length",
    "outbox_bytes",
    "open_jobs",
];

#[test]
fn every_counter_is_told_in_its_place() {
    let solo = Solo::new(config());
    let mut overview = solo.client.overview(solo.now);
    // A field that is new is a line of this output that the lists above do not have.
    let shown = format!("{:#?}", overview.stats);
    let fields = shown
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(':'));
    let fields: Vec<&str> = fields
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with(' '))
        .collect();
    assert!(fields.len() > 40, "{fields:?}");
    for field in fields {
        let known = COUNTERS.iter().map(|(name, ..)| name).chain(OTHERS);
        assert!(
            known.copied().any(|known| known == field),
            "{field} is not told"
        );
    }
    for (number, (_, field, _)) in (1001_u64..).zip(COUNTERS) {
        *field(&mut overview.stats) = number;
    }
    let families = families(&overview);
    for (number, (name, _, sample)) in (1001_u64..).zip(COUNTERS) {
        assert_eq!(
            value(&families, sample),
            Some(u128::from(number) * ONE),
            "{name}: {sample}"
        );
    }
    // Refused and set aside.
    let failed = |kind: &str| {
        value(
            &families,
            &format!("message_send_failures_total{{message_type={kind}}}"),
        )
        .unwrap()
    };
    let number = |name: &str| {
        let position = COUNTERS.iter().position(|counter| counter.0 == name);
        (1001 + position.unwrap() as u128) * ONE
    };
    assert_eq!(
        failed("JobStatusUpdate"),
        number("statuses_refused") + number("statuses_set_aside")
    );
    assert_eq!(
        failed("V0MachineSpecsUpdate"),
        number("specs_refused") + number("specs_set_aside")
    );
    assert_eq!(failed("V0Heartbeat"), number("heartbeats_refused"));
}

#[test]
fn gauges_tell_what_is_now() {
    let mut solo = Solo::new(config());
    let told = |solo: &Solo, sample: &str| {
        value(&families(&solo.client.overview(solo.now)), sample).unwrap()
    };
    assert_eq!(told(&solo, "component_state{component=MessageManager}"), 0);
    assert_eq!(told(&solo, "session_phase{phase=idle}"), ONE);
    solo.start();
    // Time passes without any input, and is told all the same.
    solo.now = solo.now + Duration::from_millis(1500);
    assert_eq!(
        told(&solo, "component_uptime_seconds{component=MessageManager}"),
        ONE * 3 / 2
    );
    assert_eq!(
        told(&solo, "component_state{component=ConnectionManager}"),
        ONE
    );
    assert_eq!(told(&solo, "transport_layer_state"), 0);
    assert_eq!(told(&solo, "session_health{health=starting}"), ONE);
    solo.connect();
    assert_eq!(
        told(&solo, "transport_layer_state"),
        0,
        "connected is not enough"
    );
    solo.receive(SUCCESS);
    assert_eq!(told(&solo, "transport_layer_state"), ONE);
    let one_hot = |solo: &Solo, name: &str, labels: Vec<&str>| -> u128 {
        let label = name.split_once('_').unwrap().1;
        labels
            .iter()
            .map(|value| told(solo, &format!("{name}{{{label}={value}}}")))
            .sum()
    };
    assert_eq!(
        one_hot(
            &solo,
            "session_phase",
            Phase::ALL.iter().map(|p| p.as_str()).collect()
        ),
        ONE
    );
    assert_eq!(
        one_hot(
            &solo,
            "session_health",
            Health::ALL.iter().map(|h| h.as_str()).collect()
        ),
        ONE
    );

    solo.send(&job(1), JobStatus::Accepted);
    solo.send(&job(2), JobStatus::Accepted);
    solo.client
        .send_machine_specs(solo.now, MINER, &job(9), specs())
        .unwrap();
    assert_eq!(told(&solo, "message_queue_length"), 3 * ONE);
    assert_eq!(
        told(&solo, "messages_owed{message_type=JobStatusUpdate}"),
        2 * ONE
    );
    assert_eq!(
        told(&solo, "messages_owed{message_type=V0MachineSpecsUpdate}"),
        ONE
    );
    assert_eq!(
        told(&solo, "messages_in_flight{message_type=JobStatusUpdate}"),
        2 * ONE
    );
    assert_eq!(told(&solo, "open_jobs"), 2 * ONE);
    let bytes = solo.client.stats().outbox_bytes as u128;
    assert!(bytes > 100);
    assert_eq!(told(&solo, "messages_owed_bytes"), bytes * ONE);
}

#[test]
fn what_is_sent_again_is_told_by_its_repetitions() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.client
        .send_machine_specs(solo.now, MINER, &job(9), specs())
        .unwrap();
    for _ in 0..2 {
        solo.cut();
        solo.reconnect();
    }
    let families = families(&solo.client.overview(solo.now));
    for (kind, sent) in [
        ("JobStatusUpdate", [1, 1, 1, 0]),
        // They wait while the status before them is suspected of having broken the connection.
        ("V0MachineSpecsUpdate", [1, 0, 0, 0]),
    ] {
        for (retries, sent) in (0..).zip(sent) {
            let sample = format!("messages_sent_total{{message_type={kind},retries={retries}}}");
            assert_eq!(value(&families, &sample), Some(sent * ONE), "{sample}");
        }
    }
}

#[test]
fn durations_are_told_as_histograms() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.pass(Duration::from_millis(30));
    solo.receive(SUCCESS);
    solo.send(&job(1), JobStatus::Rejected);
    solo.receive(&error("job.not_found"));
    let families = families(&solo.client.overview(solo.now));
    for (name, count, sum) in [
        ("message_round_trip_seconds", 2 * ONE, 3),
        ("message_send_duration_seconds", ONE, 3),
    ] {
        let told = |suffix: &str, label: &str| {
            value(
                &families,
                &format!("{name}{suffix}{{message_type=JobStatusUpdate{label}}}"),
            )
            .unwrap()
        };
        assert_eq!(told("_count", ""), count, "{name}");
        assert_eq!(told("_sum", ""), sum * ONE / 100, "{name}");
        assert_eq!(told("_bucket", ",le=0.025"), count - ONE, "{name}");
        assert_eq!(told("_bucket", ",le=0.05"), count, "{name}");
    }
}

#[test]
fn an_overview_tells_of_jobs_and_of_what_comes_next() {
    let mut solo = Solo::ready(config());
    let began = solo.now;
    solo.pass(Duration::from_secs(1));
    solo.receive(&job_request(&job(1)));
    solo.receive(SUCCESS);
    solo.send(&job(1), JobStatus::Accepted);
    let overview = solo.client.overview(solo.now + Duration::from_secs(3));
    let [found] = overview.jobs.as_slice() else {
        panic!("{overview:?}")
    };
    assert_eq!(found.uuid.to_string(), job(1));
    assert_eq!(found.taken_up, began + Duration::from_secs(1));
    assert!(found.deadline > overview.now);
    assert_eq!(found.delivered, [JobStatus::Received]);
    assert_eq!(found.underway, [JobStatus::Accepted]);
    assert_eq!((overview.next_attempt, overview.reason), (None, None));

    // A job whose last status is on its way is still to be seen, and no longer open.
    solo.receive(SUCCESS);
    solo.send(&job(1), JobStatus::Failed);
    let overview = solo.client.overview(solo.now);
    assert_eq!((overview.jobs.len(), overview.stats.open_jobs), (1, 0));
    solo.receive(SUCCESS);
    assert!(solo.client.overview(solo.now).jobs.is_empty());

    solo.cut();
    let overview = solo.client.overview(solo.now);
    assert_eq!(
        (overview.phase, overview.health),
        (Phase::Waiting, Health::Degraded)
    );
    let next = overview.next_attempt.unwrap();
    assert!(next >= solo.now && overview.reason.is_some());
    assert_eq!(
        overview.retry_in(),
        Some(next.saturating_duration_since(solo.now))
    );
    solo.send(&job(2), JobStatus::Failed);
    solo.client.stop(solo.now).unwrap();
    let overview = solo.client.overview(solo.now);
    assert_eq!(
        overview.drain_deadline,
        Some(solo.now + config().drain_timeout)
    );
    solo.client.abort(solo.now).unwrap();
    let overview = solo.client.overview(solo.now);
    assert_eq!(
        (overview.phase, overview.drain_deadline),
        (Phase::Idle, None)
    );
}
