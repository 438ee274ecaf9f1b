//! Answers on their way to the client.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::super::exchange::Exchange;
use crate::stream::ClientStream;

/// A body, or the beginning of one, that is copied behind its head, so that both are one piece.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// Writes `head`, which is empty then, and `rest`.
pub(super) async fn write(
    at: &Exchange,
    stream: &mut ClientStream,
    head: &mut Vec<u8>,
    rest: &[u8],
) -> io::Result<()> {
    // A client that takes nothing is not waited for without end.
    let activity = &at.client.activity;
    activity.give(None);
    let written = match rest.len() <= COPIED_BYTES_MAX {
        true => {
            head.extend_from_slice(rest);
            stream.write_all(head).await
        }
        false => write_both(stream, head, rest).await,
    };
    head.clear();
    let taken = match written {
        Ok(()) => stream.flush().await,
        broken => broken,
    };
    activity.taken(None);
    taken
}

/// Two pieces without copying them together.
async fn write_both(stream: &mut ClientStream, head: &[u8], rest: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while written < head.len() {
        let slices = [IoSlice::new(&head[written..]), IoSlice::new(rest)];
        let length = poll_fn(|cx| Pin::new(&mut *stream).poll_write_vectored(cx, &slices)).await?;
        if length == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        written += length;
    }
    stream.write_all(&rest[written - head.len()..]).await
}
