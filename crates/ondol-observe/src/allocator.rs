//! What the process takes memory from.

#![expect(
    unsafe_code,
    reason = "a call of the C library, which says why it is sound"
)]

/// What is free at the end of an arena, and is given back.
#[cfg(target_env = "gnu")]
const FREE_BYTES_MAX: libc::c_int = 256 << 10;

/// Says that what was freed is given back. glibc gives each thread that finds the others busy an arena of its own, up to
/// eight for each core, and each of them keeps what was freed in it; and it keeps more, the larger the pieces are that
/// it sees. Threads for questions and bodies come and go here, with pieces of a quarter of a megabyte: 57 MB with a
/// hundred thousand lines a second, where it is 36 MB so.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: each takes two numbers, may be called at any time by any thread, and only says what is kept.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_BYTES_MAX);
    }
}

/// Gives back what is free now. What lies below something that is still used is kept by glibc otherwise, whatever the
/// limits above: 30 of 47 MB after three quarters of an hour of 120 requests a second.
pub(crate) fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, may be called at any time by any thread, and only looks at memory that nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}
