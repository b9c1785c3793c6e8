//! Clients that are slow on purpose: with a head, with a body, with taking a response.

use std::io::Write as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use hyper::body::Frame;

use crate::support::PATIENCE;
use crate::support::frames::{self, Frames, WINDOW_UPDATE};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2;
use crate::support::message::{SITE, code_of};
use crate::support::upstream::{OK, Upstream};

/// A second for each 100 bytes, and half of one to spare.
const STRICT: &str =
    "[site.limits]\nbody_rate_min = \"100B\"\n[site.timeouts]\nbody_rate_grace = \"500ms\"\n";

fn strict(app: &Upstream) -> Gateway {
    Setup::new(app).site_tables(STRICT).start()
}

/// Waits so long: what is measured is a rate.
fn pass(time: Duration) {
    let (_keep, nothing) = channel::<()>();
    assert_eq!(nothing.recv_timeout(time), Err(RecvTimeoutError::Timeout));
}

/// An app that reads whole requests and answers them.
fn taking() -> Upstream {
    Upstream::scripted(|talk| {
        while let Ok(Some(_)) = talk.request() {
            talk.say(OK);
        }
        talk.wait_for_end();
    })
}

#[test]
fn an_upload_that_drips_is_given_up() {
    let app = taking();
    let gateway = strict(&app);
    let mut client = gateway.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 1000\r\n\r\n"));
    let start = Instant::now();
    // It is never idle for long.
    while client.try_send("x").is_ok() && start.elapsed() < PATIENCE {
        pass(Duration::from_millis(20));
        client.set_patience(Duration::from_millis(1));
        if client.reader.head().is_ok_and(|head| head.is_some_and(|head| head.status() == 408)) {
            break;
        }
    }
    assert!(start.elapsed() < PATIENCE);
    let event = client.event("access");
    assert_eq!((event.field("status"), event.field("code")), ("408", "request-timeout"));
    assert!(event.field("cause").contains("slower than 100 bytes a second"), "{event:?}");
    // The app never saw an end.
    app.wait_until_closed(1);
    let received = app.received().remove(0);
    assert!(received.iter().filter(|byte| **byte == b'x').count() < 900, "{received:?}");
}

