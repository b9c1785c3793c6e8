//! The ceiling: what is left out, in which order, and when there is nothing left to leave out.

use std::sync::Arc;

use super::*;
use crate::identity::Claims;
use crate::pki::Authority;
use encode::unquotable;

/// The identity of a client that sent two further certificates.
fn identity(name: &str) -> Identity {
    let authority = Authority::root("Example CA").unwrap();
    let issued = authority.client(name).issue().unwrap();
    let claims = Claims::from_der(issued.der()).unwrap();
    let chain = [issued.der(), authority.der(), authority.der()];
    let chain = chain.map(|der| der.to_vec()).to_vec();
    Identity::of_verified(claims, chain, 0)
}

fn config(formats: &[IdentityFormat], bytes_max: usize) -> IdentityHeaders {
    IdentityHeaders { formats: formats.to_vec(), bytes_max }
}

fn verified(identity: Identity) -> Verdict {
    Verdict::Verified(Arc::new(identity))
}

/// The value of a header.
fn value<'a>(lines: &'a [Line], name: &str) -> Option<&'a str> {
    let mut lines = lines.iter();
    lines.find_map(|(own, value)| (*own == name).then_some(value.as_str()))
}

#[test]
fn the_chain_goes_first_and_the_certificate_next() {
    let identity = identity("caller");
    let all = |bytes_max| {
        fit(&identity, ClientMode::Require, &config(&IdentityFormat::ALL[..2], bytes_max))
    };
    let whole = all(1 << 20).unwrap();
    assert_eq!(value(&whole, OMITTED), None);
    assert_eq!(all(size(&whole)).unwrap(), whole);

    let less = all(size(&whole) - 1).unwrap();
    assert_eq!(value(&less, OMITTED), Some("chain"));
    let xfcc = value(&less, "x-forwarded-client-cert").unwrap();
    assert!(xfcc.contains("Cert=") && !xfcc.contains("Chain="), "{xfcc}");
    assert!(value(&less, "x-ssl-client-cert").is_some());

    let least = all(size(&less) - 1).unwrap();
    assert_eq!(value(&least, OMITTED), Some("chain, certificate"));
    let xfcc = value(&least, "x-forwarded-client-cert").unwrap();
    assert!(xfcc.starts_with("Hash=") && !xfcc.contains("Cert="), "{xfcc}");
    assert!(xfcc.contains("Subject=\"CN=caller\""), "{xfcc}");
    assert_eq!(value(&least, "x-ssl-client-cert"), None);
    assert_eq!(value(&least, "x-ssl-client-s-dn"), Some("CN=caller"));
    assert!(size(&least) < size(&less));

    let bytes_max = size(&least) - 1;
    assert_eq!(all(bytes_max), Err(TooLong { bytes: bytes_max + 1, bytes_max }));
}

#[test]
fn a_format_that_says_nothing_else_keeps_the_certificate() {
    let identity = identity("caller");
    let config = |bytes_max| config(&[IdentityFormat::Rfc9440], bytes_max);
    let whole = fit(&identity, ClientMode::Require, &config(1 << 20)).unwrap();
    let less = fit(&identity, ClientMode::Require, &config(size(&whole) - 1)).unwrap();
    assert_eq!(value(&less, OMITTED), Some("chain"));
    assert!(value(&less, "client-cert").is_some());
    assert!(fit(&identity, ClientMode::Require, &config(size(&less) - 1)).is_err());
}

#[test]
fn what_was_never_there_is_not_called_left_out() {
    let identity = identity("caller");
    let config = |bytes_max| config(&[IdentityFormat::XSsl], bytes_max);
    let whole = fit(&identity, ClientMode::Require, &config(1 << 20)).unwrap();
    let less = fit(&identity, ClientMode::Require, &config(size(&whole) - 1)).unwrap();
    assert_eq!(value(&less, OMITTED), Some("certificate"));
}

#[test]
fn a_name_that_is_too_long_lets_no_request_through() {
    let identity = identity(&"x".repeat(4000));
    let headers = ClientIdentityHeaders::new(
        &verified(identity),
        ClientMode::Require,
        &config(&[IdentityFormat::XSsl], 2000),
    );
    let mut request = HeaderMap::new();
    assert!(headers.set(&mut request).is_err());
    assert!(request.is_empty());
}

#[test]
fn where_unverified_clients_come_through_every_format_has_the_verdict() {
    let verdict = verified(identity("caller"));
    for format in IdentityFormat::ALL {
        for (mode, says) in [(ClientMode::Require, false), (ClientMode::Request, true)] {
            let headers = ClientIdentityHeaders::new(&verdict, mode, &config(&[format], 1 << 20));
            let mut request = HeaderMap::new();
            headers.set(&mut request).unwrap();
            let says = says || format == IdentityFormat::XSsl;
            let verify = request.get(VERIFY).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(verify, says.then(|| verdict.to_string()));
            assert!(request.len() > usize::from(says && format != IdentityFormat::XSsl));
        }
        let config = config(&[format], 1 << 20);
        let headers =
            ClientIdentityHeaders::new(&Verdict::NoCertificate, ClientMode::Optional, &config);
        let mut request = HeaderMap::new();
        headers.set(&mut request).unwrap();
        assert_eq!(request.len(), 1);
        assert_eq!(request[VERIFY], "NONE");
    }
}

#[test]
fn every_header_is_one_that_clients_cannot_send() {
    let lines = lines(
        &identity("caller"),
        ClientMode::Require,
        &config(&IdentityFormat::ALL, 0),
        Detail::Whole,
    );
    for name in lines.iter().map(|(name, _)| *name).chain([OMITTED]) {
        assert!(super::super::is_reserved(name), "{name}");
    }
}

#[test]
fn a_subject_has_nothing_that_ends_a_quoted_value() {
    let claims = Claims::from_der(&identity("a\\\";URI=\"x,\\").chain()[0]).unwrap();
    let subject = unquotable(&claims.subject);
    assert_eq!(subject, "CN=a\\5C\\22\\3BURI=\\22x\\2C\\5C");
    assert_eq!(unquotable("CN=Z\\C3\\BCrich\\ "), "CN=Z\\C3\\BCrich\\20");
}
