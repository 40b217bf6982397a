//! The arguments of `serve`, checked and made into a facilitator that is ready to be served.

use std::path::PathBuf;

use facilitator_tokio::core::facilitator::{Facilitator, FacilitatorConfig, Known, Server};
use facilitator_tokio::core::signature::AccountId;

use super::jobs;
use crate::failure::Failure;
use crate::hotkey_file;

const HELP: &str = r"OUTPUT, one JSON object a line, with the key `event`:
  listening               the first line; `uri` is where to connect
  connected, disconnected, authenticated, authentication_refused, heartbeat
  upgrade_refused         with --authentication headers: the `reason` and the HTTP `status`, 401 or
                          403, that a request was answered with
  status_update           with its `metadata` and its `outcome`: stored, repeated, unknown_job,
                          streaming_details_incomplete or crashed
  machine_specs           with its `outcome`: stored, unknown_miner, unknown_validator or crashed
  job_pushed, cheat_report_pushed
  malformed, not_authenticated
                          a message that was answered with an error
  stopped                 the last line

JOBS are on record from the start and are pushed, each once (but for --push-again), as soon as a
validator has authenticated. Nothing is remembered from one start to the next.

STOPPING: SIGINT and SIGTERM close all connections; a second one does not wait for them.

EXIT STATUS: 0 after a signal; 1 when it cannot listen, or stdout fails; 2 when the arguments or
the files that they name are wrong.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    /// Where to listen, as 127.0.0.1:8000; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: String,
    /// A validator that may authenticate, by its SS58 address; may be repeated [default: any]
    #[arg(long = "validator", value_name = "SS58")]
    validators: Vec<String>,
    /// Job requests to push: a `V2JobRequest` as JSON on each line
    ///
    /// Requests with a signature are pushed as they are, except that a uuid that occurs again (no signature covers
    /// it) is replaced by the next free one.
    #[arg(long, value_name = "FILE")]
    jobs: Option<PathBuf>,
    /// The hotkey file to sign those requests with that have no signature
    #[arg(long, value_name = "FILE", requires = "jobs")]
    sign_with: Option<PathBuf>,
    /// Push jobs again that have no status when their validator authenticates: the facilitator of today loses those that
    /// a broken connection swallows
    #[arg(long, requires = "jobs")]
    push_again: bool,
    /// The server whose manners are imitated when connections break: uvicorn or daphne
    #[arg(long, value_name = "SERVER", default_value = "uvicorn")]
    imitate: String,
    /// Where validators authenticate: in the first frame, as with today's facilitator, or in the request headers
    #[arg(long, value_name = "PLACE", default_value = "frame")]
    authentication: Authentication,
}

/// Where validators authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Authentication {
    Frame,
    Headers,
}

/// What the arguments mean.
pub(super) struct Settings {
    pub(super) address: String,
    pub(super) facilitator: Facilitator,
    /// How many jobs it knows.
    pub(super) jobs: usize,
    /// The server that it imitates, by its name.
    pub(super) imitates: &'static str,
}

impl Arguments {
    /// Reads the files.
    pub(super) fn settings(self) -> Result<Settings, Failure> {
        check_address(&self.listen)?;
        let (server, imitates) = match self.imitate.as_str() {
            "uvicorn" => (Server::Uvicorn, "uvicorn"),
            "daphne" => (Server::Daphne, "daphne"),
            other => {
                return Err(Failure::usage(format!(
                    "--imitate {other:?} is no server that is known here; accepted are uvicorn and daphne"
                )));
            }
        };
        let config = FacilitatorConfig {
            validators: known(&self.validators)?,
            header_authentication: self.authentication == Authentication::Headers,
            resend_unanswered: self.push_again,
            ..FacilitatorConfig::imitating(server)
        };
        let signer = self
            .sign_with
            .as_deref()
            .map(hotkey_file::read)
            .transpose()?;
        let mut facilitator = Facilitator::new(config);
        if let Some(path) = &self.jobs {
            jobs::push_all(path, signer.as_ref(), &mut facilitator)?;
        }
        Ok(Settings {
            address: self.listen,
            jobs: facilitator.jobs().count(),
            facilitator,
            imitates,
        })
    }
}

/// Whether it has the form of an address; whether one can listen there is seen later.
fn check_address(address: &str) -> Result<(), Failure> {
    let sound = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if sound {
        Ok(())
    } else {
        Err(Failure::usage(format!(
            "--listen {address:?} is no address; accepted is HOST:PORT, as 127.0.0.1:8000, where port 0 takes a free one"
        )))
    }
}

fn known(validators: &[String]) -> Result<Known, Failure> {
    if validators.is_empty() {
        return Ok(Known::Any);
    }
    let mut accounts = Vec::new();
    for address in validators {
        accounts.push(AccountId::from_ss58(address).map_err(|error| {
            Failure::usage(format!(
                "--validator {address:?} is no SS58 address ({error}); accepted is one as \
                 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
            ))
        })?);
    }
    Ok(Known::only(accounts))
}
