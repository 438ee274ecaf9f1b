//! What the process takes memory from.

#![expect(
    unsafe_code,
    reason = "a call of the C library, which says why it is sound"
)]

/// glibc gives each thread that finds the others busy an arena of its own, up to eight for each core, and each of them
/// keeps what was freed in it. Threads for questions and bodies come and go here; for them two are enough.
pub(crate) fn few_arenas() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers, may be called at any time by any thread, and only says how many arenas there may be.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}
