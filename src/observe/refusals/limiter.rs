//! How many refusals of a kind are told: so many a minute for each source and reason. The others are counted,
//! and the number is told later, never lost.
//!
//! The table is bounded, and nobody can silence another by filling it: when it has no room for one more source,
//! a source shares the limit of its neighbourhood, and only when there is no room for one more of those, that of
//! everyone else. So a flood from one network leaves every other network its own voice.
//!
//! No clock: time is an argument, counted from any fixed moment on.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::policy::Reason;

/// What a limit is for.
const MINUTE: Duration = Duration::from_secs(60);
/// How many pairs of source and reason, and of neighbourhood and reason, have a limit of their own at once.
const SOURCES_MAX: usize = 4096;
const NEIGHBOURHOODS_MAX: usize = 1024;

/// Who shares a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// An IPv4 address, or an IPv6 /64, which is what one subscriber has at least.
    Source(IpAddr),
    /// An IPv4 /16 or an IPv6 /32, which is about what one provider has.
    Neighbourhood(IpAddr),
    /// All that found no room.
    Everyone,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Source(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Self::Neighbourhood(IpAddr::V4(network)) => write!(f, "{network}/16"),
            Self::Neighbourhood(IpAddr::V6(network)) => write!(f, "{network}/32"),
            Self::Everyone => f.write_str("everyone else"),
        }
    }
}

/// Refusals that were not told, and will not be by a later event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Untold {
    pub(super) scope: Scope,
    pub(super) reason: Reason,
    pub(super) count: u64,
}

/// A minute of one scope and reason.
#[derive(Debug)]
struct Window {
    since: Duration,
    told: u32,
    suppressed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Limiter {
    windows: HashMap<(Scope, Reason), Window>,
    /// How many of them are of sources, and of neighbourhoods.
    sources: usize,
    neighbourhoods: usize,
}

impl Limiter {
    /// Whether a refusal is to be told, and then how many like it were not since the last one that was. `limit`
    /// is a minute's; `None` sets none.
    pub(super) fn admit(
        &mut self,
        now: Duration,
        source: IpAddr,
        reason: Reason,
        limit: Option<u32>,
    ) -> Option<u64> {
        let Some(limit) = limit else {
            return Some(0);
        };
        let scope = self.scope(source, reason);
        let fresh = || Window { since: now, told: 0, suppressed: 0 };
        let window = self.windows.entry((scope, reason)).or_insert_with(fresh);
        if now.saturating_sub(window.since) >= MINUTE {
            window.since = now;
            window.told = 0;
        }
        if window.told >= limit {
            window.suppressed = window.suppressed.saturating_add(1);
            return None;
        }
        window.told += 1;
        Some(std::mem::take(&mut window.suppressed))
    }

    /// Forgets the minutes that are over; the answer is what was not told in them.
    pub(super) fn sweep(&mut self, now: Duration) -> Vec<Untold> {
        self.forget(|window| now.saturating_sub(window.since) >= MINUTE)
    }

    /// Forgets everything, likewise.
    pub(super) fn flush(&mut self) -> Vec<Untold> {
        self.forget(|_| true)
    }

    fn forget(&mut self, is_over: impl Fn(&Window) -> bool) -> Vec<Untold> {
        let mut untold = Vec::new();
        for ((scope, reason), window) in self.windows.extract_if(|_, window| is_over(window)) {
            match scope {
                Scope::Source(_) => self.sources -= 1,
                Scope::Neighbourhood(_) => self.neighbourhoods -= 1,
                Scope::Everyone => {}
            }
            if window.suppressed > 0 {
                untold.push(Untold { scope, reason, count: window.suppressed });
            }
        }
        untold
    }

