//! `[[listener]]`: kinds, balancers and ceilings, and what does not go together.

use super::{config, report};
use crate::config::ListenerKind;

const SITE: &str = "[[site]]\nserver_names = [\"a.example\"]\ncertificate = \"a.crt\"\nprivate_key = \"a.key\"\n\
                    client_ca = \"ca.crt\"\nupstream = \"http://127.0.0.1:80\"\n";

#[test]
fn every_key_of_a_listener_is_read() {
    let text = format!(
        "[[listener]]\naddress = \"0.0.0.0:8443\"\nproxy_protocol_from = [\"10.0.0.0/8\", \"::1\"]\n\
         connections_max = 7\nconnections_per_address_max = 3\nhandshakes_max = 2\n\
         [[listener]]\naddress = \"0.0.0.0:80\"\nkind = \"http\"\n\
         [[listener]]\naddress = \"0.0.0.0:81\"\nkind = \"http\"\nredirect_port = 444\nacme_challenges = \"/c\"\n{SITE}"
    );
    let config = config(&text);
    let [balanced, plain, other] = &config.listeners[..] else { panic!("{:?}", config.listeners) };
    let ceilings = (balanced.connections_max, balanced.connections_per_address_max);
    assert_eq!((ceilings, balanced.handshakes_max), ((Some(7), Some(3)), Some(2)));
    for (address, is_balancer) in
        [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("::1", true), ("11.0.0.1", false)]
    {
        assert_eq!(balanced.is_balancer(address.parse().unwrap()), is_balancer, "{address}");
    }
    let http = |listener: &crate::config::Listener| match &listener.kind {
        ListenerKind::Http(http) => http.clone(),
        ListenerKind::Https => panic!("{listener:?}"),
    };
    // Without a port, that of the first listener that speaks TLS.
    assert_eq!((http(plain).redirect_port, http(other).redirect_port), (8443, 444));
    assert_eq!(http(other).acme_challenges.unwrap().value, std::path::Path::new("/c"));
    assert_eq!(config.challenge_folders().count(), 1);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let wrong = |listeners: &str, what: &str| {
        let report = report(&format!("{listeners}{SITE}"));
        assert!(report.contains(what), "{report}");
    };
    let listener = |keys: &str| format!("[[listener]]\naddress = \"0.0.0.0:443\"\n{keys}\n");
    wrong(&listener("kind = \"http\""), "no `[[listener]]` speaks TLS");
    wrong(&listener("kind = \"plain\""), "`kind` knows no `plain`");
    wrong(
        &listener("redirect_port = 443"),
        "`redirect_port` is for a listener with `kind = \"http\"`",
    );
    wrong(&listener("acme_challenges = \"/c\""), "`acme_challenges` is for a listener");
    wrong(
        &listener("kind = \"http\"\nhandshakes_max = 4"),
        "`handshakes_max` says nothing of plain HTTP",
    );
    wrong(&listener("proxy_protocol_from = []"), "`proxy_protocol_from` is an empty list");
    for everybody in ["0.0.0.0/0", "::/0"] {
        let keys = format!("proxy_protocol_from = [\"{everybody}\"]");
        wrong(&listener(&keys), "with none, every address would fit");
    }
    wrong(&listener("proxy_protocol_from = [\"balancer.example\"]"), "is no IP address or network");
    wrong(&listener("proxy_protocol = true"), "write `proxy_protocol_from`");
    let any = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
    let twice = format!("{any}{any}connections_max = 1\n");
    wrong(&twice, "two listeners of one address with port 0 cannot be told apart");
}
