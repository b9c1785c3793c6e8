//! The words of nginx, Apache and others, for people who bring a configuration along.
//!
//! Each is answered with the key that does the same here, or with why there is none; some by the table in which they
//! stand.

/// What a foreign word is called here.
#[derive(Debug)]
pub(super) struct Word {
    /// Spellings, compared in any letter case.
    names: &'static [&'static str],
    /// Table and key that do the same; an empty key is the table itself.
    pub(super) ours: Option<(&'static str, &'static str)>,
    /// What to do, as a `fix:` line.
    pub(super) fix: &'static str,
}

impl Word {
    fn is_called(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// Looks a word up that may stand anywhere.
pub(super) fn word(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.is_called(name))
}

/// Looks a word up that stands in a table, by its path.
pub(super) fn word_in(table: &str, name: &str) -> Option<&'static Word> {
    let here = LOCAL_WORDS.iter().find(|(home, word)| *home == table && word.is_called(name));
    here.map(|(_, word)| word).or_else(|| word(name))
}

/// Words that mean something else in one table than elsewhere, or something only there.
#[rustfmt::skip]
const LOCAL_WORDS: &[(&str, Word)] = &[
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
    ("runtime", Word {
        names: &["landlock"],
        ours: Some(("runtime", "sandbox")),
        fix: "call it `sandbox`",
    }),
];

#[rustfmt::skip]
const WORDS: &[Word] = &[
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
        fix: "call it `private_key_passphrase_file`, in `[[site]]`: a file with one passphrase, on one line; no program is asked for it",
    },
    Word {
        names: &[
            "private_key_passphrase", "private_key_password", "private_key_password_file", "private_key_pass",
            "key_passphrase", "key_password", "key_passphrase_file", "key_password_file", "passphrase", "passphrase_file",
            "password", "password_file", "ssl_password", "ssl_key_password",
        ],
        ours: Some(("site", "private_key_passphrase_file")),
        fix: "put the passphrase into a file of its own, on one line, and write that file's path as `private_key_passphrase_file`, in `[[site]]`",
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
        fix: "remove it if it says `on` or `require`, which holds without a word; else write `mode = \"optional\"`, or `mode = \"request\"` for `optional_no_ca`, in `[site.client]`",
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
        fix: "write `request_headers_set = [\"Name: value\"]` in a `[[site.route]]`; who the client is, the app is told \
              without being asked",
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
        fix: "write `target = \"/var/log/mtls-gateway/access.log\"` in a table `[access_log]`, which is one for all sites; `format = \"combined\"` there makes the lines that other tools know",
    },
    Word {
        names: &["log_format", "LogFormat"],
        ours: Some(("access_log", "pattern")),
        fix: "write `format = \"pattern\"` and a `pattern` with `$names` in a table `[access_log]`, or `format = \"combined\"`",
    },
    Word {
        names: &["error_log", "ErrorLog"],
        ours: None,
        fix: "remove it: the log goes to the standard error stream, which systemd puts into the journal; `level` in `[log]` says how much",
    },
    Word {
        names: &["LogLevel"],
        ours: Some(("log", "level")),
        fix: "write `level` in `[log]`, such as `\"info\"`",
    },
    Word {
        names: &["ssl", "SSLEngine"],
        ours: None,
        fix: "remove it: every listener speaks TLS",
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
        fix: "remove it: sessions are kept in memory, apart for each site; `resumption = \"off\"` in `[site.tls]` does without them",
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
        fix: "write `header_timeout` in `[site.timeouts]`, such as `\"10s\"`; its `MinRate` of a body is `body_rate_min` in `[site.limits]`",
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
        fix: "remove it: WebSocket passes without a word; other protocols by their names in `upgrades`, in `[[site]]` or a `[[site.route]]`, and `[]` there lets none through",
    },
    Word {
        names: &["worker_processes"],
        ours: Some(("runtime", "workers")),
        fix: "write `workers` in `[runtime]`: `\"auto\"` or a number of threads",
    },
    Word {
        names: &["worker_connections", "MaxRequestWorkers"],
        ours: Some(("limits", "connections_max")),
        fix: "write `connections_max` in `[limits]`: a number for the whole process",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    fn all() -> impl Iterator<Item = &'static Word> {
        WORDS.iter().chain(LOCAL_WORDS.iter().map(|(_, word)| word))
    }

    #[test]
    fn every_word_leads_to_a_key_that_exists() {
        for (table, key) in all().filter_map(|word| word.ours) {
            let exists = keys::table(table).is_some()
                && (key.is_empty() || keys::keys_in(table).any(|known| known.name == key));
            assert!(exists, "{table} {key}");
        }
    }

    #[test]
    fn no_word_is_a_key_of_ours() {
        for name in WORDS.iter().flat_map(|word| word.names) {
            // One is a key in a single table, and somebody else's word in all others.
            let is_key = |key: &keys::Key| key.name == *name && key.table != "access_log";
            assert!(!keys::KEYS.iter().any(is_key), "{name}");
        }
        for (table, word) in LOCAL_WORDS {
            let is_key = |name: &str| keys::keys_in(table).any(|key| key.name == name);
            assert!(!word.names.iter().any(|name| is_key(name)), "{table}: {:?}", word.names);
        }
    }
}
