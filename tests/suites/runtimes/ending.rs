//! Every end that is asked for comes, and leaves nothing behind.

use std::time::Duration;

use facilitator_core::client::{Config, Endpoint, Phase};
use facilitator_core::driver::{FacilitatorClient, Runtime};
use facilitator_core::facilitator::{EndCause, Event};
use facilitator_tokio::server::ServerEvent;

use crate::peers::Manners;
use crate::{Subject, client, keypair, peers, reach};

pub(crate) fn stop_ends_an_attempt_that_hangs<R: Runtime + Clone>(subject: &Subject<R>) {
    let config = Config {
        drain_timeout: Duration::from_millis(100),
        ..Config::new(Endpoint::parse(&format!("ws://127.0.0.1:{}/", peers::stranger(Manners::Mute))).unwrap())
    };
    let client =
        FacilitatorClient::with_runtime(config, &keypair(), subject.usual.clone()).unwrap();
    subject.block_on(async move {
        client.start().unwrap();
        reach(&client, Phase::Connecting).await;
        assert_eq!(client.stop().await.unwrap().owed, []);
        assert!(!client.is_running());
    });
}

pub(crate) fn the_last_handle_ends_the_connection<R: Runtime + Clone>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let client = client(subject.usual.clone(), &server.uri());
    subject.block_on(async move {
        let mut events = server.events();
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        drop(client);
        let cause = loop {
            if let ServerEvent::Facilitator(Event::Ended { cause, .. }) = events.next().await.unwrap() {
                break cause;
            }
        };
        assert_eq!(cause, EndCause::Disconnected);
    });
}
