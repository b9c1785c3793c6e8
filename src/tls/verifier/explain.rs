//! From webpki's error to a reason and a sentence that names the certificate to blame.
//!
//! webpki says what was wrong somewhere; which certificate it was, and what would have been right, is
//! found by looking at the presented certificates beside the dates and keys that are known. What is not
//! a matter of one certificate, but of the way to a CA, is told by [`nearest`](super::nearest).

use std::cell::RefCell;
use std::collections::HashMap;

use rustls::pki_types::CertificateDer;

use crate::config::Legacy;
use crate::identity::{Claims, timestamp_text};
use crate::policy::{Reason, Refusal};

use super::super::algorithms::Algorithms;
use super::super::material::{Certificate, Signature, key_flaw};
use super::anchors::Anchors;
use super::{nearest, seconds, usage};

/// How many presented certificates are looked at for a message.
const LOOKED_AT_MAX: usize = 16;

/// How many signatures are checked for a message, which any stranger can ask for.
const SIGNATURES_MAX: usize = 24;

/// SHA-256 of a certificate, and of the one that may have signed it.
type Pair = ([u8; 32], [u8; 32]);

/// All that is known when a certificate was refused.
pub(super) struct Scene<'a> {
    /// The client's own certificate.
    pub(super) own: Certificate,
    /// What it sent besides.
    pub(super) sent: Vec<Certificate>,
    pub(super) anchors: &'a Anchors,
    pub(super) helpers: &'a [Certificate],
    pub(super) algorithms: Algorithms,
    /// Unix time.
    pub(super) now: i64,
    /// Signatures that were checked: of whom, by whom.
    checked: RefCell<HashMap<Pair, Signature>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        end_entity: &CertificateDer<'_>,
        claims: Claims,
        intermediates: &[CertificateDer<'_>],
        anchors: &'a Anchors,
        helpers: &'a [Certificate],
        algorithms: Algorithms,
        now: i64,
    ) -> Self {
        let der = end_entity.clone().into_owned();
        let sent = intermediates.iter().take(LOOKED_AT_MAX);
        Self {
            own: Certificate { der, claims },
            sent: sent.filter_map(|der| Certificate::read(der.clone().into_owned()).ok()).collect(),
            anchors,
            helpers,
            algorithms,
            now,
            checked: RefCell::default(),
        }
    }

    /// Whether `issuer` signed `certificate`, checked once. Words are not worth much work: what is beyond the
    /// first few signatures counts as wrong.
    pub(super) fn signature(&self, certificate: &Certificate, issuer: &Certificate) -> Signature {
        let mut checked = self.checked.borrow_mut();
        let pair = (certificate.claims.sha256, issuer.claims.sha256);
        if let Some(known) = checked.get(&pair) {
            return *known;
        }
        if checked.len() >= SIGNATURES_MAX {
            return Signature::Wrong;
        }
        let signature = certificate.signature_under(issuer, self.algorithms);
        checked.insert(pair, signature);
        signature
    }

    /// The certificates that clients and operator provided, the client's own first.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.own).chain(&self.sent).chain(self.helpers)
    }

    /// How a sentence about one of them goes on after "presented".
    pub(super) fn who(&self, certificate: &Certificate) -> String {
        if certificate.der == self.own.der {
            "a certificate that".to_owned()
        } else {
            format!("a chain whose CA `{}`", certificate.claims.subject)
        }
    }

    /// One of them as an object: "presented ... issued by".
    pub(super) fn what(&self, certificate: &Certificate) -> String {
        if certificate.der == self.own.der {
            "a certificate".to_owned()
        } else {
            format!("a chain with the CA `{}`,", certificate.claims.subject)
        }
    }

    /// A configured CA with the file that it stands in, for an advice.
    pub(super) fn where_is(&self, anchor: &Certificate) -> String {
        let subject = &anchor.claims.subject;
        match self.anchors.file_of(anchor) {
            Some(file) => format!("`{subject}` in `{}`", file.display()),
            None => format!("`{subject}`"),
        }
    }

    fn find(&self, is_meant: impl Fn(&Claims) -> bool) -> Option<&Certificate> {
        self.certificates().find(|certificate| is_meant(&certificate.claims))
    }
}

