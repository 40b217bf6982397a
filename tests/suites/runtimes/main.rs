//! What every runtime has to do alike, on real sockets: carry a job through a cut and a restart, over `ws://` and
//! `wss://`; end when it is told to; name each way in which an attempt can fail.
//!
//! This file lists the runtimes and the tests; the tests are in `session`, `ending` and `failures`, and whom they talk
//! to is in `peers`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod certificates;
mod cuts;
mod ending;
mod failures;
mod peers;
mod session;

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use facilitator_async_std::async_std::AsyncStd;
use facilitator_async_std::smol::Smol;
use facilitator_async_std::{AsyncIo, Executor};
use facilitator_core::client::{
    Config, ConnectFailure, Endpoint, Event, LostReason, Phase, Signatories, TrustPolicy,
};
use facilitator_core::driver::{self, BoxFuture, Runtime, SpawnError, StartError};
use facilitator_core::signature::{Keypair, Scheme};
use facilitator_tokio::Tokio;

/// No test takes longer. The tests themselves wait for events, never for time to pass.
const LIMIT: Duration = Duration::from_mins(2);

/// A runtime under test.
struct Subject<R> {
    /// As it comes: with the public roots.
    usual: R,
    /// Trusts the tests' own authority, and nobody else.
    trusting: R,
    /// Runs a future in the foreground.
    block_on: fn(Pin<Box<dyn Future<Output = ()>>>),
}

impl<R> Subject<R> {
    fn block_on(&self, future: impl Future<Output = ()> + 'static) {
        (self.block_on)(Box::pin(future));
    }
}

macro_rules! every_runtime {
    ($($name:ident: $runtime:ty, $block_on:expr;)*) => {$(
        mod $name {
            use super::*;

            fn check(test: fn(&Subject<$runtime>)) {
                let subject = Subject {
                    usual: <$runtime>::default(),
                    trusting: <$runtime>::with_tls(certificates::trusted()),
                    block_on: $block_on,
                };
                bounded(move || test(&subject));
            }

            #[test]
            fn a_job_survives_a_cut() {
                check(session::a_job_survives_a_cut);
            }

            #[test]
            fn a_job_survives_a_cut_over_tls() {
                check(session::a_job_survives_a_cut_over_tls);
            }

            #[test]
            fn a_large_message_passes_both_ways() {
                check(session::a_large_message_passes_both_ways);
            }

            #[test]
            fn a_large_message_passes_both_ways_over_tls() {
                check(session::a_large_message_passes_both_ways_over_tls);
            }

            #[test]
            fn a_message_above_the_limit_is_refused() {
                check(session::a_message_above_the_limit_is_refused);
            }

            #[test]
            fn the_upgrade_carries_the_headers() {
                check(session::the_upgrade_carries_the_headers);
            }

            #[test]
            fn a_stopped_session_starts_again() {
                check(ending::a_stopped_session_starts_again);
            }

            #[test]
            fn stop_ends_within_its_deadline_whatever_hangs() {
                check(ending::stop_ends_within_its_deadline_whatever_hangs);
            }

            #[test]
            fn a_cut_at_any_byte_of_a_job_loses_and_reorders_nothing() {
                check(cuts::a_cut_at_any_byte_of_a_job_loses_and_reorders_nothing);
            }

            #[test]
            fn a_link_that_drops_everything_is_noticed() {
                check(cuts::a_link_that_drops_everything_is_noticed);
            }

            #[test]
            fn the_last_handle_ends_the_connection() {
                check(ending::the_last_handle_ends_the_connection);
            }

            #[test]
            fn each_failed_attempt_is_named() {
                check(failures::each_failed_attempt_is_named);
            }

            #[test]
            fn a_certificate_is_verified() {
                check(failures::a_certificate_is_verified);
            }
        }
    )*};
}

every_runtime! {
    tokio_current_thread: Tokio, |test| peers::tokio_current_thread().block_on(test);
    tokio_multi_thread: Tokio, |test| peers::tokio_multi_thread().block_on(test);
    smol: Smol, ::smol::block_on;
    async_std: AsyncStd, ::async_std::task::block_on;
    own_executor: AsyncIo<Threads>, ::smol::block_on;
}

/// The least that is an executor: a thread for each task.
#[derive(Clone, Copy, Default)]
struct Threads;

impl Executor for Threads {
    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        thread::spawn(|| ::smol::block_on(future));
        Ok(())
    }
}

#[test]
fn the_table_names_tests_that_exist() {
    facilitator_tests::mended::check("runtimes");
}

#[test]
fn tokio_says_what_is_missing_outside_of_it() {
    let config = Config::new(Endpoint::public());
    let client = facilitator_tokio::FacilitatorClient::new(config, &keypair()).unwrap();
    let Err(StartError::Spawn(error)) = client.start() else {
        panic!("there is no runtime to start it on");
    };
    assert_eq!(
        error.to_string(),
        "no tokio runtime is running here; call this from within one"
    );
    assert!(!client.is_running());
}

/// The validator of all tests.
fn keypair() -> Keypair {
    Keypair::from_seed(Scheme::Sr25519, [7; 32]).unwrap()
}

/// Who signs the jobs.
fn signer() -> Keypair {
    Keypair::from_uri(Scheme::Sr25519, "//Customer").unwrap()
}

/// A configuration that trusts the signer and tries again soon.
fn config(uri: &str) -> Config {
    let trust = TrustPolicy {
        signatories: Signatories::OwnAnd([signer().account()].into()),
        ..TrustPolicy::default()
    };
    Config {
        trust,
        backoff_initial: Duration::from_millis(10),
        backoff_max: Duration::from_millis(50),
        ..Config::new(Endpoint::parse(uri).unwrap())
    }
}

/// A client that has not been started.
fn client<R: Runtime>(runtime: R, config: Config) -> driver::FacilitatorClient<R> {
    driver::FacilitatorClient::with_runtime(config, &keypair(), runtime).unwrap()
}

/// Waits until the session is in this phase.
async fn reach<R: Runtime>(client: &driver::FacilitatorClient<R>, phase: Phase) {
    loop {
        let event = client.next_event().await.unwrap();
        if matches!(event, Event::Phase(change) if change.phase == phase) {
            return;
        }
    }
}

/// Waits until a connection, or the attempt at one, is lost.
async fn lost<R: Runtime>(client: &driver::FacilitatorClient<R>) -> LostReason {
    loop {
        let event = client.next_event().await.unwrap();
        if let Event::ConnectionLost { reason, .. } = event {
            return reason;
        }
    }
}

/// Waits until an attempt has failed, and says how.
async fn failure<R: Runtime>(client: &driver::FacilitatorClient<R>) -> ConnectFailure {
    match lost(client).await {
        LostReason::ConnectFailed(failure) => failure,
        other => panic!("the attempt succeeded, then: {other}"),
    }
}

/// Runs a test on a thread of its own, and fails it when it does not end.
fn bounded(test: impl FnOnce() + Send + 'static) {
    let (sender, ended) = channel();
    let thread = thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    match ended.recv_timeout(LIMIT) {
        Ok(()) => {}
        Err(RecvTimeoutError::Timeout) => panic!("the test did not end within {LIMIT:?}"),
        Err(RecvTimeoutError::Disconnected) => {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    }
}
