//! The command `connect`, run as a process of its own: its lines in and out, its exit status, its log.
#![cfg(unix)]

#[cfg(test)]
mod arguments;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod chromium;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod http;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod names;
#[cfg(test)]
mod network;
#[cfg(test)]
mod page;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod program;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod python;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod returning;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod service;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod session;
#[cfg(test)]
mod settling;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod state;
#[cfg(test)]
mod status;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod webhook;
