//! Revocation lists as `openssl ca` makes them: without a word about the key that signed them, unless asked.

use crate::material::Folder;
use crate::process::are_installed;
use crate::stage::{SITE, Stage};

/// The lists of a CA before and after its client was revoked: `old.crl`, and with these extensions `new.crl`.
fn revoked(extensions: &str) -> Folder {
    let folder = Folder::with_household();
    folder.shell(&format!(
        "openssl req -x509 -new -nodes -newkey rsa:2048 -days 9 -subj '/CN=Listing CA' \
            -keyout ca.key -out client-ca.crt
         openssl req -new -nodes -newkey rsa:2048 -subj '/CN=callback' -keyout client.key -out client.csr
         printf 'extendedKeyUsage=clientAuth\\n' > client.ext
         openssl x509 -req -days 9 -in client.csr -CA client-ca.crt -CAkey ca.key -CAcreateserial \
            -extfile client.ext -out client.crt
         printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\ncrlnumber=number\\ndefault_md=sha256\\n\
[aki]\\nauthorityKeyIdentifier=keyid\\n[user]\\nissuingDistributionPoint=critical,@users\\n[users]\\n\
onlyuser=TRUE\\n' > ca.cnf
         touch index.txt; echo 01 > number
         ca='openssl ca -config ca.cnf -keyfile ca.key -cert client-ca.crt'
         $ca -gencrl -crldays 30 -out old.crl
         $ca -revoke client.crt
         $ca -gencrl -crldays 3 {extensions} -out new.crl"
    ));
    folder
}

#[test]
fn the_newer_list_counts_whatever_stands_before_it() {
    if !are_installed(&["openssl", "python3", "curl"]) {
        return;
    }
    for extensions in ["", "-crlexts aki", "-crlexts user"] {
        for order in [["old.crl", "new.crl"], ["new.crl", "old.crl"]] {
            let site = format!("{SITE}[site.client]\ncrl = {order:?}\n");
            let mut stage = Stage::with_site(revoked(extensions), &site);
            let url = stage.origin("www.example.com");
            stage.curl(&[&url]).failure();
            let event = stage.gateway.next_event("refusal");
            assert_eq!(event["reason"], "revoked", "{extensions} {order:?}: {event}");
        }
    }
}

#[test]
fn a_ca_with_a_new_key_has_a_list_for_each() {
    if !are_installed(&["openssl", "python3", "curl"]) {
        return;
    }
    let folder = revoked("");
    // The same CA again with another key, and nobody revoked.
    folder.shell(
        "mv client-ca.crt first.crt; mv new.crl first.crl; mv client.crt revoked.crt
         openssl req -x509 -new -nodes -newkey rsa:2048 -days 9 -subj '/CN=Listing CA' \
            -keyout ca.key -out second.crt
         openssl x509 -req -days 9 -in client.csr -CA second.crt -CAkey ca.key -CAcreateserial \
            -extfile client.ext -out client.crt
         : > index.txt; echo 05 > number
         openssl ca -config ca.cnf -keyfile ca.key -cert second.crt -gencrl -crldays 30 -out second.crl
         cat first.crt second.crt > client-ca.crt",
    );
    let site = format!("{SITE}[site.client]\ncrl = [\"first.crl\", \"second.crl\"]\n");
    let mut stage = Stage::with_site(folder, &site);
    let url = stage.origin("www.example.com");
    stage.curl(&[&url]).text();
    stage.folder.shell("cp revoked.crt client.crt");
    stage.curl(&[&url]).failure();
    assert_eq!(stage.gateway.next_event("refusal")["reason"], "revoked");
}