    /// The narrowest scope that a source has a place in, or gets one now.
    fn scope(&mut self, address: IpAddr, reason: Reason) -> Scope {
        // A listener on all IPv6 addresses sees IPv4 clients in IPv6's clothes.
        let address = address.to_canonical();
        let source = Scope::Source(subscriber(address));
        if self.windows.contains_key(&(source, reason)) {
            return source;
        }
        if self.sources < SOURCES_MAX {
            self.sources += 1;
            return source;
        }
        let neighbourhood = Scope::Neighbourhood(network(address, 16, 32));
        if self.windows.contains_key(&(neighbourhood, reason)) {
            return neighbourhood;
        }
        if self.neighbourhoods < NEIGHBOURHOODS_MAX {
            self.neighbourhoods += 1;
            return neighbourhood;
        }
        Scope::Everyone
    }
}

/// Who stands behind an address: that of IPv4 itself, or the /64 of IPv6, which one subscriber has at least. IPv4 in
/// IPv6's clothes is IPv4.
pub fn subscriber(address: IpAddr) -> IpAddr {
    network(address.to_canonical(), 32, 64)
}

/// The network of so many bits that an address is in.
fn network(address: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            Ipv4Addr::from_bits(v4.to_bits() & u32::MAX.unbounded_shl(32 - v4_bits)).into()
        }
        IpAddr::V6(v6) => {
            Ipv6Addr::from_bits(v6.to_bits() & u128::MAX.unbounded_shl(128 - v6_bits)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Duration = Duration::from_secs(1000);
    const REASON: Reason = Reason::UnknownCa;

    fn after(seconds: u64) -> Duration {
        START + Duration::from_secs(seconds)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_not_told_is_told_with_the_next() {
        let mut limiter = Limiter::default();
        let source = ip("192.0.2.7");
        let mut admit = |seconds| limiter.admit(after(seconds), source, REASON, Some(2));
        assert_eq!([admit(0), admit(1)], [Some(0), Some(0)]);
        assert_eq!([admit(2), admit(58), admit(59)], [None, None, None]);
        assert_eq!([admit(60), admit(61), admit(62)], [Some(3), Some(0), None]);
        assert_eq!(admit(200), Some(1));
    }

    #[test]
    fn what_no_other_follows_is_told_when_the_minute_is_over() {
        let mut limiter = Limiter::default();
        let source = ip("2001:db8::1:2:3:4");
        for _ in 0..5 {
            limiter.admit(START, source, REASON, Some(2));
        }
        assert_eq!(limiter.sweep(after(59)), []);
        let scope = Scope::Source(ip("2001:db8::"));
        assert_eq!(limiter.sweep(after(60)), [Untold { scope, reason: REASON, count: 3 }]);
        assert_eq!(scope.to_string(), "2001:db8::/64");
        assert_eq!(limiter.sweep(after(60)), []);
        assert!(limiter.windows.is_empty());
        assert_eq!(limiter.admit(after(60), source, REASON, Some(2)), Some(0));
    }

    #[test]
    fn each_source_and_reason_has_a_limit_of_its_own() {
        let mut limiter = Limiter::default();
        let mut admit =
            |source, reason| limiter.admit(START, ip(source), reason, Some(1)).is_some();
        assert!(admit("192.0.2.7", REASON));
        assert!(!admit("192.0.2.7", REASON));
        assert!(!admit("::ffff:192.0.2.7", REASON));
        assert!(admit("192.0.2.7", Reason::Expired));
        assert!(admit("192.0.2.8", REASON));
        assert!(admit("2001:db8::1", REASON));
        assert!(!admit("2001:db8::ffff:0:0:1", REASON));
        assert!(admit("2001:db8:0:1::1", REASON));
    }

    #[test]
    fn a_flood_of_sources_leaves_other_networks_their_voice() {
        let mut limiter = Limiter::default();
        let mut told = 0;
        for number in 0..1_000_000_u128 {
            let source = Ipv6Addr::from_bits((0x2001_0db8 << 96) | (number << 64));
            told += usize::from(limiter.admit(START, source.into(), REASON, Some(3)).is_some());
        }
        // One each of those that found room, and what the one neighbourhood may.
        assert_eq!(told, SOURCES_MAX + 3);
        assert_eq!(limiter.admit(START, ip("192.0.2.7"), REASON, Some(3)), Some(0));
        assert_eq!(limiter.admit(START, ip("2001:db9::7"), REASON, Some(3)), Some(0));
        // A whole minute later there is room again.
        let untold: u64 = limiter.sweep(after(60)).iter().map(|untold| untold.count).sum();
        assert_eq!(untold, 1_000_000 - SOURCES_MAX as u64 - 3);
        assert_eq!(limiter.windows.len() + limiter.sources + limiter.neighbourhoods, 0);
    }

    #[test]
    fn a_flood_from_everywhere_has_a_ceiling() {
        let mut limiter = Limiter::default();
        let mut told = 0;
        for number in 0..200_000_u32 {
            let source = Ipv4Addr::from_bits(number.wrapping_mul(0x9e37_79b1));
            for _ in 0..3 {
                told += usize::from(limiter.admit(START, source.into(), REASON, Some(2)).is_some());
            }
        }
        assert!(told <= (SOURCES_MAX + NEIGHBOURHOODS_MAX + 1) * 2, "{told}");
        assert!(limiter.windows.len() <= SOURCES_MAX + NEIGHBOURHOODS_MAX + 1);
        let everyone = limiter.flush().into_iter().find(|untold| untold.scope == Scope::Everyone);
        assert_eq!(everyone.map(|untold| untold.scope.to_string()).unwrap(), "everyone else");
    }

    proptest! {
        /// Whatever comes when: each refusal is told or counted, once, and no minute tells more than the limit.
        #[test]
        fn no_refusal_is_lost_and_no_limit_is_passed(
            steps in prop::collection::vec((0..4_u8, 0..20_000_u64, 0..5_u8), 0..400),
            limit in 1..5_u32,
        ) {
            let mut limiter = Limiter::default();
            let (mut now, mut came, mut told, mut accounted) = (START, 0, 0, 0);
            let mut moments: HashMap<u8, Vec<Duration>> = HashMap::new();
            for (source, wait, kind) in steps {
                now += Duration::from_millis(wait);
                if kind == 0 {
                    accounted += limiter.sweep(now).iter().map(|untold| untold.count).sum::<u64>();
                    continue;
                }
                came += 1;
                let address = IpAddr::from([192, 0, 2, source]);
                if let Some(suppressed) = limiter.admit(now, address, REASON, Some(limit)) {
                    told += 1;
                    accounted += suppressed;
                    moments.entry(source).or_default().push(now);
                }
            }
            accounted += limiter.flush().iter().map(|untold| untold.count).sum::<u64>();
            prop_assert_eq!(told + accounted, came);
            for moments in moments.values() {
                // Minutes stand side by side, so two of them may touch within any one.
                for some in moments.windows(2 * limit as usize + 1) {
                    prop_assert!(some[2 * limit as usize] - some[0] >= MINUTE);
                }
            }
        }
    }
}
