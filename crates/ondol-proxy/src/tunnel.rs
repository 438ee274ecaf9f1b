//! Client connections: whether they carry requests or bytes, and the tunnels for bytes.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Refusal;
use crate::guard::Guard;
use crate::http::{self, Http1};
use crate::policy::protocol::{Protocol, SNIFF_BYTES_MAX, Sniffed, is_http2, sniff};
use crate::proxy_protocol::{Ends, write_proxy_header};
use crate::stream::{ClientStream, Doing, Wire};
use crate::upstream::{Counted, InFlight, Policy, Refused, add};
use crate::welcome::{Welcomed, welcome};
use crate::worker::{Client, Destination, Shard, Target};

/// Read at once of what a client says first.
const FIRST_BYTES_MAX: usize = 1024;
/// One direction of a tunnel.
const BUFFER_BYTES: usize = 8 << 10;
/// A connection in use may be silent for ever (a pool of database connections is), but not when the other end is dead.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Serves one client connection to its end, or until it turns out to carry requests of HTTP/1: what that needs is long
/// over when they are served, and idle connections are not to carry it.
pub(crate) async fn begin(
    shard: Rc<Shard>,
    mut client: Client,
    stream: TcpStream,
) -> Option<Http1> {
    let shard = &shard;
    // A response head must not wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    keep_alive(&stream);
    let entrance = client.serving.entrance();
    let (said, stream) = match entrance.is_plain() {
        true => (BytesMut::new(), stream),
        false => match Box::pin(welcome(shard, &mut client, &entrance, stream)).await {
            Ok(Welcomed::Plain(spoken)) => spoken.into_parts(),
            Ok(Welcomed::Secure { wire, http2 }) => {
                return serve_wire(shard, client, wire, BytesMut::new(), http2).await;
            }
            Ok(Welcomed::Passed(spoken, destination)) => {
                let (said, stream) = spoken.into_parts();
                Box::pin(tunnel(shard, &client, &destination, stream, said)).await;
                return None;
            }
            Err(Some(refusal)) => {
                client.serving.count_refusal(refusal);
                return None;
            }
            Err(None) => return None,
        },
    };
    begin_with(shard, client, stream, said).await
}

/// The same for a client that has `said` something, or not yet.
async fn begin_with(
    shard: &Rc<Shard>,
    client: Client,
    mut stream: TcpStream,
    said: BytesMut,
) -> Option<Http1> {
    let target = client.serving.target();
    let Target::Service {
        destination,
        protocol,
        callers,
        front,
    } = &*target
    else {
        return serve_http(shard, client, stream, said).await;
    };
    if let Some(callers) = callers
        && !callers.allow(client.ip, shard.owner(client.ip).as_ref())
    {
        client.serving.count_refusal(Refusal::CallerNotAllowed);
        return None;
    }
    let tunnel = Tunnel {
        shard,
        destination,
        client: &client,
        patient: callers.is_some() || destination.cluster.may_sleep(),
    };
    let opened = match protocol {
        Protocol::Http | Protocol::Http2 => return serve_http(shard, client, stream, said).await,
        Protocol::Tcp => Opened::Bytes(said, None),
        Protocol::Detect => Box::pin(tunnel.first_word(&mut stream, said)).await,
    };
    match opened {
        Opened::Http(first) => {
            return serve_wire(shard, client, Wire::Plain(stream), first, false).await;
        }
        Opened::Http2(first) => {
            return serve_wire(shard, client, Wire::Plain(stream), first, true).await;
        }
        Opened::Bytes(first, upstream) => {
            client.activity.set(Doing::Busy);
            if let Some(front) = front
                && let Err(refusal) =
                    front
                        .gate
                        .lets_bytes_in(client.ip, &shard.crew.gates, shard.now())
            {
                client.serving.count_refusal(refusal);
                return None;
            }
            if let Err(refusal) = Box::pin(tunnel.run(stream, first, upstream)).await {
                destination.cluster.count_refusal(refusal);
            }
        }
        Opened::Nothing => {}
    }
    None
}

/// Hands a connection on as it is.
async fn tunnel(
    shard: &Rc<Shard>,
    client: &Client,
    destination: &Destination,
    stream: TcpStream,
    said: BytesMut,
) {
    client.activity.set(Doing::Busy);
    let tunnel = Tunnel {
        shard,
        destination,
        client,
        patient: destination.cluster.may_sleep(),
    };
    if let Err(refusal) = tunnel.run(stream, said, None).await {
        destination.cluster.count_refusal(refusal);
    }
}

