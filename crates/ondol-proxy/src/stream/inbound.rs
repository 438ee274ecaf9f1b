use bytes::{Buf, Bytes, BytesMut};

use crate::guard::{Fault, Guard, Verdict};

/// Stands for a request that must not be read: its answer is ours, in its turn, and the connection ends with it.
/// A client that sends it itself gets the same.
pub(crate) const REFUSED_METHOD: &str = "ONDOL-REFUSED";
const REFUSED: &[u8] = b"ONDOL-REFUSED / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

/// Between the socket and the parser: what was read and may not be handed on yet, or not at all.
pub(super) struct Inbound {
    guard: Option<Guard>,
    /// Mostly nothing waits, and connections on which nothing happens are many.
    waiting: Option<Box<Waiting>>,
    /// Nothing more is handed on after what is ready.
    pub end: Option<End>,
}

#[derive(Default)]
struct Waiting {
    /// Checked; to be handed on next.
    ready: Bytes,
    /// The beginning of a head.
    held: BytesMut,
}

/// Why nothing more of a client is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The request that was handed on last stands for one that was refused.
    Refused(Fault),
    /// The body of the request that was handed on last is none.
    Broken(Fault),
}

impl Inbound {
    /// `first` was read already, to see what the connection is.
    pub(super) fn new(guard: Option<Guard>, first: Bytes) -> Self {
        let mut inbound = Inbound {
            guard,
            waiting: None,
            end: None,
        };
        let length = inbound.admit(&first);
        if length > 0 {
            // What stands for a refused request comes after what was right before it.
            let waiting = inbound.waiting.get_or_insert_default();
            waiting.ready = match waiting.ready.is_empty() {
                true => first.slice(..length),
                false => [&first[..length], &waiting.ready].concat().into(),
            };
        }
        inbound
    }

    /// What is to be handed on next.
    pub(super) fn ready(&self) -> &[u8] {
        self.waiting.as_ref().map_or(&[], |waiting| &waiting.ready)
    }

    /// So much of it was handed on.
    pub(super) fn advance(&mut self, length: usize) {
        let Some(waiting) = &mut self.waiting else {
            return;
        };
        waiting.ready.advance(length);
        if waiting.ready.is_empty() {
            waiting.ready = Bytes::new();
            self.waiting.take_if(|waiting| waiting.held.is_empty());
        }
    }

    /// Whether what is read are requests of HTTP/1.
    pub(super) fn is_guarded(&self) -> bool {
        self.guard.is_some()
    }

