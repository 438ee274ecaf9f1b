use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// Longest message. A thousand services with a hundred replicas each stay below it.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Most sockets that the kernel passes with one `sendmsg` (SCM_MAX_FD in unix(7)).
const SOCKETS_PER_SEND_MAX: usize = 253;
/// Most sockets of one message.
const SOCKETS_MAX: usize = 16 << 10;
const READ_BYTES: usize = 16 << 10;
const HEAD_BYTES: usize = 8;

/// Messages with sockets over a Unix stream: 4 bytes length, 4 bytes number of sockets (both little endian), JSON.
///
/// Sockets travel beside the bytes of their message, at most 253 with each `sendmsg`, in order. The kernel never
/// merges bytes across such a boundary, so that whoever has read a whole message has its sockets.
pub(crate) struct Channel {
    stream: Arc<UnixStream>,
    bytes: Vec<u8>,
    sockets: VecDeque<OwnedFd>,
}

impl Channel {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Channel {
            stream: Arc::new(stream),
            bytes: Vec::new(),
            sockets: VecDeque::new(),
        }
    }

    /// A sender of its own, so that one task may receive while another sends.
    pub(crate) fn sender(&self) -> Sender {
        Sender {
            stream: self.stream.clone(),
        }
    }

    /// See [`Sender::send`].
    pub(crate) async fn send<M: Serialize>(
        &self,
        message: &M,
        sockets: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        self.sender().send(message, sockets).await
    }

    /// The next message and its sockets; `None` at the end of the stream. Safe to drop and call again.
    pub(crate) async fn receive<M: DeserializeOwned>(
        &mut self,
    ) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        loop {
            if let Some(message) = self.take_message()? {
                return Ok(Some(message));
            }
            let (bytes, sockets) = (&mut self.bytes, &mut self.sockets);
            let stream = &self.stream;
            let read = stream
                .async_io(Interest::READABLE, || {
                    receive_some(stream.as_fd(), bytes, sockets)
                })
                .await?;
            if self.sockets.len() > SOCKETS_MAX {
                return Err(io::Error::other("too many sockets"));
            }
            if read == 0 {
                return match self.bytes.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    fn take_message<M: DeserializeOwned>(&mut self) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        let Some((head, rest)) = self.bytes.split_first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let [a, b, c, d, e, f, g, h] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let count = u32::from_le_bytes([e, f, g, h]) as usize;
        if length > MESSAGE_BYTES_MAX || count > SOCKETS_MAX {
            return Err(io::Error::other("message too large"));
        }
        let Some(json) = rest.get(..length) else {
            return Ok(None);
        };
        if self.sockets.len() < count {
            return Err(io::Error::other("sockets are missing from a message"));
        }
        let message = serde_json::from_slice(json)?;
        self.bytes.drain(..HEAD_BYTES + length);
        Ok(Some((message, self.sockets.drain(..count).collect())))
    }
}

/// The sending half of a [`Channel`].
#[derive(Clone)]
pub(crate) struct Sender {
    stream: Arc<UnixStream>,
}

impl Sender {
    /// Sends one message. When this future is dropped midway, the channel is broken and must be dropped too.
    pub(crate) async fn send<M: Serialize>(
        &self,
        message: &M,
        sockets: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let mut bytes = vec![0; HEAD_BYTES];
        serde_json::to_writer(&mut bytes, message)?;
        let length = bytes.len() - HEAD_BYTES;
        if length > MESSAGE_BYTES_MAX || sockets.len() > SOCKETS_MAX {
            return Err(io::Error::other("message too large"));
        }
        bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
        bytes[4..HEAD_BYTES].copy_from_slice(&(sockets.len() as u32).to_le_bytes());

        let mut groups = sockets.chunks(SOCKETS_PER_SEND_MAX).peekable();
        let mut sent = 0;
        while sent < bytes.len() {
            let group = groups.next().unwrap_or(&[]);
            // One byte carries a full group; the rest of the message follows the last one.
            let end = if groups.peek().is_some() {
                sent + 1
            } else {
                bytes.len()
            };
            sent += self
                .stream
                .async_io(Interest::WRITABLE, || {
                    send_some(self.stream.as_fd(), &bytes[sent..end], group)
                })
                .await?;
        }
        Ok(())
    }
}

fn send_some(to: BorrowedFd<'_>, bytes: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_PER_SEND_MAX))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::Error::other("too many sockets for one message"));
    }
    Ok(sendmsg(
        to,
        &[IoSlice::new(bytes)],
        &mut beside,
        SendFlags::NOSIGNAL,
    )?)
}

fn receive_some(
    from: BorrowedFd<'_>,
    bytes: &mut Vec<u8>,
    sockets: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_PER_SEND_MAX))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = [0; READ_BYTES];
    let read = recvmsg(
        from,
        &mut [IoSliceMut::new(&mut buffer)],
        &mut beside,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            sockets.extend(received);
        }
    }
    bytes.extend_from_slice(&buffer[..read.bytes]);
    Ok(read.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_brings_its_sockets_however_many() {
        let (left, right) = UnixStream::pair().unwrap();
        let (left, mut right) = (Channel::new(left), Channel::new(right));
        let file = std::fs::File::open("/dev/null").unwrap();
        let many = vec![file.as_fd(); 600];
        let send = async {
            left.send(&"many", &many).await.unwrap();
            left.send(&"none", &[]).await.unwrap();
            left.send(&"one", &many[..1]).await.unwrap();
            drop(left);
        };
        let receive = async {
            let mut seen = Vec::new();
            while let Some((text, sockets)) = right.receive::<String>().await.unwrap() {
                seen.push((text, sockets.len()));
            }
            seen
        };
        let ((), seen) = tokio::join!(send, receive);
        assert_eq!(
            seen,
            [("many".into(), 600), ("none".into(), 0), ("one".into(), 1)]
        );
    }

    #[tokio::test]
    async fn a_long_message_arrives_whole_and_half_a_message_is_an_error() {
        let (left, right) = UnixStream::pair().unwrap();
        let (left, mut right) = (Channel::new(left), Channel::new(right));
        let long = "x".repeat(3 << 20);
        let send = async {
            left.send(&long, &[]).await.unwrap();
            left.stream
                .try_write(&[9, 0, 0, 0, 0, 0, 0, 0, b'"'])
                .unwrap();
            drop(left);
        };
        let receive = async {
            let first: Option<(String, _)> = right.receive().await.unwrap();
            (first.unwrap().0, right.receive::<String>().await)
        };
        let ((), (text, second)) = tokio::join!(send, receive);
        assert_eq!(text.len(), long.len());
        assert!(second.is_err());
    }

    #[tokio::test]
    async fn an_absurd_length_is_refused_before_it_is_read() {
        let (left, right) = UnixStream::pair().unwrap();
        left.try_write(&[0xff; 16]).unwrap();
        let mut right = Channel::new(right);
        assert!(right.receive::<String>().await.is_err());
    }
}
