//! The page in a browser: whole on a phone and on a desk, in light and in dark, with a script and without; and a
//! picture of each for people.

use mtls_gateway::pki::Authority;
use mtls_gateway::process::{Reloads, unix_now};

use super::browser::{Browser, Device};
use super::tools::installed;
use super::{TABLE, door, look, soon};
use crate::support::gateway::{Gateway, Setup};
use crate::support::message::SITE;
use crate::support::pki::Credentials;
use crate::support::upstream::{OK, Upstream};

const DAY: i64 = 24 * 60 * 60;

const DESK: Device = Device {
    name: "desktop-light",
    width: 1280,
    height: 900,
    scale: 1,
    is_phone: false,
    colours: "light",
    has_script: true,
};
const PHONE: Device = Device {
    name: "phone-light",
    width: 375,
    height: 812,
    scale: 2,
    is_phone: true,
    colours: "light",
    has_script: true,
};
const DEVICES: [Device; 5] = [
    DESK,
    Device { name: "desktop-dark", colours: "dark", ..DESK },
    PHONE,
    Device { name: "phone-dark", colours: "dark", ..PHONE },
    Device { name: "phone-without-script", has_script: false, ..PHONE },
];

/// A gateway to which about everything has happened that the page can tell of.
fn eventful(app: &Upstream, absent: &Upstream) -> (Gateway, Reloads) {
    let now = unix_now() + 3600;
    let setup = Setup::new(app)
        .process_tables(TABLE)
        .site_tables(&format!(
            "[site.client]\ncrl = \"{SITE}.crl\"\nallow = [{{ san_dns = \"*.partner.example\" }}]"
        ))
        .workers(2);
    let old = Authority::draft("Partner Webhook CA 2019")
        .valid(now - 2900 * DAY..now + 19 * DAY)
        .authority()
        .unwrap();
    let pki = &setup.pki;
    let all = [pki.client_ca.certificate_pem(), old.certificate_pem()].concat();
    pki.write(&format!("{SITE}.ca.crt"), &all);
    let lists = [&pki.client_ca, &old].map(|ca| {
        let revoked = ca.client("gone").name("gone.partner.example").issue().unwrap();
        ca.revocation_list(&[revoked.der()], now - 5 * DAY..now + 2 * DAY).unwrap()
    });
    pki.write(&format!("{SITE}.crl"), &lists.concat());
    let own = pki.server_ca.server([SITE]).valid(now - 84 * DAY..now + 5 * DAY).issue().unwrap();
    pki.write(&format!("{SITE}.crt"), own.certificate_pem());
    pki.write(&format!("{SITE}.key"), &own.key_pem());
    let long = "a-site-with-a-name-that-is-much-longer-than-a-phone-is-wide.department.b.example";
    let setup = setup.site(long, &old, absent);
    let gateway = setup.start();

    let client = |ca: &Authority, name: &str| {
        let issued = ca.client("caller").name(&format!("{name}.partner.example"));
        Credentials::of(&issued.valid(now - 200 * DAY..now + 11 * DAY).issue().unwrap())
    };
    for ca in [&old, &gateway.pki.client_ca, &gateway.pki.client_ca] {
        let mut caller = gateway.caller().presenting(client(ca, "payments")).connect();
        (0..20).for_each(|_| assert_eq!(caller.get("/").status(), 200));
    }
    let stranger = Authority::root("<b>Somebody Else</b> \u{202E} CA").unwrap();
    gateway.caller().presenting(client(&stranger, "payments")).refused();
    gateway.caller().presenting(gateway.pki.caller()).refused();
    gateway.caller().presenting_nothing().refused();
    let late = gateway.pki.client_ca.client("late").name("late.partner.example");
    gateway.caller().presenting(Credentials::of(&late.expired().issue().unwrap())).refused();

    let reloads = gateway.reloads();
    gateway.rewrite("*.partner.example", "*.partner.example\" }, { subject_cn = \"Example Client");
    assert!(reloads.wait().unwrap().is_applied);
    gateway.rewrite("client_ca = \"", "client_ca = \"missing-");
    assert!(!reloads.wait().unwrap().is_applied);
    (gateway, reloads)
}

#[test]
fn a_browser_shows_the_page_on_every_device() {
    let Some(program) = installed(&["chromium", "chromium-browser", "google-chrome"]) else {
        return;
    };
    let (app, absent) = (Upstream::answering(OK), Upstream::absent());
    let (gateway, _reloads) = eventful(&app, &absent);
    let mut caller = gateway.caller();
    let issued = gateway.pki.client_ca.client("caller").name("orders.partner.example").issue();
    caller = caller.presenting(Credentials::of(&issued.unwrap()));
    let mut client = caller.connect();
    // The plots begin with the second sample.
    soon(|| {
        assert_eq!(client.get("/").status(), 200);
        look(&gateway, "/status").body.matches("<polyline class=\"a\"").count() == 2
    });
    let url = format!("http://{}/status", door(&gateway));
    let mut browser = Browser::start(program);
    for device in DEVICES {
        browser.open(device, &url);
        // Without a script of its own the page is there all the same, and only looked at from outside.
        let picture = browser.picture(&format!("status-{}", device.name));
        assert_eq!(picture.0, device.width * device.scale, "{}: wider than it", device.name);
        assert!(picture.1 > device.height * device.scale, "{}: {picture:?}", device.name);
        if !device.has_script {
            continue;
        }
        let wide = "[...document.querySelectorAll('body *')].filter(e => \
            e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest('pre, svg, .sr'))\
            .map(e => e.outerHTML.slice(0, 200)).join('\\n')";
        assert_eq!(browser.evaluate(wide), "", "{}: beyond the edge", device.name);
        let scroll = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.evaluate(scroll), true, "{}", device.name);
        let colour = "getComputedStyle(document.body).backgroundColor";
        let is_light = browser.evaluate(colour).as_str().unwrap().starts_with("rgb(2");
        assert_eq!(is_light, device.colours == "light", "{}", device.name);
        // What somebody has to do stands at the top.
        let first = "document.querySelector('section').id";
        assert_eq!(browser.evaluate(first), "warnings");
    }
    // It renews itself, and what was opened stays open.
    browser.open(DESK, &url);
    let opened = "document.querySelector('#refusals details').open = true; \
        window.was = document.querySelector('footer time').textContent; true";
    assert_eq!(browser.evaluate(opened), true);
    browser.await_true(
        "document.querySelector('footer time').textContent != window.was \
         && document.querySelector('#refusals details').open",
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
