//! The same for programs: one JSON document, whose keys are always there.

use serde_json::{Map, Value, json};

use crate::identity::{Claims, timestamp_text};

use super::text::is_presented;
use super::{Admitted, Explanation, Judged};

/// The document, on lines of its own.
pub(super) fn document(explanation: &Explanation<'_>) -> String {
    let presented = explanation.presented.iter();
    let presented: Vec<_> = presented.map(|der| certificate(der)).collect();
    let sites = explanation.sites.iter();
    let document = json!({
        "file": explanation.file.display().to_string(),
        "config": explanation.config.source.path.display().to_string(),
        "at": timestamp_text(explanation.at),
        "presented": presented,
        "sites": sites.map(|judged| site(judged, explanation)).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn site(judged: &Judged<'_>, explanation: &Explanation<'_>) -> Value {
    let names = judged.site.server_names.iter();
    let (admitted, refusal) = match &judged.outcome {
        Ok(admitted) => (Some(admitted), None),
        Err(refusal) => (None, Some(refusal)),
    };
    let headers = admitted.and_then(|admitted| admitted.headers.as_ref().ok());
    json!({
        "server_names": names.map(|name| name.value.to_string()).collect::<Vec<_>>(),
        "admitted": admitted.is_some(),
        "unverified": judged.unverified,
        "path": admitted.map(|admitted| path(admitted, explanation)),
        "rule": admitted.and_then(|admitted| Some(admitted.rule.as_ref()?.value.to_string())),
        "valid_until": admitted.map(|admitted| timestamp_text(admitted.identity.valid_until())),
        "headers": headers.map(|headers| object(headers)),
        "refused": refusal.map(|_| judged.site.client.refused.as_str()),
        "reason": refusal.map(|refusal| refusal.reason.as_str()),
        "sentence": refusal.map(|refusal| format!("the client {}", refusal.sentence)),
        "nearest": refusal.and_then(|refusal| refusal.nearest.as_ref()),
        "advice": refusal.map(|refusal| &refusal.advice),
    })
}

/// The CAs above the client's certificate, the anchor last; none where its key is pinned.
fn path(admitted: &Admitted, explanation: &Explanation<'_>) -> Vec<Value> {
    let cas = admitted.cas.iter();
    let ca = |ca: &Claims| {
        let mut facts = facts(ca);
        facts.insert("presented".to_owned(), json!(is_presented(ca, explanation)));
        Value::Object(facts)
    };
    cas.map(ca).collect()
}

fn object(headers: &[(String, String)]) -> Value {
    Value::Object(headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
}

fn certificate(der: &[u8]) -> Value {
    Claims::from_der(der).map_or(Value::Null, |claims| Value::Object(facts(&claims)))
}

fn facts(claims: &Claims) -> Map<String, Value> {
    let pairs = [
        ("subject", json!(claims.subject)),
        ("issuer", json!(claims.issuer)),
        ("serial", json!(claims.serial)),
        ("not_before", json!(claims.not_before_text())),
        ("not_after", json!(claims.not_after_text())),
        ("san_dns", json!(claims.san_dns)),
        ("san_uri", json!(claims.san_uri)),
        ("san_email", json!(claims.san_email)),
        ("san_ip", json!(claims.san_ip.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("key", json!(claims.key)),
        ("signature_algorithm", json!(claims.signature_algorithm)),
        ("sha256", json!(claims.fingerprint())),
        ("spki_sha256", json!(claims.key_fingerprint())),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
