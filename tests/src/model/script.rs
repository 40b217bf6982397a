//! A script: the session's bounds, then what happens to it, step by step. Plain values, and how they print: as Rust
//! that can be pasted into a test. What a step does is decided in `world`.

use std::fmt;

use facilitator_core::message::JobStatus;

/// An enumeration whose `Debug` is Rust with its path: `Bad::Nul`. Its members' names may occur elsewhere.
macro_rules! pasteable {
    ($(#[$meta:meta])* $name:ident { $( $(#[$doc:meta])* $member:ident, )+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[$doc])* $member, )+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$member),+];
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$member => concat!(stringify!($name), "::", stringify!($member)),)+
                })
            }
        }
    };
}

/// How a script's session is configured. Everything else is the default of
/// [`Config`](facilitator_core::client::Config).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that are independent of each other"
)]
pub struct Setup {
    /// The seed of the session's jitter.
    pub seed: u64,
    /// `Config::window`.
    pub window: usize,
    /// `Config::outbox_entries`.
    pub outbox_entries: usize,
    /// `Config::specs_entries`.
    pub specs_entries: usize,
    /// `Config::message_bytes`.
    pub message_bytes: usize,
    /// `Config::outbox_bytes`.
    pub outbox_bytes: usize,
    /// `Config::open_jobs`.
    pub open_jobs: usize,
    /// `Config::ended_jobs`.
    pub ended_jobs: usize,
    /// `Config::job_margin`, in seconds.
    pub job_margin: usize,
    /// `Config::adopted_job_limit`, in seconds.
    pub adopted_job_limit: usize,
    /// Whether the session authenticates in headers instead of its first frame.
    pub headers: bool,
    /// Whether a signature that is called invalid ends the session.
    pub gives_up: bool,
    /// Whether it reads strictly.
    pub strict: bool,
    /// Whether a second session gets the same inputs and has to give the same outputs.
    pub twin: bool,
    /// Whether the script begins with an authenticated session, or with one that was never started.
    pub ready: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 1,
            window: 64,
            outbox_entries: 1000,
            specs_entries: 256,
            message_bytes: 1 << 20,
            outbox_bytes: 1 << 22,
            open_jobs: 1000,
            ended_jobs: 10_000,
            job_margin: 600,
            adopted_job_limit: 86_400,
            headers: false,
            gives_up: false,
            strict: false,
            twin: true,
            ready: true,
        }
    }
}

impl fmt::Display for Setup {
    /// As Rust, without what is the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = Self::default();
        let fields = [
            ("window", self.window, default.window),
            (
                "outbox_entries",
                self.outbox_entries,
                default.outbox_entries,
            ),
            ("specs_entries", self.specs_entries, default.specs_entries),
            ("message_bytes", self.message_bytes, default.message_bytes),
            ("outbox_bytes", self.outbox_bytes, default.outbox_bytes),
            ("open_jobs", self.open_jobs, default.open_jobs),
            ("ended_jobs", self.ended_jobs, default.ended_jobs),
            ("job_margin", self.job_margin, default.job_margin),
            (
                "adopted_job_limit",
                self.adopted_job_limit,
                default.adopted_job_limit,
            ),
        ];
        let switches = [
            ("headers", self.headers, default.headers),
            ("gives_up", self.gives_up, default.gives_up),
            ("strict", self.strict, default.strict),
            ("twin", self.twin, default.twin),
            ("ready", self.ready, default.ready),
        ];
        f.write_str("Setup { ")?;
        if self.seed != default.seed {
            write!(f, "seed: {}, ", self.seed)?;
        }
        for (name, value, _) in fields.iter().filter(|(_, value, default)| value != default) {
            write!(f, "{name}: {value}, ")?;
        }
        for (name, value, _) in switches
            .iter()
            .filter(|(_, value, default)| value != default)
        {
            write!(f, "{name}: {value}, ")?;
        }
        f.write_str("..Setup::default() }")
    }
}

/// One step. Numbers are slots (of jobs, of batches), counts, or indices into what there is when the step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The application starts the session.
    Start,
    /// The application stops it gracefully.
    Stop,
    /// The application aborts it.
    Abort,
    /// The application gives a status of a job.
    Give(u8, JobStatus),
    /// The same, with this many bytes of output.
    GiveLarge(u8, JobStatus, u16),
    /// The application gives the n-th open job its next status: every job has a life.
    Advance(u8),
    /// The application ends the n-th open job.
    Finish(u8, JobStatus),
    /// The application takes up a job of another process, which has so many seconds left.
    Adopt(u8, u32),
    /// The process is restarted: what the session owes goes into a new one, by a snapshot that was taken before the old
    /// one ended, or after. The new one is started.
    Restart(bool),
    /// The application gives an update that must be refused at the door.
    GiveBad(Bad),
    /// The application gives the specs of a machine, of this batch.
    Specs(u8),
    /// The same, with this many bytes more.
    LargeSpecs(u8, u16),
    /// The application trusts everybody, or nobody but itself.
    Trust(bool),

    /// The attempt under way succeeds.
    Connect,
    /// The attempt under way fails.
    Fail(Failure),
    /// The facilitator reads this many frames.
    Read(u8),
    /// The session hears this many of what is on the way to it.
    Deliver(u8),
    /// Connects, reads and delivers until nothing moves.
    Flow,
    /// The link breaks. The facilitator has still read so many frames, the session heard so many.
    Cut(u8, u8, Break),
    /// The facilitator closes, with this code.
    PeerCloses(u16),
    /// The facilitator ends the stream without a word.
    PeerEnds,

    /// The facilitator has a job for the validator.
    Push(u8),
    /// The facilitator says that a job was a fraud.
    Cheat(u8),
    /// The facilitator says something that nobody asked for.
    Say(Babble),
    /// The facilitator does not understand the next frame that it reads, whatever it is; or it is not understood.
    Mangle(Mangle),
    /// The facilitator crashes on this status of this job, as often as it reads it.
    Poison(u8, JobStatus, Crash),
    /// The facilitator crashes on the specs of this batch.
    PoisonSpecs(u8, Crash),
    /// The facilitator's handler hangs: pings are answered, nothing else is, until it goes on.
    Hang,
    /// The handler goes on with what was sent meanwhile.
    Resume,
    /// From now on, authentications are answered like this.
    Authentication(Manner),
    /// Something of an old connection is reported late.
    Stale(Late),

    /// The outputs of the network's next input are not taken before the one after it.
    Hold,
    /// The network's next input carries a time that is so many milliseconds in the past.
    Backwards(u32),
    /// Milliseconds pass in silence; the session is ticked when it asks to be, and at no other time.
    Pass(u32),
    /// Milliseconds pass while everything flows.
    Live(u32),
    /// Time passes in silence until the session wants to be woken, and it is.
    Wake,
    /// Seconds pass without a tick, then one comes.
    Suspend(u32),
    /// A tick that nobody asked for, so many milliseconds in the past.
    Tick(u32),
}

