//! One connection, looked at step by step. It is the session's own: what `connect` would do is what is seen here. Which
//! news mean which finding is decided here; what to do about it stands in `advice`.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use facilitator_tokio::core::client::{Event, LostReason, Unexpected};
use facilitator_tokio::core::driver::{FacilitatorClient, Network};
use facilitator_tokio::{Config, Keypair, Phase, Tokio};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::advice::{Way, advice};
use super::ear::Listening;
use super::finding::{Check, Finding, Printer, Verdict};
use super::news::{Facts, News, TlsTrouble, Witness};
use crate::failure::Failure;

/// A facilitator that chokes on a heartbeat hangs up a moment later.
const SETTLED: Duration = Duration::from_millis(1500);
/// The first ping goes out after this time.
const PING: Duration = Duration::from_millis(500);
/// A certificate that ends sooner is worth a word.
const RENEWAL: Duration = Duration::from_hours(14 * 24);
const DAY: u64 = 86_400;

type Client = FacilitatorClient<Listening>;

/// Connects once, and prints what is found.
pub(super) async fn examine(
    config: Config,
    keypair: &Keypair,
    network: Network,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let (sender, news) = unbounded_channel();
    let network = network.with_observer(Arc::new(Witness(sender.clone())));
    let config = Config {
        ping_interval: config.ping_interval.min(PING),
        ..config
    };
    let (host, port) = (config.endpoint.host().to_owned(), config.endpoint.port());
    let runtime = Listening {
        tokio: Tokio::new(network),
        news: sender,
    };
    let client = Client::with_runtime(config, keypair, runtime)
        .map_err(|error| Failure::usage(error.to_string()))?;
    client
        .start()
        .map_err(|error| Failure::failed(error.to_string()))?;
    let mut examination = Examination {
        printer,
        // What fails before any step are settings of the proxy, and headers.
        under_way: Check::Proxy,
        began: Instant::now(),
        host,
        port,
        addresses_failed: Vec::new(),
        trouble: None,
        round_trip: None,
        pushed: 0,
    };
    let watched = examination.watch(&client, news).await;
    // It closes properly, within the session's own deadlines; after a failure there is nothing to close.
    let _ = client.stop().await;
    watched.map_err(|error| Failure::failed(format!("stdout cannot be written: {error}")))
}

struct Examination<'a> {
    printer: &'a mut Printer,
    under_way: Check,
    began: Instant,
    host: String,
    port: u16,
    addresses_failed: Vec<String>,
    trouble: Option<TlsTrouble>,
    round_trip: Option<Duration>,
    pushed: u64,
}

