//! The session in virtual time: a file per promise.

mod authentication;
mod cuts;
mod heartbeat;
mod inbound;
mod jobs;
mod keepalive;
mod lifecycle;
mod misuse;
mod outbox;
mod poison;
mod reconnect;
mod responses;
mod specs;
mod stop;
mod trust;
