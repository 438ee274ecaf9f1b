//! Frames of a client from bytes, checked for everything that a frame can be wrong in by itself. Pure.

use super::frame::{Code, HEAD_BYTES, Head, PAYLOAD_BYTES_MAX, flag, kind};
use super::hpack::{Decoder, Fields};
use super::settings::Wanted;

/// Frames that a head may be in: each may be empty, and none of them is answered.
const CONTINUATIONS_MAX: u32 = 64;

/// What a frame says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A whole head, of a request or of what comes behind its body; its lines are in [`Reader::fields`].
    Head {
        stream: u32,
        ends: bool,
    },
    /// A piece of a body. All of the frame counts for its windows; `whole` is that with what stands before it.
    Data {
        stream: u32,
        ends: bool,
        length: u32,
        whole: &'a [u8],
    },
    Reset {
        stream: u32,
    },
    Window {
        stream: u32,
        by: u32,
    },
    Settings(Wanted),
    SettingsAck,
    Ping([u8; 8]),
    PingAck([u8; 8]),
    Goaway,
    /// Nothing that is acted on.
    Nothing,
}

/// Reads the frames of one connection, in their order.
pub(super) struct Reader {
    decoder: Decoder,
    /// Of the last [`Frame::Head`].
    pub fields: Fields,
    /// What has come of a head.
    block: Vec<u8>,
    open: Option<Open>,
    /// The first frame has to be one of settings.
    has_settings: bool,
    block_bytes_max: usize,
}

/// A head that is not whole.
struct Open {
    stream: u32,
    ends: bool,
    continuations: u32,
}

type Read<'a> = Result<Option<(usize, Frame<'a>)>, Code>;

impl Reader {
    /// `list_bytes_max` bounds a head, as it is and as it is written.
    pub(super) fn new(list_bytes_max: usize) -> Self {
        Reader {
            decoder: Decoder::new(list_bytes_max),
            fields: Fields::default(),
            block: Vec::new(),
            open: None,
            has_settings: false,
            block_bytes_max: list_bytes_max,
        }
    }

    /// The frame at the beginning of `bytes` and how many they are; `None` as long as it is not whole. The error is
    /// why the connection ends.
    pub(super) fn read<'a>(&mut self, bytes: &'a [u8]) -> Read<'a> {
        let Some(head) = Head::read(bytes) else {
            return Ok(None);
        };
        if head.length > PAYLOAD_BYTES_MAX {
            return Err(Code::FrameSize);
        }
        let length = HEAD_BYTES + head.length;
        let Some(whole) = bytes.get(..length) else {
            return Ok(None);
        };
        let payload = &whole[HEAD_BYTES..];
        let is_settings = head.kind == kind::SETTINGS && !head.has(flag::ACK);
        if !std::mem::replace(&mut self.has_settings, true) && !is_settings {
            return Err(Code::Protocol);
        }
        if self.open.is_some() != (head.kind == kind::CONTINUATION) {
            return Err(Code::Protocol);
        }
        let stream = head.stream;
        let frame = match head.kind {
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM if stream == 0 => {
                return Err(Code::Protocol);
            }
            kind::DATA => data(&head, payload, whole)?,
            kind::HEADERS => self.headers(&head, payload)?,
            kind::CONTINUATION => self.continuation(&head, payload)?,
            kind::PRIORITY => priority(stream, payload)?,
            kind::RST_STREAM if payload.len() != 4 => return Err(Code::FrameSize),
            kind::RST_STREAM => Frame::Reset { stream },
            kind::WINDOW_UPDATE => window(stream, payload)?,
            kind::SETTINGS | kind::PING | kind::GOAWAY if stream != 0 => {
                return Err(Code::Protocol);
            }
            kind::SETTINGS if !head.has(flag::ACK) => Frame::Settings(Wanted::read(payload)?),
            kind::SETTINGS if payload.is_empty() => Frame::SettingsAck,
            kind::PING => {
                let bytes = payload.try_into().map_err(|_| Code::FrameSize)?;
                match head.has(flag::ACK) {
                    true => Frame::PingAck(bytes),
                    false => Frame::Ping(bytes),
                }
            }
            kind::GOAWAY if payload.len() >= 8 => Frame::Goaway,
            kind::SETTINGS | kind::GOAWAY => return Err(Code::FrameSize),
            // Only a server promises.
            kind::PUSH_PROMISE => return Err(Code::Protocol),
            _ => Frame::Nothing,
        };
        Ok(Some((length, frame)))
    }

    fn headers<'a>(&mut self, head: &Head, payload: &[u8]) -> Result<Frame<'a>, Code> {
        let mut payload = unpadded(head, payload)?;
        if head.has(flag::PRIORITY) {
            let (priority, rest) = payload.split_at_checked(5).ok_or(Code::FrameSize)?;
            independent(head.stream, priority)?;
            payload = rest;
        }
        self.block.clear();
        self.open = Some(Open {
            stream: head.stream,
            ends: head.has(flag::END_STREAM),
            continuations: 0,
        });
        self.add(head, payload)
    }

    fn continuation<'a>(&mut self, head: &Head, payload: &[u8]) -> Result<Frame<'a>, Code> {
        match &mut self.open {
            Some(open) if open.stream == head.stream => open.continuations += 1,
            _ => return Err(Code::Protocol),
        }
        self.add(head, payload)
    }

    fn add<'a>(&mut self, head: &Head, piece: &[u8]) -> Result<Frame<'a>, Code> {
        let continuations = self.open.as_ref().map_or(0, |open| open.continuations);
        if self.block.len() + piece.len() > self.block_bytes_max
            || continuations > CONTINUATIONS_MAX
        {
            return Err(Code::EnhanceYourCalm);
        }
        if !head.has(flag::END_HEADERS) {
            self.block.extend_from_slice(piece);
            return Ok(Frame::Nothing);
        }
        // Mostly a head is one frame.
        let block = match self.block.is_empty() {
            true => piece,
            false => {
                self.block.extend_from_slice(piece);
                &self.block
            }
        };
        let read = self.decoder.read(block, &mut self.fields);
        read.map_err(|_| Code::Compression)?;
        if self.block.capacity() > PAYLOAD_BYTES_MAX {
            self.block = Vec::new();
        }
        let open = self.open.take().ok_or(Code::Internal)?;
        Ok(Frame::Head {
            stream: open.stream,
            ends: open.ends,
        })
    }
}

