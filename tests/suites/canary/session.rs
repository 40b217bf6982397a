//! A session with secrets in every place where one can be, and all that an application could show of it.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, Config, Endpoint, Event, Phase, TrustPolicy, Unexpected,
};
use facilitator_core::driver::{FacilitatorClient, Runtime};
use facilitator_core::message::JobStatus;
use facilitator_core::signature::Keypair;
use facilitator_core::trace::SinkClosed;
use facilitator_tests::solo::{job, specs};

use crate::nosy::Nosy;

/// A value of an extra header.
pub(crate) const CREDENTIAL: &str = "canary-credential-of-a-header";
/// A token in the endpoint's query.
pub(crate) const QUERY: &str = "canary-token-of-the-query";
/// A user name and a password in an endpoint.
pub(crate) const USER: &str = "canary-user:canary-password";

/// A session of this key.
pub(crate) struct Plan<'a> {
    pub(crate) keypair: &'a Keypair,
    /// How it authenticates.
    pub(crate) by_header: bool,
}

/// What was shown, and the signatures that were sent with the upgrades.
pub(crate) struct Told {
    pub(crate) said: String,
    pub(crate) signatures: Vec<String>,
}

struct Said(String);

impl Said {
    fn show(&mut self, value: &impl Debug) {
        writeln!(self.0, "{value:?}\n{value:#?}").unwrap();
    }

    fn tell(&mut self, error: impl std::error::Error) {
        self.show(&error);
        writeln!(self.0, "{error}").unwrap();
    }

    fn event(&mut self, event: &Event) {
        self.show(event);
        if let Event::ConnectionLost { reason, .. } = event {
            self.tell(reason.clone());
        }
        if let Event::Malformed(error) = event {
            self.tell(error.clone());
        }
    }
}

impl Plan<'_> {
    fn config(&self, uri: &str) -> Config {
        Config {
            extra_headers: vec![("Authorization".into(), format!("Bearer {CREDENTIAL}"))],
            authentication: if self.by_header {
                AuthenticationMethod::Headers
            } else {
                AuthenticationMethod::FirstFrame
            },
            trust: TrustPolicy::unverified(),
            backoff_initial: Duration::from_millis(10),
            backoff_max: Duration::from_millis(10),
            refused_delay: Duration::from_millis(10),
            ..Config::new(Endpoint::parse(uri).unwrap())
        }
    }

    pub(crate) async fn run<R: Runtime + Default>(&self) -> Told {
        let mut said = Said(String::new());
        let nosy = Nosy::listen();
        let uri = format!("ws://127.0.0.1:{}/path?token={QUERY}", nosy.port);
        let config = self.config(&uri);
        said.show(self.keypair);
        said.show(&config);
        writeln!(said.0, "{}", config.endpoint).unwrap();
        said.tell(Endpoint::parse(&format!("wss://{USER}@host/?{QUERY}")).unwrap_err());
        said.tell(Endpoint::parse(&format!("ws://host/?{QUERY}")).unwrap_err());
        let broken = Config {
            extra_headers: vec![("Authorization".into(), format!("{CREDENTIAL}\r\n"))],
            ..config.clone()
        };
        said.tell(FacilitatorClient::<R>::new(broken, self.keypair).unwrap_err());

        let client = FacilitatorClient::<R>::new(config, self.keypair).unwrap();
        let lines = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&lines);
        let record = move |line: &str| {
            sink.lock().map_err(|_| SinkClosed)?.push_str(line);
            Ok(())
        };
        client.record(record).unwrap();
        said.tell(client.stop().await.unwrap_err());
        client.start().unwrap();
        said.tell(client.start().unwrap_err());
        self.listen(&client, &mut said).await;
        said.show(&client);
        let report = client.stop().await.unwrap();
        said.show(&report);
        said.show(&client.snapshot());
        while let Ok(event) = client.next_event().await {
            said.event(&event);
        }
        said.show(&client.stats());
        said.0 += &lines.lock().unwrap();
        Told {
            said: said.0,
            signatures: nosy.signatures(),
        }
    }

    /// Until all that the peer has to say has come.
    async fn listen<R: Runtime>(&self, client: &FacilitatorClient<R>, said: &mut Said) {
        let (mut ready, mut sent, mut refused) = (false, false, false);
        loop {
            let event = client.next_event().await.unwrap();
            said.event(&event);
            ready |= matches!(&event, Event::Phase(change) if change.phase == Phase::Ready);
            // By header, one is let in before the peer has said anything; the last word of those that matter is this.
            let last_word = matches!(
                &event,
                Event::Unexpected(Unexpected::Response { errors }) if errors[0].kind == "job.not_found"
            );
            if ready && last_word && !sent {
                sent = true;
                let receipt = client
                    .send_status(&job(1), JobStatus::Failed)
                    .await
                    .unwrap();
                said.show(&receipt);
                said.show(&receipt.await);
                let receipt = client.send_machine_specs("5X", &job(2), specs()).await;
                said.show(&receipt.unwrap());
                said.tell(
                    client
                        .send_status("?", JobStatus::Failed)
                        .await
                        .unwrap_err(),
                );
            }
            refused |= matches!(&event, Event::Receipt(_)) && sent;
            if refused {
                return;
            }
        }
    }
}
