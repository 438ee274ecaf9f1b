//! How a program gets its input and outputs, when they are more than a log: a person hands them over.
//!
//! The process of an attended one-off opens a door, a Unix socket in its replica's folder, and waits at it before it
//! becomes its program. Whoever comes hands in three descriptors: its own streams, or a terminal that was made for it.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// Name of the socket in a replica's folder.
pub(crate) const SOCKET: &str = "streams.sock";

/// How long the process waits for somebody to come.
const COME_MS_MAX: u16 = 60_000;

const OF_PERSON: u8 = b's';
const TERMINAL: u8 = b't';

/// What a program of a person reads and writes.
#[derive(Clone, Copy, Debug)]
pub enum Streams<'a> {
    /// Input, output and errors of the person's own.
    Own([BorrowedFd<'a>; 3]),
    /// A terminal that becomes the program's; the other end is the person's.
    Terminal(BorrowedFd<'a>),
    /// None: the program goes on by itself.
    Nowhere,
}

/// Hands streams to the process that waits at `socket`.
pub fn hand_over(socket: &Path, streams: Streams<'_>) -> io::Result<()> {
    let (kind, fds) = match streams {
        Streams::Own(fds) => (OF_PERSON, fds),
        Streams::Terminal(terminal) => (TERMINAL, [terminal; 3]),
        Streams::Nowhere => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let dir = socket.parent().unwrap_or(Path::new("/"));
    let stream = crate::net::connect_unix(dir, SOCKET)?;
    let fds = fds.map(|fd| fd.as_raw_fd());
    let control = [ControlMessage::ScmRights(&fds)];
    let word = [IoSlice::new(std::slice::from_ref(&kind))];
    sendmsg::<()>(stream.as_raw_fd(), &word, &control, MsgFlags::empty(), None)?;
    Ok(())
}

/// Where a process waits for its streams.
#[derive(Debug)]
pub(crate) struct Door(UnixListener);

/// What was handed in.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) input: OwnedFd,
    pub(crate) outputs: [OwnedFd; 2],
    /// It is a terminal for this program alone.
    pub(crate) terminal: bool,
}

impl Door {
    /// Opens it in the working directory.
    pub(crate) fn open() -> io::Result<Self> {
        let _ = std::fs::remove_file(SOCKET);
        UnixListener::bind(SOCKET).map(Door)
    }

    /// Waits until somebody has come.
    pub(crate) fn wait(self) -> io::Result<Handed> {
        readable(self.0.as_fd())?;
        let (stream, _) = self.0.accept()?;
        readable(stream.as_fd())?;
        receive(&stream)
    }
}

fn readable(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut sources = [PollFd::new(fd, PollFlags::POLLIN)];
    match poll(&mut sources, PollTimeout::from(COME_MS_MAX))? {
        0 => Err(io::Error::other("nobody came to hand them over")),
        _ => Ok(()),
    }
}

fn receive(stream: &UnixStream) -> io::Result<Handed> {
    let mut kind = [0];
    let mut parts = [IoSliceMut::new(&mut kind)];
    let mut space = nix::cmsg_space!([i32; 3]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            fds.extend(numbers.into_iter().map(crate::sys::received));
        }
    }
    let mut fds = fds.into_iter();
    match (fds.next(), fds.next(), fds.next()) {
        (Some(input), Some(output), Some(errors)) => Ok(Handed {
            input,
            outputs: [output, errors],
            terminal: kind[0] == TERMINAL,
        }),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