/// The reason and the sentence for what webpki found wrong.
pub(super) fn explain(error: &webpki::Error, scene: &Scene<'_>) -> Refusal {
    use webpki::Error as E;
    let claims = &scene.own.claims;
    match error {
        E::UnknownIssuer | E::InvalidSignatureForPublicKey => nearest::explain_break(scene),
        // Self-signed certificates mostly call themselves CAs; that one is not ours is the reason.
        E::CaUsedAsEndEntity if claims.is_self_issued() && !is_anchor(scene) => {
            nearest::explain_break(scene)
        }
        E::CaUsedAsEndEntity => {
            Refusal::new(Reason::WrongUsage, "presented the certificate of a CA as its own")
                .advising("give the client a certificate of its own, which the CA has issued to it")
        }
        E::EndEntityUsedAsCa => Refusal::new(
            Reason::WrongUsage,
            "presented a chain in which a certificate that is no CA issued another",
        ),
        E::CertExpired { not_after, .. } => {
            let not_after = seconds(*not_after);
            let blamed = scene.find(|claims| claims.not_after == not_after);
            expired(scene, blamed.unwrap_or(&scene.own))
        }
        E::CertNotValidYet { not_before, .. } => {
            let not_before = seconds(*not_before);
            let blamed = scene.find(|claims| claims.not_before == not_before);
            not_yet_valid(scene, blamed.unwrap_or(&scene.own))
        }
        E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            let is_for_others = |claims: &Claims| claims.usage.is_for_clients() == Some(false);
            let blamed = scene.find(is_for_others).unwrap_or(&scene.own);
            usage::not_for_clients(&blamed.claims, blamed.der == scene.own.der)
        }
        E::NameConstraintViolation | E::MalformedNameConstraint | E::UnsupportedNameType => {
            Refusal::new(
                Reason::NameConstraint,
                "presented a certificate with a name that a CA of its chain may not vouch for",
            )
        }
        E::PathLenConstraintViolated => Refusal::new(
            Reason::PathLength,
            "presented a chain with more intermediates than a CA in it allows",
        ),
        E::MaximumPathDepthExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => Refusal::new(
            Reason::ChainTooDeep,
            format!("presented a chain that is longer or wider than is followed: {error:?}"),
        ),
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => unsupported(scene),
        E::SignatureAlgorithmMismatch => Refusal::new(
            Reason::BadSignature,
            "presented a certificate that names two signature algorithms for its one signature",
        ),
        E::UnsupportedCertVersion if scene.find(|claims| claims.version > 3).is_some() => {
            Refusal::new(
                Reason::Malformed,
                "presented a chain with a certificate of a version that X.509 does not have",
            )
        }
        E::UnsupportedCertVersion if claims.version < 3 => old_version(claims),
        E::UnsupportedCertVersion => Refusal::new(
            Reason::OldX509,
            format!(
                "presented a chain with an intermediate of X.509 version 1 or 2 (its own: version {})",
                claims.version
            ),
        ),
        E::UnsupportedCriticalExtension => unknown_critical(scene),
        other => match scene.find(|claims| claims.usage.flaw.is_some()) {
            Some(blamed) => {
                let flaw = blamed.claims.usage.flaw.as_deref().unwrap_or_default();
                let who = scene.who(blamed);
                Refusal::new(Reason::Malformed, format!("presented {who} holds {flaw}"))
            }
            None => Refusal::new(
                Reason::Malformed,
                format!("presented a certificate that cannot be accepted: {other:?}"),
            ),
        },
    }
}

fn is_anchor(scene: &Scene<'_>) -> bool {
    let subject = &scene.own.claims.subject_der;
    let mut anchors = scene.anchors.certificates().iter();
    anchors.any(|anchor| anchor.claims.subject_der == *subject)
}

/// The refusal of a certificate, or of a CA, that ran out.
pub(super) fn expired(scene: &Scene<'_>, blamed: &Certificate) -> Refusal {
    let subject = &blamed.claims.subject;
    let refusal = expired_since(&scene.who(blamed), &blamed.claims, scene.now);
    if scene.anchors.file_of(blamed).is_some() {
        let place = scene.where_is(blamed);
        let advice =
            format!("replace {place} by the CA's renewed certificate, or by its successor's");
        return refusal.advising(advice).nearest(format!("`{subject}`: it has expired"));
    }
    if blamed.der == scene.own.der {
        return refusal;
    }
    refusal.advising(format!(
        "have the client send the renewed certificate of the intermediate `{subject}`, or a chain of the CA's \
         present one"
    ))
}

