//! The shared driver and its handle, over in-memory WebSockets and tokio's paused clock: real framing, no sockets, no
//! waiting. What needs real sockets is in `runtimes`.

mod cancellation;
mod events;
mod handle;
mod memory;
mod writing;
