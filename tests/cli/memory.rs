//! What is found of keys in the memory of the gateway, and who may look there.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mtls_gateway::pki::Authority;

use crate::support::{Gateway, Place, SlowApp, any_port, openssl, program, skip};

const PASSPHRASE: &str = "a-passphrase-like-no-other-6ab1f2";

/// The base64 of a PEM text.
fn base64_of(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// Every place in the writable memory of a process that holds one of these.
fn find(process: u32, wanted: &[(&str, Vec<u8>)]) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let start = u64::from_str_radix(start, 16).unwrap();
        let end = u64::from_str_radix(end, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // A stack's guard cannot be read.
        if memory.read_exact_at(&mut bytes, start).is_err() {
            continue;
        }
        for (name, secret) in wanted {
            if bytes.windows(secret.len()).any(|window| window == secret.as_slice()) {
                found.push(format!("{name} in {line}"));
            }
        }
    }
    found
}

#[test]
fn no_key_file_and_no_passphrase_stays_in_memory() {
    let place = Place::new();
    let app = SlowApp::start();
    let plain = Authority::root("A").unwrap().server(["localhost"]).issue().unwrap();
    let locked = Authority::root("B").unwrap().server(["b.example"]).issue().unwrap();
    let plain_key = plain.key_pem();
    place.write("b.crt", locked.certificate_pem());
    place.write("b.pass", PASSPHRASE);
    place.write("b.plain", &locked.key_pem());
    if !openssl(place.path(), "pkcs8 -topk8 -in b.plain -out b.key -passout file:b.pass") {
        return;
    }
    let site = "[[site]]\nserver_names = [\"b.example\"]\ncertificate = \"b.crt\"\nprivate_key = \"b.key\"\n\
                private_key_passphrase_file = \"b.pass\"\nclient_ca = \"clients.crt\"\n\
                upstream = \"http://127.0.0.1:1\"\n[runtime]\ncore_dumps = true\nworkers = 2\n";
    let config = place.config(any_port(), app.address, site);
    let served = fs::read_to_string(place.path().join("server.key")).unwrap();
    let mut gateway =
        Gateway::start(program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]));
    let address = gateway.await_address();
    gateway.await_line("serving");
    app.answer.send(()).unwrap();
    assert!(place.call(address).ends_with("allowed"));
    // And again, with another key in place of the first.
    place.write("server.crt", plain.certificate_pem());
    place.write("server.key", &plain_key);
    gateway.await_line("reloaded");
    let mut secrets = vec![("the passphrase", PASSPHRASE.as_bytes().to_vec())];
    for (name, pem) in [
        ("the first key", &served),
        ("the second key", &plain_key),
        ("the locked key", &locked.key_pem()),
    ] {
        let text = base64_of(pem);
        secrets.push((name, STANDARD.decode(&text).unwrap()));
        // A line of the text, since lines may be joined or not.
        secrets.push((name, text.as_bytes()[60..108].to_vec()));
    }
    let found = find(gateway.process(), &secrets);
    assert!(found.is_empty(), "{found:#?}");
    // That it would be found is not taken for granted.
    let certificate = STANDARD.decode(base64_of(plain.certificate_pem())).unwrap();
    assert!(!find(gateway.process(), &[("the certificate", certificate)]).is_empty());
    gateway.signal("TERM");
    assert_eq!(gateway.await_end().code(), Some(0));
}

/// Whether a gateway with these lines in `[runtime]` leaves a core dump when it is ended by SIGABRT.
fn leaves_a_dump(runtime: &str) -> bool {
    let place = Place::new();
    let nobody = "127.0.0.1:1".parse().unwrap();
    let config = place.config(any_port(), nobody, &format!("[runtime]\n{runtime}"));
    let mut run = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_mtls-gateway");
    run.args(["-c", "ulimit -c unlimited; exec \"$0\" run --config \"$1\"", program]).arg(&config);
    // A dump lands where the process is.
    run.current_dir(place.path()).env_remove("RUST_LOG");
    let mut gateway = Gateway::start(run);
    gateway.await_line("serving");
    gateway.signal("ABRT");
    gateway.await_end().core_dumped()
}

#[test]
fn a_gateway_that_is_ended_badly_leaves_no_core_dump_unless_it_is_told_to() {
    // The kernel writes a dump as the process that it is of: none where that may write nothing.
    let outside = "sandbox = \"off\"\n";
    assert!(!leaves_a_dump(outside));
    if !leaves_a_dump(&format!("{outside}core_dumps = true")) {
        skip("this machine makes no core dumps at all", true);
    }
}