/// The same of what a sentence calls `who`.
pub(super) fn expired_since(who: &str, claims: &Claims, now: i64) -> Refusal {
    let late = span(now - claims.not_after);
    Refusal::new(Reason::Expired, format!("presented {who} expired {late} ago"))
}

/// The refusal of a certificate, or of a CA, that has not begun.
pub(super) fn not_yet_valid(scene: &Scene<'_>, blamed: &Certificate) -> Refusal {
    let refusal = valid_from(&scene.who(blamed), &blamed.claims, scene.now);
    if scene.anchors.file_of(blamed).is_none() {
        return refusal;
    }
    refusal.nearest(format!("`{}`: it is not valid yet", blamed.claims.subject))
}

/// The same of what a sentence calls `who`.
pub(super) fn valid_from(who: &str, claims: &Claims, now: i64) -> Refusal {
    let sentence = format!(
        "presented {who} becomes valid in {}, at {}, by this machine's clock, which says {}",
        span(claims.not_before - now),
        claims.not_before_text(),
        timestamp_text(now)
    );
    Refusal::new(Reason::NotYetValid, sentence)
}

/// The refusal of a signature that nobody here can or wants to check.
pub(super) fn unsupported(scene: &Scene<'_>) -> Refusal {
    let is_refused = |certificate: &&Certificate| {
        let is_accepted = scene.algorithms.accept_sha1() && certificate.is_signed_with_sha1();
        certificate.is_signed_with_weak_hash() && !is_accepted
    };
    if let Some(weak) = scene.certificates().find(is_refused) {
        let (who, algorithm) = (scene.who(weak), &weak.claims.signature_algorithm);
        let sentence = format!("presented {who} is signed with {algorithm}, which can be forged");
        let refusal = Refusal::new(Reason::UnsupportedAlgorithm, sentence);
        let again = "have the CA issue again with SHA-256";
        return if weak.is_signed_with_sha1() {
            refusal.advising(format!("{again}, or {}", let_pass(Legacy::Sha1)))
        } else {
            refusal.advising(format!("{again}; MD5 cannot be accepted"))
        };
    }
    let mut cas = scene.certificates().skip(1).chain(scene.anchors.certificates());
    let flawed = cas.find_map(|ca| Some((&ca.claims, key_flaw(&ca.claims, scene.algorithms)?)));
    if let Some((ca, flaw)) = flawed {
        let (subject, key) = (&ca.subject, &ca.key);
        let sentence =
            format!("presented a chain whose CA `{subject}` has a key that is {flaw}: {key}");
        return Refusal::new(Reason::UnsupportedAlgorithm, sentence).advising(usage::other_key(ca));
    }
    let (algorithm, key) = (&scene.own.claims.signature_algorithm, &scene.own.claims.key);
    let sentence = format!(
        "presented a chain with a signature or key that is not accepted (its own: {algorithm}, \
         key {key})"
    );
    Refusal::new(Reason::UnsupportedAlgorithm, sentence)
}

/// The refusal of a client's certificate that is older than version 3.
pub(super) fn old_version(claims: &Claims) -> Refusal {
    let version = claims.version;
    Refusal::new(Reason::OldX509, format!("presented an X.509 version {version} certificate"))
}

/// How advice goes on about a word of `accept_legacy`.
pub(super) fn let_pass(word: Legacy) -> String {
    format!("let it pass by `accept_legacy = [\"{}\"]` in `[site.client]`", word.as_str())
}

fn unknown_critical(scene: &Scene<'_>) -> Refusal {
    let blamed = scene.find(|claims| claims.usage.unknown_critical.is_some());
    let blamed = blamed.unwrap_or(&scene.own);
    let number = blamed.claims.usage.unknown_critical.as_deref();
    not_understood(&scene.who(blamed), number.unwrap_or("of an unknown kind"))
}

/// The refusal of a critical extension.
pub(super) fn not_understood(who: &str, number: &str) -> Refusal {
    let sentence = format!(
        "presented {who} holds the critical extension {number}, which is not understood here"
    );
    Refusal::new(Reason::Malformed, sentence)
}

/// A length of time as people say it.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s", seconds.max(0)),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