/// Serves a client that speaks HTTP; its first bytes say which.
async fn serve_http(
    shard: &Rc<Shard>,
    client: Client,
    mut stream: TcpStream,
    mut said: BytesMut,
) -> Option<Http1> {
    let http2 = loop {
        if !said.is_empty()
            && let Some(http2) = is_http2(&said)
        {
            break http2;
        }
        said.reserve(FIRST_BYTES_MAX);
        match stream.read_buf(&mut said).await {
            Ok(1..) => client.activity.set(Doing::Head),
            Ok(0) | Err(_) if said.is_empty() => return None,
            Ok(0) | Err(_) => break false,
        }
    };
    serve_wire(shard, client, Wire::Plain(stream), said, http2).await
}

/// Of HTTP/1, its requests are left to the caller.
async fn serve_wire(
    shard: &Rc<Shard>,
    client: Client,
    wire: Wire,
    first: BytesMut,
    http2: bool,
) -> Option<Http1> {
    let guard = (!http2).then(|| Guard::new(shard.limits.head_bytes_max));
    let stream = ClientStream::new(wire, first.freeze(), guard, client.activity.clone());
    if !http2 {
        return Some(Http1::new(shard.clone(), client, stream));
    }
    client.activity.set(Doing::Idle);
    Box::pin(http::serve_http2(shard.clone(), client, stream)).await;
    None
}

/// What a connection turned out to be, and what the client has said so far.
enum Opened {
    Http(BytesMut),
    Http2(BytesMut),
    Bytes(BytesMut, Option<Upstream>),
    /// The client left without a word.
    Nothing,
}

type Upstream = (InFlight, TcpStream);

struct Tunnel<'a> {
    shard: &'a Rc<Shard>,
    destination: &'a Destination,
    client: &'a Client,
    /// Waits for an endpoint while none is ready.
    patient: bool,
}

