//! Traces that are damaged, and sessions that do something else than they did: each is noticed, and named.

use std::time::Duration;

use facilitator_core::client::{ConfigError, Phase};
use facilitator_core::message::JobStatus;
use facilitator_core::trace::{
    Difference, MAX_LINE_BYTES, Player, Recorder, RecordingError, ReplayError, Sink, SinkClosed,
};
use facilitator_core::{ConnectionId, Frame, Timestamp};
use facilitator_tests::pair::Pair;
use facilitator_tests::solo::{SUCCESS, config, job, keypair, update};

use crate::diary::{Diary, replay};

/// A day with a job, a cut and a stop.
fn day() -> Vec<String> {
    let mut pair = Pair::new(config(), 5);
    let diary = Diary::of(&mut pair.client);
    pair.start();
    let uuid = pair.push_job(1);
    pair.pass(Duration::from_secs(1));
    for status in [JobStatus::Accepted, JobStatus::Completed] {
        let sent = pair.client.send_job_status(pair.now, update(&uuid, status));
        sent.unwrap();
        pair.settle();
        pair.cut(0);
        pair.pass(Duration::from_secs(30));
    }
    pair.client.stop(pair.now).unwrap();
    pair.settle();
    pair.pass(Duration::from_secs(30));
    diary.check("a day");
    diary.lines()
}

