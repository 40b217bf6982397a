//! What was found at each step, and how it is printed: a line for people, or a JSON object a line for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use facilitator_tokio::core::driver::Step;
use serde::Serialize;

/// What is looked at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Check {
    Hotkey,
    Proxy,
    Dns,
    Tcp,
    ProxyTls,
    Tunnel,
    Tls,
    Upgrade,
    Authentication,
    Heartbeat,
}

impl Check {
    /// Those that every examination has, unless it ends before.
    pub(super) const LAST: [Self; 4] = [
        Self::Tls,
        Self::Upgrade,
        Self::Authentication,
        Self::Heartbeat,
    ];

    /// `None` for a step that this program does not know.
    pub(super) const fn of(step: Step) -> Option<Self> {
        Some(match step {
            Step::Resolve => Self::Dns,
            Step::Connect => Self::Tcp,
            Step::SecureProxy => Self::ProxyTls,
            Step::Tunnel => Self::Tunnel,
            Step::Secure => Self::Tls,
            Step::Upgrade => Self::Upgrade,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hotkey => "hotkey",
            Self::Proxy => "proxy",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::ProxyTls => "proxy_tls",
            Self::Tunnel => "tunnel",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
            Self::Authentication => "authentication",
            Self::Heartbeat => "heartbeat",
        }
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Ok,
    /// It works, and somebody should look at it all the same.
    Warning,
    Failed,
    /// A step before has failed.
    Skipped,
}

/// A step, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) step: Check,
    pub(super) result: Verdict,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "millis")]
    pub(super) elapsed_ms: Option<Duration>,
    pub(super) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn millis<S: serde::Serializer>(
    elapsed: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let micros = elapsed.unwrap_or_default().as_micros();
    // Tenths are enough, and a day's worth of them is exact.
    let tenths = u32::try_from(micros / 100).unwrap_or(u32::MAX);
    serializer.serialize_f64(f64::from(tenths) / 10.0)
}

impl Finding {
    fn text(&self) -> String {
        let mark = match self.result {
            Verdict::Ok => "ok",
            Verdict::Warning => "warn",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "-",
        };
        let elapsed = self.elapsed_ms.map_or_else(String::new, |elapsed| {
            format!("{:.1} ms", elapsed.as_secs_f64() * 1000.0)
        });
        let name = self.step.name();
        let mut text = String::new();
        // A string takes everything.
        let _ = write!(text, "{mark:<7}{name:<15}{elapsed:>10}  ");
        push_line(&mut text, &self.detail);
        if let Some(advice) = &self.advice {
            text.push_str("       -> ");
            push_line(&mut text, advice);
        }
        text
    }
}

/// What comes from outside stays on its line, and moves no cursor.
fn push_line(text: &mut String, line: &str) {
    text.extend(line.chars().map(|c| if c.is_control() { ' ' } else { c }));
    text.push('\n');
}

/// Prints findings as they come, and remembers how bad they were.
pub(super) struct Printer {
    json: bool,
    /// The first that failed.
    failed: Option<Finding>,
    last: Option<Check>,
}

/// The last line, for programs.
#[derive(Serialize)]
struct End {
    result: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Check>,
}

impl Printer {
    pub(super) const fn new(json: bool) -> Self {
        Self {
            json,
            failed: None,
            last: None,
        }
    }

    pub(super) fn print(&mut self, finding: Finding) -> io::Result<()> {
        let text = if self.json {
            serde_json::to_string(&finding)? + "\n"
        } else {
            finding.text()
        };
        self.last = Some(finding.step);
        if finding.result == Verdict::Failed && self.failed.is_none() {
            self.failed = Some(finding);
        }
        write(&text)
    }

    /// Names the steps that were not reached, and says the result.
    pub(super) fn finish(mut self) -> io::Result<Option<Finding>> {
        if self.failed.is_some() {
            for step in Check::LAST {
                if self.last < Some(step) {
                    self.print(Finding {
                        step,
                        result: Verdict::Skipped,
                        elapsed_ms: None,
                        detail: "not reached".to_owned(),
                        advice: None,
                    })?;
                }
            }
        }
        if self.json {
            let end = End {
                result: self.failed.as_ref().map_or(Verdict::Ok, |f| f.result),
                failed: self.failed.as_ref().map(|finding| finding.step),
            };
            write(&(serde_json::to_string(&end)? + "\n"))?;
        } else if self.failed.is_none() {
            write("All is well: `connect` with the same configuration will work.\n")?;
        }
        Ok(self.failed)
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
