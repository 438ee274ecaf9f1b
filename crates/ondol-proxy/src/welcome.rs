//! The first moments of a client's connection: who it is, by the PROXY protocol, and its TLS.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Buf, BytesMut};
use http::HeaderValue;
use rustls::server::Acceptor;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio_rustls::TlsAcceptor;

use crate::Refusal;
use crate::entrance::{Entrance, EntranceTls};
use crate::proxy_protocol::read_proxy_header;
use crate::stream::{Doing, Spoken, Wire};
use crate::tls::{is_http2, subject};
use crate::worker::{Client, Destination, Shard};

/// Read at once of what is said before there is a request.
const READ_BYTES: usize = 2048;
/// A `ClientHello` that is larger is not one.
const HELLO_BYTES_MAX: usize = 64 << 10;

/// How a connection goes on.
pub(crate) enum Welcomed {
    /// As it would have without anything before.
    Plain(Spoken),
    /// By TLS, which is done here.
    Secure { wire: Wire, http2: bool },
    /// By TLS, which the service does.
    Passed(Spoken, Destination),
}

/// What a client showed during its handshake.
#[derive(Debug, Default)]
pub(crate) struct Secured {
    /// The subject of its certificate, when it showed one that was believed.
    pub subject: Option<Box<HeaderValue>>,
}

/// Why a connection ends before its first word; `None` when the client has left.
type Left = Option<Refusal>;

/// Hears what comes before the client's first word.
pub(crate) async fn welcome(
    shard: &Rc<Shard>,
    client: &mut Client,
    entrance: &Entrance,
    stream: TcpStream,
) -> Result<Welcomed, Left> {
    let mut spoken = Spoken::new(BytesMut::new(), stream);
    if entrance.proxy_protocol {
        spoken = who(client, spoken).await?;
    }
    let Some(tls) = &entrance.tls else {
        return Ok(Welcomed::Plain(spoken));
    };
    client.activity.set(Doing::Head);
    if tls.passes() {
        let (name, after) = asked_for(spoken).await?;
        spoken = after;
        let to = name.and_then(|name| tls.pass(&name));
        if let Some((service, port)) = to {
            let destination = Destination {
                cluster: shard.cluster(service),
                port: Some(*port),
            };
            return Ok(Welcomed::Passed(spoken, destination));
        }
    }
    handshake(shard, client, tls, spoken).await
}

/// Believes the PROXY header about who the client is.
async fn who(client: &mut Client, spoken: Spoken) -> Result<Spoken, Left> {
    let (mut said, mut stream) = spoken.into_parts();
    loop {
        more(&mut stream, &mut said).await?;
        client.activity.set(Doing::Head);
        let header = read_proxy_header(&said).map_err(|_| Some(Refusal::NoProxyHeader))?;
        if let Some(header) = header {
            said.advance(header.length);
            if let Some(ends) = header.ends {
                client.come_from(ends.source.ip());
            }
            client.activity.set(Doing::Idle);
            return Ok(Spoken::new(said, stream));
        }
    }
}

/// The name that a client asks for (RFC 6066, section 3).
async fn asked_for(spoken: Spoken) -> Result<(Option<String>, Spoken), Left> {
    let (mut said, mut stream) = spoken.into_parts();
    let mut acceptor = Acceptor::default();
    let mut seen = 0;
    loop {
        while seen < said.len() {
            let read = acceptor.read_tls(&mut &said[seen..]);
            seen += read.map_err(|_| Some(Refusal::HandshakeFailed))?;
            match acceptor.accept() {
                Ok(Some(accepted)) => {
                    let name = accepted.client_hello().server_name().map(str::to_owned);
                    return Ok((name, Spoken::new(said, stream)));
                }
                Ok(None) => {}
                Err(_) => return Err(Some(Refusal::HandshakeFailed)),
            }
        }
        if said.len() > HELLO_BYTES_MAX {
            return Err(Some(Refusal::HandshakeFailed));
        }
        more(&mut stream, &mut said).await?;
    }
}

async fn handshake(
    shard: &Rc<Shard>,
    client: &mut Client,
    tls: &EntranceTls,
    spoken: Spoken,
) -> Result<Welcomed, Left> {
    let _place = shard
        .handshakes
        .enter()
        .ok_or(Some(Refusal::TooManyHandshakes))?;
    spoken.wait().await;
    let acceptor = TlsAcceptor::from(Arc::clone(&tls.config));
    let mut accepting = pin!(acceptor.accept(spoken));
    // What costs is the answer to the first message. Handshakes take turns with everybody else's requests for it, so
    // that many of them at once make nobody else wait for all of them.
    let turn = shard.handshakes.turn().await;
    let first = std::future::poll_fn(|cx| Poll::Ready(accepting.as_mut().poll(cx))).await;
    yield_now().await;
    drop(turn);
    let accepted = match first {
        Poll::Ready(accepted) => accepted,
        Poll::Pending => accepting.await,
    };
    let stream = accepted.map_err(|_| Some(Refusal::HandshakeFailed))?;
    client.activity.set(Doing::Idle);
    let session = stream.get_ref().1;
    let certificate = session.peer_certificates().and_then(<[_]>::first);
    let subject = certificate
        .and_then(subject)
        .and_then(|subject| HeaderValue::from_str(&subject).ok());
    let http2 = is_http2(session.alpn_protocol());
    let subject = subject.map(Box::new);
    client.secured = Some(Secured { subject });
    Ok(Welcomed::Secure {
        wire: Wire::Tls(Box::new(stream)),
        http2,
    })
}

async fn more(stream: &mut TcpStream, said: &mut BytesMut) -> Result<(), Left> {
    said.reserve(READ_BYTES);
    match stream.read_buf(said).await {
        Ok(1..) => Ok(()),
        Ok(0) | Err(_) => Err(None),
    }
}