impl Tunnel<'_> {
    /// Finds out who speaks first, and what.
    ///
    /// The client's first bytes decide. While it is silent, an endpoint is connected to and listened to: when that
    /// speaks first, the connection is bytes. A slow client loses nothing: as long as the endpoint is silent too, its
    /// bytes still decide, and when they begin a request, the connection to the endpoint is closed unused.
    async fn first_word(&self, stream: &mut TcpStream, mut said: BytesMut) -> Opened {
        let (limits, client) = (&self.shard.limits, self.client);
        if let Ok(sniffed) = timeout(limits.first_byte_wait, listen(stream, &mut said)).await {
            return opened(sniffed, said, None);
        }
        if said.is_empty() {
            // Two ends that are silent are no matter of time: a pool of database connections is like that.
            client.activity.set(Doing::Busy);
            if let Some(opened) = self.either_word(stream, &mut said).await {
                return opened;
            }
            client.activity.set(Doing::Idle);
        }
        let patience = match said.is_empty() {
            true => limits.idle_time_max,
            false => limits.head_time_max,
        };
        match timeout(patience, listen(stream, &mut said)).await {
            Ok(sniffed) => opened(sniffed, said, None),
            Err(_) if said.is_empty() => Opened::Nothing,
            Err(_) => Opened::Bytes(said, None),
        }
    }

    /// Waits for the first word of either end. `None`: only the client can still have one.
    async fn either_word(&self, client: &mut TcpStream, said: &mut BytesMut) -> Option<Opened> {
        let policy = self.destination.cluster.policy();
        loop {
            let (in_flight, upstream) = tokio::select! {
                biased;
                sniffed = listen(client, said) => return Some(opened(sniffed, said.split(), None)),
                upstream = self.connect_through(&policy) => upstream.ok()?,
            };
            let mut byte = [0];
            tokio::select! {
                biased;
                sniffed = listen(client, said) => {
                    return Some(opened(sniffed, said.split(), Some((in_flight, upstream))));
                }
                // The endpoint leaves, and this connection must not hold it up: another one is asked,
                // unless the client is in the middle of its first word.
                () = in_flight.left.notified() => if !said.is_empty() { return None },
                spoken = upstream.peek(&mut byte) => return match spoken {
                    Ok(1..) => Some(Opened::Bytes(said.split(), Some((in_flight, upstream)))),
                    // It hung up first, as web servers do.
                    Ok(0) | Err(_) => None,
                },
            }
        }
    }

    /// Carries bytes both ways until both ends are done.
    async fn run(
        &self,
        mut client: TcpStream,
        first: BytesMut,
        upstream: Option<Upstream>,
    ) -> Result<(), Refusal> {
        let policy = self.destination.cluster.policy();
        // Held as long as the connection is open.
        let _place = match &policy.gate {
            Some(gate) => Some(gate.enter().await?),
            None => None,
        };
        let (in_flight, upstream) = match upstream {
            Some(upstream) => upstream,
            None => self.connect_through(&policy).await?,
        };
        keep_alive(&upstream);
        let header = self.proxy_header(&client);
        let mut upstream = Counted::new(upstream, in_flight.upstream());
        if upstream.write_all(&header).await.is_err() || upstream.write_all(&first).await.is_err() {
            add(&in_flight.counters.errors, 1);
            return Err(Refusal::UpstreamClosed);
        }
        drop(first);
        // An error is the end of one of them, and neither can be told more than that.
        let _ =
            copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER_BYTES, BUFFER_BYTES)
                .await;
        Ok(())
    }

    /// What the endpoint is told about the client before its first byte; mostly nothing.
    fn proxy_header(&self, stream: &TcpStream) -> Vec<u8> {
        let dial = self.shard.dial(self.destination.cluster.service());
        let Some(version) = dial.and_then(|dial| dial.proxy_protocol) else {
            return Vec::new();
        };
        let ends = stream.peer_addr().and_then(|source| {
            Ok(Ends {
                source: (self.client.ip, source.port()).into(),
                destination: canonical(stream.local_addr()?),
            })
        });
        write_proxy_header(version, ends.ok())
    }

    /// The same as far as the service's circuit lets it, which hears how it went.
    async fn connect_through(&self, policy: &Policy) -> Result<Upstream, Refusal> {
        let shard = self.shard;
        let circuit = policy.circuit.as_ref();
        let pass = match circuit.map(|circuit| circuit.enter(shard.index, shard.now())) {
            Some(None) => return Err(Refusal::CircuitOpen),
            entered => entered.flatten(),
        };
        let connected = self.connect().await;
        if let Some(pass) = pass {
            pass.ended(connected.is_ok(), shard.now());
        }
        connected
    }

    /// A connection to some endpoint; others are tried when one refuses.
    async fn connect(&self) -> Result<Upstream, Refusal> {
        let (shard, limits) = (self.shard, &self.shard.limits);
        let cluster = &self.destination.cluster;
        let port = self.destination.port.ok_or(Refusal::NoPort)?;
        let policy = cluster.policy();
        let time_max = policy.traffic.resilience.timeouts.connect;
        let time_max = time_max.unwrap_or(limits.connect_time_max);
        let zone = shard.zone(&policy.traffic.balance, self.client.ip);
        let mut refused = Refused::none_yet(None, zone);
        for _ in 0..limits.attempts_max {
            refused.pause(cluster).await;
            let in_flight = match self.patient {
                true => {
                    cluster
                        .pick_or_wait(&refused, limits, || shard.now())
                        .await?
                }
                false => cluster
                    .pick(&refused, shard.now())
                    .ok_or(Refusal::NoEndpoint)?,
            };
            let address = in_flight.address(port);
            let sent = shard.now();
            if let Ok(Ok(stream)) = timeout(time_max, TcpStream::connect(address)).await {
                in_flight.answered(sent, shard.now());
                let _ = stream.set_nodelay(true);
                return Ok((in_flight, stream));
            }
            in_flight.eject(limits, shard.now());
            refused.note(&in_flight);
        }
        Err(Refusal::ConnectFailed)
    }
}

/// Reads until the bytes in `said` decide; `None` when the client ended without any. May be dropped and called again.
async fn listen(client: &mut TcpStream, said: &mut BytesMut) -> Option<Sniffed> {
    loop {
        match sniff(said) {
            Sniffed::Undecided if said.len() < SNIFF_BYTES_MAX => {}
            sniffed => return Some(sniffed),
        }
        said.reserve(FIRST_BYTES_MAX);
        match client.read_buf(said).await {
            Ok(1..) => {}
            Ok(0) | Err(_) if said.is_empty() => return None,
            Ok(0) | Err(_) => return Some(Sniffed::Other),
        }
    }
}

fn opened(sniffed: Option<Sniffed>, said: BytesMut, upstream: Option<Upstream>) -> Opened {
    match sniffed {
        None => Opened::Nothing,
        Some(Sniffed::Http) => Opened::Http(said),
        Some(Sniffed::Http2) => Opened::Http2(said),
        Some(Sniffed::Other | Sniffed::Undecided) => Opened::Bytes(said, upstream),
    }
}

/// Of IPv4 also when it came by an IPv6 socket.
fn canonical(address: SocketAddr) -> SocketAddr {
    (address.ip().to_canonical(), address.port()).into()
}

fn keep_alive(stream: &TcpStream) {
    let when = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    // Without it, a connection to a dead machine stays until somebody wants to send something.
    let _ = SockRef::from(stream).set_tcp_keepalive(&when);
}