impl Examination<'_> {
    async fn watch(
        &mut self,
        client: &Client,
        mut news: UnboundedReceiver<News>,
    ) -> io::Result<()> {
        loop {
            // What was heard of a step came before the event that it led to.
            let event = tokio::select! {
                biased;
                Some(heard) = news.recv() => {
                    self.hear(heard)?;
                    None
                }
                event = client.next_event(), if !self.is_settled() => match event {
                    Ok(event) => Some(event),
                    Err(_) => return Ok(()),
                },
                () = self.settled() => None,
            };
            if let Some(event) = event
                && self.take(&event)?
            {
                return Ok(());
            }
            if self.is_settled() {
                return self.finish();
            }
        }
    }

    /// Whether nothing more can be learned of the heartbeat: it was read, and there was time to refuse it. That it was
    /// taken is told by nobody, for the protocol has no answer to it.
    fn is_settled(&self) -> bool {
        self.under_way == Check::Heartbeat
            && self.round_trip.is_some()
            && self.began.elapsed() >= SETTLED
    }

    /// Waits until then; for ever, while more than time is needed.
    async fn settled(&self) {
        if self.under_way != Check::Heartbeat || self.round_trip.is_none() {
            return std::future::pending().await;
        }
        let _ = timeout(
            SETTLED.saturating_sub(self.began.elapsed()),
            std::future::pending::<()>(),
        )
        .await;
    }

    fn hear(&mut self, news: News) -> io::Result<()> {
        match news {
            News::Begun {
                step,
                host,
                port,
                at,
            } => {
                if let Some(step) = Check::of(step) {
                    self.begin(step, at);
                }
                (self.host, self.port) = (host, port);
            }
            News::AddressFailed(what) => self.addresses_failed.push(what),
            News::NotSecured(trouble) => self.trouble = Some(trouble),
            News::Done { at, facts } => self.done(at, facts)?,
            News::Pong(after) => self.round_trip = Some(after),
            News::Pushed => self.pushed += 1,
        }
        Ok(())
    }

    fn begin(&mut self, step: Check, at: Instant) {
        self.under_way = step;
        self.began = at;
        self.trouble = None;
    }

    fn done(&mut self, at: Instant, facts: Facts) -> io::Result<()> {
        let to = format!("{}:{}", self.host, self.port);
        let (detail, doubt) = match facts {
            Facts::Addresses(addresses) => {
                let list: Vec<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
                (format!("{}: {}", self.host, list.join(", ")), None)
            }
            Facts::Address(address) => {
                let failed = std::mem::take(&mut self.addresses_failed);
                let doubt = (!failed.is_empty())
                    .then(|| format!("other addresses fail, and cost time: {}", failed.join("; ")));
                (address.to_string(), doubt)
            }
            Facts::Tls { agreed, until } => validity(agreed, until),
            Facts::Nothing if self.under_way == Check::Tunnel => {
                (format!("the proxy {to} has opened the way"), None)
            }
            Facts::Nothing => (format!("{to} speaks WebSocket"), None),
        };
        let connects = self.under_way == Check::Upgrade;
        self.report(at, detail, doubt)?;
        if connects {
            self.begin(Check::Authentication, at);
        }
        Ok(())
    }

    /// Whether it was the end.
    fn take(&mut self, event: &Event) -> io::Result<bool> {
        match event {
            Event::Phase(change) if change.phase == Phase::Ready => {
                let now = Instant::now();
                let said = "the facilitator has accepted the hotkey";
                self.report(now, said.to_owned(), None)?;
                self.begin(Check::Heartbeat, now);
            }
            Event::ConnectionLost { reason, .. } => {
                self.fail(reason)?;
                return Ok(true);
            }
            Event::Unexpected(Unexpected::HeartbeatRefused { .. }) => {
                self.refused("the facilitator has refused it")?;
                return Ok(true);
            }
            // Nothing but the heartbeat was sent since.
            Event::Unexpected(Unexpected::Response { .. })
                if self.under_way == Check::Heartbeat =>
            {
                self.refused(
                    "the facilitator has answered it, with an error that names no message",
                )?;
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    fn finish(&mut self) -> io::Result<()> {
        let round_trip = self.round_trip.unwrap_or_default().as_secs_f64() * 1000.0;
        // It has no answer of its own.
        let (read, settled) = ("a ping behind it was answered", SETTLED.as_secs_f64());
        let detail = format!(
            "sent and not refused: {read} after {round_trip:.1} ms, and no error came in {settled} s"
        );
        let doubt = (self.pushed > 0).then(|| {
            format!(
                "messages that came meanwhile: {}; they were left unanswered, and are for the instance that runs with this hotkey",
                self.pushed
            )
        });
        self.report(Instant::now(), detail, doubt)
    }

    fn refused(&mut self, detail: &str) -> io::Result<()> {
        let advice = "is the facilitator newer than this program?";
        self.print(
            Instant::now(),
            Verdict::Failed,
            detail.to_owned(),
            Some(advice.to_owned()),
        )
    }

    fn fail(&mut self, reason: &LostReason) -> io::Result<()> {
        let way = Way {
            host: &self.host,
            port: self.port,
        };
        let what = advice(self.under_way, reason, self.trouble, &way);
        let failed = self.addresses_failed.join("; ");
        let detail = if failed.is_empty() {
            reason.to_string()
        } else {
            format!("{reason} ({failed})")
        };
        self.print(Instant::now(), Verdict::Failed, detail, Some(what))
    }

    /// The step works, with a doubt perhaps.
    fn report(&mut self, at: Instant, detail: String, doubt: Option<String>) -> io::Result<()> {
        let verdict = match doubt {
            Some(_) => Verdict::Warning,
            None => Verdict::Ok,
        };
        self.print(at, verdict, detail, doubt)
    }

    fn print(
        &mut self,
        at: Instant,
        result: Verdict,
        detail: String,
        advice: Option<String>,
    ) -> io::Result<()> {
        self.printer.print(Finding {
            step: self.under_way,
            result,
            elapsed_ms: Some(at.saturating_duration_since(self.began)),
            detail,
            advice,
        })
    }
}

/// What was agreed, and whether the certificate will do for a while.
fn validity(agreed: String, until: Option<SystemTime>) -> (String, Option<String>) {
    let left = until.and_then(|until| until.duration_since(SystemTime::now()).ok());
    let Some(left) = left else {
        return (agreed, None);
    };
    let days = left.as_secs() / DAY;
    let doubt = "the certificate ends soon: whoever runs the server should renew it";
    (
        format!("{agreed}; the certificate is valid for {days} more days"),
        (left < RENEWAL).then(|| doubt.to_owned()),
    )
}