#[test]
fn every_changed_output_is_noticed_at_its_line() {
    let lines = day();
    let outputs = lines.iter().enumerate();
    let outputs: Vec<_> = outputs
        .filter(|(_, line)| line.starts_with(r#"{"output":"#))
        .collect();
    assert!(outputs.len() > 20, "{}", outputs.len());
    for (index, line) in outputs {
        let mut changed = lines.clone();
        // One more digit, or another word.
        changed[index] = match line.find(|c: char| c.is_ascii_digit()) {
            Some(digit) => format!("{}1{}", &line[..digit], &line[digit..]),
            None => r#"{"output":"malformed"}"#.to_owned(),
        };
        match replay(&changed) {
            Err(ReplayError::Difference(difference)) => {
                let Difference { line, recorded, .. } = *difference;
                assert_eq!(line, index as u64 + 1);
                let recorded = recorded.unwrap();
                assert!(changed[index].contains(recorded.trim_end_matches("..")));
            }
            other => panic!("{}: {other:?}", changed[index]),
        }
    }
}

/// A session that does more than it did differs too, although every recorded output is among what it does.
#[test]
fn every_output_too_many_is_noticed() {
    let lines = day();
    let mut input = 0;
    for index in 0..lines.len() {
        if lines[index].starts_with(r#"{"input":"#) {
            input = index;
        }
        if !lines[index].starts_with(r#"{"output":"#) {
            continue;
        }
        let last = lines.get(index + 1);
        if last.is_some_and(|line| line.starts_with(r#"{"output":"#)) {
            continue;
        }
        let mut less = lines.clone();
        let count = index - input;
        let (promised, fewer) = (
            format!(r#""outputs":{count},"#),
            format!(r#""outputs":{},"#, count - 1),
        );
        assert!(less[input].contains(&promised), "{}", less[input]);
        less[input] = less[input].replace(&promised, &fewer);
        let removed = less.remove(index);
        match replay(&less) {
            Err(ReplayError::Difference(difference)) => {
                assert_eq!(difference.recorded, None);
                let replayed = difference.replayed.unwrap();
                assert!(removed.contains(replayed.trim_end_matches("..")));
            }
            other => panic!("{removed}: {other:?}"),
        }
    }
}

#[test]
fn every_missing_and_every_foreign_line_is_noticed() {
    let lines = day();
    for index in 0..lines.len() {
        let mut less = lines.clone();
        less.remove(index);
        // An input without outputs that changes nothing can be missing without a trace of it.
        let harmless = lines[index].contains(r#""outputs":0"#);
        assert!(replay(&less).is_err() || harmless, "{}", lines[index]);
        let mut more = lines.clone();
        more.insert(index, lines[index].clone());
        assert!(replay(&more).is_err() || harmless, "{}", lines[index]);
    }
}

#[test]
fn a_trace_can_end_anywhere_and_what_is_missing_is_said() {
    let lines = day();
    let (mut whole, mut cut) = (0, 0);
    for end in 1..lines.len() {
        match replay(&lines[..end]) {
            Ok(_) => whole += 1,
            Err(ReplayError::Truncated { line, missing }) => {
                cut += 1;
                assert_eq!(line, end as u64);
                let next = &lines[end..end + missing];
                assert!(next.iter().all(|line| line.starts_with(r#"{"output":"#)));
            }
            Err(error) => panic!("{end}: {error}"),
        }
    }
    assert!(whole > 5 && cut > 5, "{whole} {cut}");
    assert_eq!(replay::<&str>(&[]), Err(ReplayError::Empty));
}

/// Every line damaged at random: an error, or the same outputs, and never a panic.
#[test]
fn damage_is_a_typed_error_with_its_line() {
    let lines = day();
    let mut random = fastrand::Rng::with_seed(1);
    let (mut damaged, mut other, mut harmless) = (0, 0, 0);
    for round in 0..2000 {
        let index = round % lines.len();
        let mut bytes = lines[index].clone().into_bytes();
        let at = random.usize(0..bytes.len());
        match random.u8(0..4) {
            0 => bytes[at] = random.u8(b' '..b'~'),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, random.u8(b'0'..=b'9')),
            _ => bytes.truncate(at),
        }
        let mut lines = lines.clone();
        lines[index] = String::from_utf8_lossy(&bytes).into_owned();
        match replay(&lines) {
            Ok(_) => harmless += 1,
            Err(ReplayError::Damaged { line, reason }) => {
                damaged += 1;
                assert!(
                    line > index as u64 && reason.chars().count() < 500,
                    "{reason}"
                );
            }
            Err(_) => other += 1,
        }
    }
    println!("{damaged} damaged, {other} other errors, {harmless} without effect");
    assert!(damaged > 750 && other > 150, "{damaged} {other} {harmless}");
}

#[test]
fn the_first_line_has_its_own_errors() {
    let lines = day();
    let first = |line: String| Player::new().feed(&line).unwrap_err();
    for none in ["", "{}", "null", r#"{"output":1}"#, &lines[1]] {
        assert_eq!(first(none.into()), ReplayError::NoSession, "{none:?}");
    }
    let header = &lines[0];
    assert_eq!(
        first(header.replace(r#""format":2"#, r#""format":1"#)),
        ReplayError::Format { found: 1 }
    );
    assert_eq!(
        first(r#"{"session":{"format":9,"of":"a later time"}}"#.into()),
        ReplayError::Format { found: 9 }
    );
    assert_eq!(
        first(header.replace(r#""window":64"#, r#""window":0"#)),
        ReplayError::Config(ConfigError::Zero { field: "window" })
    );
    assert!(matches!(
        first(header.replace(r#""hotkey":"5"#, r#""hotkey":"6"#)),
        ReplayError::Damaged { line: 1, .. }
    ));
    let twice = [header, header];
    assert!(matches!(
        replay(&twice),
        Err(ReplayError::Damaged { line: 2, .. })
    ));
    assert_eq!(
        first("x".repeat(MAX_LINE_BYTES + 1)),
        ReplayError::LineTooLong { line: 1 }
    );
}

/// Whatever a trace says of times and bounds, no arithmetic overflows.
#[test]
fn the_largest_configuration_is_borne() {
    let lines = day();
    let mut header = lines[0].clone();
    for (from, to) in [
        (
            r#"pong_timeout":[20,0]"#,
            r#"pong_timeout":[18446744073709551615,999999999]"#,
        ),
        (
            r#"refused_delay":[300,0]"#,
            r#"refused_delay":[18446744073709551615,999999999]"#,
        ),
        (
            r#"backoff_max":[60,0]"#,
            r#"backoff_max":[18446744073709551615,999999999]"#,
        ),
        (
            r#"job_margin":[600,0]"#,
            r#"job_margin":[18446744073709551615,999999999]"#,
        ),
        (
            r#""ended_jobs":10000"#,
            r#""ended_jobs":18446744073709551615"#,
        ),
        (
            r#""outbox_entries":1000"#,
            r#""outbox_entries":18446744073709551615"#,
        ),
    ] {
        assert!(header.contains(from), "{from}");
        header = header.replace(from, to);
    }
    let mut player = Player::new();
    player.feed(&header).unwrap();
    for line in &lines[1..] {
        if player.feed(line).is_err() {
            break;
        }
    }
    let mut lines = lines;
    lines[0] = header;
    lines.truncate(2);
    let at = r#"{"input":{"at":[18446744073709551615,999999999],"outputs":0,"what":"tick"}}"#;
    lines.insert(1, at.into());
    let _ = replay(&lines);
}

#[test]
fn a_replay_can_stop_at_a_time() {
    let lines = day();
    let mut player = Player::new().until(Timestamp::from_duration(Duration::from_millis(15)));
    let mut shown = 0;
    for line in &lines {
        match player.feed(line).unwrap() {
            Some(_) => shown += 1,
            None => break,
        }
    }
    let session = player.session().unwrap();
    assert_eq!(session.phase(), Phase::Authenticating);
    assert!(shown > 3 && shown < 12, "{shown}");
    let replayed = player.finish().unwrap();
    assert!(replayed.end <= Timestamp::from_duration(Duration::from_millis(15)));
}

#[test]
fn a_recording_begins_with_the_session() {
    let mut session = Recorder::new(config(), &keypair(), 1).unwrap();
    session.start(Timestamp::ZERO).unwrap();
    assert_eq!(session.record(Diary::default()), Err(RecordingError::Begun));
    assert!(!session.is_recording());

    // The time is nothing yet.
    let mut session = Recorder::new(config(), &keypair(), 1).unwrap();
    let unix = Duration::from_secs(1_795_432_324);
    session.set_wall_clock(Timestamp::from_duration(unix), unix);
    let diary = Diary::of(&mut session);
    session.start(Timestamp::ZERO).unwrap();
    assert_eq!(diary.check("a late start").inputs, 2);
}

/// What a full disk does.
struct Small(usize, Diary);

impl Sink for Small {
    fn line(&mut self, line: &str) -> Result<(), SinkClosed> {
        self.0 = self.0.checked_sub(1).ok_or(SinkClosed)?;
        self.1.line(line)
    }
}

#[test]
fn a_sink_that_is_full_ends_the_recording_and_nothing_else() {
    for lines in 0..12 {
        let mut session = Recorder::new(config(), &keypair(), 1).unwrap();
        let diary = Diary::default();
        let begun = session.record(Small(lines, diary.clone()));
        assert_eq!(begun.is_err(), lines == 0);
        session.start(Timestamp::ZERO).unwrap();
        while session.poll_output().is_some() {}
        session.handle_connected(Timestamp::ZERO, ConnectionId(1));
        session.handle_frame(Timestamp::ZERO, ConnectionId(1), Frame::text(SUCCESS));
        let mut outputs = 0;
        while session.poll_output().is_some() {
            outputs += 1;
        }
        let id = session.send_job_status(Timestamp::ZERO, update(&job(1), JobStatus::Accepted));
        assert!(id.is_ok());
        assert_eq!((session.phase(), outputs), (Phase::Ready, 5), "{lines}");
        let error = session.recording_error();
        if lines < 11 {
            assert_eq!(error, Some(RecordingError::Sink(SinkClosed)), "{lines}");
            assert_eq!(diary.lines().len(), lines);
        }
        // What there is of it replays.
        match replay(&diary.lines()) {
            Ok(_) | Err(ReplayError::Empty | ReplayError::Truncated { .. }) => {}
            Err(error) => panic!("{lines}: {error}"),
        }
    }
}
