//! The kernel calls that neither std nor nix offers without `unsafe`: the only module of this crate that has any.
#![expect(unsafe_code, reason = "kernel calls; each block says why it is sound")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigAction, Signal};
use nix::unistd::{ForkResult, Pid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

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

/// Whether a folder of an overlay hides what the layers below it have there.
pub(crate) fn is_opaque(dir: &std::path::Path) -> bool {
    let Ok(path) = std::ffi::CString::new(dir.as_os_str().as_encoded_bytes()) else {
        return false;
    };
    // Overlays of root have the first, those of a user namespace the second.
    [c"trusted.overlay.opaque", c"user.overlay.opaque"]
        .iter()
        .any(|name| {
            let mut value = [0u8; 1];
            let room = value.as_mut_ptr().cast();
            // SAFETY: both strings end with 0, and the kernel writes at most the one byte that `value` has.
            let read = unsafe { libc::lgetxattr(path.as_ptr(), name.as_ptr(), room, value.len()) };
            read == 1 && value == *b"y"
        })
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

/// Whether the other end of a pipe that is written to is still open somewhere.
pub(crate) fn is_read(pipe: &OwnedFd) -> bool {
    let mut asked = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    let _ = poll(&mut asked, PollTimeout::ZERO);
    let told = asked[0].revents().unwrap_or(PollFlags::empty());
    !told.contains(PollFlags::POLLERR)
}

/// Lets go of the pages of programs and libraries that this process has run so far. What it runs from now on comes
/// back from the file, which is in memory anyhow; what it needed to begin does not stay.
pub(crate) fn forget_code() {
    // SAFETY: the callback is of the type that is asked for and keeps nothing of what it is shown.
    unsafe { libc::dl_iterate_phdr(Some(forget_object), std::ptr::null_mut()) };
}

unsafe extern "C" fn forget_object(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _nothing: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: dl_iterate_phdr shows a live object with that many headers (dl_iterate_phdr(3)).
    let (base, headers) = unsafe {
        let object = &*object;
        let count = usize::from(object.dlpi_phnum);
        (
            object.dlpi_addr,
            std::slice::from_raw_parts(object.dlpi_phdr, count),
        )
    };
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.cast_unsigned();
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        let begin = base + header.p_vaddr;
        let end = (begin + header.p_memsz).next_multiple_of(page);
        let begin = begin - begin % page;
        let length = usize::try_from(end - begin).unwrap_or(0);
        let begin = std::ptr::with_exposed_provenance_mut(usize::try_from(begin).unwrap_or(0));
        // SAFETY: a mapping of a file that was never written to: a page that is let go is read again when it is
        // used (madvise(2), MADV_DONTNEED).
        unsafe { libc::madvise(begin, length, libc::MADV_DONTNEED) };
    }
    0
}

/// Takes an inherited descriptor by its number, when it is open.
pub(crate) fn inherited(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: asks for flags only.
    let open = unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0;
    // SAFETY: it is open, and the caller is the first and only one to claim this number.
    open.then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes a terminal that of this process's session, which must have none.
pub(crate) fn take_terminal(terminal: impl AsRawFd) -> nix::Result<()> {
    // SAFETY: an integer argument; the descriptor is borrowed for the call.
    let done = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) };
    nix::errno::Errno::result(done).map(drop)
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

/// A descriptor of a process (pidfd_open(2)): ready to be read when it has ended.
pub(crate) fn process_handle(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: numbers only; the kernel answers with a new descriptor, closed by exec, or an error.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, libc::PIDFD_NONBLOCK) };
    match RawFd::try_from(fd) {
        // SAFETY: it is new, and nobody else was told its number.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets a task wait until a descriptor can be read. Call inside a tokio runtime.
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: it is owned by what watches it, and so stays open and the same for as long.
    let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    watched.map_err(io::Error::from)
}

/// Takes a descriptor that the kernel has just put into this process with a message.
pub(crate) fn received(fd: RawFd) -> OwnedFd {
    // SAFETY: SCM_RIGHTS made it for this process, and nobody else was told its number.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
