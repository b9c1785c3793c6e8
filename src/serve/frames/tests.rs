//! Which frames are counted as what, however they are cut.

use proptest::prelude::*;

use super::*;

const BUDGET: u32 = 100;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Frame::written(kind, stream).to_vec();
    bytes[1..3].copy_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes[4] = flags;
    bytes.extend_from_slice(payload);
    bytes
}

fn ping() -> Vec<u8> {
    frame(PING, 0, 0, &[7; 8])
}

/// A moment since which no second passes, however long a test takes.
fn never() -> Instant {
    Instant::now() + 1000 * SPAN
}

fn after_preface() -> FrameWatch {
    let mut watch = FrameWatch::new(BUDGET);
    watch.since = never();
    assert_eq!(watch.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), None);
    watch
}

#[test]
fn the_frame_above_the_budget_is_the_last_that_passes() {
    let mut watch = after_preface();
    assert_eq!(watch.read(&ping().repeat(99)), None);
    let after = [ping().repeat(2), frame(DATA, 0, 1, b"x")].concat();
    assert_eq!(watch.read(&after), Some((Flood::Ping, 2 * ping().len())));
}

#[test]
fn a_request_and_its_body_cost_nothing() {
    let mut watch = after_preface();
    let request = [
        frame(HEADERS, END_HEADERS, 1, &[0x82; 9]),
        frame(DATA, 0, 1, &[0; 1000]),
        frame(DATA, END_STREAM, 1, b""),
    ];
    assert_eq!(watch.read(&request.concat().repeat(1000)), None);
    assert_eq!(watch.read(&ping().repeat(100)), None);
}

#[test]
fn each_kind_is_called_by_its_name() {
    for (kind, flood, cost) in [
        (DATA, Flood::EmptyData, 1),
        (PRIORITY, Flood::Priority, 1),
        (RST_STREAM, Flood::Resets, 10),
        (SETTINGS, Flood::Settings, 1),
        (PING, Flood::Ping, 1),
        (WINDOW_UPDATE, Flood::WindowUpdate, 1),
        (CONTINUATION, Flood::Continuation, 1),
        (7, Flood::Other, 1),
        (0xbb, Flood::Other, 1),
    ] {
        let bytes = frame(kind, 0, 1, b"").repeat(200);
        let passed = HEAD * (100 / cost + 1);
        assert_eq!(after_preface().read(&bytes), Some((flood, passed)), "{kind}");
    }
}

#[test]
fn whoever_takes_responses_may_say_so() {
    let mut watch = after_preface();
    let update = frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]);
    for _ in 0..1000 {
        watch.wrote(&frame(DATA, 0, 1, b"some"));
        assert_eq!(watch.read(&update.repeat(4)), None);
    }
    // What was taken long ago does not pay for any number.
    watch.wrote(&frame(DATA, 0, 1, b"some").repeat(10_000));
    assert_eq!(watch.read(&update.repeat(200)), None);
    assert!(watch.read(&update).is_some());
}

#[test]
fn what_the_library_ends_is_known_by_its_own_word() {
    let says = |code: u8, why: &[u8]| {
        let payload = [&[0, 0, 0, 9, 0, 0, 0, code], why].concat();
        after_preface().wrote(&[ping(), frame(GOAWAY, 0, 0, &payload)].concat())
    };
    assert_eq!(says(11, b"too_many_internal_resets"), Some(Flood::ProvokedResets));
    assert_eq!(says(11, b"news"), Some(Flood::Other));
    assert_eq!(says(0, b""), None);
    assert_eq!(says(1, b"too_many_resets"), None);
}

#[test]
fn a_reset_that_the_client_has_caused_counts_as_its_own() {
    let reset = |code: u32| frame(RST_STREAM, 0, 1, &code.to_be_bytes());
    let mut watch = after_preface();
    // An upload that is not wanted, an app that broke off, a response that nobody takes.
    for code in [0, 2, 8] {
        assert_eq!(watch.wrote(&reset(code).repeat(1000)), None);
    }
    // A frame for a stream that is gone.
    watch.wrote(&reset(5).repeat(10));
    let request = frame(HEADERS, END_HEADERS, 3, &[0x82; 9]);
    assert_eq!(watch.read(&request[..12]), None);
    watch.wrote(&reset(5));
    // What has begun to come comes to its end first.
    let rest = [&request[12..], &request].concat();
    assert_eq!(watch.read(&rest), Some((Flood::ProvokedResets, request.len() - 12)));
}

#[test]
fn a_second_brings_a_new_budget() {
    let mut watch = after_preface();
    for _ in 0..20 {
        assert_eq!(watch.read(&ping().repeat(100)), None);
        watch.since = Instant::now().checked_sub(SPAN).unwrap();
        assert_eq!(watch.read(&ping()), None);
        watch.since = never();
        assert_eq!(watch.read(&ping().repeat(99)), None);
        assert!(watch.spend(1), "the budget is spent");
        watch.spent = 0;
    }
}

#[test]
fn the_end_goes_on_where_the_client_was() {
    let mut watch = after_preface();
    let head = [frame(HEADERS, 0, 5, b""), frame(CONTINUATION, 0, 5, b"").repeat(200)].concat();
    assert!(watch.read(&head).is_some());
    let mut space = [0; HEAD];
    watch.ending().unwrap().fill(&mut ReadBuf::new(&mut space));
    assert_eq!(space, Frame::written(CONTINUATION, 5));
}

proptest! {
    #[test]
    fn it_does_not_matter_how_frames_are_cut(
        frames in prop::collection::vec((0..12_u8, 0..8_u8, 0..4_u32, 0..40_usize), 0..120),
        cuts in prop::collection::vec(1..60_usize, 1..40),
    ) {
        let frames = frames.into_iter().map(|(kind, flags, stream, length)| {
            frame(kind, flags, stream, &vec![0; length])
        });
        let bytes = frames.collect::<Vec<_>>().concat();
        let whole = after_preface().read(&bytes);
        let (mut watch, mut at, mut found) = (after_preface(), 0, None);
        let mut cuts = cuts.iter().cycle();
        while at < bytes.len() && found.is_none() {
            let piece = &bytes[at..(at + cuts.next().unwrap()).min(bytes.len())];
            found = watch.read(piece).map(|(flood, passed)| (flood, at + passed));
            at += piece.len();
        }
        prop_assert_eq!(found, whole);
    }
}
