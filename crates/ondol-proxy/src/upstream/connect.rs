//! New connections to endpoints.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::entrance::Dialled;
use crate::exec::Local;
use crate::http::Upload;
use crate::limits::Limits;
use crate::proxy_protocol::write_proxy_header;
use crate::stream::Wire;

/// Received and not yet read by the client, per request of HTTP/2: what a slow client can hold up here.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// A connection of HTTP/2 in use whose other end is dead is noticed within twice this time.
const PING: Duration = Duration::from_secs(20);

/// A connection that speaks HTTP/1.1, ready for a request.
pub(crate) async fn connect(
    address: SocketAddr,
    time_max: Duration,
    dial: Option<&Dialled>,
    limits: &Limits,
) -> io::Result<http1::SendRequest<Upload>> {
    let stream = open(address, time_max, dial, false).await?;
    let (sender, connection) = http1::Builder::new()
        .max_headers(limits.headers_max)
        .max_buf_size(limits.head_bytes_max)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // Its own task: polled inside the request it would wake the wrong one (13 % slower when measured).
    tokio::task::spawn_local(async move {
        // An error reaches whoever waits for a response.
        let _ = connection.with_upgrades().await;
    });
    Ok(sender)
}

/// The same, for whoever reads and writes HTTP/1.1 himself.
pub(crate) async fn connect_bare(address: SocketAddr, time_max: Duration) -> io::Result<TcpStream> {
    match open(address, time_max, None, false).await? {
        Wire::Plain(stream) => Ok(stream),
        Wire::Tls(_) => Err(io::Error::other("nobody asked for TLS")),
    }
}

/// The same for HTTP/2, which the endpoint is known to speak.
pub(crate) async fn connect_http2(
    address: SocketAddr,
    time_max: Duration,
    dial: Option<&Dialled>,
    limits: &Limits,
) -> io::Result<http2::SendRequest<Upload>> {
    let stream = open(address, time_max, dial, true).await?;
    let (sender, connection) = http2::Builder::new(Local)
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(limits.head_bytes_max as u32)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// A stream to the endpoint on which HTTP can begin; TLS counts into the same time.
async fn open(
    address: SocketAddr,
    time_max: Duration,
    dial: Option<&Dialled>,
    http2: bool,
) -> io::Result<Wire<TlsStream<TcpStream>>> {
    let opening = async {
        let mut stream = TcpStream::connect(address).await?;
        // A request must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let Some(dial) = dial else {
            return Ok(Wire::Plain(stream));
        };
        if let Some(version) = dial.proxy_protocol {
            // It is one connection for many clients; each request says whose it is (`X-Forwarded-For`).
            stream.write_all(&write_proxy_header(version, None)).await?;
        }
        let Some(tls) = &dial.tls else {
            return Ok(Wire::Plain(stream));
        };
        let config = if http2 { &tls.http2 } else { &tls.http1 };
        let connecting = TlsConnector::from(config.clone()).connect(tls.name.clone(), stream);
        Ok(Wire::Tls(Box::new(connecting.await?)))
    };
    timeout(time_max, opening).await?
}
