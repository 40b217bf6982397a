//! Proves that facilitator-core has no std: `.ci/run` compiles this file against the crate's rlib.
//!
//! A panic handler is a lang item, and std brings one of its own. Were std anywhere among the crates
//! that facilitator-core links, this file would not compile ("duplicate lang item `panic_impl`").
//! It is data, not a Cargo target: inside the workspace, std would always be there.
#![no_std]

extern crate facilitator_core;

use core::alloc::{GlobalAlloc, Layout};

struct NoMemory;

// SAFETY: returning null is how an allocator says that it has no memory; nothing is ever handed out.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
