//! The verdict: the worker's book against the facilitator's record. And how it is told.

use std::io::{self, Write};
use std::time::Duration;

use facilitator_tokio::core::client::Stats;
use facilitator_tokio::core::facilitator::{Facilitator, JobRecord, Verdict};
use facilitator_tokio::core::message::JobStatus;
use serde::Serialize;

use super::book::{Pages, Submission};
use super::plan::{Moment, Plan, STATUSES};

/// A cut that was made.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Cut {
    /// How many statuses of all jobs were stored by then.
    pub(super) after_statuses: u64,
    /// At which status of which job.
    pub(super) status: &'static str,
    pub(super) uuid: String,
    /// The how-manieth of this kind it was.
    pub(super) nth: usize,
    /// Statuses that were sent and unanswered.
    pub(super) in_flight: usize,
    /// Statuses that were accepted and not sent yet.
    pub(super) queued: usize,
}

impl Cut {
    /// In words.
    pub(super) fn describe(&self, moment: Moment) -> String {
        let kind = STATUSES.get(moment.position).copied().unwrap_or_default();
        format!(
            "cut at {kind} number {} (job {}), after {} statuses; {} in flight, {} queued",
            moment.nth,
            short(&self.uuid),
            self.after_statuses,
            self.in_flight,
            self.queued
        )
    }
}

/// What the demonstration came to.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    ok: bool,
    /// Why it is not, in words.
    problems: Vec<String>,
    seed: u64,
    jobs: Jobs,
    cuts: Cuts,
    session: Session,
    statuses: Statuses,
    verdict: Judgement,
    seconds: f64,
    #[serde(skip)]
    table: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Jobs {
    planned: usize,
    pushed: usize,
    completed: usize,
    failed: usize,
    /// Everything else that a job can come to.
    other: usize,
}

#[derive(Debug, Serialize)]
struct Cuts {
    requested: usize,
    /// There is no more than one for each status of each job.
    planned: usize,
    made: Vec<Cut>,
}

#[derive(Debug, Serialize)]
struct Session {
    connect_attempts: u64,
    reconnects: u64,
}

#[derive(Debug, Serialize)]
struct Statuses {
    submitted: usize,
    acknowledged: usize,
    already_known: usize,
    refused: usize,
    set_aside: usize,
    handed_back: usize,
    without_receipt: usize,
    /// Sent again after a connection broke.
    resent: u64,
    /// Stored by the facilitator, each once.
    stored: u64,
    /// Refused by the facilitator because it had them.
    repeated: u64,
}

#[derive(Debug, Serialize)]
struct Judgement {
    lost: u64,
    reordered: u64,
    duplicates_applied: u64,
    unexpected: u64,
    /// Receipts that say otherwise than the record, and records whose content is not what was submitted.
    disagreements: usize,
}

/// A job in the table.
#[derive(Debug)]
struct Row {
    uuid: String,
    status: JobStatus,
    exit: String,
    stored: usize,
    repeated: u64,
    output: String,
}

/// What is judged.
pub(super) struct Evidence<'a> {
    pub(super) seed: u64,
    pub(super) cuts_requested: usize,
    pub(super) plan: &'a Plan,
    pub(super) pages: Pages,
    pub(super) facilitator: &'a Facilitator,
    pub(super) stats: Stats,
    pub(super) made: Vec<Cut>,
    pub(super) owed: usize,
    /// The deadline that has passed, if it has.
    pub(super) overdue: Option<Duration>,
    pub(super) took: Duration,
}