pasteable! {
    /// What the door refuses.
    Bad {
        /// A job uuid that is none.
        Uuid,
        /// `sent`.
        Sent,
        /// `unknown`.
        Unknown,
        /// `completed` without metadata.
        BareCompleted,
        /// `streaming_ready` without its details.
        BareStreaming,
        /// A NUL character.
        Nul,
        /// Specs with a batch id that is none.
        BatchId,
        /// Specs that the facilitator cannot read.
        Specs,
    }
}

/// How an attempt fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody listens.
    Refused,
    /// The name does not resolve.
    Dns,
    /// The network fails.
    Io,
    /// The TLS handshake fails.
    Tls,
    /// The WebSocket handshake fails.
    Handshake,
    /// The server answers with this HTTP status.
    Http(u16),
    /// The server answers with this HTTP status, and asks to be left alone for so many seconds.
    RetryAfter(u16, u32),
}

pasteable! {
    /// How a link breaks, as the runtime reports it.
    Break {
        /// The stream ends.
        Ends,
        /// An IO error.
        Io,
        /// The peer breaks the WebSocket protocol.
        Protocol,
        /// A close without a code.
        Closed,
    }
}

pasteable! {
    /// What nobody asked for.
    Babble {
        /// Not JSON.
        NoJson,
        /// JSON, and no message.
        NoMessage,
        /// A `message_type` that nobody knows.
        UnknownType,
        /// A large frame of nonsense.
        Giant,
        /// A binary frame.
        Binary,
        /// A ping.
        Ping,
        /// A pong that answers nothing.
        Pong,
        /// A job request whose uuid is none.
        JobWithoutUuid,
        /// A `Response` that cannot be read.
        BrokenResponse,
        /// An error about an authentication, in the middle of a session.
        AlreadyAuthenticated,
        /// The authentication is forgotten.
        NotAuthenticated,
        /// A success, when nothing is unanswered; nothing at all otherwise, since nobody could tell.
        Success,
    }
}

pasteable! {
    /// How the facilitator refuses a frame that it does not understand.
    Mangle {
        /// The error's `loc` names the message's type.
        Named,
        /// The error's `loc` is empty.
        Nameless,
        /// There is no error, only the verdict.
        Wordless,
        /// It does understand, and what it answers cannot be read.
        Garbled,
    }
}

pasteable! {
    /// How the facilitator's handler crashes.
    Crash {
        /// Without a close frame, before anything is stored.
        Unstored,
        /// Without a close frame, after it was stored.
        Stored,
        /// With 1011, before anything is stored.
        Closing,
        /// With 1009: too big.
        TooBig,
    }
}

pasteable! {
    /// How authentications are answered.
    Manner {
        /// As they should be.
        Accept,
        /// Not at all.
        Ignore,
        /// `auth.validator_not_found`, then close 3001.
        NotFound,
        /// `auth.signature_invalid`, then close 3000.
        Invalid,
        /// Another error, and the socket stays open.
        Other,
    }
}

pasteable! {
    /// What is reported of an old connection.
    Late {
        /// It stands.
        Connected,
        /// It could not be made.
        Failed,
        /// A success.
        Success,
        /// A job request.
        Job,
        /// A close frame.
        Close,
        /// Its end.
        Ended,
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("Failure::Refused"),
            Self::Dns => f.write_str("Failure::Dns"),
            Self::Io => f.write_str("Failure::Io"),
            Self::Tls => f.write_str("Failure::Tls"),
            Self::Handshake => f.write_str("Failure::Handshake"),
            Self::Http(status) => write!(f, "Failure::Http({status})"),
            Self::RetryAfter(status, seconds) => {
                write!(f, "Failure::RetryAfter({status}, {seconds})")
            }
        }
    }
}

/// A whole script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The session.
    pub setup: Setup,
    /// What happens.
    pub steps: Vec<Step>,
}

impl fmt::Display for Script {
    /// As a unit test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "#[test]\nfn found() {{\n    replay({}, &[", self.setup)?;
        for step in &self.steps {
            writeln!(f, "        {step:?},")?;
        }
        f.write_str("    ]);\n}")
    }
}
