//! Every table and key that `gateway.toml` may hold, once.
//!
//! The reader takes defaults and suggestions from here; the shipped `gateway.toml` and the manual are
//! compared with it by tests. A key that is not in this table is an unknown key.

use std::iter;

/// One table of the file.
#[derive(Debug)]
pub struct TableSpec {
    /// Dotted path, `site.timeouts`; empty for the top of the file.
    pub path: &'static str,
    /// Whether it is written `[[so]]` and may stand several times.
    pub many: bool,
}

/// One key of the file.
#[derive(Debug)]
pub struct Key {
    /// The path of its table.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What holds when nobody writes it.
    pub unset: Unset,
}

/// What holds when a key is not written.
#[derive(Debug)]
pub enum Unset {
    /// This value, as TOML writes it.
    Default(&'static str),
    /// Nothing: the key has to be written, for example so.
    Required(&'static str),
    /// Nothing, which is fine; written, it looks for example so.
    Optional(&'static str),
}

use Unset::{Default, Optional, Required};

/// All tables, parents first.
pub const TABLES: &[TableSpec] = &[
    TableSpec { path: "", many: false },
    TableSpec { path: "listener", many: true },
    TableSpec { path: "site", many: true },
    TableSpec { path: "site.client", many: false },
    TableSpec { path: "site.client.allow", many: true },
    TableSpec { path: "site.client.deny", many: true },
    TableSpec { path: "site.route", many: true },
    TableSpec { path: "site.route.allow", many: true },
    TableSpec { path: "site.answers", many: false },
    TableSpec { path: "site.identity_headers", many: false },
    TableSpec { path: "site.tls", many: false },
    TableSpec { path: "site.timeouts", many: false },
    TableSpec { path: "site.limits", many: false },
    TableSpec { path: "upstream", many: true },
    TableSpec { path: "upstream.tls", many: false },
    TableSpec { path: "access_log", many: false },
    TableSpec { path: "admin", many: false },
    TableSpec { path: "limits", many: false },
    TableSpec { path: "log", many: false },
    TableSpec { path: "runtime", many: false },
    TableSpec { path: "warnings", many: false },
];

/// All keys, by table.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    Key { table: "listener", name: "address", unset: Required(r#""0.0.0.0:443""#) },
    Key { table: "listener", name: "kind", unset: Default(r#""https""#) },
    Key { table: "listener", name: "proxy_protocol_from", unset: Optional(r#"["10.0.0.0/8", "::1"]"#) },
    Key { table: "listener", name: "connections_max", unset: Default(r#""unlimited""#) },
    Key { table: "listener", name: "connections_per_address_max", unset: Default(r#""unlimited""#) },
    Key { table: "listener", name: "handshakes_max", unset: Default(r#""unlimited""#) },
    Key { table: "listener", name: "redirect_port", unset: Optional("443") },
    Key { table: "listener", name: "acme_challenges", unset: Optional(r#""/var/lib/acme/challenges""#) },

    Key { table: "site", name: "server_names", unset: Required(r#"["www.example.com"]"#) },
    Key { table: "site", name: "certificate", unset: Required(r#""www.example.com.crt""#) },
    Key { table: "site", name: "private_key", unset: Required(r#""www.example.com.key""#) },
    Key { table: "site", name: "private_key_passphrase_file", unset: Optional(r#""www.example.com.pass""#) },
    Key { table: "site", name: "client_ca", unset: Required(r#""ca/TencentQQAuthCA.crt""#) },
    Key { table: "site", name: "upstream", unset: Required(r#""http://127.0.0.1:8080""#) },
    Key { table: "site", name: "allow_plaintext_upstream", unset: Default("false") },
    Key { table: "site", name: "acme_tls_certificates", unset: Optional(r#""/var/lib/dehydrated/alpn-certs""#) },
    Key { table: "site", name: "encoded_slashes", unset: Default(r#""refuse""#) },
    Key { table: "site", name: "upgrades", unset: Default(r#"["websocket"]"#) },

    Key { table: "site.client", name: "mode", unset: Default(r#""require""#) },
    Key { table: "site.client", name: "refused", unset: Default(r#""alert""#) },
    Key { table: "site.client", name: "pinned_spki_sha256", unset: Optional(r#"["60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"]"#) },
    Key { table: "site.client", name: "extended_key_usage", unset: Default(r#""if_present""#) },
    Key { table: "site.client", name: "chain_depth_max", unset: Default("5") },
    Key { table: "site.client", name: "partial_chain", unset: Default("false") },
    Key { table: "site.client", name: "accept_legacy", unset: Default("[]") },
    Key { table: "site.client", name: "ca_hints", unset: Default(r#""all""#) },
    Key { table: "site.client", name: "crl", unset: Optional(r#""ca/clients.crl""#) },
    Key { table: "site.client", name: "crl_check", unset: Default(r#""leaf""#) },
    Key { table: "site.client", name: "crl_missing", unset: Default(r#""deny""#) },
    Key { table: "site.client", name: "crl_expired", unset: Default(r#""deny""#) },

    Key { table: "site.client.allow", name: "san_dns", unset: Optional(r#""client.example.com""#) },
    Key { table: "site.client.allow", name: "san_uri", unset: Optional(r#""spiffe://example.com/ns/*/sa/pay""#) },
    Key { table: "site.client.allow", name: "san_email", unset: Optional(r#""*@example.com""#) },
    Key { table: "site.client.allow", name: "san_ip", unset: Optional(r#""192.0.2.0/24""#) },
    Key { table: "site.client.allow", name: "subject_cn", unset: Optional(r#""Example Client""#) },
    Key { table: "site.client.allow", name: "subject_o", unset: Optional(r#""Example""#) },
    Key { table: "site.client.allow", name: "subject_ou", unset: Optional(r#""Webhooks""#) },
    Key { table: "site.client.allow", name: "issuer_cn", unset: Optional(r#""Example CA""#) },
    Key { table: "site.client.allow", name: "issuer_dn", unset: Optional(r#""CN=Example CA,O=Example""#) },
    Key { table: "site.client.allow", name: "serial", unset: Optional(r#""01A3F5""#) },
    Key { table: "site.client.allow", name: "fingerprint_sha256", unset: Optional(r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#) },
    Key { table: "site.client.allow", name: "spki_sha256", unset: Optional(r#""60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752""#) },

    Key { table: "site.client.deny", name: "san_dns", unset: Optional(r#""client.example.com""#) },
    Key { table: "site.client.deny", name: "san_uri", unset: Optional(r#""spiffe://example.com/ns/*/sa/pay""#) },
    Key { table: "site.client.deny", name: "san_email", unset: Optional(r#""*@example.com""#) },
    Key { table: "site.client.deny", name: "san_ip", unset: Optional(r#""192.0.2.0/24""#) },
    Key { table: "site.client.deny", name: "subject_cn", unset: Optional(r#""Example Client""#) },
    Key { table: "site.client.deny", name: "subject_o", unset: Optional(r#""Example""#) },
    Key { table: "site.client.deny", name: "subject_ou", unset: Optional(r#""Webhooks""#) },
    Key { table: "site.client.deny", name: "issuer_cn", unset: Optional(r#""Example CA""#) },
    Key { table: "site.client.deny", name: "issuer_dn", unset: Optional(r#""CN=Example CA,O=Example""#) },
    Key { table: "site.client.deny", name: "serial", unset: Optional(r#""01A3F5""#) },
    Key { table: "site.client.deny", name: "fingerprint_sha256", unset: Optional(r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#) },
    Key { table: "site.client.deny", name: "spki_sha256", unset: Optional(r#""60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752""#) },

    Key { table: "site.route", name: "path", unset: Optional(r#""/callback""#) },
    Key { table: "site.route", name: "path_prefix", unset: Optional(r#""/api""#) },
    Key { table: "site.route", name: "methods", unset: Optional(r#"["POST"]"#) },
    Key { table: "site.route", name: "mode", unset: Optional(r#""require""#) },
    Key { table: "site.route", name: "action", unset: Default(r#""proxy""#) },
    Key { table: "site.route", name: "upstream", unset: Optional(r#""http://127.0.0.1:9000""#) },
    Key { table: "site.route", name: "path_rewrite", unset: Optional(r#""/v2""#) },
    Key { table: "site.route", name: "request_headers_remove", unset: Optional(r#"["Authorization"]"#) },
    Key { table: "site.route", name: "request_headers_set", unset: Optional(r#"["X-Route: callback"]"#) },
    Key { table: "site.route", name: "response_headers_remove", unset: Optional(r#"["Server"]"#) },
    Key { table: "site.route", name: "response_headers_set", unset: Optional(r#"["Cache-Control: no-store"]"#) },
    Key { table: "site.route", name: "body_bytes_max", unset: Optional(r#""1MiB""#) },
    Key { table: "site.route", name: "body_rate_min", unset: Optional(r#""1KiB""#) },
    Key { table: "site.route", name: "body_idle_timeout", unset: Optional(r#""30s""#) },
    Key { table: "site.route", name: "response_header_timeout", unset: Optional(r#""60s""#) },
    Key { table: "site.route", name: "exchange_timeout", unset: Optional(r#""5m""#) },
    Key { table: "site.route", name: "upgrades", unset: Optional(r#"[]"#) },
    Key { table: "site.route", name: "status", unset: Optional("404") },
    Key { table: "site.route", name: "content_type", unset: Optional(r#""application/json""#) },
    Key { table: "site.route", name: "body", unset: Optional(r#"'{"request_id":"$request_id"}'"#) },
    Key { table: "site.route", name: "location", unset: Optional(r#""https://www.example.com$path""#) },

    Key { table: "site.route.allow", name: "san_dns", unset: Optional(r#""client.example.com""#) },
    Key { table: "site.route.allow", name: "san_uri", unset: Optional(r#""spiffe://example.com/ns/*/sa/pay""#) },
    Key { table: "site.route.allow", name: "san_email", unset: Optional(r#""*@example.com""#) },
    Key { table: "site.route.allow", name: "san_ip", unset: Optional(r#""192.0.2.0/24""#) },
    Key { table: "site.route.allow", name: "subject_cn", unset: Optional(r#""Example Client""#) },
    Key { table: "site.route.allow", name: "subject_o", unset: Optional(r#""Example""#) },
    Key { table: "site.route.allow", name: "subject_ou", unset: Optional(r#""Webhooks""#) },
    Key { table: "site.route.allow", name: "issuer_cn", unset: Optional(r#""Example CA""#) },
    Key { table: "site.route.allow", name: "issuer_dn", unset: Optional(r#""CN=Example CA,O=Example""#) },
    Key { table: "site.route.allow", name: "serial", unset: Optional(r#""01A3F5""#) },
    Key { table: "site.route.allow", name: "fingerprint_sha256", unset: Optional(r#""9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""#) },
    Key { table: "site.route.allow", name: "spki_sha256", unset: Optional(r#""60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752""#) },

    Key { table: "site.answers", name: "body", unset: Optional(r#"'{"ErrorCode":$status,"ErrorInfo":"$message","RequestId":"$request_id"}'"#) },
    Key { table: "site.answers", name: "content_type", unset: Default(r#""application/json""#) },
    Key { table: "site.answers", name: "status", unset: Default(r#""own""#) },

    Key { table: "site.identity_headers", name: "formats", unset: Default(r#"["x_ssl"]"#) },
    Key { table: "site.identity_headers", name: "bytes_max", unset: Default(r#""16KiB""#) },

    Key { table: "site.tls", name: "version_min", unset: Default(r#""1.2""#) },
    Key { table: "site.tls", name: "resumption", unset: Default(r#""on""#) },
    Key { table: "site.tls", name: "session_lifetime", unset: Default(r#""5m""#) },

    Key { table: "site.timeouts", name: "header_timeout", unset: Default(r#""10s""#) },
    Key { table: "site.timeouts", name: "idle_timeout", unset: Default(r#""90s""#) },
    Key { table: "site.timeouts", name: "body_idle_timeout", unset: Default(r#""30s""#) },
    Key { table: "site.timeouts", name: "body_rate_grace", unset: Default(r#""60s""#) },
    Key { table: "site.timeouts", name: "upstream_connect_timeout", unset: Default(r#""5s""#) },
    Key { table: "site.timeouts", name: "response_header_timeout", unset: Default(r#""60s""#) },
    Key { table: "site.timeouts", name: "exchange_timeout", unset: Default(r#""none""#) },
    Key { table: "site.timeouts", name: "tunnel_idle_timeout", unset: Default(r#""10m""#) },
    Key { table: "site.timeouts", name: "untrusted_exchange_timeout", unset: Default(r#""10s""#) },
    Key { table: "site.timeouts", name: "upstream_idle_timeout", unset: Default(r#""1s""#) },
    Key { table: "site.timeouts", name: "hold_timeout", unset: Default(r#""none""#) },
    Key { table: "site.timeouts", name: "callback_budget", unset: Default(r#""none""#) },

    Key { table: "site.limits", name: "header_bytes_max", unset: Default(r#""32KiB""#) },
    Key { table: "site.limits", name: "header_count_max", unset: Default("100") },
    Key { table: "site.limits", name: "body_bytes_max", unset: Default(r#""unlimited""#) },
    Key { table: "site.limits", name: "body_rate_min", unset: Default(r#""240B""#) },
    Key { table: "site.limits", name: "uri_bytes_max", unset: Default(r#""8KiB""#) },
    Key { table: "site.limits", name: "streams_max", unset: Default("128") },
    Key { table: "site.limits", name: "control_frames_per_second", unset: Default("5000") },
    Key { table: "site.limits", name: "requests_per_connection_max", unset: Default(r#""unlimited""#) },
    Key { table: "site.limits", name: "requests_per_minute", unset: Default(r#""unlimited""#) },
    Key { table: "site.limits", name: "requests_per_minute_per_client", unset: Default(r#""unlimited""#) },
    Key { table: "site.limits", name: "sessions_max", unset: Default("4096") },
    Key { table: "site.limits", name: "upstream_idle_max", unset: Default("256") },
    Key { table: "site.limits", name: "held_requests_max", unset: Default("1000") },

    Key { table: "upstream", name: "name", unset: Required(r#""app""#) },
    Key { table: "upstream", name: "endpoints", unset: Required(r#"["http://127.0.0.1:8080", "http://127.0.0.1:8081 weight=2", "unix:/run/app.sock backup"]"#) },
    Key { table: "upstream", name: "balance", unset: Default(r#""least_connections""#) },
    Key { table: "upstream", name: "connections_max", unset: Default(r#""unlimited""#) },
    Key { table: "upstream", name: "failures_max", unset: Default("3") },
    Key { table: "upstream", name: "ejection_time", unset: Default(r#""10s""#) },
    Key { table: "upstream", name: "slow_start", unset: Default(r#""none""#) },
    Key { table: "upstream", name: "retry", unset: Default(r#""unsent""#) },
    Key { table: "upstream", name: "dns_refresh", unset: Default(r#""30s""#) },
    Key { table: "upstream", name: "proxy_protocol", unset: Default(r#""off""#) },
    Key { table: "upstream", name: "health_check_path", unset: Optional(r#""/health""#) },
    Key { table: "upstream", name: "health_check_interval", unset: Default(r#""5s""#) },
    Key { table: "upstream", name: "health_check_timeout", unset: Default(r#""2s""#) },

    Key { table: "upstream.tls", name: "ca", unset: Default(r#""public""#) },
    Key { table: "upstream.tls", name: "server_name", unset: Optional(r#""app.internal""#) },
    Key { table: "upstream.tls", name: "certificate", unset: Optional(r#""gateway.crt""#) },
    Key { table: "upstream.tls", name: "private_key", unset: Optional(r#""gateway.key""#) },
    Key { table: "upstream.tls", name: "private_key_passphrase_file", unset: Optional(r#""gateway.pass""#) },

    Key { table: "access_log", name: "target", unset: Default(r#""stderr""#) },
    Key { table: "access_log", name: "format", unset: Optional(r#""pattern""#) },
    Key { table: "access_log", name: "pattern", unset: Optional(r#"'$peer_address "$method $path" $status $total_ms'"#) },
    Key { table: "access_log", name: "queue_lines_max", unset: Default("8192") },

    Key { table: "admin", name: "address", unset: Optional(r#""127.0.0.1:9443""#) },
    Key { table: "admin", name: "socket", unset: Optional(r#""/run/mtls-gateway/admin.sock""#) },
    Key { table: "admin", name: "allow_remote", unset: Default("false") },

    Key { table: "limits", name: "connections_max", unset: Default("10000") },
    Key { table: "limits", name: "connections_per_address_max", unset: Default(r#""unlimited""#) },
    Key { table: "limits", name: "handshakes_max", unset: Default("1000") },
    Key { table: "limits", name: "handshake_timeout", unset: Default(r#""10s""#) },
    Key { table: "limits", name: "requests_max", unset: Default(r#""unlimited""#) },

    Key { table: "log", name: "format", unset: Default(r#""text""#) },
    Key { table: "log", name: "level", unset: Default(r#""info""#) },
    Key { table: "log", name: "refusals_per_minute", unset: Default("10") },

    Key { table: "runtime", name: "workers", unset: Default(r#""auto""#) },
    Key { table: "runtime", name: "drain_timeout", unset: Default(r#""30s""#) },
    Key { table: "runtime", name: "watch", unset: Default("true") },
    Key { table: "runtime", name: "sandbox", unset: Default(r#""auto""#) },
    Key { table: "runtime", name: "core_dumps", unset: Default("false") },
    Key { table: "runtime", name: "control_socket", unset: Optional(r#""/run/mtls-gateway/control.sock""#) },

    Key { table: "warnings", name: "expiry_days", unset: Default("[30, 14, 7, 1]") },
];

impl Unset {
    /// The default or example, as TOML.
    pub fn text(&self) -> &'static str {
        let (Default(text) | Required(text) | Optional(text)) = self;
        text
    }
}

impl TableSpec {
    /// As the file writes it: `[site.tls]`, `[[site]]`; `the top table` for the top.
    pub fn header(&self) -> String {
        match (self.path, self.many) {
            ("", _) => "the top table".to_owned(),
            (path, true) => format!("[[{path}]]"),
            (path, false) => format!("[{path}]"),
        }
    }

    /// The path of the table that this one stands in.
    pub fn parent(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(parent, _)| parent)
    }

    /// The last part of its path.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }
}

/// The table of a path, if there is one.
pub fn table(path: &str) -> Option<&'static TableSpec> {
    TABLES.iter().find(|table| table.path == path)
}

/// The tables that stand directly in the table of this path.
pub fn tables_in(path: &str) -> impl Iterator<Item = &'static TableSpec> {
    TABLES.iter().filter(move |table| table.parent() == path && !table.path.is_empty())
}

/// The tables that no file can do without.
pub fn needed() -> impl Iterator<Item = &'static TableSpec> {
    ["listener", "site"].into_iter().filter_map(table)
}

/// The keys of the table of this path.
pub fn keys_in(path: &str) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.table == path)
}

/// The smallest table that will do: its header and its required keys, each with an example. Where
/// none is required, the first key shows what could be.
pub fn smallest(table: &TableSpec) -> String {
    let required = keys_in(table.path).filter(|key| matches!(key.unset, Required(_)));
    let mut keys: Vec<_> = required.collect();
    if keys.is_empty() {
        keys.extend(keys_in(table.path).next());
    }
    let lines = keys.iter().map(|key| format!("{} = {}", key.name, key.unset.text()));
    iter::once(table.header()).chain(lines).collect::<Vec<_>>().join("\n")
}
