//! A terminal for a program in a replica, and the person's own carried to it and back.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{
    OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

/// How often the person's terminal is asked for its size, and the program for its end.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};
const PIECE_BYTES: usize = 16 << 10;

/// Whether a program is given a terminal when nobody says: a person has one for both ways.
pub(crate) fn wanted() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// A pair of ends: what the program has, and what the person's terminal is carried to.
#[derive(Debug)]
pub(crate) struct Pty {
    person: File,
    program: OwnedFd,
}

impl Pty {
    /// A terminal that the program finds in its own `/dev`, where it has one: `room_pid` is the first process there.
    pub(crate) fn open(room_pid: Option<u32>) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let inside = room_pid.and_then(|pid| {
            let path = format!("/proc/{pid}/root/dev/pts/ptmx");
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, rustix::fs::Mode::empty()).ok()
        });
        let person = match inside {
            Some(end) => end,
            None => openpt(flags)?,
        };
        unlockpt(&person)?;
        let program = ioctl_tiocgptpeer(&person, flags)?;
        let pty = Pty {
            person: person.into(),
            program,
        };
        if let Ok(size) = tcgetwinsize(io::stdin()) {
            let _ = tcsetwinsize(&pty.person, size);
        }
        Ok(pty)
    }

    /// The program's end.
    pub(crate) fn program(&self) -> BorrowedFd<'_> {
        self.program.as_fd()
    }

    /// Carries everything both ways until the program has closed its end, or `ended` says that it is over.
    pub(crate) fn carry(self, ended: impl Fn() -> bool) -> io::Result<()> {
        let Pty { person, program } = self;
        // Else this process would keep the program's end open.
        drop(program);
        let _raw = Raw::begin()?;
        let flags = fcntl_getfl(&person)?;
        fcntl_setfl(&person, flags | OFlags::NONBLOCK)?;
        Carrier {
            person,
            typed: Vec::new(),
            stdin_open: true,
            size: None,
        }
        .run(ended)
    }
}

struct Carrier {
    person: File,
    /// Typed and not taken yet.
    typed: Vec<u8>,
    stdin_open: bool,
    size: Option<Winsize>,
}

impl Carrier {
    fn run(&mut self, ended: impl Fn() -> bool) -> io::Result<()> {
        let stdin = io::stdin();
        loop {
            self.follow_size();
            let over = ended();
            let listens = self.stdin_open && self.typed.is_empty();
            let mut end = PollFlags::IN;
            end.set(PollFlags::OUT, !self.typed.is_empty());
            let mut sources = vec![PollFd::new(&self.person, end)];
            if listens {
                sources.push(PollFd::new(&stdin, PollFlags::IN));
            }
            match poll(&mut sources, Some(&LOOK)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let came = |source: &PollFd<'_>| !source.revents().is_empty();
            let typed = sources.get(1).is_some_and(came);
            let written = came(&sources[0]);
            if typed {
                self.read_person()?;
            }
            self.type_on()?;
            if written && !self.show()? || over {
                return Ok(());
            }
        }
    }

    fn follow_size(&mut self) {
        let size = tcgetwinsize(io::stdin()).ok();
        if size.is_some() && size != self.size {
            self.size = size;
            // A program that does not learn its size goes on with the old one.
            let _ = size.map(|size| tcsetwinsize(&self.person, size));
        }
    }

    fn read_person(&mut self) -> io::Result<()> {
        let mut bytes = [0; PIECE_BYTES];
        let read = rustix::io::read(io::stdin(), &mut bytes)?;
        self.stdin_open = read > 0;
        self.typed.extend(&bytes[..read]);
        Ok(())
    }

    fn type_on(&mut self) -> io::Result<()> {
        if self.typed.is_empty() {
            return Ok(());
        }
        match self.person.write(&self.typed) {
            Ok(taken) => drop(self.typed.drain(..taken)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Shows all that is there; `false` when the program has closed its end.
    fn show(&mut self) -> io::Result<bool> {
        let mut bytes = [0; PIECE_BYTES];
        loop {
            match self.person.read(&mut bytes) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(&bytes[..read])?;
                    stdout.flush()?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                // What Linux says of a terminal whose other end is closed.
                Err(error) if error.raw_os_error() == Some(5) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The person's terminal hands on every key as it is, until this is dropped.
struct Raw(Option<Termios>);

impl Raw {
    fn begin() -> io::Result<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Raw(None));
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
        Ok(Raw(Some(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Nothing helps one whose terminal is gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}