impl Report {
    /// Compares everything with everything.
    pub(super) fn new(evidence: Evidence<'_>) -> Self {
        let Evidence {
            plan,
            facilitator,
            stats,
            ..
        } = evidence;
        let pages = &evidence.pages;
        let mut problems = pages.surprises.clone();
        if let Some(deadline) = evidence.overdue {
            problems.push(format!("it was not done within {} s", deadline.as_secs()));
        }
        if evidence.owed > 0 {
            problems.push(format!("{} messages were handed back", evidence.owed));
        }
        let verdict = verdict(pages, facilitator);
        if !verdict.is_clean() {
            problems.push(in_words(verdict));
        }
        let statuses = Statuses::count(pages, facilitator, &stats);
        statuses.complain(&mut problems);
        let disagreements = disagreements(pages, facilitator);
        if disagreements > 0 {
            problems.push(format!(
                "receipts and record disagree {disagreements} times"
            ));
        }
        let jobs = Jobs::count(plan, facilitator);
        jobs.complain(pages, &mut problems);
        Self {
            ok: problems.is_empty(),
            problems,
            seed: evidence.seed,
            jobs,
            cuts: Cuts {
                requested: evidence.cuts_requested,
                planned: plan.cuts.len(),
                made: evidence.made,
            },
            session: Session {
                connect_attempts: stats.connect_attempts,
                reconnects: stats.sessions.saturating_sub(1),
            },
            statuses,
            verdict: Judgement {
                lost: verdict.lost,
                reordered: verdict.reordered,
                duplicates_applied: verdict.duplicates_applied,
                unexpected: verdict.unexpected,
                disagreements,
            },
            seconds: evidence.took.as_secs_f64(),
            table: facilitator.jobs().map(row).collect(),
        }
    }

    /// What went wrong, in one line; `None` when nothing did.
    pub(super) fn failure(&self) -> Option<String> {
        (!self.ok).then(|| format!("the verdict failed: {}", self.problems.join("; ")))
    }

    /// For machines.
    pub(super) fn write_json(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)?;
        out.flush()
    }

    /// For people.
    pub(super) fn write_table(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "  job       status        exit  stored  repeated  output"
        )?;
        for row in &self.table {
            writeln!(
                out,
                "  {:<8}  {:<12}  {:>4}  {:>6}  {:>8}  {}",
                short(&row.uuid),
                row.status.as_str(),
                row.exit,
                row.stored,
                row.repeated,
                row.output
            )?;
        }
        let (jobs, cuts, statuses) = (&self.jobs, &self.cuts, &self.statuses);
        writeln!(
            out,
            "\n{} jobs: {} completed, {} failed, {} otherwise; seed {}, {:.1} s",
            jobs.pushed, jobs.completed, jobs.failed, jobs.other, self.seed, self.seconds
        )?;
        write!(
            out,
            "{} cuts, {} reconnects",
            cuts.made.len(),
            self.session.reconnects
        )?;
        if cuts.requested > cuts.made.len() {
            write!(
                out,
                " ({} cuts were asked for, {} were possible)",
                cuts.requested, cuts.planned
            )?;
        }
        writeln!(
            out,
            "\n{} statuses submitted, {} acknowledged, {} of them known already; {} resent",
            statuses.submitted,
            statuses.acknowledged + statuses.already_known,
            statuses.already_known,
            statuses.resent
        )?;
        let verdict = &self.verdict;
        writeln!(
            out,
            "lost {}, reordered {}, duplicates applied {}",
            verdict.lost, verdict.reordered, verdict.duplicates_applied
        )?;
        out.flush()
    }
}

impl Statuses {
    fn count(pages: &Pages, facilitator: &Facilitator, stats: &Stats) -> Self {
        let all = || pages.jobs.values().flatten();
        let with = |name: &str| {
            let has = |submission: &&Submission| submission.outcomes.contains(&name);
            all().filter(has).count()
        };
        Self {
            submitted: all().count(),
            acknowledged: with("acknowledged"),
            already_known: with("already_known"),
            refused: with("refused"),
            set_aside: with("set_aside"),
            handed_back: with("handed_back"),
            without_receipt: all()
                .filter(|submission| submission.outcomes.is_empty())
                .count(),
            resent: stats.statuses_resent,
            stored: facilitator.stats().statuses_stored,
            repeated: facilitator.stats().statuses_repeated,
        }
    }

    fn complain(&self, problems: &mut Vec<String>) {
        for (count, what) in [
            (self.refused, "refused"),
            (self.set_aside, "set aside"),
            (self.handed_back, "handed back"),
            (self.without_receipt, "left without a receipt"),
        ] {
            if count > 0 {
                problems.push(format!("{count} statuses were {what}"));
            }
        }
    }
}

