//! Floods of HTTP/2: each is ended by GOAWAY, counted and told by its name, and nobody else notices.

use crate::admin::soon;
use crate::support::frames::*;
use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::{OK, Upstream};

/// A gateway that bears a tenth of what it does by default, so that a busy machine cannot be too slow for a flood.
fn gateway(app: &Upstream) -> Gateway {
    Setup::new(app).site_tables("[site.limits]\ncontrol_frames_per_second = 500\n").start()
}

/// How often one connection is ended for a flood of this name, by the gateway's own count.
fn counted(gateway: &Gateway, flood: &str) -> u64 {
    let floods = gateway.control().metrics().floods();
    floods.iter().find(|(kind, _)| kind.as_str() == flood).unwrap().1
}

/// Sends one thing over and over on a connection; it must be ended as a flood of this name, and another go on.
fn assert_ended(flood: &str, says: &str, first: &[u8], again: impl Fn(u32) -> Vec<u8>) {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app);
    let mut other = gateway.connect();
    assert_eq!(other.get("/").status(), 200);
    let mut attacker = Frames::connect(&gateway.caller());
    attacker.send(first);
    for round in 0..40_u32 {
        let bytes: Vec<u8> = (0..200).flat_map(|number| again(round * 200 + number)).collect();
        if !attacker.try_send(bytes) {
            break;
        }
    }
    assert_eq!(attacker.goaway(), ENHANCE_YOUR_CALM, "{flood}");
    // It is told once, with the one reason for all of them.
    let event = attacker.client.event("refusal");
    assert_eq!(event.field("reason"), "http2-flood", "{flood}");
    assert!(event.field("message").contains(says), "{flood}: {event:?}");
    assert_eq!(counted(&gateway, flood), 1, "{flood}");
    assert_eq!(other.get("/").status(), 200, "{flood}");
    assert_eq!(gateway.connect_h2().get("/").status, 200, "{flood}");
}

/// The stream that a client opens as this number of all.
fn stream(number: u32) -> u32 {
    2 * number + 1
}

#[test]
fn settings_without_end() {
    // A window that changes makes every stream change.
    assert_ended("settings", "SETTINGS", b"", |number| {
        let window = 1000 + number % 2;
        frame(SETTINGS, 0, 0, &[&[0, 4], window.to_be_bytes().as_slice()].concat())
    });
}

#[test]
fn pings_without_end() {
    assert_ended("ping", "PING", b"", |_| frame(PING, 0, 0, b"01234567"));
    assert_ended("ping", "PING", b"", |_| frame(PING, ACK, 0, b"01234567"));
}

#[test]
fn priorities_without_end() {
    assert_ended("priority", "PRIORITY", b"", |number| {
        frame(PRIORITY, 0, stream(number), &[0, 0, 0, 0, 9])
    });
}

#[test]
fn window_updates_without_end() {
    assert_ended("window_update", "WINDOW_UPDATE", b"", |_| {
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])
    });
}

#[test]
fn frames_of_unknown_types_without_end() {
    assert_ended("other", "unknown types", b"", |_| frame(0xfa, 0, 0, b""));
}

#[test]
fn empty_frames_of_a_body_without_end() {
    let post = frame(HEADERS, END_HEADERS, 1, &head(&request("POST", "/")));
    assert_ended("empty_data", "DATA", &post, |_| frame(DATA, 0, 1, b""));
    // Nothing but padding.
    assert_ended("empty_data", "DATA", &post, |_| frame(DATA, 8, 1, &[9; 10]));
}

#[test]
fn a_body_in_tiny_frames_without_end() {
    let post = frame(HEADERS, END_HEADERS, 1, &head(&request("POST", "/")));
    let app = Upstream::answering(OK);
    let gateway = gateway(&app);
    let mut attacker = Frames::connect(&gateway.caller());
    attacker.send(post);
    // Taken as what it is, or ended; nobody else notices.
    for _ in 0..40 {
        if !attacker.try_send(frame(DATA, 0, 1, b"x").repeat(200)) {
            break;
        }
    }
    assert_eq!(gateway.connect().get("/").status(), 200);
}

