//! The status page in a browser: it follows the session by itself, asks nobody else, and can do without its script.

use facilitator_tokio::server::Server;

use crate::chromium::Browser;
use crate::program::{Program, uuid};
use crate::session::{facilitator, job, push};

const JOBS: &str = "text('#jobs .id')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_follows_the_session() {
    let Some(browser) = Browser::start(true) else {
        return;
    };
    let server = facilitator().await;
    let (uri, address) = (server.uri(), server.local_addr());
    let (mut program, metrics) = Program::start_watched(&uri, &[]);
    program.expect_phase("ready");
    let base = format!("http://{metrics}/");
    browser.open(&base);
    browser.wait("text('#link') === 'live'");
    browser.wait("text('#state h2') === 'ready'");
    assert_eq!(browser.value("document.title"), "ready · 127.0.0.1");
    assert_eq!(browser.value(JOBS), "");

    // A job appears, and moves on.
    let id = uuid(1);
    server.push_job(job(1)).unwrap();
    browser.wait(&format!("{JOBS} === '{id}'"));
    browser.wait("text('#jobs td .delivered') === 'received'");
    program.send_status(&id, "accepted");
    browser.wait("text('#jobs td .delivered') === 'received accepted'");
    // Ages go on without a word of the program.
    browser.wait("/^[1-9][0-9]* s$/.test(text('#jobs td:nth-child(3)'))");

    // The facilitator goes away; what is owed waits.
    let record = server.shutdown().await;
    browser.wait("text('#state h2') === 'waiting' && document.title.startsWith('waiting')");
    browser.wait("text('#state .reason') && /Next attempt in [0-9]+ s/.test(text('#state'))");
    browser.wait("text('#connections .reason').includes('refused')");
    program.send_status(&id, "executor_ready");
    browser.wait("text('#jobs td .underway') === 'executor_ready'");
    browser.wait("text('#queue li').includes('owed1 of 1000')");

    // It comes back, and has all.
    let server = Server::bind_with(address, record).await.unwrap();
    browser.wait("text('#state h2') === 'ready'");
    browser.wait("text('#jobs td .delivered') === 'received accepted executor_ready'");
    browser.wait("all('#timeline rect title').includes('waiting')");
    browser.wait("text('#connections .now') === 'open'");

    // The job ends.
    program.send_status(&id, "rejected");
    browser.wait("text('#jobs') === 'Open jobsNo job is open.'");
    browser.wait(&format!(
        "text('#entries').includes('job {id}: rejected, delivered')"
    ));

    // Nothing went wrong meanwhile, and nobody else was asked.
    assert_eq!(browser.console(), Vec::<String>::new());
    let requests = browser.requests();
    assert!(requests.len() >= 4, "{requests:?}");
    for url in requests {
        assert!(url.starts_with(&base) || url.starts_with("data:"), "{url}");
    }

    // A page that nobody feeds says so.
    program.signal("KILL");
    browser.wait("document.body.className === 'stale' && text('#link').startsWith('out of date')");
    browser.wait("document.title === 'out of date · ready · 127.0.0.1'");
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_too_many_says_so_and_follows_when_there_is_room() {
    use std::io::{Read as _, Write as _};
    let Some(browser) = Browser::start(true) else {
        return;
    };
    let server = facilitator().await;
    let (mut program, metrics) = Program::start_watched(&server.uri(), &[]);
    program.expect_phase("ready");
    let open = || {
        let mut page = std::net::TcpStream::connect(&metrics).unwrap();
        write!(page, "GET /live HTTP/1.1\r\nHost: {metrics}\r\n\r\n").unwrap();
        let mut status = [0; 12];
        page.read_exact(&mut status).unwrap();
        (page, status.ends_with(b"200"))
    };
    let mut others = Vec::new();
    while let (page, true) = open() {
        others.push(page);
    }
    browser.open(&format!("http://{metrics}/"));
    browser.wait("text('#link').includes('too many of its pages are open')");
    drop(others);
    browser.wait("text('#link') === 'live' && document.title === 'ready · 127.0.0.1'");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_can_do_without_its_script() {
    let Some(browser) = Browser::start(false) else {
        return;
    };
    let server = facilitator().await;
    push(&server, 1);
    let (mut program, metrics) = Program::start_watched(&server.uri(), &[]);
    program.expect_phase("ready");
    program.expect_event("job_request");
    browser.open(&format!("http://{metrics}/"));
    let page = browser.source();
    for part in ["<h2>ready</h2>", "as of loading", &uuid(1), " UTC</time>"] {
        assert!(page.contains(part), "no {part}: {page}");
    }
    // Ages are written, by the server.
    let ages: Vec<&str> = page.split("<time data-").skip(1).collect();
    assert!(ages.len() >= 4, "{page}");
    for age in ages {
        let (_, text) = age.split_once('>').unwrap();
        assert!(text.starts_with(|c: char| c.is_ascii_digit()), "{age}");
    }
    // It asks again by itself.
    server.shutdown().await;
    let began = std::time::Instant::now();
    while !browser.source().contains("<h2>waiting</h2>") {
        assert!(
            began.elapsed() < crate::program::SOON,
            "it was never asked for again"
        );
    }
}
