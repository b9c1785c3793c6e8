//! Words of other servers, by the table of ours in which they stand.

use super::Word;

/// Words that mean something else in one table than elsewhere, or something only there.
#[rustfmt::skip]
pub(super) const LOCAL_WORDS: &[(&str, Word)] = &[
    ("listener", Word {
        names: &["listen", "bind"],
        ours: Some(("listener", "address")),
        fix: "call it `address`",
    }),
    ("listener", Word {
        names: &["port"],
        ours: Some(("listener", "address")),
        fix: "write it with the address: `address = \"0.0.0.0:443\"`",
    }),
    ("listener", Word {
        names: &[
            "proxy_protocol", "accept_proxy", "accept-proxy", "RemoteIPProxyProtocol", "set_real_ip_from",
            "trusted_proxies",
        ],
        ours: Some(("listener", "proxy_protocol_from")),
        fix: "write `proxy_protocol_from`, a list of the balancers before this listener: `[\"10.0.0.0/8\"]`",
    }),
    ("listener", Word {
        names: &["protocol", "type", "mode"],
        ours: Some(("listener", "kind")),
        fix: "call it `kind`: `\"https\"` or `\"http\"`",
    }),
    ("listener", Word {
        names: &["maxconn", "MaxConnections"],
        ours: Some(("listener", "connections_max")),
        fix: "call it `connections_max`",
    }),
    ("listener", Word {
        names: &["redirect", "return", "rewrite", "RedirectPermanent", "redir"],
        ours: Some(("listener", "kind")),
        fix: "write `kind = \"http\"`: such a listener sends everybody on to HTTPS, to the port that `redirect_port` \
              says",
    }),
    ("listener", Word {
        names: &["ssl", "SSLEngine", "tls"],
        ours: Some(("listener", "kind")),
        fix: "remove it: a listener speaks TLS, unless its `kind` is `\"http\"`",
    }),
    ("listener", Word {
        names: &["acme", "webroot", "acme_webroot", "root", "alias"],
        ours: Some(("listener", "acme_challenges")),
        fix: "write `acme_challenges`, the folder of the files themselves, in a `[[listener]]` with `kind = \"http\"`",
    }),
    ("listener", Word {
        names: &["default_server"],
        ours: None,
        fix: "remove it: the first `[[site]]` answers clients that name no server",
    }),
    ("admin", Word {
        names: &["listen", "bind"],
        ours: Some(("admin", "address")),
        fix: "call it `address`",
    }),
    ("admin", Word {
        names: &["port"],
        ours: Some(("admin", "address")),
        fix: "write `address = \"127.0.0.1:9443\"`",
    }),
    ("admin", Word {
        names: &["path", "file", "unix"],
        ours: Some(("admin", "socket")),
        fix: "call it `socket`",
    }),
    ("access_log", Word {
        names: &["path", "file"],
        ours: Some(("access_log", "target")),
        fix: "call it `target`",
    }),
    ("site", Word {
        names: &["acme", "MDCAChallenges", "alpn_certificates"],
        ours: Some(("site", "acme_tls_certificates")),
        fix: "write `acme_tls_certificates`, the folder of an ACME client that answers `tls-alpn-01`; for `http-01`, \
              `acme_challenges` in a `[[listener]]` with `kind = \"http\"`",
    }),
    ("site.client", Word {
        names: &["verify", "verify_client", "auth"],
        ours: Some(("site.client", "mode")),
        fix: "call it `mode`: `\"require\"`, `\"optional\"` or `\"request\"`",
    }),
    ("site.route", Word {
        names: &["prefix"],
        ours: Some(("site.route", "path_prefix")),
        fix: "call it `path_prefix`",
    }),
    ("site.route", Word {
        names: &["uri", "url"],
        ours: Some(("site.route", "path")),
        fix: "call it `path`, or `path_prefix` for all that is below it too",
    }),
    ("site.route", Word {
        names: &["target", "backend", "proxy_pass"],
        ours: Some(("site.route", "upstream")),
        fix: "call it `upstream`",
    }),
    ("upstream", Word {
        names: &["server", "servers", "address", "addresses", "url", "urls", "target", "targets"],
        ours: Some(("upstream", "endpoints")),
        fix: "write `endpoints`, a list such as `[\"http://127.0.0.1:8080\"]`",
    }),
    ("upstream", Word {
        names: &["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn", "send_proxy"],
        ours: Some(("upstream", "proxy_protocol")),
        fix: "write `proxy_protocol = \"v2\"`, or `\"v1\"` for an app that reads addresses only",
    }),
    ("upstream", Word {
        names: &["ca", "ca_file", "ca-file", "cacert", "trusted_ca"],
        ours: Some(("upstream.tls", "ca")),
        fix: "write `ca` in `[upstream.tls]`, below this `[[upstream]]`",
    }),
    ("upstream", Word {
        names: &["server_name", "sni", "servername"],
        ours: Some(("upstream.tls", "server_name")),
        fix: "write `server_name` in `[upstream.tls]`, below this `[[upstream]]`",
    }),
    ("upstream", Word {
        names: &["certificate", "private_key", "private_key_passphrase_file", "cert", "key", "crt"],
        ours: Some(("upstream.tls", "certificate")),
        fix: "write `certificate` and `private_key` in `[upstream.tls]`, below this `[[upstream]]`",
    }),
    ("upstream", Word {
        names: &["verify", "insecure", "insecure_skip_verify", "tls_insecure_skip_verify", "ssl-verify"],
        ours: None,
        fix: "remove it: an app behind `https://` is always verified; name the CA that issued its certificate in \
              `ca`, in `[upstream.tls]`",
    }),
    ("upstream", Word {
        names: &["protocol", "proto", "scheme", "version", "http2", "h2", "h2c", "grpc", "ssl", "check-ssl"],
        ours: Some(("upstream", "endpoints")),
        fix: "remove it, and write what is spoken before each of the `endpoints`: `http://`, `https://`, or `h2c://` \
              for HTTP/2 and gRPC",
    }),
    ("upstream", Word {
        names: &["weight", "backup"],
        ours: Some(("upstream", "endpoints")),
        fix: "write it behind the endpoint: `\"http://127.0.0.1:8080 weight=2\"`, or ` backup`",
    }),
    ("upstream", Word {
        names: &["max_fails", "fall"],
        ours: Some(("upstream", "failures_max")),
        fix: "call it `failures_max`",
    }),
    ("upstream", Word {
        names: &["fail_timeout"],
        ours: Some(("upstream", "ejection_time")),
        fix: "call it `ejection_time`",
    }),
    ("upstream", Word {
        names: &["max_conns", "maxconn"],
        ours: Some(("upstream", "connections_max")),
        fix: "call it `connections_max`",
    }),
    ("upstream", Word {
        names: &["keepalive"],
        ours: Some(("site.limits", "upstream_idle_max")),
        fix: "write `upstream_idle_max` in `[site.limits]`, for each worker",
    }),
    ("upstream", Word {
        names: &["least_conn", "ip_hash", "lb_policy", "lbmethod", "policy"],
        ours: Some(("upstream", "balance")),
        fix: "write `balance`: `\"least_connections\"`, `\"round_robin\"` or `\"hash(client_address)\"`",
    }),
    ("upstream", Word {
        names: &["proxy_next_upstream", "retries", "retry-on", "redispatch"],
        ours: Some(("upstream", "retry")),
        fix: "write `retry = \"unsent\"` (the default), or `\"idempotent\"` to send once more what may be done twice",
    }),
    ("upstream", Word {
        names: &["resolver", "resolve", "resolvers", "dns_ttl", "ttl"],
        ours: Some(("upstream", "dns_refresh")),
        fix: "write `dns_refresh`, after which a name is looked up anew, by the system's own resolver",
    }),
    ("upstream", Word {
        names: &["health_check", "health_uri", "httpchk", "check"],
        ours: Some(("upstream", "health_check_path")),
        fix: "write `health_check_path`, such as `\"/health\"`",
    }),
    ("upstream.tls", Word {
        names: &["ca_file", "ca-file", "cacert", "trusted_ca", "trust"],
        ours: Some(("upstream.tls", "ca")),
        fix: "call it `ca`: one file, a list of files, or `\"public\"`",
    }),
    ("upstream.tls", Word {
        names: &["sni", "name", "servername"],
        ours: Some(("upstream.tls", "server_name")),
        fix: "call it `server_name`",
    }),
    ("upstream.tls", Word {
        names: &["verify", "insecure", "insecure_skip_verify", "tls_insecure_skip_verify", "check_name"],
        ours: None,
        fix: "remove it: an app is always verified; name the CA that issued its certificate in `ca`, and in \
              `server_name` the name that it bears",
    }),
    ("runtime", Word {
        names: &["landlock"],
        ours: Some(("runtime", "sandbox")),
        fix: "call it `sandbox`",
    }),
];
