//! The kernel calls that neither std nor nix offers without `unsafe`: the only module of this crate that has any.
#![expect(unsafe_code, reason = "kernel calls; each block says why it is sound")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{SigAction, Signal};
use nix::unistd::{ForkResult, Pid};

/// Who returns from [`fork`].
pub(crate) enum Fork {
    /// The new process.
    Child,
    /// The old one, with the new one's id.
    Parent(Pid),
}

/// Forks. The shim, the world and `exec` call it; the node, which has threads, must not.
pub(crate) fn fork() -> nix::Result<Fork> {
    // SAFETY: every caller is a process of one thread (the shim and the world start none), so the child may
    // go on with any code.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Child => Ok(Fork::Child),
        ForkResult::Parent { child } => Ok(Fork::Parent(child)),
    }
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: RawFd) {
    // SAFETY: closing numbers has no memory effects; callers own no descriptor object at or above `first`.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if done == 0 {
        return;
    }
    for fd in first..1024 {
        // SAFETY: as above; a number that is not open is answered with an error, which is fine.
        unsafe { libc::close(fd) };
    }
}

/// Marks every descriptor from `first` on to be closed by exec.
pub(crate) fn close_on_exec_from(first: RawFd) {
    const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;
    // SAFETY: only sets a flag on descriptors.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    };
}

/// Takes an inherited descriptor by its number, when it is open.
pub(crate) fn inherited(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: asks for flags only.
    let open = unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0;
    // SAFETY: it is open, and the caller is the first and only one to claim this number.
    open.then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets what a signal does.
pub(crate) fn set_action(signal: Signal, action: &SigAction) -> nix::Result<()> {
    // SAFETY: callers pass the default action or "ignore" only, no function that would run in a signal's context.
    unsafe { nix::sys::signal::sigaction(signal, action) }.map(drop)
}

/// Drops a capability from the bounding set; `false` when the kernel has none of that number.
pub(crate) fn drop_bounding(capability: u32) -> bool {
    // SAFETY: prctl with integers only.
    unsafe {
        libc::prctl(
            libc::PR_CAPBSET_DROP,
            libc::c_ulong::from(capability),
            0,
            0,
            0,
        ) == 0
    }
}

/// Leaves this process `mask` as permitted and effective capabilities, and none inheritable.
pub(crate) fn set_capabilities(mask: u64) -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    #[repr(C)]
    struct Set {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    const VERSION_3: u32 = 0x2008_0522;
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let half = |bits: u32| Set {
        effective: bits,
        permitted: bits,
        inheritable: 0,
    };
    let sets = [half(mask as u32), half((mask >> 32) as u32)];
    // SAFETY: both pointers are to live structures of the layout that version 3 asks for (capset(2)).
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Lets `command` join namespaces before its program begins.
pub(crate) fn join_before_exec(command: &mut Command, namespaces: Vec<OwnedFd>) {
    let join = move || {
        for namespace in &namespaces {
            let fd: RawFd = namespace.as_raw_fd();
            // SAFETY: the descriptor is owned by the closure and so open; setns is async-signal-safe.
            if unsafe { libc::setns(fd, 0) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure calls setns only and allocates nothing.
    unsafe { command.pre_exec(join) };
}

/// Lets `command` try before it begins what a room needs: namespaces, in a new user namespace when `user`, and in
/// them a `/proc`, memory and layers. Its start fails with what the machine refused; nothing of it is kept.
pub(crate) fn try_room_before_exec(command: &mut Command, user: bool) {
    // SAFETY: the closure and all it calls make system calls with constant arguments only, and allocate nothing.
    unsafe { command.pre_exec(move || try_room(user)) };
}

fn try_room(user: bool) -> io::Result<()> {
    let mut flags = libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWUTS;
    flags |= libc::CLONE_NEWIPC | libc::CLONE_NEWPID;
    if user {
        flags |= libc::CLONE_NEWUSER;
    }
    // SAFETY: flags only.
    if unsafe { libc::unshare(flags) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // The first child is the first process of the new process namespace, which alone may mount its /proc.
    // SAFETY: this process was forked a moment ago and has one thread; the child calls only what follows.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let refused = try_mounts().err().and_then(|error| error.raw_os_error());
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(refused.unwrap_or(0)) };
    }
    let mut status = 0;
    // SAFETY: waits for that child; the status is a live integer.
    if child < 0 || unsafe { libc::waitpid(child, &raw mut status, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    match libc::WEXITSTATUS(status) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn try_mounts() -> io::Result<()> {
    let private = libc::MS_REC | libc::MS_PRIVATE;
    mount(None, c"/", None, private, None)?;
    mount(Some(c"proc"), c"/proc", Some(c"proc"), 0, None)?;
    // Layers without a place for what is written need no files made beforehand.
    let layers = c"lowerdir=/usr:/etc";
    mount(Some(c"overlay"), c"/mnt", Some(c"overlay"), 0, Some(layers))?;
    mount(Some(c"tmpfs"), c"/tmp", Some(c"tmpfs"), 0, None)
}

fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    options: Option<&CStr>,
) -> io::Result<()> {
    let text = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: every pointer is null or to a text that ends with zero and outlives the call.
    let done = unsafe {
        libc::mount(
            text(source),
            target.as_ptr(),
            text(kind),
            flags,
            text(options).cast(),
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes a descriptor that the kernel has just put into this process with a message.
pub(crate) fn received(fd: RawFd) -> OwnedFd {
    // SAFETY: SCM_RIGHTS made it for this process, and nobody else was told its number.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
