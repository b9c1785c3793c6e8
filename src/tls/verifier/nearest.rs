//! Why no path leads to a configured CA: how far the chain goes, and which CA comes nearest.
//!
//! "Unknown issuer" covers a stranger, a forgotten intermediate, a CA with a new key and a CA that ran
//! out; whoever has to mend it needs to know which. So the chain is followed as far as its names and
//! signatures hold, and the place where it breaks is told.

use rustls::pki_types::CertificateDer;

use crate::identity::attributes;
use crate::policy::{Reason, Refusal};

use super::super::material::{Certificate, Signature};
use super::anchors::is_in_force;
use super::explain::{Scene, expired, explain, not_yet_valid, unsupported};

/// How far a chain is followed: beyond what webpki follows.
const STEPS_MAX: usize = 8;

/// The certificates between the client's own and an anchor that is in force, if the signatures lead to one.
pub(super) fn way<'a>(scene: &'a Scene<'_>) -> Option<Vec<CertificateDer<'a>>> {
    let walk = Walk::up(scene);
    let anchor = walk.anchors.iter().find(|ca| walk.is_signed_by(ca))?;
    let between = walk.steps.iter().skip(1);
    let ders = between.map(|step| CertificateDer::from(step.der.as_ref()));
    is_in_force(anchor, scene.now).then(|| ders.collect())
}

/// Tells of the place where the chain breaks.
pub(super) fn explain_break(scene: &Scene<'_>) -> Refusal {
    let walk = Walk::up(scene);
    let top = walk.top();
    if let Some(anchor) = walk.anchors.iter().find(|ca| walk.is_signed_by(ca)) {
        return at_anchor(scene, &walk, anchor);
    }
    if let Err(error) = webpki::EndEntityCert::try_from(&top.der)
        && top.der != scene.own.der
    {
        return explain(&error, scene);
    }
    let mut both = walk.anchors.iter().chain(&walk.others);
    if both.any(|ca| scene.signature(top, ca) == Signature::Unchecked) {
        return unsupported(scene);
    }
    // Those that did sign it were followed already, or the walk would have gone on.
    let other = walk.others.iter().find(|ca| !walk.is_signed_by(ca));
    match (walk.anchors.first(), other) {
        (Some(anchor), _) => key_differs(scene, top, anchor),
        (None, Some(other)) => sent_key_differs(scene, top, other),
        (None, None) if !walk.others.is_empty() => goes_in_a_circle(top),
        (None, None) => stops(scene, top),
    }
}

/// The way up from the client's certificate, as far as names and signatures hold.
struct Walk<'a> {
    /// The client's own certificate, its issuer, and so on.
    steps: Vec<&'a Certificate>,
    /// The configured CAs that bear the name of the last one's issuer.
    anchors: Vec<&'a Certificate>,
    /// The other certificates that do.
    others: Vec<&'a Certificate>,
    scene: &'a Scene<'a>,
}

impl<'a> Walk<'a> {
    fn up(scene: &'a Scene<'_>) -> Self {
        let mut walk =
            Self { steps: vec![&scene.own], anchors: Vec::new(), others: Vec::new(), scene };
        while walk.steps.len() <= STEPS_MAX {
            let top = walk.top();
            walk.anchors = named_as_issuer(scene.anchors.certificates(), top);
            walk.others = named_as_issuer(scene.sent.iter().chain(scene.helpers), top);
            if walk.anchors.iter().any(|ca| walk.is_signed_by(ca)) {
                break;
            }
            let is_next = |ca: &&&Certificate| {
                walk.is_signed_by(ca) && !walk.steps.iter().any(|step| step.der == ca.der)
            };
            match walk.others.iter().find(is_next) {
                Some(next) => walk.steps.push(next),
                None => break,
            }
        }
        walk
    }

    fn top(&self) -> &'a Certificate {
        self.steps[self.steps.len() - 1]
    }

    fn is_signed_by(&self, issuer: &Certificate) -> bool {
        self.scene.signature(self.top(), issuer) == Signature::Right
    }
}

/// Those other certificates whose name `certificate` gives as its issuer's.
fn named_as_issuer<'a>(
    among: impl IntoIterator<Item = &'a Certificate>,
    certificate: &Certificate,
) -> Vec<&'a Certificate> {
    let issuer = &certificate.claims.issuer_der;
    among
        .into_iter()
        .filter(|ca| ca.claims.subject_der == *issuer && ca.der != certificate.der)
        .collect()
}

/// The signatures reach a CA, but it is not in force, or something between does not hold.
fn at_anchor(scene: &Scene<'_>, walk: &Walk<'_>, anchor: &Certificate) -> Refusal {
    if is_in_force(anchor, scene.now) {
        for (below, step) in walk.steps.iter().skip(1).enumerate() {
            let claims = &step.claims;
            let most = claims.usage.path_len.and_then(|most| usize::try_from(most).ok());
            if let Some(most) = most.filter(|most| below > *most) {
                let sentence = format!(
                    "presented a chain with {below} CAs, self-issued ones included, below `{}`, which allows \
                     {most}",
                    claims.subject
                );
                return Refusal::new(Reason::PathLength, sentence);
            }
        }
        let sentence = format!(
            "presented a chain to the configured CA `{}` that does not hold",
            anchor.claims.subject
        );
        let nearest = format!("`{}`: its key signed the chain", anchor.claims.subject);
        return Refusal::new(Reason::UnknownCa, sentence).nearest(nearest);
    }
    if anchor.claims.not_after < scene.now {
        expired(scene, anchor)
    } else {
        not_yet_valid(scene, anchor)
    }
}

