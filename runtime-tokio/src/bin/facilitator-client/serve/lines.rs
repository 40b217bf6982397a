//! What happens at the server, as JSON lines.

use facilitator_tokio::core::facilitator::{
    AuthenticationRefusal, EndCause, Event, Known, Poison, SpecsOutcome, StatusOutcome,
};
use facilitator_tokio::core::message::{JobStatus, JobStatusMetadata, JsonMap};
use facilitator_tokio::core::signature::AccountId;
use facilitator_tokio::core::{CloseFrame, ConnectionId};
use facilitator_tokio::server::ServerEvent;
use serde::Serialize;

/// A line. Keys that are not always there are left out where they do not apply.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Listening {
        uri: &'a str,
        /// Null stands for any.
        validators: Option<Vec<String>>,
        jobs: usize,
        imitates: &'a str,
    },
    Connected {
        connection: u64,
        peer: String,
        path: &'a str,
        validator_version: Option<&'a str>,
        runner_version: Option<&'a str>,
    },
    UpgradeRefused {
        peer: String,
        path: &'a str,
        status: u16,
        reason: String,
    },
    Authenticated {
        connection: u64,
        validator: String,
    },
    AuthenticationRefused {
        connection: u64,
        validator: Option<String>,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        poison: Option<String>,
    },
    Heartbeat {
        connection: u64,
    },
    StatusUpdate {
        connection: u64,
        uuid: &'a str,
        status: &'static str,
        metadata: Option<&'a JobStatusMetadata>,
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        poison: Option<String>,
    },
    MachineSpecs {
        connection: u64,
        miner_hotkey: &'a str,
        validator_hotkey: &'a str,
        batch_id: &'a str,
        specs: &'a JsonMap,
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        poison: Option<String>,
    },
    NotAuthenticated {
        connection: u64,
    },
    Malformed {
        connection: u64,
        error: String,
    },
    JobPushed {
        connection: u64,
        uuid: &'a str,
    },
    CheatReportPushed {
        connection: u64,
        uuid: &'a str,
    },
    Disconnected {
        connection: u64,
        cause: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
    },
    Missed {
        events: u64,
    },
    Stopped {},
}

impl<'a> Line<'a> {
    pub(super) fn listening(uri: &'a str, known: &Known, jobs: usize, imitates: &'a str) -> Self {
        let validators = match known {
            Known::Any => None,
            Known::Only(accounts) => {
                Some(accounts.iter().map(|account| account.to_ss58()).collect())
            }
        };
        Self::Listening {
            uri,
            validators,
            jobs,
            imitates,
        }
    }

    /// The line of an event; `None` for one that is not known here.
    pub(super) fn of(event: &'a ServerEvent) -> Option<Self> {
        match event {
            ServerEvent::Connected {
                connection,
                handshake,
            } => Some(Self::Connected {
                connection: connection.0,
                peer: handshake.peer.to_string(),
                path: &handshake.path,
                validator_version: handshake.header("X-Validator-Version"),
                runner_version: handshake.header("X-Validator-Runner-Version"),
            }),
            ServerEvent::UpgradeRefused { handshake, refusal } => Some(Self::UpgradeRefused {
                peer: handshake.peer.to_string(),
                path: &handshake.path,
                status: refusal.status(),
                reason: refusal.to_string(),
            }),
            ServerEvent::Facilitator(event) => Self::of_facilitator(event),
            ServerEvent::Missed { events } => Some(Self::Missed { events: *events }),
            _ => None,
        }
    }

