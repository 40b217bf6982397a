//! Transports of other people's: what the task may rely on is what the trait says, and no more.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use facilitator_core::Frame;
use facilitator_core::client::{ConnectFailure, ConnectRequest, Event, Unexpected};
use facilitator_core::driver::tungstenite::Error;
use facilitator_core::driver::{
    BoxFuture, FacilitatorClient, Inbound, Runtime, SpawnError, Transport,
};
use facilitator_tests::solo::{SUCCESS, keypair};

use crate::memory::{config, within};

/// A transport that keeps much of what it reads to itself.
struct Discreet {
    steps: u32,
}

/// What it swallows: more than a task reads in one poll, and then it has something to say.
const SWALLOWED: u32 = 10_000;

impl Transport for Discreet {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn send_text(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn send(&mut self, _: &Frame) -> Result<(), Error> {
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    /// It never wakes anybody: while it is ready, it need not.
    fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        inbound: &mut Inbound,
    ) -> Poll<Option<Result<(), Error>>> {
        self.steps += 1;
        match self.steps {
            1 => inbound.push_text(SUCCESS),
            2..SWALLOWED => {}
            SWALLOWED => inbound.push(Frame::Binary((*b"at last").into())),
            _ => return Poll::Pending,
        }
        Poll::Ready(Some(Ok(())))
    }
}

#[derive(Default)]
struct Own;

impl Runtime for Own {
    type Transport = Discreet;

    fn connect(&self, _: ConnectRequest) -> BoxFuture<Result<Discreet, ConnectFailure>> {
        Box::pin(async { Ok(Discreet { steps: 0 }) })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        tokio::spawn(future);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_keeps_frames_to_itself_is_asked_on() {
    let client = FacilitatorClient::<Own>::new(config(), &keypair()).unwrap();
    client.start().unwrap();
    let began = tokio::time::Instant::now();
    within(60, async {
        while client.next_event().await.unwrap() != Event::Unexpected(Unexpected::Binary(7)) {}
    })
    .await;
    // Not only when the next ping is due.
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}