fn key_differs(scene: &Scene<'_>, top: &Certificate, anchor: &Certificate) -> Refusal {
    let what = scene.what(top);
    let sentence = format!(
        "presented {what} whose issuer's name equals that of the configured CA `{}`, but its \
         signature does not verify with that CA's key: the key differs",
        anchor.claims.subject
    );
    let advice = format!(
        "if the CA has a new key, add its new certificate to `client_ca` beside {}; else the client's CA only \
         has the same name",
        scene.where_is(anchor)
    );
    Refusal::new(Reason::BadSignature, sentence)
        .advising(advice)
        .nearest(format!("`{}`: the issuer's name, but another key", anchor.claims.subject))
}

fn sent_key_differs(scene: &Scene<'_>, top: &Certificate, other: &Certificate) -> Refusal {
    let what = scene.what(top);
    let sentence = format!(
        "presented {what} whose signature does not verify with the key of the certificate `{}` in \
         its chain",
        other.claims.subject
    );
    let advice = format!(
        "have the client send the certificate of the CA that issued its own; the `{}` in its chain has another key",
        other.claims.subject
    );
    Refusal::new(Reason::BadSignature, sentence).advising(advice)
}

fn goes_in_a_circle(top: &Certificate) -> Refusal {
    let sentence = format!(
        "presented a chain that goes in a circle at `{}`, and leads to no configured CA",
        top.claims.subject
    );
    Refusal::new(Reason::UnknownCa, sentence)
}

/// Nobody has the issuer's certificate, or nobody trusts it.
fn stops(scene: &Scene<'_>, top: &Certificate) -> Refusal {
    let issuer = &top.claims.issuer;
    let closest = closest(scene, issuer);
    let refusal = if top.claims.is_self_issued() && top.der == scene.own.der {
        let sentence = format!(
            "presented a self-signed certificate for `{issuer}`, which is no configured CA"
        );
        Refusal::new(Reason::UnknownCa, sentence).advising(
            "give the client a certificate that a CA in `client_ca` has issued; nobody vouches for this one",
        )
    } else if top.claims.is_self_issued() {
        let sentence =
            format!("presented a chain that ends at `{issuer}`, which is no configured CA");
        Refusal::new(Reason::UnknownCa, sentence).advising(format!(
            "if clients of `{issuer}` are to be let in, add that CA's certificate to `client_ca`"
        ))
    } else if let Some((nearest, Shared::Organisation)) = closest {
        let sentence = format!(
            "presented a chain that stops at `{issuer}`, which was not sent: an intermediate is \
             missing, perhaps one below the configured CA `{}`",
            nearest.claims.subject
        );
        Refusal::new(Reason::MissingIntermediate, sentence).advising(format!(
            "have the client send the certificate of `{issuer}` behind its own, or add it to `client_ca` beside \
             {}",
            scene.where_is(nearest)
        ))
    } else {
        let what = scene.what(top);
        let sentence = format!(
            "presented {what} issued by `{issuer}`, which is no configured CA, and whose certificate was \
             not sent"
        );
        Refusal::new(Reason::UnknownCa, sentence).advising(format!(
            "if `{issuer}` is a root whose clients are to be let in, add its certificate to `client_ca`; if it is \
             an intermediate, have the client send it"
        ))
    };
    match closest {
        Some((nearest, Shared::Organisation)) => refusal.nearest(format!(
            "`{}`: the issuer's organisation, but another name",
            nearest.claims.subject
        )),
        Some((only, Shared::Nothing)) => refusal
            .nearest(format!("`{}`: the only configured CA, of another name", only.claims.subject)),
        None => refusal,
    }
}

/// What the names of an issuer and of the nearest CA have in common.
#[derive(Clone, Copy)]
enum Shared {
    Organisation,
    Nothing,
}

/// The configured CA whose name comes nearest to an issuer's.
fn closest<'a>(scene: &'a Scene<'_>, issuer: &str) -> Option<(&'a Certificate, Shared)> {
    let anchors = scene.anchors.certificates();
    let house = organisation(issuer);
    let is_of_house =
        |anchor: &&Certificate| house.is_some() && organisation(&anchor.claims.subject) == house;
    match (anchors.iter().find(is_of_house), anchors) {
        (Some(anchor), _) => Some((anchor, Shared::Organisation)),
        (None, [only]) => Some((only, Shared::Nothing)),
        (None, _) => None,
    }
}

/// The organisation in a name by RFC 4514. CAs of one house carry the same.
fn organisation(name: &str) -> Option<String> {
    let attributes = attributes(name).ok()?.into_iter().flatten();
    attributes.filter(|attribute| attribute.key == "O").map(|attribute| attribute.value).next()
}
