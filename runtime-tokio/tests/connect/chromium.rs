//! A headless Chromium, driven by `ChromeDriver` over plain HTTP and JSON. Every wait is for a change of the page, and has
//! an end.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, exchange_within};
use crate::program::SOON;

/// No word to anybody but who is asked for.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// How long a browser may take to start on a busy machine; the driver itself gives up after a minute, and says so.
const START: Duration = Duration::from_mins(2);
/// How often that is tried.
const STARTS: u32 = 3;

/// What scripts of the tests are written with.
const WORDS: &str =
    "const all = (s) => [...document.querySelectorAll(s)].map((e) => e.textContent);
                     const text = (s) => all(s).join(' ');";

/// Starts a `ChromeDriver` on a port of its own choice. It chooses among those that are free for IPv4, and ends when
/// somebody has the same for IPv6: then another one is started.
fn start_driver() -> io::Result<(Child, String)> {
    let mut said = String::new();
    for _ in 0..10 {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = driver.stdout.take().unwrap();
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some((_, port)) = line.split_once("successfully on port ") {
                return Ok((driver, port.trim_end_matches('.').to_owned()));
            }
            said = said + &line + "\n";
        }
        driver.wait()?;
    }
    panic!("chromedriver takes no port:\n{said}");
}

/// One browser with one page. It ends with this value.
pub(crate) struct Browser {
    driver: Child,
    address: String,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// Starts one that runs the scripts of pages, or does not. Without Chromium there is none: outside of CI, that is
    /// said and borne.
    pub(crate) fn start(scripts: bool) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let (driver, port) = match start_driver() {
            Ok(started) => started,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let missing = "SKIPPED: chromedriver is not installed (Debian's packages `chromium` and `chromium-driver`), the page was not tried";
                assert!(std::env::var_os("CI").is_none(), "{missing}");
                println!("\n!!! {missing}\n");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("profile-{}-{number}", std::process::id());
        let mut browser = Self {
            driver,
            address: format!("127.0.0.1:{port}"),
            session: String::new(),
            profile: crate::folder::path(name),
        };
        let profile = format!("--user-data-dir={}", browser.profile.display());
        let flags: Vec<&str> = FLAGS
            .into_iter()
            .chain([profile.as_str(), "--window-size=1280,1600"])
            .collect();
        let scripts = if scripts { 1 } else { 2 };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {
                "args": flags,
                "prefs": {"profile.managed_default_content_settings.javascript": scripts},
            },
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"script": u64::try_from(SOON.as_millis()).unwrap()},
        }}});
        browser.session = browser.begin(&wanted);
        Some(browser)
    }

    /// Has the driver start the browser; its session's path.
    fn begin(&self, wanted: &Value) -> String {
        let mut said = String::new();
        for _ in 0..STARTS {
            let answer = self.exchange("POST", "/session", wanted);
            if answer.status == 200 {
                let created: Value = serde_json::from_str(&answer.body).unwrap();
                return format!(
                    "/session/{}",
                    created["value"]["sessionId"].as_str().unwrap()
                );
            }
            said = answer.body;
        }
        panic!("the browser does not start: {said}");
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let (session, address) = (&self.session, &self.address);
        let head = format!(
            "{method} {session}{path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}",
            body.len()
        );
        exchange_within(START, address, &head, &body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.exchange(method, path, body);
        let value: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            answer.status, 200,
            "{path} {body}: {}",
            value["value"]["message"]
        );
        value["value"].clone()
    }

    pub(crate) fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({"url": url}));
    }

    /// The page as it is now.
    pub(crate) fn source(&self) -> String {
        self.ask("GET", "/source", &Value::Null)
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The value of an expression in the page. Besides the page's own words there are `all` and `text`, of a selector.
    pub(crate) fn value(&self, expression: &str) -> Value {
        let script = format!("{WORDS} return {expression};");
        self.ask(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Waits until an expression holds, after whatever change of the page.
    pub(crate) fn wait(&self, expression: &str) {
        let script = format!(
            "{WORDS} const done = arguments[0];
             const holds = () => Boolean({expression});
             if (holds()) return done(true);
             const observer = new MutationObserver(() => {{
               if (holds()) {{ observer.disconnect(); done(true); }}
             }});
             observer.observe(document, {{subtree: true, childList: true, characterData: true, attributes: true}});
             setTimeout(() => {{ observer.disconnect(); done(holds()); }}, {});",
            SOON.as_millis() - 1000
        );
        let held = self.ask(
            "POST",
            "/execute/async",
            &json!({"script": script, "args": []}),
        );
        assert_eq!(
            held,
            true,
            "{expression} never held: {}",
            self.value("document.body.innerText")
        );
    }

    /// What the console said since it was asked last, line by line.
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        let entries = entries.as_array().unwrap().iter();
        entries
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The URLs of all requests since this was asked last.
    pub(crate) fn requests(&self) -> Vec<String> {
        let entries = self.ask("POST", "/se/log", &json!({"type": "performance"}));
        let entries = entries.as_array().unwrap().iter();
        let urls = entries.filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let is_request = message["method"] == "Network.requestWillBeSent";
            let url = message["params"]["request"]["url"].as_str()?;
            // The pages that are built in.
            let is_own = url.starts_with("chrome:");
            (is_request && !is_own).then(|| url.to_owned())
        });
        urls.collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends by word only: it is no child of ours. A test that fails leaves none behind either.
        let (session, address) = (&self.session, &self.address);
        let _ = TcpStream::connect(address).and_then(|mut stream| {
            stream.set_read_timeout(Some(SOON))?;
            write!(
                stream,
                "DELETE {session} HTTP/1.1\r\nHost: {address}\r\n\r\n"
            )?;
            stream.read(&mut [0; 64])
        });
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
