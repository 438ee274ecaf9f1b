use super::*;

const MAX: u32 = 3;

fn room(streams: &mut Streams, stream: u32) -> Option<usize> {
    let mut cx = Context::from_waker(Waker::noop());
    match streams.poll_room(stream, &mut cx) {
        Poll::Ready(room) => Some(room),
        Poll::Pending => None,
    }
}

fn asked(streams: &mut Streams, stream: u32) {
    assert_eq!(streams.head(stream, true), Ok(HeadOf::Request));
    streams.open_short(stream, None);
}

#[test]
fn no_more_is_written_than_all_windows_allow() {
    let mut streams = Streams::new(MAX);
    streams.begin_with(10).unwrap();
    asked(&mut streams, 1);
    assert_eq!(room(&mut streams, 1), Some(10));
    streams.write_data(1, b"0123456", false);
    assert_eq!(room(&mut streams, 1), Some(3));
    // A window that shrinks below what was sent is to be waited for.
    streams.begin_with(4).unwrap();
    assert_eq!(room(&mut streams, 1), None);
    streams.opens(1, 4).unwrap();
    assert_eq!(room(&mut streams, 1), Some(1));
    streams.opens(1, 1 << 20).unwrap();
    assert_eq!(room(&mut streams, 1), Some(PAYLOAD_BYTES_MAX));
    while let Some(room) = room(&mut streams, 1) {
        streams.write_data(1, &vec![0; room], false);
        streams.out.clear();
    }
    assert_eq!(streams.window(), 0);
    assert_eq!(streams.opens(1, WINDOW_BYTES_MAX), Ok(None));
    assert_eq!(
        room(&mut streams, 1),
        Some(0),
        "one that is too large ends it"
    );
    assert_eq!(streams.opens(0, WINDOW_BYTES_MAX), Ok(None));
    assert_eq!(streams.opens(0, 1), Err(Code::FlowControl));
}

#[test]
fn an_answer_waits_while_too_much_is_to_be_written() {
    let mut streams = Streams::new(MAX);
    streams.begin_with(1 << 20).unwrap();
    streams.opens(0, 1 << 20).unwrap();
    asked(&mut streams, 1);
    while let Some(room) = room(&mut streams, 1) {
        streams.write_data(1, &vec![0; room], false);
    }
    assert!(streams.out.len() < OUT_BYTES_MAX + PAYLOAD_BYTES_MAX);
    streams.out.clear();
    assert!(room(&mut streams, 1).is_some());
}

#[test]
fn streams_begin_in_their_order_and_say_nothing_behind_their_end() {
    let mut streams = Streams::new(MAX);
    assert_eq!(streams.head(2, true), Err(Code::Protocol));
    asked(&mut streams, 5);
    assert_eq!(streams.head(3, true), Err(Code::StreamClosed));
    assert_eq!(
        streams.data(7, true, 1),
        Err(Code::Protocol),
        "it never began"
    );
    assert_eq!(streams.reset(7), Err(Code::Protocol));
    assert_eq!(
        streams.data(5, true, 1),
        Ok(None),
        "cut, and the connection goes on"
    );
    assert!(!streams.has(5));
    assert_eq!(streams.data(5, true, 1), Ok(None), "it may not know yet");
    assert_eq!(streams.opens(5, 0), Ok(None));
    asked(&mut streams, 7);
    streams.end(7);
    assert_eq!(
        streams.opens(7, 1),
        Ok(None),
        "what was taken may be said late"
    );
    assert_eq!(streams.data(7, true, 1), Err(Code::StreamClosed));
}

#[test]
fn more_requests_at_once_than_allowed_are_refused_and_those_after_the_last_not_looked_at() {
    let mut streams = Streams::new(MAX);
    for number in 0..MAX {
        asked(&mut streams, number * 2 + 1);
    }
    assert_eq!(streams.head(7, true), Ok(HeadOf::Nothing));
    assert_eq!(streams.out[..13], [0, 0, 4, 3, 0, 0, 0, 0, 7, 0, 0, 0, 7]);
    streams.close();
    assert_eq!(streams.last(), 7);
    streams.end(1);
    assert_eq!(streams.head(9, true), Ok(HeadOf::Nothing));
    assert_eq!(streams.data(9, true, 3), Ok(None));
    assert_eq!(streams.last(), 7);
}

#[test]
fn who_takes_back_more_than_is_answered_is_not_served_any_more() {
    let mut streams = Streams::new(MAX);
    let take_back = |streams: &mut Streams, number: u32| {
        asked(streams, number * 2 + 1);
        streams.reset(number * 2 + 1)
    };
    for number in 0..CUTS_MAX * 2 {
        assert_eq!(take_back(&mut streams, number * 2), Ok(()));
        asked(&mut streams, number * 4 + 3);
        streams.end(number * 4 + 3);
    }
    let first = CUTS_MAX * 4;
    let ended = (first..).find_map(|number| take_back(&mut streams, number).err());
    assert_eq!(ended, Some(Code::EnhanceYourCalm));
}

#[test]
fn a_stream_of_the_long_way_ends_when_both_have_said_all() {
    let mut streams = Streams::new(MAX);
    assert_eq!(streams.head(1, false), Ok(HeadOf::Request));
    streams.open_long(1, 77, false);
    assert_eq!(streams.data(1, false, 3), Ok(Some(77)));
    assert!(!streams.answered(1));
    assert_eq!(streams.head(1, true), Ok(HeadOf::Trailers(77)));
    assert!(streams.settle(1) && !streams.has(1));
    assert_eq!(streams.head(3, false), Ok(HeadOf::Request));
    streams.open_long(3, 79, false);
    assert_eq!(streams.reset(3), Ok(()));
    assert_eq!(streams.take_dropped(), [79]);
}