#[test]
fn an_upload_that_drips_over_http_2_is_given_up() {
    let app = taking();
    let gateway = strict(&app);
    let mut client = gateway.connect_h2();
    let (sender, body) = h2::channel();
    let response = client.sender.send_request(h2::request("POST", "/").body(body).unwrap());
    let drip = async {
        while sender.send(Frame::data("x".into())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Nobody takes it any more, and the response may be a moment behind.
        std::future::pending::<()>().await;
    };
    let response = client.wait(async {
        tokio::select! {
            response = response => response.unwrap(),
            () = drip => unreachable!("it waits for the response"),
        }
    });
    let answer = client.finish(response).unwrap();
    assert_eq!((answer.status, &*code_of(&answer.body)), (408, "request-timeout"));
    // Others on the connection go on.
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn an_upload_at_the_least_rate_goes_on() {
    let app = taking();
    let gateway = strict(&app);
    let mut client = gateway.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 1200\r\n\r\n"));
    // Longer than the grace, and each piece worth more than the wait for it, on a busy machine as well.
    for _ in 0..12 {
        client.send([b'x'; 100]);
        pass(Duration::from_millis(60));
    }
    assert_eq!(client.response().status(), 200);
}

#[test]
fn a_slow_app_is_not_its_clients_fault() {
    let app = Upstream::scripted(|talk| {
        let mut request = talk.head();
        pass(Duration::from_millis(1200));
        talk.body(&mut request).unwrap();
        pass(Duration::from_millis(1200));
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
        for _ in 0..4 {
            talk.say("x");
            pass(Duration::from_millis(400));
        }
        talk.wait_for_end();
    });
    let gateway = strict(&app);
    let mut client = gateway.connect();
    let post = format!("POST / HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 2\r\n\r\nab");
    assert_eq!(client.ask(post).body, b"xxxx");
    let mut over_h2 = gateway.connect_h2();
    assert_eq!(over_h2.get("/").body.as_ref(), b"xxxx");
}

#[test]
fn a_conversation_has_a_pace_of_its_own() {
    // The app answers while the request goes on, as in a stream both ways.
    let app = Upstream::scripted(|talk| {
        let mut request = talk.head();
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
        talk.body(&mut request).unwrap();
        talk.say("0\r\n\r\n");
        talk.wait_for_end();
    });
    let gateway = strict(&app);
    let mut client = gateway.connect_h2();
    let (sender, body) = h2::channel();
    let response = client.begin(h2::request("POST", "/").body(body).unwrap()).unwrap();
    client.wait(async {
        for _ in 0..6 {
            sender.send(Frame::data("x".into())).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        drop(sender);
    });
    assert_eq!(client.finish(response).unwrap().body.as_ref(), b"hi");
}

#[test]
fn a_route_has_a_rate_of_its_own() {
    let app = taking();
    let route = "[[site.route]]\npath = \"/slow\"\nbody_rate_min = \"off\"\n";
    let gateway = Setup::new(&app).site_tables(&format!("{STRICT}{route}")).start();
    let mut client = gateway.connect();
    client.send(format!("POST /slow HTTP/1.1\r\nHost: {SITE}\r\nContent-Length: 8\r\n\r\n"));
    for _ in 0..8 {
        client.send("x");
        pass(Duration::from_millis(150));
    }
    assert_eq!(client.response().status(), 200);
}

/// An app that sends a little at a time, and more than anybody takes.
fn endless() -> Upstream {
    Upstream::scripted(|talk| {
        talk.request().unwrap();
        talk.stop_recording();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        talk.push(100_000_000, PATIENCE);
    })
}

#[test]
fn a_download_that_drips_over_http_2_is_cut_off() {
    let app = endless();
    // More than one frame of the app a second, so that it is never idle, and far less than it must take.
    let table =
        "[site.limits]\nbody_rate_min = \"100MB\"\n[site.timeouts]\nbody_rate_grace = \"300ms\"\n";
    let gateway = Setup::new(&app).site_tables(table).start();
    let mut client = Frames::connect(&gateway.caller());
    client.send(frames::get(1));
    let start = Instant::now();
    while app.closed() == 0 {
        assert!(start.elapsed() < PATIENCE, "nobody cut it off");
        let more = 8192_u32.to_be_bytes();
        let update = |stream| frames::frame(WINDOW_UPDATE, 0, stream, &more);
        if !client.try_send([update(0), update(1)].concat()) {
            break;
        }
        pass(Duration::from_millis(10));
    }
    let event = client.client.event("access");
    assert!(event.field("cause").contains("slower than 100000000 bytes a second"), "{event:?}");
}

#[test]
fn a_download_that_drips_is_cut_off() {
    let app = endless();
    let table =
        "[site.limits]\nbody_rate_min = \"100MB\"\n[site.timeouts]\nbody_rate_grace = \"300ms\"\n";
    let gateway = Setup::new(&app).site_tables(table).start();
    let mut client = gateway.connect();
    client.send(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n"));
    let start = Instant::now();
    while app.closed() == 0 {
        assert!(start.elapsed() < PATIENCE, "nobody cut it off");
        // A piece at a time: what the kernel holds for it is a few of them.
        if client.reader.some().is_ok_and(|bytes| bytes.is_empty()) {
            break;
        }
        pass(Duration::from_millis(5));
    }
    let event = client.event("access");
    assert!(event.field("cause").contains("slower than 100000000 bytes a second"), "{event:?}");
}

#[test]
fn a_head_in_tiny_tls_records_has_no_longer_than_another() {
    let app = Upstream::answering(OK);
    let table = "[site.timeouts]\nheader_timeout = \"300ms\"\n";
    let gateway = Setup::new(&app).site_tables(table).start();
    let mut client = gateway.connect();
    let start = Instant::now();
    // A record for each byte, and never the end.
    for byte in
        format!("GET / HTTP/1.1\r\nHost: {SITE}\r\nX: ").bytes().chain(std::iter::repeat(b'x'))
    {
        if client.try_send([byte]).is_err() || start.elapsed() > PATIENCE {
            break;
        }
        pass(Duration::from_millis(10));
    }
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_tls_record_that_drips_has_no_longer_than_another() {
    let app = Upstream::answering(OK);
    let table = "[site.timeouts]\nheader_timeout = \"300ms\"\nidle_timeout = \"300ms\"\n";
    let gateway = Setup::new(&app).site_tables(table).start();
    let mut client = gateway.connect();
    // One whole record of a request, a byte of it at a time, below TLS.
    let stream = &mut client.reader.stream;
    stream
        .conn
        .writer()
        .write_all(format!("GET / HTTP/1.1\r\nHost: {SITE}\r\n\r\n").as_bytes())
        .unwrap();
    let mut record = Vec::new();
    stream.conn.write_tls(&mut record).unwrap();
    let mut socket = stream.sock.try_clone().unwrap();
    let writer = thread::spawn(move || {
        for byte in record {
            if socket.write_all(&[byte]).is_err() {
                return;
            }
            pass(Duration::from_millis(20));
        }
    });
    client.end();
    writer.join().unwrap();
    assert_eq!(app.connections(), 0);
}

/// What the gateway has to say to it in between is no sign that it reads.
#[test]
fn who_reads_nothing_and_pings_is_cut_off() {
    let app = Upstream::answering(OK);
    let table = "[site.limits]\ncontrol_frames_per_second = 1000000\n\
                 [site.timeouts]\nbody_idle_timeout = \"2s\"\n";
    let gateway = Setup::new(&app).site_tables(table).start();
    let mut client = Frames::connect(&gateway.caller());
    socket2::SockRef::from(client.client.tcp()).set_recv_buffer_size(4096).unwrap();
    let (reader, writer) = (client.client.local.port(), gateway.address.port());
    let unread = || unread_by(reader, writer);
    let ping = frames::frame(frames::PING, 0, 0, b"01234567");
    // Many answers while the kernel takes them, then few: what the gateway gathers has room for more than a thousand.
    let (mut most, mut grew, mut is_full) = (0, Instant::now(), false);
    while client.try_send(ping.repeat(if is_full { 1 } else { 1000 })) {
        let sent = Instant::now();
        while unread() <= most
            && sent.elapsed() < Duration::from_millis(if most > 0 { 500 } else { 5 })
        {
            pass(Duration::from_millis(5));
        }
        is_full = most > 0 && unread() <= most;
        if !is_full {
            (most, grew) = (unread(), Instant::now());
        }
        assert!(grew.elapsed() < PATIENCE, "it goes on for as long as it pings");
    }
}

#[test]
fn who_gives_a_response_no_window_holds_neither_it_nor_the_app() {
    let app = Upstream::scripted(|talk| {
        talk.request().unwrap();
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegins");
        talk.wait_for_end();
    });
    let table = "[site.timeouts]\nbody_idle_timeout = \"1s\"\n";
    let gateway = Setup::new(&app).site_tables(table).start();
    let mut client = Frames::connect(&gateway.caller());
    let no_window = frames::frame(frames::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let get = |stream| {
        let flags = frames::END_STREAM | frames::END_HEADERS;
        frames::frame(frames::HEADERS, flags, stream, &frames::head(&frames::request("GET", "/")))
    };
    client.send([no_window, get(1), get(3)].concat());
    // The exchanges have ended, though the client never took a byte and the app never ended its response.
    for line in client.client.events("access", 2) {
        let told = ["status", "outcome", "cause"].map(|field| line.field(field).to_owned());
        assert_eq!(told, ["200", "aborted", "the client took nothing for 1s"]);
    }
}

/// How many bytes the kernel keeps that one port of this machine has sent to another, which has not taken them.
fn unread_by(reader: u16, writer: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (writer, reader) = (format!(":{writer:04X}"), format!(":{reader:04X}"));
    let line = table.lines().find(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next().is_some_and(|local| local.ends_with(&writer))
            && fields.next().is_some_and(|remote| remote.ends_with(&reader))
    });
    let queues = line.and_then(|line| line.split_whitespace().nth(4));
    queues.map_or(0, |queues| u64::from_str_radix(queues.split(':').next().unwrap(), 16).unwrap())
}
