//! Whom the runtimes under test talk to: the simulated facilitator, TLS in front of it, and servers that are none.
//! They live on a tokio runtime of their own, whatever is tested.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use facilitator_core::driver::rustls::ServerConfig;
use facilitator_core::facilitator::{Facilitator, FacilitatorConfig, Known};
use facilitator_tests::solo::SUCCESS;
use facilitator_tokio::server::Server;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::{self, Message};

static PEERS: LazyLock<Runtime> = LazyLock::new(tokio_multi_thread);

pub(crate) fn tokio_current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn tokio_multi_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Runs a future on the peers' runtime and waits for it, from whatever thread: to block one of another runtime for that
/// short time is harmless, and tokio's own `block_on` refuses it.
pub(crate) fn wait<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, result) = channel();
    PEERS.spawn(async move {
        let _ = sender.send(future.await);
    });
    result.recv().unwrap()
}

/// What the simulated facilitator of most scenarios is: it knows the tests' validator only.
pub(crate) fn facilitator_config() -> FacilitatorConfig {
    FacilitatorConfig {
        validators: Known::only([crate::keypair().account()]),
        // A request that a cut swallowed comes again.
        resend_unanswered: true,
        ..FacilitatorConfig::default()
    }
}

/// A simulated facilitator that knows the tests' validator only.
pub(crate) fn facilitator() -> Server {
    facilitator_with(facilitator_config())
}

/// A simulated facilitator.
pub(crate) fn facilitator_with(config: FacilitatorConfig) -> Server {
    wait(Server::bind("127.0.0.1:0", config)).unwrap()
}

/// A simulated facilitator that the test ends, and perhaps begins again. Nobody else listens at its address of the loopback
/// network, and no connection begins there: its port stays free for it.
pub(crate) fn facilitator_that_ends(config: FacilitatorConfig) -> Server {
    static NEXT: AtomicU8 = AtomicU8::new(2);
    let address = SocketAddr::from(([127, 0, 0, NEXT.fetch_add(1, Ordering::Relaxed)], 0));
    wait(Server::bind(address, config)).unwrap()
}

/// The next facilitator at the address of one that has ended, with what that one knew.
///
/// Another test may start a process at this moment, which holds copies of all sockets until it is a program of its own:
/// so long, the address is still taken.
pub(crate) fn restarted(address: SocketAddr, record: Facilitator) -> Server {
    wait(async move {
        let begin = Instant::now();
        loop {
            match Server::bind_with(address, record.clone()).await {
                Err(error)
                    if error.kind() == ErrorKind::AddrInUse
                        && begin.elapsed() < Duration::from_secs(10) =>
                {
                    sleep(Duration::from_millis(10)).await;
                }
                bound => return bound.unwrap(),
            }
        }
    })
}

/// TLS in front of a server, as a reverse proxy does it. Returns its port.
pub(crate) fn tls_in_front_of(server: SocketAddr, config: Arc<ServerConfig>) -> u16 {
    let acceptor = TlsAcceptor::from(config);
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // Whatever breaks here ends both connections: that is what a proxy does.
            let _ = terminate(acceptor, stream, server).await;
        }
    })
}

async fn terminate(acceptor: TlsAcceptor, stream: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut outer = acceptor.accept(stream).await?;
    let mut inner = TcpStream::connect(server).await?;
    let carried = copy_bidirectional(&mut outer, &mut inner).await;
    if let Err(error) = &carried
        && error.kind() == ErrorKind::ConnectionReset
    {
        // The server has broken off: the client shall see a break, not an end. The other way round it makes no
        // difference to the client, and the server shall still hear what was said before.
        outer.get_ref().0.set_zero_linger()?;
    }
    carried.map(drop)
}

/// What a server that is no facilitator does once it was spoken to.
#[derive(Clone, Debug)]
pub(crate) enum Manners {
    /// It says this and waits until the peer has gone.
    Says(String),
    /// It ends the connection.
    HangsUp,
    /// It never says a word.
    Mute,
}

/// A server that is no facilitator. Returns its port.
pub(crate) fn stranger(manners: Manners) -> u16 {
    serve(move |stream| receive(stream, manners.clone()))
}

/// Listens for whoever comes, each served on its own. Returns the port.
pub(crate) fn serve<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    serve_at(Ipv4Addr::LOCALHOST.into(), serve).unwrap()
}

/// The same at this address, if the machine has it, and at no port that a test has at the usual address: who is looked for
/// there by name is looked for at others too.
pub(crate) fn serve_at<F>(
    address: IpAddr,
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> io::Result<u16>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, port) = loop {
        let listener = wait(TcpListener::bind((address, 0)))?;
        let port = listener.local_addr()?.port();
        let usual = IpAddr::from(Ipv4Addr::LOCALHOST);
        if address == usual || nobody_at((usual, port).into()).is_ok() {
            break (listener, port);
        }
    };
    PEERS.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream));
        }
    });
    Ok(port)
}

async fn receive(mut stream: TcpStream, manners: Manners) {
    let mut heard = [0; 4096];
    let _ = stream.read(&mut heard).await;
    match manners {
        Manners::HangsUp => return,
        Manners::Mute => {}
        Manners::Says(words) => {
            let _ = stream.write_all(words.as_bytes()).await;
        }
    }
    while stream.read(&mut heard).await.is_ok_and(|bytes| bytes > 0) {}
}

/// At which step a facilitator begins to hang.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hangs {
    /// It never answers the authentication.
    Unauthenticated,
    /// It reads all that comes after the authentication, and answers nothing.
    NeverAnswers,
    /// It reads nothing after the authentication.
    NeverReads,
}

/// A facilitator that hangs. Returns its port.
pub(crate) fn hanging(hangs: Hangs) -> u16 {
    serve(move |stream| async move {
        // A client that goes away is no concern of it.
        let _ = hang(stream, hangs).await;
    })
}

async fn hang(stream: TcpStream, hangs: Hangs) -> Result<(), tungstenite::Error> {
    let mut socket = accept_async(stream).await?;
    socket.next().await.transpose()?;
    if !matches!(hangs, Hangs::Unauthenticated) {
        socket.send(Message::text(SUCCESS)).await?;
    }
    if matches!(hangs, Hangs::NeverReads) {
        pending::<()>().await;
    }
    let mut raw = socket.into_inner();
    let mut heard = [0; 4096];
    while raw.read(&mut heard).await.is_ok_and(|bytes| bytes > 0) {}
    Ok(())
}

/// A port at which nobody listens, nor will.
pub(crate) fn nobody() -> u16 {
    let address = ([127, 0, 0, 1], 0).into();
    nobody_at(address).unwrap().port()
}

/// Takes an address at which nobody listens, nor will.
///
/// # Errors
///
/// The system's, when it does not have this address, or somebody else has.
pub(crate) fn nobody_at(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.bind(address)?;
    let address = socket.local_addr()?;
    // It stays bound, so that no other test gets it meanwhile.
    PEERS.spawn(async move {
        let _bound = socket;
        pending::<()>().await;
    });
    Ok(address)
}