#[test]
fn requests_that_are_reset_at_once() {
    assert_ended("resets", "reset its own requests", b"", |number| {
        let reset = frame(RST_STREAM, 0, stream(number), &[0, 0, 0, 8]);
        [get(stream(number)), reset].concat()
    });
}

#[test]
fn requests_that_are_reset_once_they_are_under_way() {
    let app = Upstream::scripted(|talk| {
        _ = talk.request();
        talk.wait_for_end();
    });
    let gateway = gateway(&app);
    let mut attacker = Frames::connect(&gateway.caller());
    // The library counts only those that nobody has taken up yet.
    for sent in 0..1000 {
        _ = attacker.try_send(get(stream(sent)));
        let known = usize::try_from(sent).unwrap();
        soon(|| app.connections() > known || counted(&gateway, "resets") > 0);
        if counted(&gateway, "resets") > 0 {
            break;
        }
        _ = attacker.try_send(frame(RST_STREAM, 0, stream(sent), &[0, 0, 0, 8]));
    }
    assert_eq!(attacker.goaway(), ENHANCE_YOUR_CALM);
    assert_eq!(counted(&gateway, "resets"), 1);
    let asked = app.connections();
    assert!(asked < 250, "{asked} requests reached the app");
}

/// CVE-2025-8671: what makes the gateway itself reset a request that has begun, so that the client need not.
#[test]
fn requests_that_the_gateway_is_made_to_reset() {
    type Provoke = fn(u32) -> Vec<u8>;
    let ways: [(&str, Provoke); 6] = [
        ("a window above its limit", |stream| {
            frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])
        }),
        ("a window that grows by nothing", |stream| frame(WINDOW_UPDATE, 0, stream, &[0; 4])),
        ("a body behind the end", |stream| frame(DATA, 0, stream, b"x")),
        ("a head behind the end", |stream| {
            frame(HEADERS, END_STREAM | END_HEADERS, stream, &field("x", "y"))
        }),
        ("a priority of another length", |stream| frame(PRIORITY, 0, stream, &[0; 4])),
        ("a stream that depends on itself", |stream| {
            frame(PRIORITY, 0, stream, &[stream.to_be_bytes().as_slice(), &[9]].concat())
        }),
    ];
    for (name, provoke) in ways {
        let app = Upstream::answering(OK);
        let gateway = gateway(&app);
        let mut attacker = Frames::connect(&gateway.caller());
        let pair = |number| [get(stream(number)), provoke(stream(number))].concat();
        for round in 0..10 {
            let pairs: Vec<u8> = (0..100).flat_map(|number| pair(round * 100 + number)).collect();
            if !attacker.try_send(pairs) {
                break;
            }
        }
        // Some of them end the connection at once, as errors of all of it; the others are counted.
        let code = attacker.goaway();
        assert!(
            [PROTOCOL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, ENHANCE_YOUR_CALM].contains(&code),
            "{name}: {code}"
        );
        // The frame that uses up the budget names the flood, and in some ways two kinds of them do.
        let all =
            || gateway.control().metrics().floods().iter().map(|(_, count)| count).sum::<u64>();
        soon(|| all() == u64::from(code == ENHANCE_YOUR_CALM));
        let asked = app.requests().len();
        assert!(asked < 500, "{name}: {asked} requests reached the app");
        assert_eq!(gateway.connect().get("/").status(), 200, "{name}");
    }
}

#[test]
fn a_window_that_grows_by_nothing_or_too_much_ends_the_connection() {
    for increment in [[0; 4], [0x7f, 0xff, 0xff, 0xff]] {
        let app = Upstream::answering(OK);
        let gateway = gateway(&app);
        let mut attacker = Frames::connect(&gateway.caller());
        attacker.send([frame(WINDOW_UPDATE, 0, 0, &increment), get(1)].concat());
        assert_ne!(attacker.goaway(), 0);
        assert_eq!(app.connections(), 0);
    }
}

