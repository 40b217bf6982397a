//! What a report looks like in lines of text. No terminal, no time of its own.

use std::fmt::Write as _;

use crate::monitor::clock::{Length, Utc};
use crate::monitor::report::{Job, Queue, Report};

/// Events, connections and jobs of a short view.
const FEW: usize = 8;

/// The report in at most so many lines; what does not fit is left out, jobs first.
pub(super) fn lines(report: &Report, most: usize) -> Vec<String> {
    let mut lines = head(report);
    lines.extend(report.queues.iter().map(queue));
    lines.push(counts(report));
    let connections: Vec<String> = report
        .connections
        .iter()
        .take(FEW)
        .map(|it| {
            let state = match (it.is_open, it.was_ready) {
                (true, true) => "ready",
                (true, false) => "trying",
                (false, true) => "lost",
                (false, false) => "failed",
            };
            let began = Utc(it.began_unix_ms).time_of_day();
            let (number, lasted) = (it.number, Length(it.lasted_ms));
            let reason = it.reason.as_deref().unwrap_or_default();
            format!("  #{number} {began} {state}, {lasted}  {reason}")
        })
        .collect();
    let events: Vec<String> = report
        .events
        .iter()
        .take(FEW)
        .map(|it| {
            let mark = match it.weight.as_str() {
                "bad" => '!',
                "odd" => '?',
                _ => ' ',
            };
            let times = match it.times {
                1 => String::new(),
                times => format!(" x{times}"),
            };
            let at = Utc(it.unix_ms).time_of_day();
            format!("{mark} {at} {}{times}", it.text)
        })
        .collect();
    section(&mut lines, "Connections (UTC)", connections);
    section(&mut lines, "Events (UTC)", events);
    let total = report.jobs.len() + report.jobs_left_out;
    let room = most.saturating_sub(lines.len() + 3);
    let mut jobs: Vec<String> = report.jobs.iter().take(room).map(job).collect();
    if jobs.len() < total {
        jobs.push(format!("  and {} more", total - jobs.len()));
    }
    section(&mut lines, "Open jobs", jobs);
    lines.truncate(most);
    lines.iter().map(|line| plain(line)).collect()
}

/// What came from outside moves no cursor.
pub(super) fn plain(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn head(report: &Report) -> Vec<String> {
    let mut state = format!("{} ({})", report.phase, report.health);
    if let Some(since) = report.phase_for_ms {
        // A string takes everything, here and below.
        let _ = write!(state, " for {}", Length(since));
    }
    if let Some(left) = report.retry_in_ms {
        let _ = write!(state, "; next attempt in {}", Length(left));
    }
    if report.is_stopping {
        state.push_str("; a stop was asked for");
    }
    let mut lines = vec![
        format!(
            "facilitator-client {}, running for {}",
            report.version,
            Length(report.running_for_ms)
        ),
        format!("State        {state}"),
        format!("Facilitator  {}", report.facilitator),
        format!("Hotkey       {}", report.hotkey),
    ];
    if let Some(reason) = &report.reason {
        lines.push(format!("Reason       {reason}"));
    }
    lines.push(String::new());
    lines
}

fn queue(queue: &Queue) -> String {
    const WIDTH: usize = 20;
    let Queue {
        name,
        length,
        bound,
    } = queue;
    let filled = length
        .saturating_mul(WIDTH)
        .div_ceil((*bound).max(1))
        .min(WIDTH);
    let bar = "#".repeat(filled) + &".".repeat(WIDTH - filled);
    format!("  {name:<17} [{bar}] {length} of {bound}")
}

fn counts(report: &Report) -> String {
    let counts = &report.counts;
    format!(
        "  statuses delivered {}, resent {}, refused {}, set aside {}; jobs received {}, overdue {}; connections lost {}; heartbeats {}",
        counts.statuses_delivered,
        counts.statuses_resent,
        counts.statuses_refused,
        counts.set_aside,
        counts.jobs_received,
        counts.jobs_overdue,
        counts.connections_lost,
        counts.heartbeats_sent,
    )
}

fn job(job: &Job) -> String {
    let on_its_way = job.underway.iter().map(|status| format!("({status})"));
    let statuses: Vec<String> = job.delivered.iter().cloned().chain(on_its_way).collect();
    format!(
        "  {}  {}, {} left  {}",
        job.uuid,
        Length(job.age_ms),
        Length(job.left_ms),
        statuses.join(" ")
    )
}

fn section(lines: &mut Vec<String>, heading: &str, entries: Vec<String>) {
    if entries.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(heading.to_owned());
    lines.extend(entries);
}
