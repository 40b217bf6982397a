//! What the suites share, for everybody's use: vectors, a virtual world, checks.
//!
//! # Test your own validator
//!
//! The simulated facilitator answers, records and crashes as the real one does. It comes in three sizes; take the one
//! that your validator can be connected to.
//!
//! ## On tokio, over a socket
//!
//! `facilitator_tokio::server` (feature `server`) listens on a port. The validator can be anything that speaks the
//! protocol; here it is this project's own client.
//!
//! ```
//! use facilitator_core::facilitator::FacilitatorConfig;
//! use facilitator_core::message::{ExecutorClass, JobStatus, V2JobRequest};
//! use facilitator_core::signature::{Scheme, sign_job_request};
//! use facilitator_tokio::server::Server;
//! use facilitator_tokio::{Config, Endpoint, Event, FacilitatorClient, Keypair};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::bind("127.0.0.1:0", FacilitatorConfig::default()).await?;
//!     let keypair = Keypair::from_uri(Scheme::Sr25519, "//Alice")?;
//!     let validator = FacilitatorClient::new(Config::new(Endpoint::parse(&server.uri())?), &keypair)?;
//!     validator.start()?;
//!
//!     let uuid = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
//!     let mut job = V2JobRequest::new(uuid, ExecutorClass::AlwaysOnTest, "alpine");
//!     sign_job_request(&mut job, &keypair, 1_795_432_324_334_542_202);
//!     server.push_job(job)?;
//!     while !matches!(validator.next_event().await?, Event::JobRequested(_)) {}
//!     server.cut_all(); // Whatever happens to the connection,
//!     validator.send_status(uuid, JobStatus::Rejected).await?.await;
//!     validator.stop().await?;
//!
//!     let record = server.job(uuid).ok_or("no such job")?;
//!     assert_eq!(record.current_status(), JobStatus::Rejected); // it arrives, once.
//!     Ok(())
//! }
//! ```
//!
//! ## On any other runtime, or in another language
//!
//! The same server on a thread of its own; the validator sees a URI and nothing else. Here it runs on smol.
//!
//! ```
//! use std::{sync::mpsc, thread};
//! use facilitator_async_std::smol::FacilitatorClient;
//! use facilitator_async_std::{Config, Endpoint, Event, Keypair, Phase};
//! use facilitator_core::facilitator::FacilitatorConfig;
//! use facilitator_core::signature::Scheme;
//! use facilitator_tokio::server::Server;
//!
//! let (tell, uri) = mpsc::channel();
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let facilitator = thread::spawn(move || -> std::io::Result<_> {
//!     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//!     runtime.block_on(async {
//!         let server = Server::bind("127.0.0.1:0", FacilitatorConfig::default()).await?;
//!         let _ = tell.send(server.uri());
//!         let _ = stopped.await;
//!         Ok(server.shutdown().await)
//!     })
//! });
//! let keypair = Keypair::from_uri(Scheme::Sr25519, "//Bob")?;
//! let validator = FacilitatorClient::new(Config::new(Endpoint::parse(&uri.recv()?)?), &keypair)?;
//! validator.start()?;
//! smol::block_on(async {
//!     while !matches!(validator.next_event().await?, Event::Phase(p) if p.phase == Phase::Ready) {}
//!     validator.stop().await?;
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! let _ = stop.send(());
//! let facilitator = facilitator.join().map_err(|_| "it panicked")??;
//! assert_eq!(facilitator.stats().authentications, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Without any runtime, without sockets
//!
//! The facilitator is a value: frames in, frames out, time as an argument. Whoever can hand over a text can test with it.
//!
//! ```
//! use facilitator_core::facilitator::{Facilitator, FacilitatorConfig, Output};
//! use facilitator_core::message::ValidatorMessage;
//! use facilitator_core::signature::{Keypair, Scheme, authentication_request};
//! use facilitator_core::{ConnectionId, Frame, Timestamp};
//!
//! /// What the facilitator answers to a frame of yours.
//! fn ask(facilitator: &mut Facilitator, frame: String) -> Vec<String> {
//!     facilitator.handle_frame(Timestamp::ZERO, ConnectionId(1), Frame::text(frame));
//!     let mut answers = Vec::new();
//!     while let Some(output) = facilitator.poll_output() {
//!         if let Output::Transmit { frame: Frame::Text(text), .. } = output {
//!             answers.push(text.to_string());
//!         }
//!     }
//!     answers
//! }
//!
//! let mut facilitator = Facilitator::new(FacilitatorConfig::default());
//! facilitator.handle_connected(Timestamp::ZERO, ConnectionId(1), &[]);
//! let keypair = Keypair::from_uri(Scheme::Sr25519, "//Charlie")?;
//! let hello = ValidatorMessage::Authentication(authentication_request(&keypair));
//! assert_eq!(ask(&mut facilitator, hello.encode()), [r#"{"status":"success","errors":[]}"#]);
//! assert!(ask(&mut facilitator, r#"{"message_type":"V0Heartbeat"}"#.into()).is_empty());
//! assert!(ask(&mut facilitator, "nonsense".into())[0].contains("json_invalid"));
//! # Ok::<(), facilitator_core::signature::KeyError>(())
//! ```
//!
//! ## With everything that can go wrong
//!
//! [`world`] puts sessions of this project, facilitators and a network into one box, and breaks what can be broken.
#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a harness fails a test by panicking, wherever it is"
)]

pub mod bounded;
pub mod built;
pub mod check;
pub mod child;
pub mod conformance;
pub mod fuzz;
pub mod mended;
pub mod model;
pub mod pair;
pub mod proxy;
pub mod python;
pub mod signed;
pub mod solo;
pub mod vectors;
pub mod world;
