//! Rules of `allow` and `deny`, and the headers that tell the app of who they admitted.

use super::{SMALLEST, config, with};
use crate::config::IdentityFormat;

#[test]
fn allow_rules_must_ask_for_something() {
    insta::assert_snapshot!(with(r#"[site.client]
allow = [{}, { san_dns = "" }, { cn = "x" }, "client.example.com"]"#), @r#"
    gateway.toml:11:10: this rule asks for nothing, so that it would admit every client
      11 | allow = [{}, { san_dns = "" }, { cn = "x" }, "client.example.com"]
         |          ^^
      fix:  write what it asks for, such as `{ san_dns = "client.example.com" }`; without any rule, every client of `client_ca` is admitted
    gateway.toml:11:26: this rule asks for an empty name
      11 | allow = [{}, { san_dns = "" }, { cn = "x" }, "client.example.com"]
         |                          ^^
      seen: an empty string
      fix:  write the name as it stands in the client's certificate, or remove the key
    gateway.toml:11:34: unknown key `cn` in `[[site.client.allow]]`
      11 | allow = [{}, { san_dns = "" }, { cn = "x" }, "client.example.com"]
         |                                  ^^
      fix:  call it `subject_cn`, in a rule of `allow` in `[site.client]`
    gateway.toml:11:46: `site.client.allow` must be a table
      11 | allow = [{}, { san_dns = "" }, { cn = "x" }, "client.example.com"]
         |                                              ^^^^^^^^^^^^^^^^^^^^
      seen: a string, `"client.example.com"`
      fix:  write
            [[site.client.allow]]
            san_dns = "client.example.com"
    "#);
}

#[test]
fn an_empty_list_of_allow_rules_is_refused() {
    insta::assert_snapshot!(with("client.allow = []"), @r#"
    gateway.toml:10:16: `site.client.allow` is an empty list
      10 | client.allow = []
         |                ^^
      fix:  remove it, or write
            [[site.client.allow]]
            san_dns = "client.example.com"
    "#);
}

#[test]
fn a_rule_of_deny_must_ask_for_something_too() {
    insta::assert_snapshot!(with("client.deny = [{}]"), @r#"
    gateway.toml:10:16: this rule asks for nothing, so that it would refuse every client
      10 | client.deny = [{}]
         |                ^^
      fix:  write what it asks for, such as `{ san_dns = "client.example.com" }`; without any rule, no client is refused here
    "#);
}

#[test]
fn an_asterisk_in_a_name_of_text_is_no_pattern() {
    insta::assert_snapshot!(with(r#"client.allow = [{ subject_cn = "*.example.com" }, { subject_o = "*" }]"#), @r#"
    gateway.toml:10:32: warning: `*.example.com` is compared letter by letter, not as a pattern
      10 | client.allow = [{ subject_cn = "*.example.com" }, { subject_o = "*" }]
         |                                ^^^^^^^^^^^^^^^
      why:  it fits only a certificate that holds this very name, asterisk included
      fix:  if that is not meant, list the names: `["one", "other"]`
    gateway.toml:10:65: `*` stands for nothing but itself here
      10 | client.allow = [{ subject_cn = "*.example.com" }, { subject_o = "*" }]
         |                                                                 ^^^
      why:  names of this kind are compared letter by letter
      fix:  write the whole name, or remove the key to take any
    "#);
}

#[test]
fn patterns_that_cannot_be_meant() {
    insta::assert_snapshot!(with(r#"[[site.client.allow]]
san_dns = ["*", "a*.example.com", "client.example.com", "10.0.0.1", "bücher.example"]
san_uri = ["spiffe://*/ns/pay", "example.org/ns", "spiffe://example.org/ns/a*"]
san_email = ["example.com", "pay*@example.com"]
san_ip = ["192.0.2.7/24", "10.0.0.0/33", "0.0.0.0/0", "ten"]"#), @r#"
    gateway.toml:11:12: `*` is no DNS name
      11 | san_dns = ["*", "a*.example.com", "client.example.com", "10.0.0.1", "bücher.example"]
         |            ^^^
      why:  an asterisk stands for exactly one whole label, the first, and never alone
      fix:  write a whole name, or `*.` and a name, such as `"*.example.com"`
    gateway.toml:11:17: `a*.example.com` is no DNS name
      11 | san_dns = ["*", "a*.example.com", "client.example.com", "10.0.0.1", "bücher.example"]
         |                 ^^^^^^^^^^^^^^^^
      why:  an asterisk stands for exactly one whole label, the first, and never alone
      fix:  write a whole name, or `*.` and a name, such as `"*.example.com"`
    gateway.toml:11:57: `10.0.0.1` is no DNS name
      11 | san_dns = ["*", "a*.example.com", "client.example.com", "10.0.0.1", "bücher.example"]
         |                                                         ^^^^^^^^^^
      fix:  ask for an IP address with `san_ip`
    gateway.toml:11:69: `bücher.example` is no DNS name
      11 | san_dns = ["*", "a*.example.com", "client.example.com", "10.0.0.1", "bücher.example"]
         |                                                                     ^^^^^^^^^^^^^^^^
      why:  certificates hold names with other letters in that form
      fix:  write the name in its ASCII form, which starts a label with `xn--`
    gateway.toml:12:12: `spiffe://*/ns/pay` is no URI
      12 | san_uri = ["spiffe://*/ns/pay", "example.org/ns", "spiffe://example.org/ns/a*"]
         |            ^^^^^^^^^^^^^^^^^^^
      why:  an asterisk stands for no part of a segment, and for no scheme, host or query
      fix:  write `*` for one whole segment of the path, or `**` at its end, such as `"spiffe://example.org/ns/*/sa/pay"`
    gateway.toml:12:33: `example.org/ns` is no URI
      12 | san_uri = ["spiffe://*/ns/pay", "example.org/ns", "spiffe://example.org/ns/a*"]
         |                                 ^^^^^^^^^^^^^^^^
      fix:  write a whole URI, such as `"spiffe://example.org/ns/prod/sa/pay"`
    gateway.toml:12:51: `spiffe://example.org/ns/a*` is no URI
      12 | san_uri = ["spiffe://*/ns/pay", "example.org/ns", "spiffe://example.org/ns/a*"]
         |                                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      why:  an asterisk stands for no part of a segment, and for no scheme, host or query
      fix:  write `*` for one whole segment of the path, or `**` at its end, such as `"spiffe://example.org/ns/*/sa/pay"`
    gateway.toml:13:14: `example.com` is no e-mail address
      13 | san_email = ["example.com", "pay*@example.com"]
         |              ^^^^^^^^^^^^^
      fix:  write an address, or `"*@example.com"` for all addresses of a domain
    gateway.toml:13:29: `pay*@example.com` is no e-mail address
      13 | san_email = ["example.com", "pay*@example.com"]
         |                             ^^^^^^^^^^^^^^^^^^
      why:  an asterisk stands for all that can be before the `@`, never for a part of it
      fix:  write a whole address, or `"*@example.com"`
    gateway.toml:14:11: `192.0.2.7/24` is not the beginning of a network
      14 | san_ip = ["192.0.2.7/24", "10.0.0.0/33", "0.0.0.0/0", "ten"]
         |           ^^^^^^^^^^^^^^
      why:  bits behind the prefix are set
      fix:  write `"192.0.2.0/24"` for the network, or `"192.0.2.7"` for the address alone
    gateway.toml:14:27: `10.0.0.0/33` is no IP address or network
      14 | san_ip = ["192.0.2.7/24", "10.0.0.0/33", "0.0.0.0/0", "ten"]
         |                           ^^^^^^^^^^^^^
      why:  it says how many bits of an address are fixed; with none, every address would fit
      fix:  write a number from 1 to 32 behind the `/`
    gateway.toml:14:42: `0.0.0.0/0` is no IP address or network
      14 | san_ip = ["192.0.2.7/24", "10.0.0.0/33", "0.0.0.0/0", "ten"]
         |                                          ^^^^^^^^^^^
      why:  it says how many bits of an address are fixed; with none, every address would fit
      fix:  write a number from 1 to 32 behind the `/`
    gateway.toml:14:55: `ten` is no IP address or network
      14 | san_ip = ["192.0.2.7/24", "10.0.0.0/33", "0.0.0.0/0", "ten"]
         |                                                       ^^^^^
      fix:  write an address such as `"192.0.2.7"`, or a network such as `"192.0.2.0/24"`
    "#);
}

#[test]
fn digits_and_names_that_cannot_be_meant() {
    insta::assert_snapshot!(with(r#"[[site.client.deny]]
issuer_dn = ["/C=DE/CN=Example CA", "CN=Example CA,XY=a"]
serial = ["0x1A", "1A-2B", 17]
fingerprint_sha256 = ["a9993e364706816aba3e25717850c26c9cd0d89d", "ab"]
spki_sha256 = "YDA64iuZiGG847KPM+7BvnWKITyGyTwHbb6fVYwRx1I="
subject_ou = []"#), @r#"
    gateway.toml:11:14: `/C=DE/CN=Example CA` is no distinguished name
      11 | issuer_dn = ["/C=DE/CN=Example CA", "CN=Example CA,XY=a"]
         |              ^^^^^^^^^^^^^^^^^^^^^
      why:  it has a key that nobody knows, `/C`
      fix:  write it as refusals in the log and `openssl x509 -noout -issuer -nameopt RFC2253` do, such as `"CN=Example CA,O=Example"`
    gateway.toml:11:37: `CN=Example CA,XY=a` is no distinguished name
      11 | issuer_dn = ["/C=DE/CN=Example CA", "CN=Example CA,XY=a"]
         |                                     ^^^^^^^^^^^^^^^^^^^^
      why:  it has a key that nobody knows, `XY`
      fix:  write it as refusals in the log and `openssl x509 -noout -issuer -nameopt RFC2253` do, such as `"CN=Example CA,O=Example"`
    gateway.toml:12:11: `0x1A` is no serial number
      12 | serial = ["0x1A", "1A-2B", 17]
         |           ^^^^^^
      fix:  write hexadecimal digits, with colons between if you like, such as `"01:A3:5F"`
    gateway.toml:12:19: `1A-2B` is no serial number
      12 | serial = ["0x1A", "1A-2B", 17]
         |                   ^^^^^^^
      fix:  write hexadecimal digits, with colons between if you like, such as `"01:A3:5F"`
    gateway.toml:12:28: `serial` must be a string
      12 | serial = ["0x1A", "1A-2B", 17]
         |                            ^^
      seen: an integer, `17`
      fix:  put it in quotes: `"17"`
    gateway.toml:13:23: `a9993e364706816aba3e25717850c26c9cd0d89d` is no SHA-256
      13 | fingerprint_sha256 = ["a9993e364706816aba3e25717850c26c9cd0d89d", "ab"]
         |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      why:  40 digits are a SHA-1, which is not compared
      fix:  write its 64 hexadecimal digits, with colons between if you like
    gateway.toml:13:67: `ab` is no SHA-256
      13 | fingerprint_sha256 = ["a9993e364706816aba3e25717850c26c9cd0d89d", "ab"]
         |                                                                   ^^^^
      why:  it has 2 digits
      fix:  write its 64 hexadecimal digits, with colons between if you like
    gateway.toml:14:15: `YDA64iuZiGG847KPM+7BvnWKITyGyTwHbb6fVYwRx1I=` is no SHA-256
      14 | spki_sha256 = "YDA64iuZiGG847KPM+7BvnWKITyGyTwHbb6fVYwRx1I="
         |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      fix:  write `"60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"`, the same in hexadecimal
    gateway.toml:15:14: `subject_ou` is an empty list
      15 | subject_ou = []
         |              ^^
      fix:  write `subject_ou = "Webhooks"`
    "#);
}

#[test]
fn formats_that_nobody_knows() {
    insta::assert_snapshot!(with(r#"[site.identity_headers]
formats = ["x_ssl", "X-Forwarded-Client-Cert", "jwt", "x_ssl", 7]
bytes_max = "512B""#), @r#"
    gateway.toml:11:21: `formats` knows no `X-Forwarded-Client-Cert`
      11 | formats = ["x_ssl", "X-Forwarded-Client-Cert", "jwt", "x_ssl", 7]
         |                     ^^^^^^^^^^^^^^^^^^^^^^^^^
      fix:  write `"xfcc"`
    gateway.toml:11:48: `formats` knows no `jwt`
      11 | formats = ["x_ssl", "X-Forwarded-Client-Cert", "jwt", "x_ssl", 7]
         |                                                ^^^^^
      fix:  write one of `"x_ssl"`, `"xfcc"`, `"rfc9440"`, `"x_forwarded_tls_client_cert"`
    gateway.toml:11:55: `x_ssl` is listed twice
      11 | formats = ["x_ssl", "X-Forwarded-Client-Cert", "jwt", "x_ssl", 7]
         |                                                       ^^^^^^^
      fix:  remove one of the two
    gateway.toml:11:64: `formats` knows no `7`
      11 | formats = ["x_ssl", "X-Forwarded-Client-Cert", "jwt", "x_ssl", 7]
         |                                                                ^
      seen: an integer, `7`
      fix:  write one of `"x_ssl"`, `"xfcc"`, `"rfc9440"`, `"x_forwarded_tls_client_cert"`
    gateway.toml:12:13: `bytes_max` must lie between 1KiB and 1MiB
      12 | bytes_max = "512B"
         |             ^^^^^^
      seen: a string, `"512B"`
      fix:  write a size from `"1KiB"` to `"1MiB"`
    "#);
}

#[test]
fn an_empty_list_of_formats_is_refused() {
    insta::assert_snapshot!(with("identity_headers.formats = []"), @r#"
    gateway.toml:10:28: `formats` is an empty list
      10 | identity_headers.formats = []
         |                            ^^
      fix:  write `formats = ["x_ssl"]`
    "#);
}

#[test]
fn a_key_takes_one_text_or_several() {
    let text = r#"[site.client]
allow = [{ san_dns = ["a.example", "*.b.example"], issuer_cn = "CA" }]
deny = [{ serial = "1A" }, { subject_cn = "x" }]
[site.identity_headers]
formats = ["rfc9440", "xfcc"]
"#;
    let site = &config(&format!("{SMALLEST}{text}")).sites[0];
    let allow = site.client.allow[0].value.to_string();
    assert_eq!(allow, r#"san_dns = ["a.example", "*.b.example"], issuer_cn = "CA""#);
    let deny: Vec<_> = site.client.deny.iter().map(|rule| rule.value.to_string()).collect();
    assert_eq!(deny, [r#"serial = "1A""#, r#"subject_cn = "x""#]);
    let formats = &site.identity_headers.formats;
    assert_eq!(*formats, [IdentityFormat::Rfc9440, IdentityFormat::Xfcc]);
}

#[test]
fn without_a_word_the_app_gets_x_ssl() {
    let headers = &config(SMALLEST).sites[0].identity_headers;
    assert_eq!(headers.formats, [IdentityFormat::XSsl]);
    assert_eq!(headers.bytes_max, 16 << 10);
}
