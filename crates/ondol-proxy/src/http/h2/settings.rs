//! What both sides say about themselves first (RFC 9113, section 6.5). Pure.

use super::frame::{self, Code, kind};

/// A window before anybody has said anything about it, of a connection always.
pub(super) const WINDOW_BYTES: u32 = 65_535;
/// The largest that there is.
pub(super) const WINDOW_BYTES_MAX: u32 = 0x7fff_ffff;

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// What a client wants to be otherwise, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The window of each of its streams.
    pub window: Option<u32>,
}

impl Wanted {
    /// The last that is said counts; what is unknown means nothing.
    pub(super) fn read(payload: &[u8]) -> Result<Wanted, Code> {
        let (all, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Code::FrameSize);
        }
        let mut wanted = Wanted::default();
        for [a, b, value @ ..] in all {
            let value = u32::from_be_bytes(*value);
            match u16::from_be_bytes([*a, *b]) {
                ENABLE_PUSH if value > 1 => return Err(Code::Protocol),
                INITIAL_WINDOW_SIZE if value > WINDOW_BYTES_MAX => return Err(Code::FlowControl),
                INITIAL_WINDOW_SIZE => wanted.window = Some(value),
                MAX_FRAME_SIZE if !(0x4000..=0xff_ffff).contains(&value) => {
                    return Err(Code::Protocol);
                }
                _ => {}
            }
        }
        Ok(wanted)
    }
}

/// What we tell a client.
pub(super) fn write_ours(streams: u32, window: u32, list_bytes: u32, out: &mut Vec<u8>) {
    write(
        &[
            (MAX_CONCURRENT_STREAMS, streams),
            (INITIAL_WINDOW_SIZE, window),
            (MAX_HEADER_LIST_SIZE, list_bytes),
        ],
        out,
    );
}

/// What the long way is told in the client's name: nothing that it says may refer to what was said before.
pub(super) fn write_for_long_way(window: u32, out: &mut Vec<u8>) {
    write(
        &[
            (HEADER_TABLE_SIZE, 0),
            (ENABLE_PUSH, 0),
            (INITIAL_WINDOW_SIZE, window),
        ],
        out,
    );
}

/// The client's streams have another window.
pub(super) fn write_window(window: u32, out: &mut Vec<u8>) {
    write(&[(INITIAL_WINDOW_SIZE, window)], out);
}

fn write(settings: &[(u16, u32)], out: &mut Vec<u8>) {
    let mut payload = Vec::with_capacity(settings.len() * 6);
    for (name, value) in settings {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame::write(kind::SETTINGS, 0, 0, &payload, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_refused_and_what_is_unknown_is_not() {
        let setting =
            |name: u16, value: u32| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
        let read = |name, value| Wanted::read(&setting(name, value));
        assert_eq!(read(ENABLE_PUSH, 2), Err(Code::Protocol));
        assert_eq!(read(INITIAL_WINDOW_SIZE, 1 << 31), Err(Code::FlowControl));
        assert_eq!(read(MAX_FRAME_SIZE, 0x3fff), Err(Code::Protocol));
        assert_eq!(read(MAX_FRAME_SIZE, 0x100_0000), Err(Code::Protocol));
        assert_eq!(read(0xff, 7), Ok(Wanted::default()));
        assert_eq!(Wanted::read(&[0; 5]), Err(Code::FrameSize));
        let twice = [
            setting(INITIAL_WINDOW_SIZE, 1),
            setting(INITIAL_WINDOW_SIZE, 2),
        ]
        .concat();
        assert_eq!(Wanted::read(&twice).unwrap().window, Some(2));
    }
}
