//! One connection: requests, one after the other, until either side has enough.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::body::Body;
use super::head::Head;
use super::line::Fault;
use super::server::Shared;
use crate::log::{self, Field};

const BUFFER_BYTES: usize = 64 * 1024;
/// Between two requests, and between two pieces of a body.
const IDLE_MAX: Duration = Duration::from_secs(60);
const HEAD_MAX: Duration = Duration::from_secs(10);
/// A player that pauses stops reading for a while; it asks again for what it then misses.
const WRITE_MAX: Duration = Duration::from_secs(300);
/// What is left of a body nobody wanted is read before the answer, up to here: Node's client, for
/// one, loses or never sees an answer that comes while it still sends.
const SKIP_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const LINGER_MAX: Duration = Duration::from_secs(2);

/// A stream that is read until a point in time.
struct Until<'a> {
    stream: &'a TcpStream,
    deadline: Option<Instant>,
}

impl Read for Until<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left < Duration::from_millis(1) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(into)
    }
}

type Reader<'a> = BufReader<Until<'a>>;

pub fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = prepare(stream)?;
    loop {
        limit(&mut reader, IDLE_MAX);
        if reader.fill_buf()?.is_empty() {
            return Ok(());
        }
        let in_flight = shared.begin();
        limit(&mut reader, HEAD_MAX);
        let go_on = match Head::read(&mut reader) {
            Ok(head) => one(&mut reader, stream, shared, &head),
            Err(fault) => refuse(stream, fault).map(|()| false),
        };
        drop(in_flight);
        if !go_on? {
            return linger(reader, stream);
        }
    }
}

/// For a connection too many: it is told so.
pub fn turn_away(stream: &TcpStream) -> io::Result<()> {
    let mut reader = prepare(stream)?;
    limit(&mut reader, LINGER_MAX);
    let busy = Fault::Refused(503, "too many connections at once");
    let fault = Head::read(&mut reader).map_or_else(|fault| fault, |_| busy);
    refuse(stream, fault)?;
    linger(reader, stream)
}

fn prepare(stream: &TcpStream) -> io::Result<Reader<'_>> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_MAX))?;
    Ok(BufReader::with_capacity(BUFFER_BYTES, Until { stream, deadline: None }))
}

fn limit(reader: &mut Reader, time: Duration) {
    reader.get_mut().deadline = Some(Instant::now() + time);
}

/// True when another request may follow.
fn one(reader: &mut Reader, mut stream: &TcpStream, shared: &Shared, head: &Head) -> io::Result<bool> {
    let began = Instant::now();
    reader.get_mut().deadline = None;
    stream.set_read_timeout(Some(IDLE_MAX))?;
    let mut client = stream;
    let mut body = Body::new(reader, head.framing, if head.expects_continue { Some(&mut client) } else { None });
    let answer = (shared.handler)(head, &mut body);
    let status = answer.status;
    if body.may_end() {
        // When it fails the body stays unfinished, which ends the connection behind the answer.
        drop(io::copy(&mut Read::take(&mut body, SKIP_BYTES_MAX), &mut io::sink()));
    }
    let go_on = head.keep_alive && body.at_end() && shared.has_room();
    let written = answer.write(&mut stream, head.method != "HEAD", !go_on);
    record(head, status, began);
    Ok(written.is_ok() && go_on) // a reader that went away is the reader's affair
}

fn record(head: &Head, status: u16, began: Instant) {
    if head.path == "/health" && status == 200 {
        return; // asked every second: only worth a line when it fails
    }
    let (method, path) = (Field::Text(&head.method), Field::Text(&head.path));
    let trace = Field::Text(head.header("traceparent").unwrap_or_default());
    let (status, ms) = (Field::Number(status.into()), Field::Number(began.elapsed().as_millis() as u64));
    log::line("request", &[("method", method), ("path", path), ("status", status), ("ms", ms), ("trace", trace)]);
}

fn refuse(mut stream: &TcpStream, fault: Fault) -> io::Result<()> {
    match fault {
        Fault::Gone => Ok(()),
        Fault::Refused(status, why) => {
            log::line("refused", &[("status", Field::Number(status.into())), ("why", Field::Text(why))]);
            Answer::refusal(status, why).write(&mut stream, true, true)
        }
    }
}

/// Closing while a client still sends would take the answer away from it again.
fn linger(mut reader: Reader, stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    limit(&mut reader, LINGER_MAX);
    io::copy(&mut reader, &mut io::sink()).map(drop)
}
