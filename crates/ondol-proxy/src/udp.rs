//! Datagrams: each client address is a session with one endpoint, so that answers find their way back.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::Refusal;
use crate::upstream::{Refused, Upstream, add};
use crate::worker::{Serving, Shard, Target};

/// The largest datagram that UDP can carry.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;

struct Session {
    upstream: Rc<Upstream>,
    socket: Rc<UdpSocket>,
    used: Rc<Cell<Instant>>,
    answering: AbortHandle,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

type Sessions = Rc<RefCell<BTreeMap<SocketAddr, Session>>>;

/// Relays datagrams of one listener until it is dropped. A session never holds up its endpoint's stop:
/// the next datagram after that goes to another.
pub(crate) async fn relay(shard: Rc<Shard>, serving: Rc<Serving>, socket: UdpSocket) {
    let socket = Rc::new(socket);
    let sessions = Sessions::default();
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // An error here is the echo of an answer that its client did not want.
        let Ok((length, client)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        let known = sessions.borrow().get(&client).and_then(|session| {
            session.used.set(Instant::now());
            session
                .upstream
                .is_ready()
                .then(|| (session.upstream.clone(), session.socket.clone()))
        });
        let session = match known {
            Some(session) => Ok(session),
            None => open(&shard, &serving, &socket, &sessions, client).await,
        };
        match session {
            Ok((upstream, to)) => match to.send(&buffer[..length]).await {
                Ok(sent) => add(&upstream.counters.bytes_in, sent as u64),
                Err(_) => {
                    // Nobody listens there: the next datagram tries another.
                    upstream.eject(&shard.limits, shard.now());
                    sessions.borrow_mut().remove(&client);
                }
            },
            Err(refusal) => serving.count_refusal(refusal),
        }
    }
}

async fn open(
    shard: &Rc<Shard>,
    serving: &Rc<Serving>,
    listener: &Rc<UdpSocket>,
    sessions: &Sessions,
    client: SocketAddr,
) -> Result<(Rc<Upstream>, Rc<UdpSocket>), Refusal> {
    let target = serving.target();
    let Target::Service {
        destination,
        callers,
        front,
        ..
    } = &*target
    else {
        return Err(Refusal::NoRoute);
    };
    let ip = client.ip().to_canonical();
    if let Some(callers) = callers
        && !callers.allow(ip, shard.owner(ip).as_ref())
    {
        return Err(Refusal::CallerNotAllowed);
    }
    if let Some(front) = front {
        front
            .gate
            .lets_bytes_in(ip, &shard.crew.gates, shard.now())?;
    }
    sessions.borrow_mut().remove(&client);
    let limits = &shard.limits;
    let of_client = (SocketAddr::new(client.ip(), 0))..=(SocketAddr::new(client.ip(), u16::MAX));
    if sessions.borrow().len() >= limits.udp_sessions_max
        || sessions.borrow().range(of_client).count() >= limits.udp_sessions_per_client_max
    {
        return Err(Refusal::TooManySessions);
    }
    let port = destination.port.ok_or(Refusal::NoPort)?;
    let cluster = &destination.cluster;
    let picked = cluster.pick(&Refused::default(), shard.now());
    let picked = picked.ok_or_else(|| {
        // This datagram is lost, as datagrams are; the client sends another one.
        cluster.call_for_one();
        Refusal::NoEndpoint
    })?;
    let upstream = picked.upstream();
    let socket = connect(upstream.address(port))
        .await
        .map_err(|_| Refusal::ConnectFailed)?;
    let (socket, used) = (Rc::new(socket), Rc::new(Cell::new(Instant::now())));
    let answering = tokio::task::spawn_local(answer(Answering {
        shard: shard.clone(),
        upstream: upstream.clone(),
        from: socket.clone(),
        to: listener.clone(),
        client,
        used: used.clone(),
        sessions: sessions.clone(),
    }))
    .abort_handle();
    let session = Session {
        upstream: upstream.clone(),
        socket: socket.clone(),
        used,
        answering,
    };
    sessions.borrow_mut().insert(client, session);
    Ok((upstream, socket))
}

async fn connect(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    Ok(socket)
}

struct Answering {
    shard: Rc<Shard>,
    upstream: Rc<Upstream>,
    from: Rc<UdpSocket>,
    to: Rc<UdpSocket>,
    client: SocketAddr,
    used: Rc<Cell<Instant>>,
    sessions: Sessions,
}

/// Carries an endpoint's datagrams to the client, until both were silent for long enough.
async fn answer(session: Answering) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let silent_until = session.used.get() + session.shard.limits.udp_idle_max;
        tokio::select! {
            received = session.from.recv(&mut buffer) => {
                let Ok(length) = received else { break };
                session.used.set(Instant::now());
                add(&session.upstream.counters.bytes_out, length as u64);
                // Lost like any datagram when the client is gone.
                let _ = session.to.send_to(&buffer[..length], session.client).await;
            }
            () = sleep_until(silent_until) => {
                if session.used.get() + session.shard.limits.udp_idle_max <= Instant::now() {
                    break;
                }
            }
        }
    }
    session.sessions.borrow_mut().remove(&session.client);
}
