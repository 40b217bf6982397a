//! The golden vectors, every line of every file: made by the reference implementation, so what they say is right.

mod auth;
mod observed;
mod signed;
mod wire;