fn data<'a>(head: &Head, payload: &'a [u8], whole: &'a [u8]) -> Result<Frame<'a>, Code> {
    unpadded(head, payload)?;
    Ok(Frame::Data {
        stream: head.stream,
        ends: head.has(flag::END_STREAM),
        length: payload.len() as u32,
        whole,
    })
}

fn unpadded<'a>(head: &Head, payload: &'a [u8]) -> Result<&'a [u8], Code> {
    if !head.has(flag::PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(Code::FrameSize)?;
    let length = rest.len().checked_sub(usize::from(*padding));
    let length = length.ok_or(Code::Protocol)?;
    Ok(&rest[..length])
}

/// What comes before what is for us to decide, but it is to be written as it should.
fn priority<'a>(stream: u32, payload: &[u8]) -> Result<Frame<'a>, Code> {
    match payload.len() {
        5 => independent(stream, payload).map(|()| Frame::Nothing),
        _ => Err(Code::FrameSize),
    }
}

/// A stream cannot come after itself.
fn independent(stream: u32, priority: &[u8]) -> Result<(), Code> {
    let other = priority
        .first_chunk()
        .map(|number| u32::from_be_bytes(*number) & 0x7fff_ffff);
    match other == Some(stream) {
        true => Err(Code::Protocol),
        false => Ok(()),
    }
}

