use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use super::wire::{self, Asked, LINE_BYTES_MAX, Said};

/// More connections than this at once are refused.
const CONNECTIONS_MAX: usize = 32;

/// Everybody who speaks with this shim. Nobody can make it wait: who does not read what is said is cut off.
#[derive(Debug)]
pub(super) struct Connections {
    /// `None` on a read-only or full disk; the node's own connection may still be there.
    listener: Option<UnixListener>,
    open: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    line: Vec<u8>,
}

impl Connections {
    /// Listens on the socket in the working directory; descriptor 0 may be the first connection.
    pub(super) fn new() -> Self {
        let _ = std::fs::remove_file(super::SOCKET);
        let listener = UnixListener::bind(super::SOCKET).ok();
        if let Some(listener) = &listener {
            let _ = listener.set_nonblocking(true);
        }
        let mut connections = Connections {
            listener,
            open: Vec::new(),
        };
        if let Some(node) = crate::sys::inherited(0).and_then(as_socket) {
            connections.add(node);
        }
        // Descriptor 0 must stay taken, or the next one that is opened becomes the service's input.
        hold_standard_descriptors();
        connections
    }

    fn add(&mut self, stream: UnixStream) {
        if self.open.len() < CONNECTIONS_MAX && stream.set_nonblocking(true).is_ok() {
            self.open.push(Connection {
                stream,
                line: Vec::new(),
            });
        }
    }

    /// What to wait on: the listener, when there is one, then the connections.
    pub(super) fn sources(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let listener = self.listener.iter().map(AsFd::as_fd);
        listener.chain(self.open.iter().map(|connection| connection.stream.as_fd()))
    }

    /// Accepts who is waiting and tells them `state`.
    pub(super) fn accept(&mut self, state: &Said) {
        while let Some(Ok((stream, _))) = self.listener.as_ref().map(UnixListener::accept) {
            self.add(stream);
            if let Some(newest) = self.open.last_mut()
                && !newest.say(&wire::line(state))
            {
                self.open.pop();
            }
        }
    }

    /// Everything that was asked, with whom to answer.
    pub(super) fn read(&mut self) -> Vec<(usize, Asked)> {
        let mut asked = Vec::new();
        let mut gone = Vec::new();
        for (at, connection) in self.open.iter_mut().enumerate() {
            let mut each = |line: &[u8]| {
                if let Ok(message) = serde_json::from_slice(line) {
                    asked.push((at, message));
                }
            };
            if !connection.read(&mut each) {
                gone.push(at);
            }
        }
        // Highest first, so that the numbers handed out above stay right for those that remain below.
        for &at in gone.iter().rev() {
            self.open.remove(at);
            asked.retain_mut(|(who, message)| {
                let stays = *who != at || !matches!(message, Asked::Stats | Asked::Ports);
                if *who > at {
                    *who -= 1;
                }
                stays
            });
        }
        asked
    }

    /// Answers one.
    pub(super) fn answer(&mut self, who: usize, said: &Said) {
        let line = wire::line(said);
        if self
            .open
            .get_mut(who)
            .is_some_and(|connection| !connection.say(&line))
        {
            let _ = self.open[who].stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Tells everybody.
    pub(super) fn tell(&mut self, said: &Said) {
        let line = wire::line(said);
        self.open.retain_mut(|connection| connection.say(&line));
    }
}

impl Connection {
    /// `false` when the other side is gone or does not read.
    fn say(&mut self, line: &[u8]) -> bool {
        self.stream.write_all(line).is_ok()
    }

    /// Hands over the lines that are there; `false` when the other side is gone or talks nonsense.
    fn read(&mut self, each: &mut impl FnMut(&[u8])) -> bool {
        let mut buffer = [0; 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(read) => {
                    for &byte in &buffer[..read] {
                        if byte == b'\n' {
                            each(&self.line);
                            self.line.clear();
                        } else {
                            self.line.push(byte);
                        }
                    }
                    if self.line.len() > LINE_BYTES_MAX {
                        return false;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }
}

fn as_socket(fd: OwnedFd) -> Option<UnixStream> {
    let stream = UnixStream::from(fd.try_clone().ok()?);
    stream.peer_addr().ok().map(|_| stream)
}

fn hold_standard_descriptors() {
    while let Ok(null) = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
    {
        if std::os::fd::AsRawFd::as_raw_fd(&null) > 2 {
            break;
        }
        std::mem::forget(null);
    }
}
