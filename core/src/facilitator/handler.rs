//! What the facilitator does with a message: the reference's `ValidatorConsumer`. When a message's turn comes, and how
//! a connection ends, is decided elsewhere.

use super::connection::{Connection, Phase};
use super::output::{AuthenticationRefusal, EndCause, Event, Poison, SpecsOutcome, StatusOutcome};
use super::poison::{self, Afterwards};
use super::record::{StoredSpecs, StoredStatus};
use super::{Facilitator, answers};
use crate::message::parse_uuid;
use crate::message::{
    DecodeMode, Response, V0AuthenticationRequest, V0JobStatusUpdate, V0MachineSpecsUpdate,
    ValidatorMessage,
};
use crate::signature::{self, AccountId, AuthenticationError};
use crate::{CloseFrame, ConnectionId, Timestamp};

impl Facilitator {
    pub(super) fn handle_text(&mut self, at: Timestamp, conn: ConnectionId, text: &str) {
        let message = match ValidatorMessage::decode(text, DecodeMode::Strict) {
            Ok(decoded) => decoded.message,
            Err(error) => {
                self.stats.malformed += 1;
                let answer = answers::malformed(text, &error);
                self.event(Event::Malformed {
                    conn,
                    error: Some(error),
                });
                self.respond(conn, answer);
                return;
            }
        };
        let validator = self.connections.get(&conn).and_then(Connection::validator);
        match (message, validator) {
            (ValidatorMessage::Authentication(request), None) => {
                self.authenticate(at, conn, &request);
            }
            (ValidatorMessage::Authentication(_), Some(validator)) => {
                self.refuse(
                    conn,
                    Some(validator),
                    AuthenticationRefusal::AlreadyAuthenticated,
                );
            }
            (_, None) => {
                self.stats.not_authenticated += 1;
                self.event(Event::NotAuthenticated { conn });
                self.respond(conn, answers::not_authenticated());
            }
            (ValidatorMessage::Heartbeat, Some(validator)) => {
                self.note_heartbeat(at, conn, validator);
            }
            (ValidatorMessage::JobStatus(update), Some(_)) => {
                self.update_job(at, conn, text, update);
            }
            (ValidatorMessage::MachineSpecs(update), Some(_)) => {
                self.store_specs(at, conn, text, update);
            }
        }
    }

    pub(super) fn handle_binary(&mut self, conn: ConnectionId) {
        self.stats.malformed += 1;
        self.event(Event::Malformed { conn, error: None });
        self.respond(conn, answers::no_text());
    }

    fn authenticate(
        &mut self,
        at: Timestamp,
        conn: ConnectionId,
        request: &V0AuthenticationRequest,
    ) {
        let account = signature::claimed_account(request).ok();
        let verdict = account
            .ok_or(AuthenticationRefusal::Crashed(Poison::PublicKey))
            .and_then(|account| self.judge_authentication(account, request));
        match verdict {
            Ok(validator) => {
                self.note_authenticated(at, conn, validator);
                self.respond(conn, Response::success());
                self.give_work(conn, validator);
            }
            Err(reason) => self.refuse(conn, account, reason),
        }
    }

    fn judge_authentication(
        &self,
        account: AccountId,
        request: &V0AuthenticationRequest,
    ) -> Result<AccountId, AuthenticationRefusal> {
        // The look-up comes first: of an unknown validator nobody looks at the signature.
        if !self.has_room_for(account) {
            return Err(AuthenticationRefusal::NotFound);
        }
        match signature::verify_authentication(request) {
            Ok(_) => Ok(account),
            Err(error) if !error.is_poison() => Err(AuthenticationRefusal::SignatureInvalid),
            Err(AuthenticationError::KeyPrefixed | AuthenticationError::Key(_)) => {
                Err(AuthenticationRefusal::Crashed(Poison::PublicKey))
            }
            Err(_) => Err(AuthenticationRefusal::Crashed(Poison::Signature)),
        }
    }

    /// Whether this validator is known, and its record has a place.
    pub(super) fn has_room_for(&self, account: AccountId) -> bool {
        let room = self.validators.len() < self.config.limits.validators;
        self.config.validators.contains(account) && (room || self.validators.contains_key(&account))
    }

    pub(super) fn note_authenticated(
        &mut self,
        at: Timestamp,
        conn: ConnectionId,
        validator: AccountId,
    ) {
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.phase = Phase::Authenticated {
            validator,
            heard: at,
        };
        let record = self.validators.entry(validator).or_default();
        record.authentications += 1;
        if let Some(version) = &connection.version {
            record.version = Some(version.clone());
        }
        if let Some(version) = &connection.runner_version {
            record.runner_version = Some(version.clone());
        }
        self.stats.authentications += 1;
        self.event(Event::Authenticated { conn, validator });
    }

    /// What a validator gets once it has authenticated.
    pub(super) fn give_work(&mut self, conn: ConnectionId, validator: AccountId) {
        if self.config.resend_unanswered {
            self.resend_unanswered(conn, validator);
        }
        self.send_waiting(validator);
    }

