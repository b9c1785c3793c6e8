//! What is counted of one site. Each label has few values, known beforehand, so that a count is a place in an array.

use http::Method;

use super::{Counter, Histogram, Lengths};
use crate::observe::{CHANGES, Change};

/// The methods that are told apart; what a client makes up is `other`.
pub const METHODS: [&str; 8] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"];

/// The classes of status; `none` is a client that went away before there was one.
pub const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The TLS versions.
pub const VERSIONS: [&str; 2] = ["1.2", "1.3"];

/// The key exchanges; `none` is a session of TLS 1.2 that was resumed without one.
pub const GROUPS: [&str; 7] =
    ["X25519MLKEM768", "SecP256r1MLKEM768", "x25519", "secp256r1", "secp384r1", "other", "none"];

/// Handshakes by version, group and whether a session was resumed.
type Handshakes<T> = [[[T; 2]; GROUPS.len()]; VERSIONS.len()];

/// Exchanges by method and class of status.
type Requests<T> = [[T; CLASSES.len()]; METHODS.len()];

/// What one worker counts of one site.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct SiteCounters {
    handshakes: Handshakes<Counter>,
    requests: Requests<Counter>,
    changes: [Counter; CHANGES.len()],
    /// Bytes of bodies, from clients.
    pub request_bytes: Counter,
    /// Bytes of bodies, to clients.
    pub response_bytes: Counter,
    /// From accepting a connection to its verified client.
    pub handshake: Histogram,
    /// From the head of a request to the head of its response.
    pub first_byte: Histogram,
    /// From the head of a request to the end of its exchange.
    pub exchange: Histogram,
}

impl SiteCounters {
    /// Counts a handshake that ended well; `version` as log lines show it.
    pub fn shaken(&self, version: &str, group: Option<&str>, is_resumed: bool) {
        let version = usize::from(version.ends_with("1.3"));
        let other = GROUPS.len() - 2;
        let group = match group {
            Some(group) => GROUPS.iter().position(|known| *known == group).unwrap_or(other),
            None => GROUPS.len() - 1,
        };
        self.handshakes[version][group][usize::from(is_resumed)].add(1);
    }

    /// Counts what was different of a client that was seen before.
    pub fn changed(&self, changes: &[Change]) {
        changes.iter().for_each(|change| self.changes[*change as usize].add(1));
    }

    /// Counts an exchange that is over; status 0 is none.
    pub fn answered(&self, method: &Method, status: u16) {
        let method = match *method {
            Method::GET => 0,
            Method::HEAD => 1,
            Method::POST => 2,
            Method::PUT => 3,
            Method::PATCH => 4,
            Method::DELETE => 5,
            Method::OPTIONS => 6,
            _ => 7,
        };
        // Three digits of which hyper lets the first be up to 9.
        let class = usize::from(status / 100).min(CLASSES.len() - 1);
        self.requests[method][class].add(1);
    }

    /// Adds what was counted to a total.
    pub(super) fn add_to(&self, total: &mut SiteTotals) {
        let handshakes = self.handshakes.iter().flatten().flatten();
        for (total, own) in total.handshakes.iter_mut().flatten().flatten().zip(handshakes) {
            *total += own.total();
        }
        let requests = self.requests.iter().flatten();
        for (total, own) in total.requests.iter_mut().flatten().zip(requests) {
            *total += own.total();
        }
        for (total, own) in total.changes.iter_mut().zip(&self.changes) {
            *total += own.total();
        }
        total.request_bytes += self.request_bytes.total();
        total.response_bytes += self.response_bytes.total();
        self.handshake.add_to(&mut total.handshake);
        self.first_byte.add_to(&mut total.first_byte);
        self.exchange.add_to(&mut total.exchange);
    }
}

/// What all workers have counted of one site.
#[derive(Clone, Debug, Default)]
pub struct SiteTotals {
    /// By the places in [`VERSIONS`] and [`GROUPS`], then 1 for resumed.
    pub handshakes: Handshakes<u64>,
    /// By the places in [`METHODS`] and [`CLASSES`].
    pub requests: Requests<u64>,
    /// Changes of clients' certificates, by the places in [`CHANGES`].
    pub changes: [u64; CHANGES.len()],
    /// Bytes of bodies, from clients.
    pub request_bytes: u64,
    /// Bytes of bodies, to clients.
    pub response_bytes: u64,
    /// From accepting a connection to its verified client.
    pub handshake: Lengths,
    /// From the head of a request to the head of its response.
    pub first_byte: Lengths,
    /// From the head of a request to the end of its exchange.
    pub exchange: Lengths,
}

impl SiteTotals {
    /// Exchanges of every kind.
    pub fn requests_all(&self) -> u64 {
        self.requests.iter().flatten().sum()
    }

    /// Exchanges of one class of status, by its place in [`CLASSES`].
    pub fn requests_of(&self, class: usize) -> u64 {
        self.requests.iter().filter_map(|classes| classes.get(class)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_counted_in_its_own_place() {
        for (place, name) in METHODS.iter().enumerate() {
            let site = SiteCounters::default();
            let method = if *name == "other" { "BREW" } else { name };
            site.answered(&Method::from_bytes(method.as_bytes()).unwrap(), 204);
            let mut total = SiteTotals::default();
            site.add_to(&mut total);
            assert_eq!((total.requests[place][2], total.requests_all()), (1, 1), "{name}");
        }
    }

    #[test]
    fn every_change_is_counted_in_its_own_place() {
        for (place, change) in CHANGES.into_iter().enumerate() {
            assert_eq!(change as usize, place, "{}", change.as_str());
        }
    }

    #[test]
    fn what_no_list_has_is_counted_all_the_same() {
        let site = SiteCounters::default();
        site.answered(&Method::GET, 0);
        site.answered(&Method::GET, 999);
        site.shaken("TLS 1.2", None, true);
        site.shaken("TLS 1.3", Some("ffdhe2048"), false);
        let mut total = SiteTotals::default();
        site.add_to(&mut total);
        assert_eq!((total.requests_of(0), total.requests_of(5)), (1, 1));
        assert_eq!((total.handshakes[0][6][1], total.handshakes[1][5][0]), (1, 1));
    }
}