impl Jobs {
    fn count(plan: &Plan, facilitator: &Facilitator) -> Self {
        let with = |status| {
            facilitator
                .jobs()
                .filter(|job| job.current_status() == status)
                .count()
        };
        let (pushed, completed, failed) = (
            facilitator.jobs().count(),
            with(JobStatus::Completed),
            with(JobStatus::Failed),
        );
        Self {
            planned: plan.jobs.len(),
            pushed,
            completed,
            failed,
            other: pushed - completed - failed,
        }
    }

    fn complain(&self, pages: &Pages, problems: &mut Vec<String>) {
        let taken_up = pages.jobs.len();
        if self.pushed != self.planned || taken_up != self.planned {
            problems.push(format!(
                "of {} jobs, {} were pushed and {taken_up} taken up",
                self.planned, self.pushed
            ));
        }
        if self.other > 0 {
            problems.push(format!("{} jobs neither completed nor failed", self.other));
        }
    }
}

fn verdict(pages: &Pages, facilitator: &Facilitator) -> Verdict {
    let submitted: Vec<(&str, Vec<JobStatus>)> = pages
        .jobs
        .iter()
        .map(|(uuid, job)| {
            (
                uuid.as_str(),
                job.iter().map(|submission| submission.status).collect(),
            )
        })
        .collect();
    facilitator.verdict(
        submitted
            .iter()
            .map(|(uuid, statuses)| (*uuid, statuses.as_slice())),
    )
}

fn in_words(verdict: Verdict) -> String {
    format!(
        "lost {}, reordered {}, duplicates applied {}, unexpected {}",
        verdict.lost, verdict.reordered, verdict.duplicates_applied, verdict.unexpected
    )
}

/// How often a submission, its receipts and the record do not fit together.
fn disagreements(pages: &Pages, facilitator: &Facilitator) -> usize {
    let jobs = pages.jobs.iter();
    jobs.map(|(uuid, job)| {
        let record = facilitator.job(uuid);
        job.iter()
            .filter(|submission| !agrees(submission, record))
            .count()
    })
    .sum()
}

/// Delivered, by exactly one receipt, means stored as it was submitted.
fn agrees(submission: &Submission, record: Option<&JobRecord>) -> bool {
    let delivered = matches!(
        submission.outcomes.as_slice(),
        ["acknowledged" | "already_known"]
    );
    let stored = record.is_some_and(|record| {
        record.statuses().iter().any(|stored| {
            stored.status == submission.status && stored.metadata == submission.metadata
        })
    });
    delivered && stored
}

fn row(record: &JobRecord) -> Row {
    let metadata = record
        .statuses()
        .iter()
        .rev()
        .find_map(|stored| stored.metadata.as_ref());
    let (mut exit, mut output) = (String::new(), String::new());
    if let Some(response) = metadata.and_then(|metadata| metadata.miner_response.as_ref()) {
        exit = "0".into();
        output = first_line(&response.docker_process_stdout);
    }
    if let Some(failure) = metadata.and_then(|metadata| metadata.job_failure_details.as_ref()) {
        exit = failure
            .docker_process_exit_status
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        output = first_line(
            failure
                .docker_process_stderr
                .as_deref()
                .unwrap_or(&failure.message),
        );
    }
    if let Some(failure) = metadata.and_then(|metadata| metadata.horde_failure_details.as_ref()) {
        output = first_line(&failure.message);
    }
    Row {
        uuid: record.uuid().to_owned(),
        status: record.current_status(),
        exit,
        stored: record
            .statuses()
            .iter()
            .filter(|stored| stored.conn.is_some())
            .count(),
        repeated: record.repetitions(),
        output,
    }
}

/// What fits into the table.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(48).collect()
}

/// The part of a uuid that people read.
fn short(uuid: &str) -> &str {
    uuid.split('-').next().unwrap_or(uuid)
}
