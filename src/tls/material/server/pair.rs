//! Which certificate and which key belong together.
//!
//! Decided here by the public key's bits, because rustls reads the certificate for it and takes no
//! version 1 certificate, which the `openssl x509 -req -signkey` of many guides makes.

use std::sync::Arc;

use aws_lc_rs::digest;
use rustls::sign::SigningKey;

use super::super::certificate::Certificate;
use super::super::der;
use super::super::key::PrivateKey;
use super::super::pair_files::PairFiles;
use crate::config::Report;

/// A certificate and the key that it was issued for.
pub(super) struct Pair {
    /// Index of the certificate in its file.
    pub(super) certificate: usize,
    /// What signs for it.
    pub(super) key: Arc<dyn SigningKey>,
}

/// The certificate that any of the keys belongs to, the first that is no CA's if there is one; `None` after
/// the mismatch was reported.
pub(super) fn find(
    files: PairFiles<'_>,
    certificates: &[Certificate],
    keys: &[PrivateKey],
    report: &mut Report,
) -> Option<Pair> {
    let pair = certificates
        .iter()
        .enumerate()
        .filter_map(|(at, held)| {
            let key = keys.iter().find(|key| key.belongs_to(&held.claims.public_key))?;
            Some((at, key))
        })
        .min_by_key(|(at, _)| certificates[*at].is_authority());
    let (certificate_path, key_path) =
        (files.certificate.value.display(), files.private_key.value.display());
    let Some((at, key)) = pair else {
        let seen = format!(
            "certificate key {}, private key {}; set at {} and {}",
            der::public_key_info(&certificates[0].der).map_or_else(String::new, short_sha256),
            short_sha256(&keys[0].public_key_info),
            report.position(&files.certificate.span),
            report.position(&files.private_key.span),
        );
        let entry = report
            .error(
                &files.private_key.span,
                format!(
                    "the private key in `{key_path}` does not belong to the certificate in \
                    `{certificate_path}`"
                ),
            )
            .seen(seen);
        // The new one may well be there, where systemd will find it.
        match files.credentials().next() {
            Some(file) => entry
                .why(format!(
                    "systemd copies a credential, such as `{}`, when the service starts, and not at a reload",
                    file.value.display()
                ))
                .fix("replace both files, from the same order or request, and restart the service"),
            None => entry.fix(
                "replace both files in one step (write beside, then rename), from the same \
                order or request",
            ),
        };
        return None;
    };
    if certificates[at].is_authority()
        && let Some(own) = certificates.iter().find(|other| !other.is_authority())
    {
        let (own, authority) = (&own.claims.subject, &certificates[at].claims.subject);
        report
            .error(
                &files.private_key.span,
                format!("the private key in `{key_path}` belongs to the CA `{authority}`, not to `{own}`"),
            )
            .seen(format!("both certificates are in `{certificate_path}`"))
            .fix(format!(
                "point `private_key` at the key of `{own}`; a CA's key has no business on this machine"
            ));
        return None;
    }
    if keys.len() > 1 {
        report
            .warning(
                &files.private_key.span,
                format!(
                    "`private_key` names `{key_path}`, which holds {} private keys",
                    keys.len()
                ),
            )
            .seen(format!("the one at line {} belongs to the certificate and is used", key.line))
            .fix("leave that one alone in the file");
    }
    Some(Pair { certificate: at, key: Arc::clone(&key.signing) })
}

/// The first bytes of a public key's SHA-256.
///
/// `openssl pkey -in KEY -pubout -outform DER | sha256sum` shows all of them.
fn short_sha256(public_key_info: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, public_key_info);
    let short: String = hash.as_ref()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{short}…")
}
