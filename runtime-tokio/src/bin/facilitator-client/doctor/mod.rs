//! The command `doctor`: what keeps this machine from its facilitator. The configuration is that of `connect`, and so is
//! the connection; this file says what is looked at, and how it ends.

mod advice;
mod ear;
mod examination;
mod finding;
mod news;
mod validity;

use facilitator_tokio::core::driver::Network;
use facilitator_tokio::core::signature::Scheme;
use facilitator_tokio::{Config, Keypair};

use self::finding::{Check, Finding, Printer, Verdict};
use crate::config::{Flags, Loaded, Log};
use crate::failure::Failure;
use crate::hotkey_file;

const HELP: &str = r"With the configuration of `connect`, connects once as it would: DNS, TCP, a proxy if there is one, TLS,
the WebSocket upgrade, the authentication, a heartbeat. Each step has a line: how it went, how long it took,
what was seen, and after `->` what to do about it. The state file, the recording and workers are left alone.

A facilitator answers no heartbeat that it takes. So `ok` says there that it was read (a ping behind it was
answered) and that neither an error nor the end of the connection came after it.

It can be run beside an instance that works with the same hotkey. Jobs that come in those two seconds are not
answered here; the facilitator sends them to that instance as well. Where there is none, they are lost.

With --json, each line is an object: `step` (hotkey, proxy, dns, tcp, proxy_tls, tunnel, tls, upgrade,
authentication, heartbeat), `result` (ok, warning, failed, skipped), `elapsed_ms`, `detail`, `advice`. The
last one has `result` alone, ok or failed, and which step has `failed`.

EXIT STATUS: 0 when all is well, warnings included; 1 when a step failed; 2 when the configuration or a file
that it names is wrong.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

/// What is examined.
pub(crate) struct Patient {
    config: Config,
    network: Network,
    keypair: Keypair,
    json: bool,
    pub(crate) log: Log,
}

impl Arguments {
    /// Reads the configuration and the files that it names.
    pub(crate) fn patient(&self, verbose: u8) -> Result<Patient, Failure> {
        if self.flags.print {
            return Err(Failure::usage(
                "--print-config is for `connect`, whose configuration this is",
            ));
        }
        let loaded = Loaded::new(&self.flags, verbose)?;
        let (settings, network) = loaded.check()?;
        let hotkey = settings.hotkey.as_ref().ok_or_else(|| {
            Failure::usage(
                "no hotkey file is named; name one with --hotkey FILE, FACILITATOR_HOTKEY, or the key `hotkey` of the configuration file",
            )
        })?;
        let mut log = settings.log;
        if verbose == 0 {
            // What the log says of a failure is said here, too.
            "off".clone_into(&mut log.filter);
        }
        Ok(Patient {
            config: settings.config,
            network,
            keypair: hotkey_file::read(hotkey)?,
            json: self.json,
            log,
        })
    }
}

pub(crate) async fn run(patient: Patient) -> Result<(), Failure> {
    let Patient {
        config,
        network,
        keypair,
        json,
        ..
    } = patient;
    let cannot = |error| Failure::failed(format!("stdout cannot be written: {error}"));
    let mut printer = Printer::new(json);
    printer.print(hotkey(&keypair)).map_err(cannot)?;
    examination::examine(config, &keypair, network, &mut printer).await?;
    match printer.finish().map_err(cannot)? {
        None => Ok(()),
        Some(failed) => Err(Failure::failed(format!(
            "{}: {}",
            failed.step.name(),
            failed.detail
        ))),
    }
}

fn hotkey(keypair: &Keypair) -> Finding {
    let scheme = keypair.scheme();
    let is_known = scheme == Scheme::Sr25519;
    let doubt = "the facilitator of today verifies sr25519 keys only";
    Finding {
        step: Check::Hotkey,
        result: if is_known {
            Verdict::Ok
        } else {
            Verdict::Warning
        },
        elapsed_ms: None,
        detail: format!("{} ({scheme})", keypair.account()),
        advice: (!is_known).then(|| doubt.to_owned()),
    }
}
