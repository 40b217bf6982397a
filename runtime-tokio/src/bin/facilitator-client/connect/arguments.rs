//! The arguments of `connect`: its configuration, checked, and the files that it names, made into settings.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use facilitator_tokio::core::driver::Network;
use facilitator_tokio::{Config, Keypair};

use super::reload::Source;
use super::state::StateFile;
#[cfg(unix)]
use crate::config::Workers;
use crate::config::{Flags, Loaded, Log};
use crate::failure::Failure;
use crate::hotkey_file;
use crate::monitor::Address;
use crate::webhook::Webhook;

const HELP: &str = r#"INPUT, one JSON object a line:
  {"command":"job_status","id":ANY,"uuid":"..","status":"..","metadata":{..}}
  {"command":"reject_job","id":ANY,"uuid":"..","reason":"..","message":".."}
  {"command":"machine_specs","id":ANY,"miner_hotkey":"..","batch_id":"..","specs":{..}}
  {"command":"adopt_job","id":ANY,"uuid":"..","time_left_s":SECONDS}
  {"command":"hello","protocol":1}
  {"command":"stop"}
  `id` is optional, any JSON, and comes back as it was written. Unknown and repeated keys are
  errors. Commands are submitted in the order of their lines. While the outbox is full, stdin is
  not read. The end of the input means stop. `adopt_job` takes up a job that another process has
  received: it is not run again, and ends as `horde_failed` when its time is over.

  `facilitator-client schema` prints the JSON Schema of all lines, in both directions.

OUTPUT, one JSON object a line, with the key `event`:
  hello              the first line: the version of these lines, `protocol`, and the own hotkey
  phase              with `reason`, `cause` and `retry_in_s` while it waits for the next attempt
  health             in one word: starting, connected, degraded, refused, stopping or stopped
  job_request        a job to run, the `request` complete; `received` is answered already
  job_refused        a job that nobody trusted has signed; it is answered `rejected` already
  cheat_report       a finished job was a fraud, the `report` complete
  job_overdue        nobody has ended a job in its time; it was ended as `horde_failed`
  job_adopted        the command `adopt_job` was accepted
  job_ended          the program has ended a worker's job, as its `status` says, and why
  receipt            the fate of an accepted command, exactly one for each: `outcome` is
                     acknowledged, already_known, refused (see `errors`), set_aside or handed_back
  automatic_receipt  the same for what was sent without a command (`received`, rejected as busy)
  command_error      a line that was not accepted, with its number and the `field` that is wrong; nothing
                     of it was queued
  job_declined, cheat_report_refused, malformed, unexpected_response, heartbeat_refused,
  unexpected_binary, missed
                     nothing has to be done
  stopped            the last line; `owed` holds each message that was not delivered, whole, and `kept`
                     is true when the state file has them too

WORKERS: with --worker or --socket, jobs are not for the reader of stdout. stdin is not read then, and
its end means nothing; stdout only tells, and leaves lines out (`missed`) when it is read too slowly.
A job that finds all --max-jobs places taken is answered `rejected`, as busy.
  --worker COMMAND   /bin/sh runs it for each job, in a process group of its own, with FACILITATOR_JOB
    set to the job's uuid. Its stdin is one line, that of `job_request`. Its stdout are the job's
    statuses, one JSON object a line, as {"status":"accepted"}; other lines count for nothing and are
    told in the job's failure. When the first process ends, the group is killed; without a terminal
    status the job ends as `horde_failed`, with the end of the process and the last 16 KiB of its stderr
    in the `context`. A process has the limits of its request: all of them and --worker-margin; and from
    `executor_ready` on, those of the stages up to the one that it has told of and --worker-leeway. When
    they are over it gets SIGTERM, and after --worker-grace SIGKILL. What it says until then counts; else
    the job ends as `failed` for `timeout` in that stage, or, where it has told of none, as `horde_failed`.
    It does not get the FACILITATOR_ variables that configure this program. Should this program be killed, a
    guardian, a shell that it has started, ends the processes in its place, with the same grace.
  --socket PATH   workers connect and speak the lines above. The first one is
    {"command":"hello","protocol":1,"worker":NAME,"jobs":COUNT}; `welcome` answers it. Each job goes to
    the worker with the most free places, and only that one may speak of it. `capacity` with `jobs` changes
    how many a worker takes. What a named worker takes up with `adopt_job` is its own like any other job: it
    takes a place, and comes back, `resumed`, as `job_adopted`, without a request. One that leaves has --worker-absence to come back under its name; its jobs
    come first then, `resumed`, with their accepted `statuses`; else they end as `horde_failed`. A status
    whose receipt has not come is best said again: it does no harm. A last status that is refused or set
    aside ends the job as `horde_failed`: its worker gets the receipt and `job_ended`. A worker that reads
    nothing for --worker-stall, or lets a thousand lines wait, is cut off; another user than our own, or
    root, is turned away. With --worker as well, workers on the
    socket get no jobs; they can send machine specs. A nameless `hello` is enough for that.
  examples/worker.py is a worker for both, in Python.
  A stop takes no new jobs and tells workers `stopping`; running jobs have --worker-stop-time, then
  processes are ended as above, and jobs end as `horde_failed` (`job_ended` tells the worker), save those of
  workers on the socket when there is a state file: those go on, and their workers find them again at the
  next start, within --worker-absence, even if they have been started anew themselves. A second signal skips
  the waits.

