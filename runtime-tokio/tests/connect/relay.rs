//! A relay between the program and its facilitator, which cuts what passes through it.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Both ends read the end of the stream, after what was sent before.
    End,
    /// Both ends are reset, and what is on its way is lost.
    Reset,
}

/// Passes bytes on, both ways, until it is told to cut.
pub(crate) struct Relay {
    address: SocketAddr,
    cuts: watch::Sender<Cut>,
}

impl Relay {
    /// In front of this server.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = watch::Sender::new(Cut::End);
        let cut = cuts.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass(client, server, cut.subscribe()));
            }
        });
        Self { address, cuts }
    }

    /// Where to connect.
    pub(crate) fn uri(&self) -> String {
        format!("ws://{}/ws/v0/", self.address)
    }

    /// Cuts all connections.
    pub(crate) fn cut(&self, how: Cut) {
        self.cuts.send_replace(how);
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut cuts: watch::Receiver<Cut>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        biased;
        _ = cuts.changed() => {}
        _ = copy_bidirectional(&mut client, &mut server) => return,
    }
    if *cuts.borrow() == Cut::Reset {
        for stream in [&client, &server] {
            stream.set_zero_linger().unwrap();
        }
    }
}