fn window<'a>(stream: u32, payload: &[u8]) -> Result<Frame<'a>, Code> {
    let by = payload.try_into().map_err(|_| Code::FrameSize)?;
    match (u32::from_be_bytes(by) & 0x7fff_ffff, stream) {
        (0, 0) => Err(Code::Protocol),
        (by, stream) => Ok(Frame::Window { stream, by }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frame::write;
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(kind, flags, stream, payload, &mut out);
        out
    }

    fn opened() -> Reader {
        let mut reader = Reader::new(1000);
        let settings = frame(kind::SETTINGS, 0, 0, &[]);
        assert!(matches!(
            reader.read(&settings),
            Ok(Some((9, Frame::Settings(_))))
        ));
        reader
    }

    #[test]
    fn a_head_is_whole_when_all_its_frames_are() {
        let mut reader = opened();
        let first = frame(kind::HEADERS, flag::END_STREAM, 1, &[0x82, 0x86]);
        assert_eq!(reader.read(&first), Ok(Some((11, Frame::Nothing))));
        let last = frame(kind::CONTINUATION, flag::END_HEADERS, 1, &[0x84]);
        assert_eq!(reader.read(&last[..5]), Ok(None));
        let whole = Frame::Head {
            stream: 1,
            ends: true,
        };
        assert_eq!(reader.read(&last), Ok(Some((10, whole))));
        assert_eq!(reader.fields.iter().count(), 3);
    }

    #[test]
    fn what_a_frame_can_be_wrong_in_ends_the_connection() {
        let long = [0; PAYLOAD_BYTES_MAX + 1];
        for (code, wrong) in [
            (Code::FrameSize, frame(kind::DATA, 0, 1, &long)),
            (Code::Protocol, frame(kind::DATA, 0, 0, b"a")),
            (Code::Protocol, frame(kind::DATA, flag::PADDED, 1, &[2, 0])),
            (Code::Protocol, frame(kind::HEADERS, 4, 0, &[0x82])),
            (Code::Protocol, frame(kind::CONTINUATION, 4, 1, &[0x82])),
            (Code::Protocol, frame(kind::PUSH_PROMISE, 4, 1, &[0; 4])),
            (Code::Protocol, frame(kind::SETTINGS, 0, 1, &[])),
            (
                Code::FrameSize,
                frame(kind::SETTINGS, flag::ACK, 0, &[0; 6]),
            ),
            (Code::FrameSize, frame(kind::PING, 0, 0, &[0; 7])),
            (Code::FrameSize, frame(kind::RST_STREAM, 0, 1, &[0; 3])),
            (Code::FrameSize, frame(kind::WINDOW_UPDATE, 0, 0, &[0; 3])),
            (Code::Protocol, frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4])),
            (Code::FrameSize, frame(kind::GOAWAY, 0, 0, &[0; 7])),
            (Code::FrameSize, frame(kind::PRIORITY, 0, 3, &[0; 4])),
            (
                Code::Protocol,
                frame(kind::PRIORITY, 0, 3, &[0, 0, 0, 3, 0]),
            ),
            (
                Code::Protocol,
                frame(kind::HEADERS, 0x24, 3, &[0, 0, 0, 3, 0, 0x82]),
            ),
            (Code::Compression, frame(kind::HEADERS, 4, 1, &[0x80])),
            (
                Code::EnhanceYourCalm,
                frame(kind::HEADERS, 4, 1, &[0x82; 1001]),
            ),
        ] {
            assert_eq!(opened().read(&wrong), Err(code), "{:?}", &wrong[..9]);
        }
        let headers = frame(kind::HEADERS, flag::END_HEADERS, 1, &[0x82]);
        assert_eq!(
            Reader::new(1000).read(&headers),
            Err(Code::Protocol),
            "no settings first"
        );
        let mut reader = opened();
        assert!(reader.read(&frame(kind::HEADERS, 0, 1, &[0x82])).is_ok());
        assert_eq!(
            reader.read(&frame(kind::PING, 0, 0, &[0; 8])),
            Err(Code::Protocol)
        );
    }

    #[test]
    fn a_head_that_never_ends_ends_the_connection() {
        let mut reader = opened();
        assert!(reader.read(&frame(kind::HEADERS, 0, 1, &[])).is_ok());
        let empty = frame(kind::CONTINUATION, 0, 1, &[]);
        let ends = (0..1000).find_map(|_| reader.read(&empty).err());
        assert_eq!(ends, Some(Code::EnhanceYourCalm));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(
            frames in prop::collection::vec(
                (0_u8..11, any::<u8>(), 0_u32..5, prop::collection::vec(any::<u8>(), 0..40)), 0..20),
        ) {
            let mut reader = opened();
            for (kind, flags, stream, payload) in frames {
                let bytes = frame(kind, flags, stream, &payload);
                prop_assert_eq!(reader.read(&bytes[..bytes.len() - 1]), Ok(None));
                match reader.read(&bytes) {
                    Ok(Some((length, _))) => prop_assert_eq!(length, bytes.len()),
                    Ok(None) => prop_assert!(false, "it is whole"),
                    Err(_) => break,
                }
            }
        }
    }
}