CONFIGURATION: what can be set is set by a flag, or else an environment variable, or else a key of the
configuration file; for each flag, `--help` names the other two. A key or a FACILITATOR_ variable that
is none is an error. Times and sizes have units, as 1m30s and 64MiB. A list or table replaces the whole
one of a weaker place; variables hold lists with commas, and headers in lines. `--print-config` shows
everything, with the place that it comes from, as a file that can be used after its secrets were filled
in.

WATCHING: with --metrics, http://ADDR/ is a status page that follows the session by itself, /metrics
is for Prometheus, /healthz is 200 while the process lives, and /readyz is 200 while the session is
ready and no stop was asked for, 503 with the reason otherwise. There is no password: without --metrics-allow-remote,
only this machine can be named, and only requests to its loopback names are answered.

RESTARTS: with a state file, a stop keeps what is owed, which jobs are open or have ended, and which worker
on the socket has which, with its request; and the next start takes it up: it delivers the rest under the ids of the commands, and goes on to watch over the
jobs. The start renames the file to FILE.taken, which is never used again: after a crash there is no
state. A file that a newer version of this program has written is refused, and left as it is: start that
version to deliver what it holds. FILE.lock keeps two processes from using one file.

LOG: lines on stderr, one for each thing that somebody may have to act on. A lost connection is one line:
why, how long it had lasted, how many messages are owed, when the next attempt comes. What happens
again and again, also by a worker, is written less and less often, with the number of lines that were
left out (`repeated`, and `count` at the end).

SIGHUP reads the configuration again, and takes over [trust] with its file, and `log.filter`. If anything
is wrong, everything stays as it was, and the log says why; keys that need a restart are named, also
those of secrets, and those whose files hold another key or certificate now.

SERVICE: where NOTIFY_SOCKET is set, as systemd does for Type=notify, the manager is told when the
program is ready, reloading and stopping, its phase, and with WatchdogSec= that it is alive. Ready means
started: a facilitator that is away is no reason to be started again. There is a unit file,
service/facilitator-client.service.

STOPPING: SIGINT, SIGTERM, the command `stop` and the end of the input deliver what is owed until
the drain timeout has passed. A second signal aborts at once. The same signal again within 0.2 s is
no second one: who signals a process and then its group, as `timeout` does, means it once.

EXIT STATUS: 0 after a stop with nothing owed, or with all that is owed in the state file; 1 when
messages were handed back, stdin, stdout, the recording or the state file failed, the facilitator
refused the signature and --on-signature-invalid says stop, or a second signal aborted; 2 when the
configuration or a file that it names is wrong."#;

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

/// What the configuration means.
pub(crate) struct Settings {
    pub(super) config: Config,
    pub(super) network: Network,
    pub(super) keypair: Keypair,
    pub(super) line_bytes: usize,
    pub(super) record: Option<PathBuf>,
    pub(super) state: Option<StateFile>,
    pub(super) metrics: Option<Address>,
    pub(super) webhook: Option<Webhook>,
    #[cfg(unix)]
    pub(super) workers: Workers,
    /// Where all this comes from, to be read again.
    pub(super) source: Source,
    pub(crate) log: Log,
}

impl Arguments {
    /// Reads the configuration and the files that it names. `None` when it was only to be shown.
    pub(crate) fn settings(self, verbose: u8) -> Result<Option<Settings>, Failure> {
        let loaded = Loaded::new(&self.flags, verbose)?;
        if self.flags.print {
            print(&loaded.print())?;
            // What is wrong is seen best with the whole at hand.
            loaded.check()?;
            return Ok(None);
        }
        let marks = loaded.marks();
        let (settings, network) = loaded.check()?;
        let Some(hotkey) = &settings.hotkey else {
            return Err(Failure::usage(
                "no hotkey file is named; name one with --hotkey FILE, FACILITATOR_HOTKEY, or the key `hotkey` of the configuration file",
            ));
        };
        let keypair = hotkey_file::read(hotkey)?;
        let state = settings.state_file.map(StateFile::open).transpose();
        let state = state.map_err(|error| loaded.blame("state_file", &error))?;
        let webhook = settings.webhook;
        let webhook = webhook
            .url
            .map(|url| Webhook::new(url, webhook.timeout, &network));
        Ok(Some(Settings {
            config: settings.config,
            network,
            keypair,
            line_bytes: settings.line_bytes,
            record: settings.record.map(with_time),
            state,
            metrics: settings.metrics.listen,
            webhook,
            #[cfg(unix)]
            workers: settings.workers,
            log: settings.log,
            source: Source::new(self.flags, verbose, loaded, marks),
        }))
    }
}

/// With the Unix time in place of `{time}`: the file must be new at every start.
fn with_time(path: PathBuf) -> PathBuf {
    let Some(text) = path.to_str().filter(|text| text.contains(TIME)) else {
        return path;
    };
    // Before 1970, a clock that was never set, there is none.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    text.replace(TIME, &now.as_secs().to_string()).into()
}

const TIME: &str = "{time}";

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::failed(format!("stdout cannot be written: {error}")))
}
