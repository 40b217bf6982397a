//! Whether ten times the sessions cost ten times as much, and not more. All these rows look at the same crowds.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use facilitator_tests::compare::{Bar, Detail, Measured, Plan, Row, Samples, Side, Unmeasured};

use super::crowd::{BEATS, Command, Cost, PERIOD};
use super::{Server, failed, open_files, role, server};
use crate::wire::Result;
use crate::wire::cores::Cores;

/// Per session, a larger crowd costs no more than this times what a smaller one costs: caches have an end.
const LINEAR: Bar = Bar::AtMost {
    bar: 1.15,
    aim: None,
};
const SIZES: [usize; 3] = [1000, 3000, 10_000];
const QUICK_SIZES: [usize; 3] = [10, 20, 40];
/// How many periods are measured.
const MEASURED: u32 = 2;
/// Times that every crowd is looked at.
const ROUNDS: usize = 2;

pub(crate) const CPU: Row = Row {
    id: "crowd-cpu",
    title: "10,000 sessions / 1,000: CPU while idle",
    explanation: "One process, one thread of tokio; the server is another process. CPU time of the clients' process for \
                  a session and second, in which heartbeats and pings go out and pongs come in; both every 4 s here, \
                  which are 60 s and 20 s by default. As many sessions as there are may cost so much more each.",
    bar: LINEAR,
    measure: |plan| row(plan, "ns", |crowd| 1e9 * crowd.idle_cpu(), idle_details),
};

pub(crate) const MEMORY: Row = Row {
    id: "crowd-memory",
    title: "10,000 sessions / 1,000: memory",
    explanation: "Growth of the resident memory for a session, after its first heartbeats and pings, in the same crowds.",
    bar: LINEAR,
    measure: |plan| row(plan, "bytes", Crowd::memory, |_| Vec::new()),
};

pub(crate) const RECONNECT: Row = Row {
    id: "crowd-reconnect",
    title: "10,000 sessions / 1,000: reconnect all",
    explanation: "The server ends every connection at once. CPU time of the clients' process for a session, until all \
                  are authenticated again. Their backoff spreads them over a second, so the time on the clock is that \
                  second and what is told below.",
    bar: LINEAR,
    measure: |plan| {
        row(
            plan,
            "us",
            |crowd| 1e6 * crowd.reconnect_cpu(),
            reconnect_details,
        )
    },
};

/// What a crowd has cost.
#[derive(Clone, Copy, Debug)]
struct Crowd {
    sessions: usize,
    start: Cost,
    idle: Cost,
    /// Until the last one was back, as its parent sees it.
    away: f64,
    back: Cost,
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn number(of: usize) -> f64 {
    of as f64
}

impl Crowd {
    /// CPU seconds for a session and second.
    fn idle_cpu(&self) -> f64 {
        self.idle.cpu / self.idle.seconds / number(self.sessions)
    }

    /// Bytes of a session.
    fn memory(&self) -> f64 {
        self.idle.resident / number(self.sessions)
    }

    /// CPU seconds of a session.
    fn reconnect_cpu(&self) -> f64 {
        self.back.cpu / number(self.sessions)
    }

    /// How long the schedule alone keeps the last one away: the largest of so many delays, each anywhere in a second.
    fn scheduled(&self) -> f64 {
        let sessions = number(self.sessions);
        sessions / (sessions + 1.0)
    }
}

/// What all rows look at: rounds of crowds, the smallest first.
#[derive(Clone, Debug)]
struct Crowds {
    rounds: Vec<Vec<Crowd>>,
    /// What the machine does not allow.
    remark: Option<String>,
}

impl Crowds {
    /// A figure of the crowds of one size, round by round.
    fn samples(&self, size: usize, figure: impl Fn(&Crowd) -> f64) -> Samples {
        let crowds = self.rounds.iter().filter_map(|round| round.get(size));
        Samples::new(crowds.map(figure).collect())
    }

