//! The shape of frames (RFC 9113, section 4). Pure.

/// What stands before each payload.
pub(super) const HEAD_BYTES: usize = 9;
/// The largest payload: what everybody takes, and as much as we take.
pub(super) const PAYLOAD_BYTES_MAX: usize = 16 << 10;
/// What a client says before its first frame.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a frame is.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const PRIORITY: u8 = 2;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const PUSH_PROMISE: u8 = 5;
    pub(in super::super) const PING: u8 = 6;
    pub(in super::super) const GOAWAY: u8 = 7;
    pub(in super::super) const WINDOW_UPDATE: u8 = 8;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// What is said of it.
pub(super) mod flag {
    pub(in super::super) const END_STREAM: u8 = 1;
    pub(in super::super) const ACK: u8 = 1;
    pub(in super::super) const END_HEADERS: u8 = 4;
    pub(in super::super) const PADDED: u8 = 8;
    pub(in super::super) const PRIORITY: u8 = 32;
}

/// Why a stream or a connection ends (RFC 9113, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Code {
    NoError = 0,
    Protocol = 1,
    Internal = 2,
    FlowControl = 3,
    StreamClosed = 5,
    FrameSize = 6,
    RefusedStream = 7,
    Cancel = 8,
    Compression = 9,
    EnhanceYourCalm = 11,
}

impl Code {
    /// What we do not say ourselves is a fault within.
    pub(super) fn of(number: u32) -> Code {
        let known = [
            Code::NoError,
            Code::Protocol,
            Code::FlowControl,
            Code::StreamClosed,
            Code::FrameSize,
            Code::RefusedStream,
            Code::Cancel,
            Code::Compression,
            Code::EnhanceYourCalm,
        ];
        let found = known.into_iter().find(|code| *code as u32 == number);
        found.unwrap_or(Code::Internal)
    }
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl Head {
    /// `None` when it is not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<Head> {
        let head = bytes.first_chunk::<HEAD_BYTES>()?;
        let [a, b, c, kind, flags, stream @ ..] = *head;
        Some(Head {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            // The first bit means nothing.
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
        })
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes());
    }

    pub(super) fn bytes(&self) -> [u8; HEAD_BYTES] {
        let [_, a, b, c] = (self.length as u32).to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, d, e, f, g]
    }
}

/// A frame whose payload is at hand.
pub(super) fn write(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let head = Head {
        length: payload.len(),
        kind,
        flags,
        stream,
    };
    head.write(out);
    out.extend_from_slice(payload);
}

/// A head, in as many frames as it takes.
pub(super) fn write_block(stream: u32, ends: bool, block: &[u8], out: &mut Vec<u8>) {
    let mut kind = kind::HEADERS;
    let mut flags = if ends { flag::END_STREAM } else { 0 };
    let mut rest = block;
    while let Some((payload, after)) = rest.split_at_checked(PAYLOAD_BYTES_MAX)
        && !after.is_empty()
    {
        write(kind, flags, stream, payload, out);
        (kind, flags, rest) = (kind::CONTINUATION, 0, after);
    }
    write(kind, flags | flag::END_HEADERS, stream, rest, out);
}

/// A stream ends here.
pub(super) fn write_reset(stream: u32, code: Code, out: &mut Vec<u8>) {
    let code = (code as u32).to_be_bytes();
    write(kind::RST_STREAM, 0, stream, &code, out);
}

/// More may be sent; of the whole connection with stream 0.
pub(super) fn write_window(stream: u32, by: u32, out: &mut Vec<u8>) {
    write(kind::WINDOW_UPDATE, 0, stream, &by.to_be_bytes(), out);
}

/// No stream after `last` is served.
pub(super) fn write_goaway(last: u32, code: Code, out: &mut Vec<u8>) {
    let [last, code] = [last, code as u32].map(u32::to_be_bytes);
    write(kind::GOAWAY, 0, 0, &[last, code].concat(), out);
}
