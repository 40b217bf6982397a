//! A facilitator, as small as it can be: it stores statuses in the order in which it reads them, answers each in turn,
//! and misbehaves when it is told to. Written from the protocol's description, and from nothing else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use facilitator_core::client::Disconnected;
use facilitator_core::message::JobStatus;
use facilitator_core::{CloseFrame, Frame};

use super::said::Said;
use super::script::{Crash, Mangle, Manner};
use crate::solo;

/// What a facilitator keeps for ever.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The statuses of each job, in the order in which they were stored. Each at most once.
    pub stored: BTreeMap<u32, Vec<JobStatus>>,
    /// Batches whose specs were read.
    pub batches: BTreeSet<u32>,
    /// Jobs that it has pushed.
    pub pushed: BTreeSet<u32>,
    /// Jobs that it has said not to know, which it never will: a status that is refused today and stored tomorrow would
    /// come after those that were given later.
    pub denied: BTreeSet<u32>,
    /// Something that a validator never does, in words.
    pub offence: Option<String>,
}

impl Record {
    /// Whether this status of this job is stored.
    pub fn has(&self, job: u32, status: JobStatus) -> bool {
        self.stored
            .get(&job)
            .is_some_and(|stored| stored.contains(&status))
    }

    /// Whether the job exists: it was pushed, or an earlier life of the facilitator has pushed it. Of those that were
    /// never pushed, every fourth does not.
    fn knows(&self, job: u32) -> bool {
        !self.denied.contains(&job) && (self.pushed.contains(&job) || job % 4 != 3)
    }

    fn store(&mut self, job: u32, status: JobStatus) {
        let stored = self.stored.entry(job).or_default();
        if !stored.contains(&status) {
            stored.push(status);
        }
    }
}

/// What a facilitator answered to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Success.
    Success,
    /// `job.integrity_error`.
    Known,
    /// `job.not_found`.
    NotFound,
    /// It did not understand the frame, and says of which type the frame was.
    Named,
    /// It did not understand the frame, and does not say which.
    Nameless,
    /// About the authentication.
    Authentication,
    /// Anything, in words that cannot be read.
    Garbled,
}

/// Why something is on the way to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It answers the n-th text frame or ping of its connection.
    Answer(u64, Verdict),
    /// It is the pong of the n-th frame.
    Pong(u64),
    /// A request for this job.
    Request(u32),
    /// Something that cannot be read; whether it looks like a `Response`.
    Malformed(bool),
    /// A success that answers nothing.
    Unsolicited,
    /// Anything else.
    Other,
}

/// What is on the way to the session.
#[derive(Clone, Debug)]
pub enum Parcel {
    /// A frame, and why it was sent.
    Frame(Frame, Cause),
    /// The end of the link.
    End(Disconnected),
}

/// How a facilitator behaves from now on.
#[derive(Clone, Debug)]
pub struct Manners {
    /// To authentications.
    pub authentication: Manner,
    /// To the next frames.
    pub mangles: VecDeque<Mangle>,
    /// Statuses that it did not understand, and never will: reading is no matter of chance.
    pub refused: Vec<(u32, JobStatus, Mangle)>,
    /// Statuses that it crashes on.
    pub poison: Vec<(u32, JobStatus, Crash)>,
    /// Batches that it crashes on.
    pub poison_specs: Vec<(u32, Crash)>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            authentication: Manner::Accept,
            mangles: VecDeque::new(),
            refused: Vec::new(),
            poison: Vec::new(),
            poison_specs: Vec::new(),
        }
    }
}

impl Manners {
    /// How a frame is misunderstood, if it is.
    fn misunderstands(&mut self, said: Said) -> Option<Mangle> {
        let Said::Status(job, status) = said else {
            return self.mangles.pop_front();
        };
        let known = |(of, which, _): &&(u32, JobStatus, Mangle)| (*of, *which) == (job, status);
        if let Some((_, _, mangle)) = self.refused.iter().find(known) {
            return Some(*mangle);
        }
        let mangle = self.mangles.pop_front()?;
        self.refused.push((job, status, mangle));
        Some(mangle)
    }
}

/// The facilitator's end of one link.
#[derive(Clone, Debug, Default)]
pub struct Ear {
    /// Whether the validator is authenticated.
    pub authenticated: bool,
    /// Whether the handler has crashed, or the socket is closing: it reads no more.
    pub deaf: bool,
    /// Whether the handler hangs: the socket lives.
    pub hung: bool,
    /// What it has to read when it goes on.
    pub backlog: VecDeque<(u64, Frame)>,
}

/// An error without the fields that it needs.
pub const GARBLED: &str = r#"{"status":"error","errors":[{}]}"#;

/// The answer of a facilitator that is content.
fn success() -> Frame {
    static SUCCESS: std::sync::LazyLock<Arc<str>> =
        std::sync::LazyLock::new(|| Arc::from(solo::SUCCESS));
    Frame::Text(Arc::clone(&SUCCESS))
}

