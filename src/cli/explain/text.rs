//! The explanation that people read.

use crate::config::{Palette, Refused, Source};
use crate::identity::{Claims, timestamp_text};
use crate::policy::Refusal;

use super::super::print::Page;
use super::{Admitted, Explanation, Judged};

/// The longest header value that is shown whole; the rest is for `--json`.
const VALUE_SHOWN: usize = 100;

/// What only a handshake shows; without that proof nobody is let in, in any mode.
const NOT_JUDGED: &str = "whether the client holds the certificate's key";

/// The column of labels.
const LABEL_WIDTH: usize = 12;

/// What every asked site says, aligned.
pub(super) fn page(explanation: &Explanation<'_>, palette: Palette) -> String {
    let mut page = Page::new(palette, LABEL_WIDTH);
    for (number, judged) in explanation.sites.iter().enumerate() {
        if number > 0 {
            page.line("");
        }
        match &judged.outcome {
            Ok(admitted) => page.admitted(explanation, judged, admitted),
            Err(refusal) => page.refused(explanation, judged, refusal),
        }
    }
    page.text
}

impl Page {
    fn admitted(
        &mut self,
        explanation: &Explanation<'_>,
        judged: &Judged<'_>,
        admitted: &Admitted,
    ) {
        let (good, reset) = (self.palette.good, self.palette.reset);
        let (site, at) = (name(judged), timestamp_text(explanation.at));
        self.line(&format!("{good}✓ {site} lets this client in{reset} at {at}"));
        self.line("");
        let own = admitted.identity.claims();
        self.fact("certificate", &own.subject);
        self.details(own);
        if admitted.cas.is_empty() {
            self.fact("trusted by", "its key, which `pinned_spki_sha256` has");
        }
        for ca in &admitted.cas {
            self.fact("issued by", &ca.subject);
            let from = match is_presented(ca, explanation) {
                true => "sent by the client",
                false => "from `client_ca`",
            };
            self.fact(
                "",
                &format!("{from}, until {}, sha256 {}", ca.not_after_text(), ca.fingerprint()),
            );
        }
        let rule = match &admitted.rule {
            Some(rule) => {
                format!("{} ({})", rule.value, place(&explanation.config.source, &rule.span))
            }
            None if admitted.cas.is_empty() => {
                "none is set: every certificate with a pinned key is admitted".to_owned()
            }
            None => "none is set: every certificate of these CAs is admitted".to_owned(),
        };
        self.fact("rule", &rule);
        let until = timestamp_text(admitted.identity.valid_until());
        self.fact("lasts until", &format!("{until}, if nothing else changes"));
        match &admitted.headers {
            Ok(headers) => {
                for (number, (name, value)) in headers.iter().enumerate() {
                    let label = if number == 0 { "app gets" } else { "" };
                    self.fact(label, &format!("{name}: {}", shortened(value)));
                }
            }
            Err(too_long) => {
                let fix = "raise `bytes_max` in `[site.identity_headers]`";
                self.fact("app gets", &format!("nothing: {too_long}; {fix}"));
            }
        }
        self.fact("not judged", NOT_JUDGED);
    }

    fn refused(&mut self, explanation: &Explanation<'_>, judged: &Judged<'_>, refusal: &Refusal) {
        let (error, reset) = (self.palette.error, self.palette.reset);
        let (site, at) = (name(judged), timestamp_text(explanation.at));
        self.line(&format!("{error}✗ {site} refuses this client{reset} at {at}"));
        self.line("");
        self.fact("reason", refusal.reason.as_str());
        self.fact("", &format!("the client {}", refusal.sentence));
        if let Some(nearest) = &refusal.nearest {
            self.fact("nearest", nearest);
        }
        self.fact("advice", &refusal.advice);
        if let Some(told) = &judged.unverified {
            let mode = judged.site.client.mode.as_str();
            self.fact("but goes on", &format!("unverified, by `mode = \"{mode}\"`"));
            self.fact("app gets", &format!("x-ssl-client-verify: {told}"));
            self.fact("not judged", NOT_JUDGED);
        }
        match judged.site.client.refused {
            _ if judged.unverified.is_some() => {}
            Refused::Alert => {}
            Refused::Drop => self.fact("client gets", "no word: the connection is closed"),
            Refused::Answer => {
                self.fact("client gets", "403 with the reason, behind the handshake");
            }
        }
        for (number, der) in explanation.presented.iter().enumerate() {
            let label = if number == 0 { "certificate" } else { "then" };
            match Claims::from_der(der) {
                Ok(claims) => {
                    self.fact(label, &claims.subject);
                    self.fact("", &format!("issued by {}", claims.issuer));
                    self.details(&claims);
                }
                Err(malformed) => self.fact(label, &malformed.to_string()),
            }
        }
    }

    fn details(&mut self, claims: &Claims) {
        let names = claims.san_dns.iter().chain(&claims.san_uri).chain(&claims.san_email);
        let names: Vec<_> =
            names.cloned().chain(claims.san_ip.iter().map(ToString::to_string)).collect();
        /// Enough to recognise a certificate by.
        const SHOWN: usize = 5;
        if let Some(more) = names.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            self.fact("", &format!("for {} and {more} more", names[..SHOWN].join(", ")));
        } else if !names.is_empty() {
            self.fact("", &format!("for {}", names.join(", ")));
        }
        let (from, until) = (claims.not_before_text(), claims.not_after_text());
        self.fact("", &format!("serial {}, valid {from} to {until}", claims.serial));
        self.fact("", &format!("{}, signed with {}", claims.key, claims.signature_algorithm));
        self.fact("", &format!("sha256 {}", claims.fingerprint()));
    }
}

fn name(judged: &Judged<'_>) -> String {
    let first = judged.site.server_names.first();
    first.map_or_else(|| "the site".to_owned(), |name| name.value.to_string())
}

/// Whether a CA of the path is one that the client sent.
pub(super) fn is_presented(ca: &Claims, explanation: &Explanation<'_>) -> bool {
    let mut presented = explanation.presented.iter();
    presented.any(|der| Claims::from_der(der).is_ok_and(|claims| claims.sha256 == ca.sha256))
}

/// `gateway.toml:14`.
fn place(source: &Source, span: &std::ops::Range<usize>) -> String {
    let before = source.text.get(..span.start).unwrap_or_default();
    format!("{}:{}", source.path.display(), before.matches('\n').count() + 1)
}

/// Header values are printable ASCII, so that any index is a character's.
fn shortened(value: &str) -> String {
    match value.get(..VALUE_SHOWN) {
        Some(start) if value.len() > VALUE_SHOWN => format!("{start}… ({} bytes)", value.len()),
        _ => value.to_owned(),
    }
}
