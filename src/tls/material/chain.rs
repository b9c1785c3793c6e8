//! From a heap of certificates to a path: who vouches for whom, and what does not belong.
//!
//! Pure: it decides what a chain is, and `server` says what is wrong with it.

use super::certificate::Certificate;

/// The way up from one certificate through others of the same file, all by their index there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// The end entity, who issued it, who issued that, and so on; never empty.
    pub(super) path: Vec<usize>,
    /// Those that vouch for nothing on the way up.
    pub(super) strangers: Vec<usize>,
}

impl Chain {
    /// Finds the way up from `leaf`.
    pub(super) fn of(certificates: &[Certificate], leaf: usize) -> Self {
        let mut path = vec![leaf];
        let mut top = leaf;
        while let Some(next) = issuer_of(certificates, top, &path) {
            path.push(next);
            top = next;
        }
        let related = related(certificates, leaf);
        let strangers = (0..certificates.len()).filter(|at| !related.contains(at)).collect();
        Self { path, strangers }
    }

    /// The last certificate on the way up.
    pub(super) fn top(&self) -> usize {
        self.path.last().copied().unwrap_or_default()
    }

    /// Whether the file has them in this order, as TLS 1.2 wants it (RFC 5246, section 7.4.2).
    pub(super) fn is_in_order(&self) -> bool {
        self.path.first() == Some(&0) && self.path.is_sorted()
    }
}

/// The first in the file that issued `top` and is not on the path yet.
fn issuer_of(certificates: &[Certificate], top: usize, path: &[usize]) -> Option<usize> {
    let subject = &certificates[top];
    if subject.is_self_signed() {
        return None;
    }
    (0..certificates.len())
        .find(|at| !path.contains(at) && subject.is_issued_by(&certificates[*at]))
}

/// Everything that vouches for `leaf` in any way: cross-signed intermediates come in pairs.
fn related(certificates: &[Certificate], leaf: usize) -> Vec<usize> {
    let mut related = vec![leaf];
    let mut next = 0;
    while let Some(&subject) = related.get(next) {
        for at in 0..certificates.len() {
            if !related.contains(&at) && certificates[subject].is_issued_by(&certificates[at]) {
                related.push(at);
            }
        }
        next += 1;
    }
    related
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Authority;

    fn read(der: &rustls::pki_types::CertificateDer<'static>) -> Certificate {
        Certificate::read(der.clone()).unwrap()
    }

    #[test]
    fn the_way_up_is_found_in_any_order() {
        let root = Authority::root("Root").unwrap();
        let issuing = root.intermediate("Issuing").authority().unwrap();
        let leaf = issuing.server(["a.example"]).issue().unwrap();
        let all = [read(root.der()), read(leaf.der()), read(issuing.der())];
        let chain = Chain::of(&all, 1);
        assert_eq!(chain.path, [1, 2, 0]);
        assert!(chain.strangers.is_empty());
        assert!(!chain.is_in_order());
    }

    #[test]
    fn a_name_alone_makes_no_issuer() {
        let root = Authority::root("Root").unwrap();
        let namesake = Authority::root("Root").unwrap();
        let leaf = root.server(["a.example"]).issue().unwrap();
        let all = [read(leaf.der()), read(namesake.der())];
        let chain = Chain::of(&all, 0);
        assert_eq!(chain.path, [0]);
        assert_eq!(chain.strangers, [1]);
    }

    #[test]
    fn strangers_are_told_from_the_chain() {
        let root = Authority::root("Root").unwrap();
        let other = Authority::root("Other").unwrap();
        let leaf = root.server(["a.example"]).issue().unwrap();
        let all = [read(leaf.der()), read(other.der()), read(root.der())];
        let chain = Chain::of(&all, 0);
        assert_eq!(chain.path, [0, 2]);
        assert_eq!(chain.strangers, [1]);
        assert!(chain.is_in_order());
    }
}