    /// Whether the middle of a body is to come next.
    pub(super) fn is_in_body(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_in_body)
    }

    /// Whether some request had a header whose name has `_`.
    pub(super) fn has_underscores(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::has_underscores)
    }

    /// Checks what was read, and says how much of it is handed on at once. What is handed on after that is `ready`.
    pub(super) fn admit(&mut self, bytes: &[u8]) -> usize {
        let Some(guard) = &mut self.guard else {
            return bytes.len();
        };
        let Some(waiting) = self.waiting.take_if(|waiting| !waiting.held.is_empty()) else {
            let verdict = guard.check(bytes);
            let length = self.obey(verdict, bytes.len());
            if self.end.is_none() && length < bytes.len() {
                let waiting = self.waiting.get_or_insert_default();
                waiting.held.extend_from_slice(&bytes[length..]);
            }
            return length;
        };
        // All that was ready was handed on before more was read.
        let mut held = waiting.held;
        held.extend_from_slice(bytes);
        let verdict = guard.check(&held);
        let length = self.obey(verdict, held.len());
        // What stands for a refused request comes after what was right before it.
        let refused = self.waiting.take().map(|waiting| waiting.ready);
        let mut passed = held.split_to(length);
        passed.extend_from_slice(&refused.unwrap_or_default());
        if self.end.is_some() {
            held = BytesMut::new();
        }
        let ready = passed.freeze();
        if !ready.is_empty() || !held.is_empty() {
            self.waiting = Some(Box::new(Waiting { ready, held }));
        }
        0
    }

    /// Bytes that were handed on are handed on once more, before anything else.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let waiting = self.waiting.get_or_insert_default();
            waiting.ready = [bytes, &waiting.ready].concat().into();
        }
    }

    /// What follows is not looked at.
    pub(super) fn let_pass(&mut self) {
        if self.guard.take().is_some()
            && let Some(waiting) = &mut self.waiting
            && !waiting.held.is_empty()
        {
            waiting.ready = waiting.held.split().freeze();
        }
    }

    /// How much of `length` bytes may be handed on.
    fn obey(&mut self, verdict: Verdict, length: usize) -> usize {
        match verdict {
            Verdict::Pass => length,
            Verdict::Hold(from) => from,
            Verdict::Refuse(at, fault) => {
                self.end = Some(End::Refused(fault));
                self.waiting.get_or_insert_default().ready = Bytes::from_static(REFUSED);
                at
            }
            Verdict::Break(at, fault) => {
                self.end = Some(End::Broken(fault));
                at
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn read(pieces: &[&str]) -> (String, Option<End>) {
        let mut inbound = Inbound::new(Some(Guard::new(4096)), Bytes::new());
        let mut out = Vec::new();
        for piece in pieces {
            let length = inbound.admit(piece.as_bytes());
            out.extend_from_slice(&piece.as_bytes()[..length]);
            out.extend_from_slice(inbound.ready());
            inbound.advance(inbound.ready().len());
        }
        (String::from_utf8(out).unwrap(), inbound.end)
    }

    #[test]
    fn a_head_is_handed_on_when_it_is_whole() {
        let (start, end) = GOOD.split_at(9);
        assert_eq!(read(&[start]), (String::new(), None));
        assert_eq!(read(&[start, end, GOOD]), (GOOD.repeat(2), None));
    }

    #[test]
    fn a_refused_request_is_replaced_in_its_turn_however_it_arrives() {
        let bad = "GET / HTTP/1.1\r\nHost : a\r\n\r\n";
        let refused = Some(End::Refused(Fault::HeaderName));
        let expected = format!("{GOOD}{}", std::str::from_utf8(REFUSED).unwrap());
        let whole = format!("{GOOD}{bad}");
        assert_eq!(read(&[&whole]), (expected.clone(), refused));
        let (start, end) = whole.split_at(GOOD.len() + 5);
        assert_eq!(read(&[start, end]), (expected.clone(), refused));
        let (start, end) = whole.split_at(5);
        assert_eq!(read(&[start, end]), (expected.clone(), refused));
        let inbound = Inbound::new(Some(Guard::new(4096)), whole.into());
        assert_eq!(
            (inbound.end, inbound.ready()),
            (refused, expected.as_bytes())
        );
    }

    #[test]
    fn a_body_is_handed_on_up_to_where_it_breaks() {
        let right = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc";
        let broken = Some(End::Broken(Fault::Chunk));
        let whole = format!("{right}d\r\n0\r\n\r\n");
        assert_eq!(read(&[&whole]), (right.to_owned(), broken));
        let (start, end) = whole.split_at(9);
        assert_eq!(read(&[start, end]), (right.to_owned(), broken));
        let inbound = Inbound::new(Some(Guard::new(4096)), whole.into());
        assert_eq!((inbound.end, inbound.ready()), (broken, right.as_bytes()));
    }

    #[test]
    fn what_is_no_longer_http_passes() {
        let mut inbound = Inbound::new(Some(Guard::new(4096)), Bytes::new());
        assert_eq!(inbound.admit(b"\x81\x05"), 0);
        inbound.let_pass();
        assert_eq!(inbound.ready(), b"\x81\x05");
        assert_eq!(inbound.admit(b"\n\n\n"), 3);
    }
}