    fn of_facilitator(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::Authenticated { conn, validator } => Self::Authenticated {
                connection: conn.0,
                validator: validator.to_ss58(),
            },
            Event::AuthenticationRefused {
                conn,
                account,
                reason,
            } => Self::refused(*conn, *account, *reason),
            Event::Heartbeat { conn } => Self::Heartbeat { connection: conn.0 },
            Event::JobStatus {
                conn,
                update,
                outcome,
            } => {
                let (outcome, poison) = status_outcome(*outcome);
                Self::StatusUpdate {
                    connection: conn.0,
                    uuid: &update.uuid,
                    status: JobStatus::as_str(update.status),
                    metadata: update.metadata.as_ref(),
                    outcome,
                    poison: in_words(poison),
                }
            }
            Event::MachineSpecs {
                conn,
                update,
                outcome,
            } => {
                let (outcome, poison) = specs_outcome(*outcome);
                Self::MachineSpecs {
                    connection: conn.0,
                    miner_hotkey: &update.miner_hotkey,
                    validator_hotkey: &update.validator_hotkey,
                    batch_id: &update.batch_id,
                    specs: &update.specs,
                    outcome,
                    poison: in_words(poison),
                }
            }
            Event::NotAuthenticated { conn } => Self::NotAuthenticated { connection: conn.0 },
            Event::Malformed { conn, error } => Self::Malformed {
                connection: conn.0,
                error: error
                    .as_ref()
                    .map_or_else(|| "a binary frame".into(), ToString::to_string),
            },
            Event::JobSent { conn, uuid } => Self::JobPushed {
                connection: conn.0,
                uuid,
            },
            Event::CheatReportSent { conn, uuid } => Self::CheatReportPushed {
                connection: conn.0,
                uuid,
            },
            Event::Ended { conn, cause } => Self::ended(*conn, cause),
            _ => return None,
        })
    }

    fn refused(
        connection: ConnectionId,
        account: Option<AccountId>,
        reason: AuthenticationRefusal,
    ) -> Self {
        let (reason, poison) = match reason {
            AuthenticationRefusal::NotFound => ("validator_not_found", None),
            AuthenticationRefusal::SignatureInvalid => ("signature_invalid", None),
            AuthenticationRefusal::AlreadyAuthenticated => ("already_authenticated", None),
            AuthenticationRefusal::Crashed(poison) => ("crashed", Some(poison)),
            _ => ("unknown", None),
        };
        Self::AuthenticationRefused {
            connection: connection.0,
            validator: account.map(AccountId::to_ss58),
            reason,
            poison: in_words(poison),
        }
    }

    fn ended(connection: ConnectionId, cause: &EndCause) -> Self {
        let (cause, code) = match cause {
            EndCause::Disconnected => ("disconnected", None),
            EndCause::ClosedByPeer(close) => ("closed_by_peer", close.as_ref()),
            EndCause::Crashed => ("crashed", None),
            EndCause::AuthenticationRefused => ("authentication_refused", None),
            EndCause::MessageTooBig => ("message_too_big", None),
            EndCause::InboxFull => ("inbox_full", None),
            EndCause::TooManyConnections => ("too_many_connections", None),
            EndCause::Silent => ("silent", None),
            EndCause::NotHeardFrom => ("not_heard_from", None),
            EndCause::ForcedDisconnect => ("forced_disconnect", None),
            EndCause::Restart => ("restart", None),
            _ => ("unknown", None),
        };
        Self::Disconnected {
            connection: connection.0,
            cause,
            code: code.map(|close: &CloseFrame| close.code),
        }
    }
}

fn status_outcome(outcome: StatusOutcome) -> (&'static str, Option<Poison>) {
    match outcome {
        StatusOutcome::Stored => ("stored", None),
        StatusOutcome::Repeated => ("repeated", None),
        StatusOutcome::StreamingDetailsIncomplete => ("streaming_details_incomplete", None),
        StatusOutcome::UnknownJob => ("unknown_job", None),
        StatusOutcome::Crashed(poison) => ("crashed", Some(poison)),
        _ => ("unknown", None),
    }
}

fn specs_outcome(outcome: SpecsOutcome) -> (&'static str, Option<Poison>) {
    match outcome {
        SpecsOutcome::Stored => ("stored", None),
        SpecsOutcome::UnknownMiner => ("unknown_miner", None),
        SpecsOutcome::UnknownValidator => ("unknown_validator", None),
        SpecsOutcome::Crashed(poison) => ("crashed", Some(poison)),
        _ => ("unknown", None),
    }
}

fn in_words(poison: Option<Poison>) -> Option<String> {
    poison.map(|poison| poison.to_string())
}
