//! SIGTERM and SIGINT ask the process to end; `asked` tells whether they did.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;

static ASKED: AtomicBool = AtomicBool::new(false);

// The C library's own; the standard library links it and has no name for it.
extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

extern "C" fn on_signal(_number: i32) {
    ASKED.store(true, SeqCst);
}

pub fn watch() {
    // SAFETY: the declaration is C's `signal` with its two arguments, and a handler may run at any
    // moment on any thread: this one only stores to an atomic, which is async-signal-safe.
    unsafe {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
    }
}

pub fn asked() -> bool {
    ASKED.load(SeqCst)
}
