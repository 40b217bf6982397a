//! The command `key`: its arguments, and which part does what. Key files are `files`' business, plain bytes `bytes`',
//! job requests and cheat reports `requests`'.

mod bytes;
mod files;
mod requests;
mod streams;

use std::path::PathBuf;

use clap::Subcommand;
use facilitator_tokio::core::signature::{AccountId, Scheme, Signature};

use crate::failure::Failure;
use crate::hotkey_file;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a key from the system's randomness and writes it to a file
    New(New),
    /// Shows the public half of the key in a file
    Show(Show),
    /// Signs what comes on stdin
    Sign(Sign),
    /// Verifies the signature of what comes on stdin
    Verify(Verify),
}

const NEW_HELP: &str = "\
The file is a hotkey file as the wallet tools write it, with the additional field `cryptoType`. It
holds the secret in plain text: only its owner may read it. A file that exists is never overwritten.

EXIT STATUS: 0 when the key is on the disk; 1 when it could not be written; 2 when the arguments are
wrong.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = NEW_HELP)]
struct New {
    /// Where to write it; there must be no such file yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The kind of key: sr25519, which the facilitator of today needs, or ed25519
    #[arg(long, value_name = "SCHEME", default_value_t = Scheme::Sr25519)]
    scheme: Scheme,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// A wallet's hotkey file (JSON with `secretSeed` or `secretPhrase`), or one of ours
    file: PathBuf,
    /// One JSON object: `scheme`, `ss58_address`, `public_key`
    #[arg(long)]
    json: bool,
}

const SIGN_HELP: &str = "\
Without --requests, the signature covers every byte of stdin, a line feed at its end included, and is
printed as 0x and 128 hexadecimal digits.

With --requests, each line of stdin is a `V2JobRequest` or a `V0JobCheated` as JSON. Those without a
signature get one; all are printed, one a line, spelled as the facilitator pushes them. Signatures
that are there already are left alone, and not verified.

EXIT STATUS: 0 when all is signed; 1 at the first line that is no such message, or when stdin or
stdout fails; 2 when the arguments or the key file are wrong.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = SIGN_HELP)]
struct Sign {
    /// A wallet's hotkey file (JSON with `secretSeed` or `secretPhrase`), or one of ours
    file: PathBuf,
    /// Sign job requests and cheat reports, one a line, each for itself
    #[arg(long)]
    requests: bool,
    /// The time of signing, in nanoseconds since the Unix epoch [default: now]
    #[arg(long, value_name = "N", requires = "requests")]
    timestamp_ns: Option<u64>,
}

const VERIFY_HELP: &str = "\
Without --requests, the signature is verified over every byte of stdin, a line feed at its end
included. An sr25519 key may have signed the bytes within <Bytes> and </Bytes>, as the wallet tools
do.

With --requests, each line of stdin is a `V2JobRequest` or a `V0JobCheated` as JSON, read as strictly
as the reference reads it. For each line, empty ones aside, one is printed:
  {\"line\":1,\"uuid\":\"..\",\"verdict\":\"valid\",\"signatory\":\"5..\",\"reason\":null}
`verdict` is valid, invalid (see `reason`) or unsigned. `uuid` and `signatory` are what the message
says, valid or not, and null where it says nothing that can be read. Whether the signatory is one to
be trusted is not judged.

EXIT STATUS: 0 when everything is valid; 1 when anything is not, or when stdin or stdout fails; 2 when
the arguments are wrong.";

#[derive(Debug, clap::Args)]
#[command(after_long_help = VERIFY_HELP)]
struct Verify {
    /// Who is said to have signed
    #[arg(long, value_name = "SS58", value_parser = account, required_unless_present = "requests")]
    signatory: Option<AccountId>,
    /// The scheme of the key, sr25519 or ed25519 [default: that of the signature]
    #[arg(long, value_name = "SCHEME")]
    scheme: Option<Scheme>,
    /// The signature: 0x and 128 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = bytes::parse_signature, required_unless_present = "requests")]
    signature: Option<Signature>,
    /// Verify job requests and cheat reports, one a line, each by its own signature
    #[arg(long, conflicts_with_all = ["signatory", "scheme", "signature"])]
    requests: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::New(new) => files::create(&new.out, new.scheme),
        Command::Show(show) => files::show(&show.file, show.json),
        Command::Sign(sign) => {
            let keypair = hotkey_file::read(&sign.file)?;
            if sign.requests {
                requests::sign(&keypair, sign.timestamp_ns)
            } else {
                bytes::sign(&keypair)
            }
        }
        Command::Verify(verify) => match (verify.signatory, verify.signature) {
            (Some(signatory), Some(signature)) => {
                bytes::verify(signatory, verify.scheme, &signature)
            }
            // They are there unless `--requests` is.
            _ => requests::verify(),
        },
    }
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::from_ss58(text).map_err(|error| {
        format!(
            "{error}; accepted is an SS58 address as 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
        )
    })
}