/// The facilitator reads the n-th frame of a link. What it says is added to `down`.
pub fn read(
    record: &mut Record,
    manners: &mut Manners,
    ear: &mut Ear,
    (index, frame): (u64, &Frame),
    down: &mut VecDeque<Parcel>,
) {
    if ear.deaf {
        return;
    }
    match frame {
        Frame::Text(text) if ear.hung => {
            // Read they are, and a pong says so: nobody promises more of specs. That they are refused after that could
            // be taken for a refusal of those after them.
            if let Some(Said::Specs(batch)) = Said::read(text) {
                record.batches.insert(batch);
            } else {
                ear.backlog.push_back((index, frame.clone()));
            }
        }
        Frame::Text(text) => match Said::read(text) {
            Some(said) => read_text(record, manners, ear, (index, said), down),
            None => record.offence = Some(format!("it wrote what is no message: {text:?}")),
        },
        Frame::Ping(payload) => {
            let pong = Frame::Pong(Arc::clone(payload));
            down.push_back(Parcel::Frame(pong, Cause::Pong(index)));
        }
        Frame::Close(close) => {
            ear.deaf = true;
            down.push_back(Parcel::Frame(Frame::Close(close.clone()), Cause::Other));
            down.push_back(Parcel::End(Disconnected::Closed(close.clone())));
        }
        Frame::Binary(_) | Frame::Pong(_) => {
            record.offence = Some(format!("it wrote {frame:?}"));
        }
    }
}

fn read_text(
    record: &mut Record,
    manners: &mut Manners,
    ear: &mut Ear,
    (index, said): (u64, Said),
    down: &mut VecDeque<Parcel>,
) {
    let mut answer = |frame: Frame, verdict: Verdict| {
        down.push_back(Parcel::Frame(frame, Cause::Answer(index, verdict)));
    };
    let error = |kind: &str| Frame::text(solo::error(kind));
    if said == Said::Authentication {
        if ear.authenticated || index > 0 {
            record.offence = Some("it authenticated in the middle of a connection".into());
        }
        let (kind, close) = match manners.authentication {
            Manner::Accept => {
                ear.authenticated = true;
                return answer(success(), Verdict::Success);
            }
            Manner::Ignore => return,
            Manner::NotFound => ("auth.validator_not_found", Some(3001)),
            Manner::Invalid => ("auth.signature_invalid", Some(3000)),
            Manner::Other => ("auth.maintenance", None),
        };
        answer(error(kind), Verdict::Authentication);
        if let Some(code) = close {
            close_with(ear, code, down);
        }
        return;
    }
    if !ear.authenticated {
        record.offence = Some(format!("it wrote {said:?} before it was authenticated"));
        return answer(error("auth.not_authenticated"), Verdict::Authentication);
    }
    let mangle = manners.misunderstands(said);
    let garbled = mangle == Some(Mangle::Garbled);
    if let Some(mangle) = mangle.filter(|_| !garbled) {
        let (text, verdict) = match mangle {
            Mangle::Named => {
                let loc = format!(r#"["{}","x"]"#, said.message_type());
                (solo::error_at("missing", &loc), Verdict::Named)
            }
            Mangle::Nameless => (solo::error_at("json_invalid", "[]"), Verdict::Nameless),
            Mangle::Wordless | Mangle::Garbled => (
                r#"{"status":"error","errors":[]}"#.to_owned(),
                Verdict::Nameless,
            ),
        };
        return answer(Frame::text(text), verdict);
    }
    let mut answer = |frame: Frame, verdict: Verdict| {
        if garbled {
            answer(Frame::text(GARBLED), Verdict::Garbled);
        } else {
            answer(frame, verdict);
        }
    };
    match said {
        Said::Authentication | Said::Heartbeat => {}
        Said::Status(job, status) => {
            let poison = manners
                .poison
                .iter()
                .find(|(poison, of, _)| (*poison, *of) == (job, status));
            if let Some((_, _, how)) = poison {
                if *how == Crash::Stored && record.knows(job) {
                    record.store(job, status);
                }
                return crash(ear, *how, down);
            }
            if !record.knows(job) {
                record.denied.insert(job);
                answer(error("job.not_found"), Verdict::NotFound);
            } else if record.has(job, status) {
                answer(error("job.integrity_error"), Verdict::Known);
            } else {
                record.store(job, status);
                answer(success(), Verdict::Success);
            }
        }
        Said::Specs(batch) => {
            let poison = manners
                .poison_specs
                .iter()
                .find(|(poison, _)| *poison == batch);
            if let Some((_, how)) = poison {
                return crash(ear, *how, down);
            }
            record.batches.insert(batch);
        }
    }
}

/// The handler is gone; what was sent to it meanwhile goes unanswered.
fn crash(ear: &mut Ear, how: Crash, down: &mut VecDeque<Parcel>) {
    match how {
        Crash::Unstored | Crash::Stored => end(ear, down),
        Crash::Closing => close_with(ear, CloseFrame::INTERNAL_ERROR, down),
        Crash::TooBig => close_with(ear, CloseFrame::TOO_BIG, down),
    }
}

/// The facilitator ends the stream.
pub fn end(ear: &mut Ear, down: &mut VecDeque<Parcel>) {
    ear.deaf = true;
    down.push_back(Parcel::End(Disconnected::EndOfStream));
}

/// The facilitator closes.
pub fn close_with(ear: &mut Ear, code: u16, down: &mut VecDeque<Parcel>) {
    ear.deaf = true;
    let close = Some(CloseFrame::new(code));
    down.push_back(Parcel::Frame(Frame::Close(close.clone()), Cause::Other));
    down.push_back(Parcel::End(Disconnected::Closed(close)));
}
