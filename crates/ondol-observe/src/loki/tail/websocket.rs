//! As much of a WebSocket as a stream of texts needs (RFC 6455).

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ring::digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{Answer, Ask};

/// What is joined to a key before it is hashed (section 1.3).
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// A client has nothing to say that is longer.
const FRAME_BYTES_MAX: u64 = 4096;
/// A client that does not take what it is sent is let go.
const SEND_MAX: Duration = Duration::from_secs(10);

/// A connection that texts go out on.
pub(super) struct WebSocket {
    io: TokioIo<Upgraded>,
    /// What came of a frame that is not whole yet.
    read: Vec<u8>,
}

/// Switches protocols, and runs what is to be done with the connection.
pub(super) fn accept<F>(ask: Ask, run: impl FnOnce(WebSocket) -> F + Send + 'static) -> Answer
where
    F: Future<Output = ()> + Send + 'static,
{
    let is_upgrade = ask
        .header(UPGRADE.as_str())
        .is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
    let version = ask.header(SEC_WEBSOCKET_VERSION.as_str());
    let key = ask.header(SEC_WEBSOCKET_KEY.as_str());
    let (true, Some("13"), Some(key)) = (is_upgrade, version, key) else {
        let why = "lines are followed over a WebSocket; expected Upgrade: websocket, Sec-WebSocket-Version: 13 and a key";
        return Answer::refused(StatusCode::UPGRADE_REQUIRED, why)
            .with(UPGRADE, HeaderValue::from_static("websocket"))
            .with(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    };
    let Ok(accepted) = HeaderValue::from_str(&accepted(key)) else {
        return Answer::refused(StatusCode::BAD_REQUEST, "the key is no text");
    };
    let mut request = ask.into_request();
    tokio::spawn(async move {
        // A client that went before it was answered has nothing to be told.
        if let Ok(upgraded) = hyper::upgrade::on(&mut request).await {
            run(WebSocket {
                io: TokioIo::new(upgraded),
                read: Vec::new(),
            })
            .await;
        }
    });
    let mut response = Response::new(Empty::<Bytes>::new().boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let said: [(HeaderName, HeaderValue); 3] = [
        (UPGRADE, HeaderValue::from_static("websocket")),
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (SEC_WEBSOCKET_ACCEPT, accepted),
    ];
    response.headers_mut().extend(said);
    Answer::frames(response)
}

fn accepted(key: &str) -> String {
    let whole = format!("{key}{KEY_SUFFIX}");
    STANDARD.encode(digest::digest(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        whole.as_bytes(),
    ))
}

impl WebSocket {
    /// Sends a text.
    pub(super) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.frame(TEXT, text.as_bytes()).await
    }

    /// Says that there will be no more.
    pub(super) async fn close(&mut self) {
        // A client that went already need not be told.
        let _ = self.frame(CLOSE, &[]).await;
    }

    /// Waits, and answers what the client says meanwhile. An error when it goes.
    pub(super) async fn wait(&mut self, until: impl Future<Output = ()>) -> io::Result<()> {
        tokio::pin!(until);
        loop {
            let mut some = [0; 512];
            let count = tokio::select! {
                () = &mut until => return Ok(()),
                count = self.io.read(&mut some) => count?,
            };
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.read
                .extend_from_slice(some.get(..count).unwrap_or_default());
            while let Some((kind, payload)) = taken(&mut self.read)? {
                match kind {
                    CLOSE => {
                        self.close().await;
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    }
                    PING => self.frame(PONG, &payload).await?,
                    // What else it says does not matter.
                    _ => {}
                }
            }
        }
    }

    async fn frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![0x80 | kind];
        match payload.len() {
            len @ 0..=125 => frame.push(len as u8),
            len @ 126..=0xffff => {
                frame.push(126);
                frame.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                frame.push(127);
                frame.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        let sent = async {
            self.io.write_all(&frame).await?;
            self.io.flush().await
        };
        match tokio::time::timeout(SEND_MAX, sent).await {
            Ok(sent) => sent,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Takes a whole frame of a client from what was read: its kind and what it says.
fn taken(read: &mut Vec<u8>) -> io::Result<Option<(u8, Vec<u8>)>> {
    let [first, second, ..] = read.as_slice() else {
        return Ok(None);
    };
    let (kind, short, masked) = (first & 15, u64::from(second & 127), second & 128 != 0);
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte))
    };
    let (length, start) = match short {
        126 => (read.get(2..4).map(number), 4),
        127 => (read.get(2..10).map(number), 10),
        short => (Some(short), 2),
    };
    let Some(length) = length else {
        return Ok(None);
    };
    // Clients mask what they say.
    if !masked || length > FRAME_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let end = start + 4 + length as usize;
    let (Some(mask), Some(payload)) = (read.get(start..start + 4), read.get(start + 4..end)) else {
        return Ok(None);
    };
    let plain = payload
        .iter()
        .zip(mask.iter().cycle())
        .map(|(byte, mask)| byte ^ mask);
    let plain = plain.collect();
    read.drain(..end);
    Ok(Some((kind, plain)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_answered_as_the_standard_says() {
        assert_eq!(
            accepted("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn frames_are_taken_whole_and_one_by_one() {
        let mut read = vec![0x89, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2, 0x88];
        assert_eq!(taken(&mut read).unwrap(), Some((PING, b"hi".to_vec())));
        assert_eq!(taken(&mut read).unwrap(), None);
        read.extend([0x80, 0, 0, 0, 0]);
        assert_eq!(taken(&mut read).unwrap(), Some((CLOSE, Vec::new())));
        assert!(taken(&mut vec![0x81, 0x01, b'a']).is_err());
        assert!(taken(&mut vec![0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