#[test]
fn a_head_without_end() {
    let begun = frame(HEADERS, END_STREAM, 1, &head(&request("GET", "/")));
    assert_ended("continuation", "CONTINUATION", &begun, |_| frame(CONTINUATION, 0, 1, b""));
    assert_ended("continuation", "CONTINUATION", &begun, |_| {
        frame(CONTINUATION, 0, 1, &field("x", "y"))
    });
}

#[test]
fn a_head_that_unfolds() {
    // One field of 4000 bytes that the table remembers, and then two bytes for each time it stands there again.
    let mut fields = head(&request("GET", "/"));
    fields.extend([0x40, 1, b'x', 127, 0xa1, 0x1e]);
    fields.extend([b'y'; 4000]);
    let bomb = [fields, vec![0xbe; 10_000]].concat();
    assert_ended("header_list", "unfolds", b"", |number| match number {
        0..10 => frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &bomb),
        _ => Vec::new(),
    });
}

#[test]
fn who_floods_and_does_not_read_is_cut_off() {
    let app = Upstream::answering(OK);
    let table = "[site.limits]\ncontrol_frames_per_second = 1000000\n\
                 [site.timeouts]\nbody_idle_timeout = \"300ms\"\n";
    let gateway = Setup::new(&app).site_tables(table).start();
    let mut attacker = Frames::connect(&gateway.caller());
    // Each ping has an answer; when no more fit, the gateway reads no more.
    let pings = frame(PING, 0, 0, b"01234567").repeat(5000);
    while attacker.try_send(&pings) {}
    assert_eq!(gateway.connect().get("/").status(), 200);
}

#[test]
fn a_flood_that_stops_within_its_second_is_none() {
    let app = Upstream::answering(OK);
    let gateway = gateway(&app);
    let mut client = Frames::connect(&gateway.caller());
    client.send(frame(PING, 0, 0, b"01234567").repeat(400));
    client.send(get(1));
    assert_eq!(client.outcome(1), Outcome::Status(200));
}

#[test]
fn a_client_that_says_of_each_frame_that_it_has_come_floods_nothing() {
    let app = Upstream::scripted(|talk| {
        talk.request().unwrap();
        talk.stop_recording();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n");
        talk.push(30_000_000, crate::support::PATIENCE);
    });
    let gateway = gateway(&app);
    let mut client = Frames::connect(&gateway.caller());
    client.send(get(1));
    let mut taken = 0;
    while taken < 30_000_000 {
        let data = client.until(|frame| frame.kind == DATA).unwrap();
        taken += data.payload.len();
        let count = u32::try_from(data.payload.len()).unwrap().to_be_bytes();
        if data.flags & END_STREAM == 0 && !data.payload.is_empty() {
            let update = |stream| frame(WINDOW_UPDATE, 0, stream, &count);
            client.send([update(0), update(1), frame(PING, 0, 0, b"01234567")].concat());
        }
    }
    assert_eq!(counted(&gateway, "window_update"), 0);
}

/// What is on its way when a request is refused comes all the same, and is nobody's fault.
#[test]
fn uploads_that_are_refused_while_they_are_sent_flood_nothing() {
    let app = Upstream::answering(OK);
    let gateway = Gateway::before(&app);
    let mut client = Frames::connect(&gateway.caller());
    // A host of no site of this connection: refused by its head alone.
    let mut fields = request("POST", "/");
    fields[2].1 = "b.example";
    // No more at a time than there may be, and more together than the library keeps in mind.
    for number in 0..200 {
        client.send(frame(HEADERS, END_HEADERS, stream(number), &head(&fields)));
        client.send(frame(DATA, 0, stream(number), b"some"));
        client.until(|frame| frame.kind == HEADERS && frame.stream == stream(number)).unwrap();
    }
    for number in 0..200 {
        client.send(frame(DATA, 0, stream(number), b"more").repeat(4));
    }
    client.send(get(stream(200)));
    assert_eq!(client.outcome(stream(200)), Outcome::Status(200));
    assert_eq!(counted(&gateway, "provoked_resets"), 0);
}
