//! Words of other servers, wherever they stand.

use super::Word;

/// Words that mean the same in any table.
#[rustfmt::skip]
pub(super) const WORDS: &[Word] = &[
    Word {
        names: &["ssl_certificate", "SSLCertificateFile"],
        ours: Some(("site", "certificate")),
        fix: "call it `certificate`, in `[[site]]`",
    },
    Word {
        names: &["ssl_certificate_key", "SSLCertificateKeyFile"],
        ours: Some(("site", "private_key")),
        fix: "call it `private_key`, in `[[site]]`",
    },
    Word {
        names: &["ssl_password_file", "SSLPassPhraseDialog"],
        ours: Some(("site", "private_key_passphrase_file")),
        fix: "call it `private_key_passphrase_file`, in `[[site]]`: a file with one passphrase, on one line; no \
              program is asked for it",
    },
    Word {
        names: &[
            "private_key_passphrase", "private_key_password", "private_key_password_file", "private_key_pass",
            "key_passphrase", "key_password", "key_passphrase_file", "key_password_file", "passphrase",
            "passphrase_file",
            "password", "password_file", "ssl_password", "ssl_key_password",
        ],
        ours: Some(("site", "private_key_passphrase_file")),
        fix: "put the passphrase into a file of its own, on one line, and write that file's path as \
              `private_key_passphrase_file`, in `[[site]]`",
    },
    Word {
        names: &["cert", "cert_file", "tls_cert", "tls_certificate"],
        ours: Some(("site", "certificate")),
        fix: "call it `certificate`, in `[[site]]`",
    },
    Word {
        names: &["key", "key_file", "tls_key"],
        ours: Some(("site", "private_key")),
        fix: "call it `private_key`, in `[[site]]`",
    },
    Word {
        names: &["ca", "ca_file", "cacert", "client_ca_file", "tls_client_ca"],
        ours: Some(("site", "client_ca")),
        fix: "call it `client_ca`, in `[[site]]`: one file or a list of files",
    },
    Word {
        names: &["cn", "common_name"],
        ours: Some(("site.client.allow", "subject_cn")),
        fix: "call it `subject_cn`, in a rule of `allow` in `[site.client]`",
    },
    Word {
        names: &["dns", "dns_name", "san"],
        ours: Some(("site.client.allow", "san_dns")),
        fix: "call it `san_dns`, in a rule of `allow` in `[site.client]`",
    },
    Word {
        names: &["fingerprint", "sha256", "fingerprint_sha1"],
        ours: Some(("site.client.allow", "fingerprint_sha256")),
        fix: "call it `fingerprint_sha256`, in a rule of `allow` in `[site.client]`",
    },
    Word {
        names: &["spiffe_id", "uri"],
        ours: Some(("site.client.allow", "san_uri")),
        fix: "call it `san_uri`, in a rule of `allow` in `[site.client]`",
    },
    Word {
        names: &["SSLCertificateChainFile"],
        ours: None,
        fix: "remove it, and append the intermediates to the file that `certificate` names",
    },
    Word {
        names: &["ssl_client_certificate", "SSLCACertificateFile", "SSLCACertificatePath"],
        ours: Some(("site", "client_ca")),
        fix: "call it `client_ca`, in `[[site]]`: one file or a list of files",
    },
    Word {
        names: &["ssl_verify_client", "SSLVerifyClient"],
        ours: Some(("site.client", "mode")),
        fix: "remove it if it says `on` or `require`, which holds without a word; else write `mode = \"optional\"`, \
              or `mode = \"request\"` for `optional_no_ca`, in `[site.client]`",
    },
    Word {
        names: &["ssl_verify_depth", "SSLVerifyDepth"],
        ours: Some(("site.client", "chain_depth_max")),
        fix: "write `chain_depth_max` in `[site.client]`, from 0 to 6, or remove it: 5 holds without a word",
    },
    Word {
        names: &["ssl_crl", "SSLCARevocationFile", "SSLCARevocationPath"],
        ours: Some(("site.client", "crl")),
        fix: "write `crl` in `[site.client]`: a file, a folder, or a list of both",
    },
    Word {
        names: &["server_name", "ServerName", "ServerAlias"],
        ours: Some(("site", "server_names")),
        fix: "call it `server_names`, in `[[site]]`: a list such as `[\"www.example.com\"]`",
    },
    Word {
        names: &["listen", "bind"],
        ours: Some(("listener", "")),
        fix: "write a table `[[listener]]` with `address = \"0.0.0.0:443\"`",
    },
    Word {
        names: &["proxy_pass", "ProxyPass", "backend"],
        ours: Some(("site", "upstream")),
        fix: "call it `upstream`, in `[[site]]`",
    },
    Word {
        names: &["grpc_pass"],
        ours: Some(("site", "upstream")),
        fix: "write `upstream = \"h2c://127.0.0.1:50051\"`, in `[[site]]`",
    },
    Word {
        names: &["proxy_ssl_trusted_certificate", "SSLProxyCACertificateFile", "SSLProxyCACertificatePath"],
        ours: Some(("upstream.tls", "ca")),
        fix: "write `ca` in `[upstream.tls]`, below the `[[upstream]]` whose endpoints are `https://`",
    },
    Word {
        names: &["proxy_ssl_name", "proxy_ssl_server_name"],
        ours: Some(("upstream.tls", "server_name")),
        fix: "write `server_name` in `[upstream.tls]`, where it is another than the endpoint's host",
    },
    Word {
        names: &["proxy_ssl_certificate", "proxy_ssl_certificate_key", "SSLProxyMachineCertificateFile"],
        ours: Some(("upstream.tls", "certificate")),
        fix: "write `certificate` and `private_key` in `[upstream.tls]`",
    },
    Word {
        names: &[
            "proxy_ssl_verify", "proxy_ssl_verify_depth", "SSLProxyVerify", "SSLProxyVerifyDepth",
            "SSLProxyCheckPeerName",
            "SSLProxyCheckPeerCN", "SSLProxyCheckPeerExpire", "insecure_skip_verify", "tls_insecure_skip_verify",
        ],
        ours: None,
        fix: "remove it: an app behind `https://` is always verified; name the CA that issued its certificate in `ca`, \
              and in `server_name` the name that it bears, both in `[upstream.tls]`",
    },
    Word {
        names: &["SSLProxyEngine", "proxy_ssl_protocols", "SSLProxyProtocol"],
        ours: None,
        fix: "remove it: write `https://` where the app speaks TLS, 1.2 or newer",
    },
    Word {
        names: &["LocationMatch", "route", "routes", "handle", "handle_path"],
        ours: Some(("site.route", "")),
        fix: "write a table `[[site.route]]` with `path` or `path_prefix`, and what to do in `action`",
    },
    Word {
        names: &["return", "Redirect", "rewrite", "RewriteRule"],
        ours: Some(("site.route", "action")),
        fix: "write `action = \"respond\"`, `\"redirect\"` or `\"drop\"` (as `return 444`) in a `[[site.route]]`; a \
              path is changed by `path_rewrite`",
    },
    Word {
        names: &["add_header", "proxy_hide_header", "Header"],
        ours: Some(("site.route", "response_headers_set")),
        fix: "write `response_headers_set = [\"Name: value\"]` or `response_headers_remove` in a `[[site.route]]`",
    },
    Word {
        names: &["proxy_set_header", "RequestHeader"],
        ours: Some(("site.route", "request_headers_set")),
        fix: "write `request_headers_set = [\"Name: value\"]` in a `[[site.route]]`; who the client is, the app is \
              told without being asked",
    },
    Word {
        names: &["error_page", "ErrorDocument"],
        ours: Some(("site.answers", "body")),
        fix: "write `body` in `[site.answers]`: one shape for all answers of the gateway's own",
    },
    Word {
        names: &["AllowEncodedSlashes"],
        ours: Some(("site", "encoded_slashes")),
        fix: "write `encoded_slashes = \"keep\"` in `[[site]]`, which matters only where there are routes",
    },
    Word {
        // Outside of `[access_log]`, where it is a key.
        names: &["target"],
        ours: Some(("site", "upstream")),
        fix: "call it `upstream`, in `[[site]]`, if it is the app; where access lines go is `target` in `[access_log]`",
    },
    Word {
        names: &["server", "VirtualHost"],
        ours: Some(("site", "")),
        fix: "write `[[site]]`; its addresses go into `[[listener]]`",
    },
    Word {
        names: &["access"],
        ours: Some(("access_log", "target")),
        fix: "remove it if it says `true`; for `false`, write `target = \"off\"` in a table `[access_log]`",
    },
    Word {
        names: &["access_log", "CustomLog", "TransferLog"],
        ours: Some(("access_log", "target")),
        fix: "write `target = \"/var/log/mtls-gateway/access.log\"` in a table `[access_log]`, which is one for all \
              sites; `format = \"combined\"` there makes the lines that other tools know",
    },
    Word {
        names: &["log_format", "LogFormat"],
        ours: Some(("access_log", "pattern")),
        fix: "write `format = \"pattern\"` and a `pattern` with `$names` in a table `[access_log]`, or `format = \
              \"combined\"`",
    },
    Word {
        names: &["error_log", "ErrorLog"],
        ours: None,
        fix: "remove it: the log goes to the standard error stream, which systemd puts into the journal; `level` in \
              `[log]` says how much",
    },
    Word {
        names: &["LogLevel"],
        ours: Some(("log", "level")),
        fix: "write `level` in `[log]`, such as `\"info\"`",
    },
    Word {
        names: &["ssl", "SSLEngine"],
        ours: None,
        fix: "remove it: every listener speaks TLS, unless its `kind` is `\"http\"`",
    },
    Word {
        names: &["ssl_protocols", "SSLProtocol"],
        ours: Some(("site.tls", "version_min")),
        fix: "write `version_min = \"1.2\"` or `\"1.3\"` in `[site.tls]`: the oldest version to speak",
    },
    Word {
        names: &["ssl_ciphers", "SSLCipherSuite", "ssl_prefer_server_ciphers", "SSLHonorCipherOrder"],
        ours: None,
        fix: "remove it: the cipher suites are rustls's fixed list, all modern, in the server's order",
    },
    Word {
        names: &["ssl_session_timeout", "SSLSessionCacheTimeout"],
        ours: Some(("site.tls", "session_lifetime")),
        fix: "write `session_lifetime` in `[site.tls]`, such as `\"5m\"`",
    },
    Word {
        names: &["ssl_session_cache", "ssl_session_tickets", "SSLSessionCache", "SSLSessionTickets"],
        ours: Some(("site.tls", "resumption")),
        fix: "remove it: sessions are kept in memory, apart for each site; `resumption = \"off\"` in `[site.tls]` \
              does without them",
    },
    Word {
        names: &["client_max_body_size", "LimitRequestBody"],
        ours: Some(("site.limits", "body_bytes_max")),
        fix: "write `body_bytes_max` in `[site.limits]`, such as `\"10MiB\"`",
    },
    Word {
        names: &["client_header_timeout"],
        ours: Some(("site.timeouts", "header_timeout")),
        fix: "write `header_timeout` in `[site.timeouts]`, such as `\"10s\"`",
    },
    Word {
        names: &["RequestReadTimeout"],
        ours: Some(("site.timeouts", "header_timeout")),
        fix: "write `header_timeout` in `[site.timeouts]`, such as `\"10s\"`; its `MinRate` of a body is \
              `body_rate_min` in `[site.limits]`",
    },
    Word {
        names: &["client_body_timeout"],
        ours: Some(("site.timeouts", "body_idle_timeout")),
        fix: "write `body_idle_timeout` in `[site.timeouts]`, such as `\"30s\"`",
    },
    Word {
        names: &["keepalive_timeout", "KeepAliveTimeout"],
        ours: Some(("site.timeouts", "idle_timeout")),
        fix: "write `idle_timeout` in `[site.timeouts]`, such as `\"90s\"`",
    },
    Word {
        names: &["proxy_connect_timeout"],
        ours: Some(("site.timeouts", "upstream_connect_timeout")),
        fix: "write `upstream_connect_timeout` in `[site.timeouts]`, such as `\"5s\"`",
    },
    Word {
        names: &["proxy_read_timeout", "ProxyTimeout"],
        ours: Some(("site.timeouts", "response_header_timeout")),
        fix: "write `response_header_timeout` in `[site.timeouts]`, such as `\"60s\"`",
    },
    Word {
        names: &["ProxyWebsocketIdleTimeout", "websocket_timeout", "timeout_tunnel"],
        ours: Some(("site.timeouts", "tunnel_idle_timeout")),
        fix: "write `tunnel_idle_timeout` in `[site.timeouts]`, such as `\"1h\"`",
    },
    Word {
        names: &["upgrade", "websocket", "websockets", "proxy_http_version", "ProxyWebsocketFallbackToProxyHttp"],
        ours: Some(("site", "upgrades")),
        fix: "remove it: WebSocket passes without a word; other protocols by their names in `upgrades`, in `[[site]]` \
              or a `[[site.route]]`, and `[]` there lets none through",
    },
    Word {
        names: &["set_real_ip_from", "RemoteIPProxyProtocol", "accept-proxy"],
        ours: Some(("listener", "proxy_protocol_from")),
        fix: "write `proxy_protocol_from` in a `[[listener]]`, a list of the balancers before it: `[\"10.0.0.0/8\"]`",
    },
    Word {
        names: &[
            "real_ip_header", "RemoteIPHeader", "RemoteIPTrustedProxy", "RemoteIPInternalProxy", "trusted_proxies",
        ],
        ours: Some(("listener", "proxy_protocol_from")),
        fix: "remove it: no header is believed about a client's address; a balancer tells it in the PROXY protocol, \
              if `proxy_protocol_from` in its `[[listener]]` names it",
    },
    Word {
        names: &["send-proxy", "send-proxy-v2", "ProxyProtocol"],
        ours: Some(("upstream", "proxy_protocol")),
        fix: "write `proxy_protocol = \"v2\"` in an `[[upstream]]`",
    },
    Word {
        names: &["http2", "Protocols", "alpn"],
        ours: None,
        fix: "remove it: clients get HTTP/2 and HTTP/1.1, whichever they offer",
    },
    Word {
        names: &["http3", "quic", "http3_hq"],
        ours: None,
        fix: "remove it: HTTP/3 is not spoken; clients get HTTP/2 and HTTP/1.1",
    },
    Word {
        names: &["limit_req", "limit_req_zone", "rate_limit"],
        ours: Some(("site.limits", "requests_per_minute")),
        fix: "write `requests_per_minute` or `requests_per_minute_per_client` in `[site.limits]`, a number",
    },
    Word {
        names: &["limit_conn", "limit_conn_zone"],
        ours: Some(("limits", "connections_per_address_max")),
        fix: "write `connections_per_address_max` in `[limits]` or in a `[[listener]]`, a number",
    },
    Word {
        names: &[
            "large_client_header_buffers", "client_header_buffer_size", "LimitRequestFieldSize",
            "LimitRequestFields", "LimitRequestLine",
        ],
        ours: Some(("site.limits", "header_bytes_max")),
        fix: "write `header_bytes_max`, `header_count_max` or `uri_bytes_max` in `[site.limits]`",
    },
    Word {
        names: &["keepalive_requests", "MaxKeepAliveRequests"],
        ours: Some(("site.limits", "requests_per_connection_max")),
        fix: "write `requests_per_connection_max` in `[site.limits]`, a number",
    },
    Word {
        names: &["proxy_buffering", "proxy_request_buffering", "flush_interval"],
        ours: None,
        fix: "remove it: nothing is collected before it goes on, in either direction",
    },
    Word {
        names: &["proxy_next_upstream", "retries", "retry_on"],
        ours: Some(("upstream", "retry")),
        fix: "write `retry` in an `[[upstream]]`: `\"unsent\"`, or `\"idempotent\"` to send once more what may be \
              done twice",
    },
    Word {
        names: &["resolver"],
        ours: Some(("upstream", "dns_refresh")),
        fix: "remove it: the system's own resolver is asked; `dns_refresh` in `[[upstream]]` says how often",
    },
    Word {
        names: &["reverse_proxy"],
        ours: Some(("site", "upstream")),
        fix: "call it `upstream`, in `[[site]]`",
    },
    Word {
        names: &["redir", "RedirectPermanent"],
        ours: Some(("site.route", "action")),
        fix: "write `action = \"redirect\"` and a `location` in a `[[site.route]]`; from plain HTTP to HTTPS, a \
              `[[listener]]` with `kind = \"http\"`",
    },
    Word {
        names: &["acme_ca", "acme_email", "MDomain", "MDCertificateAgreement", "MDContactEmail"],
        ours: None,
        fix: "remove it: the gateway gets no certificates itself; an ACME client does, and the gateway answers for \
              it: `acme_challenges` in a `[[listener]]` with `kind = \"http\"`, or `acme_tls_certificates` in a \
              `[[site]]`",
    },
    Word {
        names: &["maxconn"],
        ours: Some(("limits", "connections_max")),
        fix: "write `connections_max` in `[limits]`: a number for the whole process",
    },
    Word {
        names: &["worker_processes", "nbthread"],
        ours: Some(("runtime", "workers")),
        fix: "write `workers` in `[runtime]`: `\"auto\"` or a number of threads",
    },
    Word {
        names: &["worker_connections", "MaxRequestWorkers"],
        ours: Some(("limits", "connections_max")),
        fix: "write `connections_max` in `[limits]`: a number for the whole process",
    },
];
