//! The conformance suite: what every runtime has to do alike, on real sockets, over every transport.
//!
//! This file is the list: runtimes, transports, scenarios, and nothing else. A test is named
//! `runtime::transport::scenario`. To add a scenario, write a function over [`Subject`] in one of the modules and name
//! it here; it shall not know which runtime and which transport it runs on. What a subject is stands in `subject`, how
//! a transport reaches a server in `transport`, whom the clients talk to in `peers`. The program `conformance` turns what
//! this prints, in one run or in many, into a table.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod authentication;
mod certificates;
mod child;
mod costs;
mod crowd;
mod cuts;
mod ending;
mod failures;
mod frames;
mod holes;
mod lifecycle;
mod losses;
mod names;
mod peers;
mod proxies;
mod raw;
mod resolving;
mod restarts;
mod script;
mod session;
mod signals;
mod storms;
mod subject;
mod talk;
mod transport;
mod trust;
mod waiting;
mod wire;

use facilitator_async_std::AsyncIo;
use facilitator_async_std::async_std::AsyncStd;
use facilitator_async_std::smol::Smol;
use facilitator_tokio::Tokio;

use self::subject::{Subject, Threads, UnderTest};
use self::talk::{client, config, failure, keypair, lost, reach, signer};
use self::transport::Transport;

/// Every scenario on every runtime; those under `each_transport` over every transport too.
macro_rules! conformance {
    (
        runtimes: { $($runtime:ident: $type:ty, $block_on:expr;)* }
        transports: $transports:tt
        each_transport: $each:tt
        once: $once:tt
    ) => {$(
        mod $runtime {
            use super::*;

            fn subject(test: &'static str, transport: Transport) -> Subject<$type> {
                Subject::new(test, transport, $block_on)
            }

            over_transports! { $transports $each }

            mod any {
                use super::*;

                scenarios! { Transport::Plain, $once }
            }
        }
    )*};
}

macro_rules! over_transports {
    ({ $($transport:ident: $value:expr;)* } $scenarios:tt) => {$(
        mod $transport {
            use super::*;

            scenarios! { $value, $scenarios }
        }
    )*};
}

macro_rules! scenarios {
    ($transport:expr, { $($module:ident::$scenario:ident;)* }) => {$(
        #[test]
        fn $scenario() {
            let test = concat!(module_path!(), "::", stringify!($scenario));
            let (_, test) = test.split_once("::").unwrap();
            subject::bounded(|| $module::$scenario(&subject(test, $transport)));
        }
    )*};
}

conformance! {
    runtimes: {
        tokio_current_thread: Tokio, |test| peers::tokio_current_thread().block_on(test);
        tokio_multi_thread: Tokio, |test| peers::tokio_multi_thread().block_on(test);
        smol: Smol, |test| ::smol::block_on(test);
        async_std: AsyncStd, |test| ::async_std::task::block_on(test);
        own_executor: AsyncIo<Threads>, |test| ::smol::block_on(test);
    }
    transports: {
        plain: Transport::Plain;
        tls: Transport::Tls;
    }
    each_transport: {
        session::a_job_survives_a_cut;
        session::a_large_message_passes_both_ways;
        session::a_message_above_the_limit_is_refused;
        session::the_upgrade_carries_the_headers;
        ending::a_stopped_session_starts_again;
        ending::the_last_handle_ends_the_connection;
        authentication::an_unknown_validator_is_told_and_let_in_later;
        authentication::a_refused_signature_is_told_loudly;
        authentication::each_answer_to_the_authentication_has_its_outcome;
        authentication::authentication_in_headers_works_and_is_refused;
        authentication::a_job_may_come_at_any_moment;
        failures::a_refused_upgrade_is_named_and_a_wait_is_granted;
        failures::a_redirect_is_not_followed;
        lifecycle::each_call_at_the_wrong_time_is_named_and_changes_nothing;
        lifecycle::a_stop_delivers_what_is_owed;
        lifecycle::an_abort_hands_back_and_another_session_delivers_it;
        lifecycle::one_handle_serves_every_use;
        restarts::three_restarts_of_the_facilitator_are_survived;
        waiting::callers_that_come_and_go_lose_and_double_nothing;
        losses::each_lost_connection_has_its_reason;
        losses::an_unanswered_status_costs_the_connection;
        losses::what_cannot_be_read_costs_nothing;
        cuts::a_cut_at_any_byte_of_a_job_loses_and_reorders_nothing;
        storms::a_storm_loses_and_reorders_nothing;
        resolving::a_black_hole_is_noticed_while_resolving;
        holes::a_black_hole_is_noticed_while_connecting;
        holes::a_black_hole_is_noticed_in_the_first_handshake;
        holes::a_black_hole_is_noticed_during_the_upgrade;
        holes::a_black_hole_is_noticed_during_the_authentication;
        holes::a_black_hole_is_noticed_when_ready;
        holes::a_peer_that_does_not_read_is_heard;
        proxies::a_session_passes_through_a_proxy;
        frames::a_ping_is_answered_though_nothing_else_is_to_be_said;
        frames::a_message_in_fragments_is_one_message;
        frames::fragments_beyond_the_limit_are_refused;
        frames::what_breaks_the_rules_ends_the_connection;
        frames::an_extension_is_neither_offered_nor_taken;
        frames::a_goodbye_is_answered;
    }
    once: {
        ending::stop_ends_within_its_deadline_whatever_hangs;
        resolving::a_stop_ends_while_the_system_waits_for_dns;
        signals::a_signal_stops_the_session_that_a_process_embeds;
        crowd::a_thousand_clients_in_one_process;
        failures::each_failed_attempt_is_named;
        failures::a_certificate_is_verified;
        failures::a_mismatch_of_tls_is_named;
        proxies::a_name_that_only_the_proxy_knows_is_left_to_it;
        proxies::who_needs_no_proxy_goes_around_it;
        proxies::each_refusal_of_a_proxy_is_named;
        proxies::an_environment_that_makes_no_sense_fails_what_would_need_it;
        names::an_ipv6_address_is_reached;
        names::the_right_name_is_said_and_verified;
        names::the_next_address_is_tried;
        names::a_resolver_of_ones_own_is_asked;
        trust::an_authority_of_ones_own_is_trusted;
        trust::a_client_shows_its_certificate_to_servers_only;
        trust::an_end_of_tls_is_said;
    }
}

#[test]
fn the_table_names_tests_that_exist() {
    facilitator_tests::mended::check("runtimes");
}

#[test]
fn tokio_says_what_is_missing_outside_of_it() {
    let config = config("wss://localhost/");
    let client = facilitator_tokio::FacilitatorClient::new(config, &keypair()).unwrap();
    let error = client.start().unwrap_err();
    assert_eq!(
        error.to_string(),
        "no tokio runtime is running here; call this from within one"
    );
    assert!(!client.is_running());
}