    fn sessions(&self, size: usize) -> usize {
        let crowd = self.rounds.first().and_then(|round| round.get(size));
        crowd.map_or(0, |crowd| crowd.sessions)
    }

    /// The largest crowd's figure to the smallest one's.
    fn compare(&self, unit: &'static str, figure: impl Fn(&Crowd) -> f64) -> Measured {
        let (small, large) = (self.samples(0, &figure), self.samples(2, &figure));
        let pairs = large.figures().iter().zip(small.figures());
        let side = |size, figures| Side::new(format!("{} sessions", self.sessions(size)), figures);
        let mut measured = Measured {
            ratios: Samples::new(pairs.map(|(large, small)| large / small).collect()),
            ours: side(2, large),
            theirs: side(0, small),
            unit,
            details: Vec::new(),
        };
        let between = format!("of {} sessions", self.sessions(1));
        measured = measured.with(Detail::figures(between, self.samples(1, &figure), unit));
        match &self.remark {
            Some(remark) => measured.with(Detail::note(remark)),
            None => measured,
        }
    }
}

fn row(
    plan: &Plan,
    unit: &'static str,
    figure: fn(&Crowd) -> f64,
    details: fn(&Crowds) -> Vec<Detail>,
) -> core::result::Result<Measured, Unmeasured> {
    let crowds = crowds(plan)?;
    let mut measured = crowds.compare(unit, figure);
    measured.details.extend(details(&crowds));
    Ok(measured)
}

fn idle_details(crowds: &Crowds) -> Vec<Detail> {
    vec![Detail::figures(
        "CPU for one heartbeat or ping with its pong, of the largest crowd",
        crowds.samples(2, |crowd| 1e6 * crowd.idle_cpu() / BEATS),
        "us",
    )]
}

fn reconnect_details(crowds: &Crowds) -> Vec<Detail> {
    let sizes = [(0, "smallest"), (2, "largest")];
    let mut details = Vec::new();
    for (size, which) in sizes {
        details.extend([
            Detail::figures(
                format!("until all of the {which} crowd are back"),
                crowds.samples(size, |crowd| crowd.away),
                "s",
            ),
            Detail::figures(
                "beyond what the schedule alone needs".to_owned(),
                crowds.samples(size, |crowd| crowd.away - crowd.scheduled()),
                "s",
            ),
        ]);
    }
    details.push(Detail::figures(
        "attempts that failed, of the largest crowd, from the start on",
        crowds.samples(2, |crowd| {
            #[expect(clippy::cast_precision_loss, reason = "some thousands at most")]
            let failures = crowd.back.failures as f64;
            failures
        }),
        "",
    ));
    details.push(Detail::figures(
        "until all of the largest crowd are ready at first",
        crowds.samples(2, |crowd| crowd.start.seconds),
        "s",
    ));
    details
}

/// The crowds, which are measured once for all rows of a run.
fn crowds(plan: &Plan) -> core::result::Result<Crowds, Unmeasured> {
    static ONCE: OnceLock<core::result::Result<Crowds, Unmeasured>> = OnceLock::new();
    ONCE.get_or_init(|| gather(plan).map_err(failed)).clone()
}

fn gather(plan: &Plan) -> Result<Crowds> {
    let wanted = plan.pick(SIZES, QUICK_SIZES);
    let (sizes, remark) = fitting(wanted, open_files::sockets());
    let count = plan.rounds(ROUNDS);
    let mut rounds = Vec::new();
    for n in 1..=count {
        let mut round = Vec::new();
        for size in sizes {
            plan.tell(&format!("round {n} of {count}: {size} sessions"));
            round.push(measure(plan, size)?);
        }
        rounds.push(round);
    }
    Ok(Crowds { rounds, remark })
}

/// The sizes that a process can have sockets for, and what is to be said of it.
fn fitting(wanted: [usize; 3], sockets: usize) -> ([usize; 3], Option<String>) {
    let [_, _, largest] = wanted;
    if largest <= sockets {
        return (wanted, None);
    }
    let sizes = wanted.map(|size| (size * sockets / largest).max(1));
    let [_, _, possible] = sizes;
    let remark = format!(
        "A process may have {sockets} sockets here: {possible} SESSIONS AT MOST, IN PLACE OF {largest}. More need a \
         higher hard limit of open files (ulimit -Hn)."
    );
    (sizes, Some(remark))
}

fn measure(plan: &Plan, sessions: usize) -> Result<Crowd> {
    let mut server = Server::start(&[])?;
    let addresses = server.listening.addresses.iter().map(SocketAddr::to_string);
    let words: Vec<_> = [sessions.to_string()]
        .into_iter()
        .chain(addresses)
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut crowd = role("scale-crowd", Cores::choose().client, &words)?;
    let start: Cost = crowd.ask(&Command::Start)?;
    let period = plan.pick(PERIOD, PERIOD / 8);
    // All have begun at about the same time: the measurement begins and ends between their heartbeats.
    crowd.ask::<Cost>(&idle(period + period / 2))?;
    let before = server.ask(server::Command::Tell)?;
    let idle: Cost = crowd.ask(&idle(MEASURED * period))?;
    let after = server.ask(server::Command::Tell)?;
    let all = u64::try_from(sessions)?;
    if after.open != all {
        return Err(format!("{} of {sessions} sessions are connected", after.open).into());
    }
    // About as many as there should be; a sign of life is shorter than a period.
    let beats = after.texts - before.texts + after.pings - before.pings;
    let expected = u64::from(2 * MEASURED) * all;
    if !plan.is_quick() && !(expected * 3 / 4..=expected * 5 / 4).contains(&beats) {
        return Err(format!("{beats} heartbeats and pings came, not about {expected}").into());
    }
    crowd.ask::<Cost>(&Command::Remember)?;
    let begin = Instant::now();
    server.ask(server::Command::Cut)?;
    let back: Cost = crowd.ask(&Command::Return)?;
    let away = begin.elapsed().as_secs_f64();
    let seen = server.ask(server::Command::Tell)?;
    if seen.authentications < 2 * all {
        return Err(format!(
            "{} authentications of {sessions} sessions",
            seen.authentications
        )
        .into());
    }
    Ok(Crowd {
        sessions,
        start,
        idle,
        away,
        back,
    })
}

fn idle(time: Duration) -> Command {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Command::Idle { millis }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_sockets_are_few_there_are_fewer_sessions_and_it_is_said() {
        assert_eq!(fitting(SIZES, 10_000), (SIZES, None));
        let (sizes, remark) = fitting(SIZES, 924);
        assert_eq!(sizes, [92, 277, 924]);
        assert!(
            remark
                .unwrap()
                .contains("924 SESSIONS AT MOST, IN PLACE OF 10000")
        );
    }

    #[test]
    fn costs_are_told_for_each_session_and_compared() {
        let crowd = |sessions: usize, cpu| Crowd {
            sessions,
            start: Cost::default(),
            idle: Cost {
                seconds: 8.0,
                cpu,
                resident: 8000.0 * number(sessions),
                ..Cost::default()
            },
            away: 1.5,
            back: Cost {
                cpu: 2.0 * cpu,
                ..Cost::default()
            },
        };
        let crowds = Crowds {
            rounds: vec![vec![crowd(10, 0.8), crowd(30, 2.4), crowd(100, 8.8)]],
            remark: None,
        };
        let cpu = crowds.compare("s", Crowd::idle_cpu);
        assert!((cpu.theirs.figures.median() - 0.01).abs() < 1e-12);
        assert!((cpu.ratios.median() - 1.1).abs() < 1e-12);
        assert_eq!(cpu.ours.name, "100 sessions");
        let memory = crowds.compare("bytes", Crowd::memory);
        assert_eq!(memory.ours.figures.figures(), [8000.0]);
        let back = crowds.compare("s", Crowd::reconnect_cpu);
        assert!((back.theirs.figures.median() - 0.16).abs() < 1e-12);
    }
}
