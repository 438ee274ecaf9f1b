//! The listener: a thread for each connection, so a slow reader holds up nobody but itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::body::Body;
use super::connection;
use super::head::Head;

const CONNECTIONS_MAX: usize = 256;
/// So many more are told that there are too many; any beyond are just closed.
const TURNED_AWAY_MAX: usize = 32;

type Service = dyn Fn(&Head, &mut Body) -> Answer + Send + Sync;

pub struct Shared {
    pub handler: Box<Service>,
    stopping: AtomicBool,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
}

impl Shared {
    pub fn begin(&self) -> Counted<'_> {
        self.in_flight.fetch_add(1, SeqCst);
        Counted(&self.in_flight)
    }

    /// Whether a connection may stay after its answer: idle ones never take the last places.
    pub fn has_room(&self) -> bool {
        !self.stopping.load(SeqCst) && self.connections.load(SeqCst) <= CONNECTIONS_MAX / 2
    }
}

/// Counts itself out.
pub struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

impl Server {
    pub fn start<H>(address: &str, handler: H) -> io::Result<Self>
    where
        H: Fn(&Head, &mut Body) -> Answer + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(address)?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            stopping: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("accept".into()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { port, shared })
    }

    /// Takes no more requests and waits for those in flight, so long. Returns how many were left.
    pub fn stop(self, patience: Duration) -> usize {
        let deadline = Instant::now() + patience;
        self.shared.stopping.store(true, SeqCst);
        // Wakes the listener, which then sees that it is over. It is awake if nobody gets through.
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        drop(TcpStream::connect_timeout(&own, Duration::from_millis(100)));
        while self.shared.in_flight.load(SeqCst) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        self.shared.in_flight.load(SeqCst)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let accepted = listener.accept();
        if shared.stopping.load(SeqCst) {
            return;
        }
        match accepted {
            Ok((stream, _)) => welcome(stream, shared),
            // Out of file descriptors, perhaps: some will be given back.
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn welcome(stream: TcpStream, shared: &Arc<Shared>) {
    let before = shared.connections.fetch_add(1, SeqCst);
    let held = Arc::clone(shared);
    let work = move || {
        let _connection = Counted(&held.connections);
        // A client that went away is the client's affair.
        drop(match before < CONNECTIONS_MAX {
            true => connection::serve(&stream, &held),
            false => connection::turn_away(&stream),
        });
    };
    let refused = before >= CONNECTIONS_MAX + TURNED_AWAY_MAX;
    if refused || thread::Builder::new().name("connection".into()).spawn(work).is_err() {
        shared.connections.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn server() -> Server {
        Server::start("127.0.0.1:0", |head, body| {
            let mut text = String::new();
            if head.path != "/unread" && body.read_to_string(&mut text).is_err() {
                return Answer::refusal(400, "cut");
            }
            Answer::json(200, format!("[{} {text}]", head.path))
        })
        .unwrap()
    }

    /// All that comes back for `request` until the server closes.
    fn said(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn requests_follow_each_other_on_a_connection() {
        let text = said(
            &server(),
            "PUT /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nxy\
             PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n\
             GET /c HTTP/1.1\r\nConnection: close\r\n\r\nGET /d HTTP/1.1\r\n\r\n",
        );
        assert!(text.contains("[/a xy]") && text.contains("[/b z]") && text.ends_with("[/c ]"), "{text}");
        assert_eq!(text.matches("Connection: close").count(), 1);
    }

    #[test]
    fn nothing_is_read_out_of_an_unread_body() {
        let inner = "GET /inner HTTP/1.1\r\nConnection: close\r\n\r\n";
        let unread = format!("PUT /unread HTTP/1.1\r\nContent-Length: {}\r\n\r\n{inner}", inner.len());
        let text = said(&server(), &format!("{unread}GET /next HTTP/1.1\r\nConnection: close\r\n\r\n"));
        assert!(text.contains("[/unread ]") && text.ends_with("[/next ]") && !text.contains("inner"), "{text}");
        let broken = "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n";
        let text = said(&server(), &format!("{broken}{inner}"));
        assert!(text.contains("Connection: close") && text.ends_with(r#"{"error":"cut"}"#), "{text}");
        let both = "PUT /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let text = said(&server(), &format!("{both}{inner}"));
        assert!(text.starts_with("HTTP/1.1 400 ") && !text.contains("inner"), "{text}");
    }

    #[test]
    fn a_client_is_asked_for_the_body_it_holds_back() {
        let held = "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
        let text = said(&server(), &format!("PUT /a HTTP/1.1\r\n{held}"));
        assert!(text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{text}");
        let held = held.replace("Connection: close\r\n", "");
        let text = said(&server(), &format!("PUT /unread HTTP/1.1\r\n{held}"));
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("Connection: close"), "{text}");
    }

    #[test]
    fn the_end_waits_for_what_is_in_flight() {
        let server = Server::start("127.0.0.1:0", |_, _| {
            thread::sleep(Duration::from_millis(300));
            Answer::json(200, "late".into())
        })
        .unwrap();
        let port = server.port;
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        thread::sleep(Duration::from_millis(100));
        assert_eq!(server.stop(Duration::from_secs(2)), 0);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains("Connection: close") && text.ends_with("late"), "{text}");
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
}
