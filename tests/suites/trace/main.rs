//! Recording and replaying: whatever a session goes through, its trace replays to the same outputs and holds no secret;
//! whatever is done to a trace, or to a session, is noticed.
#![cfg(test)]

mod chaos;
mod damage;
mod diary;
mod secrets;
mod sessions;