    fn refuse(
        &mut self,
        conn: ConnectionId,
        account: Option<AccountId>,
        reason: AuthenticationRefusal,
    ) {
        self.event(Event::AuthenticationRefused {
            conn,
            account,
            reason,
        });
        let (answer, code) = match reason {
            AuthenticationRefusal::NotFound => (
                answers::validator_not_found(account),
                Some(CloseFrame::VALIDATOR_NOT_FOUND),
            ),
            AuthenticationRefusal::SignatureInvalid => (
                answers::signature_invalid(),
                Some(CloseFrame::SIGNATURE_INVALID),
            ),
            AuthenticationRefusal::AlreadyAuthenticated => (answers::already_authenticated(), None),
            AuthenticationRefusal::Crashed(_) => return self.crash(conn),
        };
        self.stats.authentications_refused += 1;
        self.respond(conn, answer);
        if let Some(code) = code {
            self.end(
                conn,
                Some(CloseFrame::new(code)),
                EndCause::AuthenticationRefused,
            );
        }
    }

    fn note_heartbeat(&mut self, at: Timestamp, conn: ConnectionId, validator: AccountId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.note_heartbeat(at);
        }
        if let Some(record) = self.validators.get_mut(&validator) {
            record.heartbeats += 1;
            record.last_heartbeat = Some(at);
        }
        self.stats.heartbeats += 1;
        self.event(Event::Heartbeat { conn });
        self.send_waiting(validator);
    }

    fn update_job(
        &mut self,
        at: Timestamp,
        conn: ConnectionId,
        text: &str,
        update: V0JobStatusUpdate,
    ) {
        let outcome = self.judge_status(at, conn, text, &update);
        self.event(Event::JobStatus {
            conn,
            update,
            outcome,
        });
        match outcome {
            StatusOutcome::Stored => {
                self.stats.statuses_stored += 1;
                self.respond(conn, Response::success());
            }
            StatusOutcome::Repeated => {
                self.stats.statuses_repeated += 1;
                self.respond(conn, answers::integrity_error());
            }
            StatusOutcome::StreamingDetailsIncomplete => {
                self.respond(conn, answers::integrity_error());
            }
            StatusOutcome::UnknownJob => {
                self.stats.statuses_unknown_job += 1;
                self.respond(conn, answers::job_not_found());
            }
            StatusOutcome::Crashed(_) => self.crash(conn),
        }
    }

    fn judge_status(
        &mut self,
        at: Timestamp,
        conn: ConnectionId,
        text: &str,
        update: &V0JobStatusUpdate,
    ) -> StatusOutcome {
        let Some(uuid) = parse_uuid(&update.uuid) else {
            return StatusOutcome::Crashed(Poison::JobUuid);
        };
        let Some(job) = self.jobs.get_mut(&uuid) else {
            return StatusOutcome::UnknownJob;
        };
        job.updates += 1;
        if crate::message::contains_nul(text) {
            return StatusOutcome::Crashed(Poison::NulCharacter);
        }
        if job.has(update.status) {
            job.repetitions += 1;
            return StatusOutcome::Repeated;
        }
        let outcome = match poison::after_storing(update) {
            Afterwards::Fine => StatusOutcome::Stored,
            Afterwards::StreamingDetailsIncomplete => StatusOutcome::StreamingDetailsIncomplete,
            Afterwards::Crash(poison) => StatusOutcome::Crashed(poison),
        };
        if outcome == StatusOutcome::Stored || self.config.poison_is_stored {
            job.statuses.push(StoredStatus {
                status: update.status,
                metadata: update.metadata.clone(),
                at,
                conn: Some(conn),
            });
        }
        outcome
    }

    fn store_specs(
        &mut self,
        at: Timestamp,
        conn: ConnectionId,
        text: &str,
        update: V0MachineSpecsUpdate,
    ) {
        let outcome = if !self.config.miners.contains_name(&update.miner_hotkey) {
            SpecsOutcome::UnknownMiner
        } else if !self
            .config
            .validators
            .contains_name(&update.validator_hotkey)
        {
            SpecsOutcome::UnknownValidator
        } else {
            poison::in_machine_specs(text, &update)
                .map_or(SpecsOutcome::Stored, SpecsOutcome::Crashed)
        };
        if outcome == SpecsOutcome::Stored {
            self.stats.machine_specs += 1;
            let specs = StoredSpecs {
                update: update.clone(),
                at,
                conn,
            };
            self.specs.push(specs, self.config.limits.machine_specs);
        }
        self.event(Event::MachineSpecs {
            conn,
            update,
            outcome,
        });
        if let SpecsOutcome::Crashed(_) = outcome {
            self.crash(conn);
        }
    }

    /// The handler dies: nothing is answered, nothing more is read, and the close follows in the server's own time.
    fn crash(&mut self, conn: ConnectionId) {
        self.stats.crashes += 1;
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        connection.clear_inbox();
        if self.config.crash_delay.is_zero() {
            self.end_crashed(conn);
        } else {
            connection.phase = Phase::Crashed {
                close_at: self.now + self.config.crash_delay,
            };
        }
    }
}
