//! What is found of keys in the memory of the gateway, and who may look there.

use std::collections::HashMap;
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

/// What nobody may find, and what it is called.
type Secret = (String, Vec<u8>);

/// A page of memory that was never written to, of which there are most.
const EMPTY: [u8; 4096] = [0; 4096];

/// Every place in the writable memory of a process that holds one of these.
fn find(process: u32, wanted: &[Secret]) -> Vec<String> {
    let mut by_start: HashMap<&[u8], Vec<&Secret>> = HashMap::new();
    for secret in wanted {
        by_start.entry(&secret.1[..8]).or_default().push(secret);
    }
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
        for written in bytes.chunks(EMPTY.len()).collect::<Vec<_>>().split(|page| **page == EMPTY) {
            let run = written.concat();
            for (at, window) in run.windows(8).enumerate() {
                let here = by_start.get(window).into_iter().flatten();
                let here = here.filter(|(_, secret)| run[at..].starts_with(secret));
                found.extend(here.map(|(name, _)| format!("{name} in {line}")));
            }
        }
    }
    found
}

/// Sites of one test: what is left behind is overwritten by chance, and not for so many keys.
const SITES: usize = 12;

/// Makes a site with a key of RSA, every other one encrypted; the site, and what nobody may find.
fn site(place: &Place, number: usize) -> Option<(String, Vec<Secret>)> {
    let name = format!("s{number}.test");
    let made = format!(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {name}.key -out {name}.crt -subj /CN={name} \
         -addext subjectAltName=DNS:{name}"
    );
    if !openssl(place.path(), &made) {
        return None;
    }
    let text = base64_of(&fs::read_to_string(place.path().join(format!("{name}.key"))).unwrap());
    let der = STANDARD.decode(&text).unwrap();
    // Lines of the text, which may have been joined, and the middle of the private exponent as a file has it.
    let mut secrets = vec![
        (format!("text of {name}"), text.as_bytes()[968..1016].to_vec()),
        (format!("exponent of {name}"), der[400..448].to_vec()),
    ];
    let mut more = String::new();
    if number % 2 == 1 {
        let passphrase = format!("{PASSPHRASE}-{number}-and-on");
        place.write(&format!("{name}.pass"), &passphrase);
        fs::rename(place.path().join(format!("{name}.key")), place.path().join("plain")).unwrap();
        openssl(
            place.path(),
            &format!("pkcs8 -topk8 -in plain -out {name}.key -passout file:{name}.pass"),
        );
        more = format!("private_key_passphrase_file = \"{name}.pass\"\n");
        secrets.push((format!("passphrase of {name}"), passphrase.into_bytes()));
    }
    let site = format!(
        "[[site]]\nserver_names = [\"{name}\"]\ncertificate = \"{name}.crt\"\nprivate_key = \"{name}.key\"\n{more}\
         client_ca = \"clients.crt\"\nupstream = \"http://127.0.0.1:1\"\n"
    );
    Some((site, secrets))
}

#[test]
fn no_key_file_and_no_passphrase_stays_in_memory() {
    let place = Place::new();
    let app = SlowApp::start();
    let (mut sites, mut secrets) = (String::new(), Vec::new());
    for number in 0..SITES {
        let Some((site, of_site)) = site(&place, number) else {
            return;
        };
        sites += &site;
        secrets.extend(of_site);
    }
    let more = format!("{sites}[runtime]\ncore_dumps = true\nworkers = 2\n");
    let config = place.config(any_port(), app.address, &more);
    let mut gateway =
        Gateway::start(program([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]));
    let address = gateway.await_address();
    gateway.await_line("serving");
    app.answer.send(()).unwrap();
    assert!(place.call(address).ends_with("allowed"));
    let found = find(gateway.process(), &secrets);
    assert!(found.is_empty(), "{found:#?}");
    // And again after a reload, for which all of them are read anew.
    let authority = Authority::root("A").unwrap();
    let server = authority.server(["localhost"]).issue().unwrap();
    place.write("server.crt", server.certificate_pem());
    place.write("server.key", &server.key_pem());
    gateway.await_line("reloaded");
    let found = find(gateway.process(), &secrets);
    assert!(found.is_empty(), "{found:#?}");
    // That it would be found is not taken for granted.
    let certificate = STANDARD.decode(base64_of(server.certificate_pem())).unwrap();
    assert!(!find(gateway.process(), &[("certificate".to_owned(), certificate)]).is_empty());
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
