//! A runtime whose connections are pipes in memory; the test holds the other ends.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use facilitator_core::client::{
    Config, ConnectFailure, ConnectFailureKind, ConnectRequest, Endpoint, Event, Phase, TrustPolicy,
};
use facilitator_core::driver::{
    BoxFuture, FacilitatorClient, Runtime, SpawnError, websocket_config,
};
use facilitator_tests::solo::{SUCCESS, keypair};
use futures_util::{SinkExt, StreamExt};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

/// Where connection attempts lead.
#[derive(Clone)]
enum Door {
    /// The other ends of new connections go here.
    Open(mpsc::UnboundedSender<WebSocketStream<DuplexStream>>),
    /// Refused.
    Closed,
    /// Nobody answers.
    Mute,
}

/// What a test does between two steps of a session's task.
pub(crate) type Look = Box<dyn FnMut() + Send>;

/// Connections in memory.
pub(crate) struct Memory {
    door: Arc<Mutex<Door>>,
    pipe: usize,
    /// Called whenever the task looks at its timer, which it does without holding anything.
    look: Arc<Mutex<Option<Look>>>,
}

impl Runtime for Memory {
    type Transport = WebSocketStream<DuplexStream>;

    fn connect(
        &self,
        request: ConnectRequest,
    ) -> BoxFuture<Result<Self::Transport, ConnectFailure>> {
        let door = self.door.lock().unwrap().clone();
        let pipe = self.pipe;
        Box::pin(async move {
            let refused = || ConnectFailure::new(ConnectFailureKind::Refused, "");
            let door = match door {
                Door::Open(door) => door,
                Door::Closed => return Err(refused()),
                Door::Mute => pending().await,
            };
            let (near, far) = tokio::io::duplex(pipe);
            let config = Some(websocket_config(request.max_message_bytes));
            let far = WebSocketStream::from_raw_socket(far, Role::Server, config).await;
            door.send(far).map_err(|_| refused())?;
            Ok(WebSocketStream::from_raw_socket(near, Role::Client, config).await)
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        let look = Arc::clone(&self.look);
        let mut sleep = Box::pin(tokio::time::sleep_until(deadline.into()));
        Box::pin(poll_fn(move |cx| {
            if let Some(look) = &mut *look.lock().unwrap() {
                look();
            }
            sleep.as_mut().poll(cx)
        }))
    }

    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        let handle =
            tokio::runtime::Handle::try_current().map_err(|_| SpawnError { runtime: "tokio" })?;
        // Without tokio's budget, which other runtimes do not have either: it would hide a task that goes on for ever.
        handle.spawn(tokio::task::unconstrained(future));
        Ok(())
    }
}

pub(crate) type Client = FacilitatorClient<Memory>;

/// A session and the listener that it connects to.
pub(crate) struct World {
    pub(crate) client: Client,
    door: Arc<Mutex<Door>>,
    look: Arc<Mutex<Option<Look>>>,
    arrivals: mpsc::UnboundedReceiver<WebSocketStream<DuplexStream>>,
}

pub(crate) fn config() -> Config {
    Config {
        trust: TrustPolicy::unverified(),
        ..Config::new(Endpoint::public())
    }
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self::with_pipe(config, 64 * 1024)
    }

    /// Pipes that hold this many bytes before a writer has to wait.
    pub(crate) fn with_pipe(config: Config, pipe: usize) -> Self {
        let (door, arrivals) = mpsc::unbounded_channel();
        let door = Arc::new(Mutex::new(Door::Open(door)));
        let look = Arc::default();
        let runtime = Memory {
            door: Arc::clone(&door),
            pipe,
            look: Arc::clone(&look),
        };
        Self {
            client: Client::with_runtime(config, &keypair(), runtime).unwrap(),
            door,
            look,
            arrivals,
        }
    }

    /// From now on this is called between the task's steps; nothing any more with `None`.
    pub(crate) fn between_steps(&self, look: Option<Look>) {
        *self.look.lock().unwrap() = look;
    }

    /// From now on connections are refused.
    pub(crate) fn close_the_door(&self) {
        *self.door.lock().unwrap() = Door::Closed;
    }

    /// From now on nobody answers a connection attempt.
    pub(crate) fn mute_the_door(&self) {
        *self.door.lock().unwrap() = Door::Mute;
    }

    /// The other end of the next connection, before authentication.
    pub(crate) async fn accept(&mut self) -> Peer {
        Peer(self.arrivals.recv().await.expect("the listener is gone"))
    }

    /// A started session that is ready, and the other end of its connection.
    pub(crate) async fn ready(&mut self) -> Peer {
        self.client.start().unwrap();
        let mut peer = self.accept().await;
        peer.authenticate().await;
        self.wait_for(Phase::Ready).await;
        peer
    }

    /// Takes events until this phase is announced.
    pub(crate) async fn wait_for(&self, phase: Phase) {
        loop {
            if let Event::Phase(change) = self.client.next_event().await.unwrap()
                && change.phase == phase
            {
                return;
            }
        }
    }
}

/// The facilitator's end of a connection, played by hand.
pub(crate) struct Peer(WebSocketStream<DuplexStream>);

impl Peer {
    /// Takes the authentication and the first heartbeat.
    pub(crate) async fn authenticate(&mut self) {
        assert!(self.text().await.contains("V0AuthenticationRequest"));
        self.send(SUCCESS).await;
        assert!(self.text().await.contains("V0Heartbeat"));
    }

    /// The next text; pings are answered on the way.
    pub(crate) async fn text(&mut self) -> String {
        self.try_text().await.expect("the connection ended")
    }

    /// The next text, or nothing when the connection has ended.
    pub(crate) async fn try_text(&mut self) -> Option<String> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Sends, unless the connection has ended.
    pub(crate) async fn send_or_end(&mut self, text: &str) -> Result<(), ()> {
        self.0.send(Message::text(text)).await.map_err(|_| ())
    }

    /// The next close frame's code, or nothing when the connection ends without one.
    pub(crate) async fn goodbye(&mut self) -> Option<u16> {
        loop {
            match self.0.next().await? {
                Ok(Message::Close(close)) => return close.map(|close| close.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Closes with this code; returns whether the other side answered with a close frame of its own.
    pub(crate) async fn close(&mut self, code: u16) -> bool {
        let close = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.0.send(Message::Close(Some(close))).await.unwrap();
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(_))) => return true,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return false,
            }
        }
    }

    /// The next text, if one comes by itself; a status is answered with success. When none comes, a second passes.
    pub(crate) async fn step(&mut self) -> Option<String> {
        let text = tokio::time::timeout(Duration::from_millis(5), self.try_text()).await;
        let text = text.ok().flatten();
        if text
            .as_ref()
            .is_some_and(|text| text.contains("V0JobStatusUpdate"))
        {
            self.send(SUCCESS).await;
        }
        // Everybody whom this concerns has had its turn when the clock moves.
        let pause = if text.is_some() { 1 } else { 1000 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        text
    }

    /// Answers every status with success until the connection ends; returns the statuses.
    pub(crate) async fn serve(mut self) -> Vec<String> {
        let mut statuses = Vec::new();
        while let Some(text) = self.try_text().await {
            if text.contains("V0JobStatusUpdate") {
                statuses.push(text);
                if self.0.send(Message::text(SUCCESS)).await.is_err() {
                    break;
                }
            }
        }
        // Completes the closing handshake.
        while let Some(Ok(_)) = self.0.next().await {}
        statuses
    }
}

/// Bounds a wait in the clock's time, which jumps when nothing else is to be done.
pub(crate) async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future)
        .await
        .expect("it took too long")
}
