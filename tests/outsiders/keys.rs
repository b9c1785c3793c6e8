//! Keys that `openssl` encrypted, each served to `curl`.

use std::fmt::Write as _;

use crate::material::Folder;
use crate::process::are_installed;
use crate::stage::Stage;

/// What makes `KEY.key` of `plain.key`, each in another way.
const ENCRYPTIONS: [&str; 9] = [
    "openssl pkcs8 -topk8 -in plain.key -out KEY.key -passout file:KEY.pass",
    "openssl pkcs8 -topk8 -v2 aes-128-cbc -in plain.key -out KEY.key -passout file:KEY.pass",
    "openssl pkcs8 -topk8 -v2 aes-192-cbc -in plain.key -out KEY.key -passout file:KEY.pass",
    "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA512 -in plain.key -out KEY.key -passout file:KEY.pass",
    "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA1 -in plain.key -out KEY.key -passout file:KEY.pass",
    "openssl pkcs8 -topk8 -v2 des3 -in plain.key -out KEY.key -passout file:KEY.pass",
    "openssl pkcs8 -topk8 -scrypt -in plain.key -out KEY.key -passout file:KEY.pass",
    "openssl pkcs8 -topk8 -iter 600000 -in plain.key -out KEY.key -passout file:KEY.pass",
    "openssl pkey -aes256 -in plain.key -out KEY.key -passout file:KEY.pass",
];

#[test]
fn every_encryption_of_a_key_is_served() {
    if !are_installed(&["openssl", "curl", "python3"]) {
        return;
    }
    let folder = Folder::with_household();
    let mut sites = String::new();
    for (number, encryption) in ENCRYPTIONS.iter().enumerate() {
        let key = format!("k{number}");
        folder.shell(&format!(
            "new {key} server -CA server-ca.crt -CAkey server-ca.key -subj /CN={key} \
                 -addext subjectAltName=DNS:{key}.example.com
             mv {key}.key plain.key
             echo 'correct horse {number}' > {key}.pass
             {}
             rm plain.key",
            encryption.replace("KEY", &key)
        ));
        let _ = write!(
            sites,
            "[[site]]\nserver_names = [\"{key}.example.com\"]\ncertificate = \"{key}.crt\"\n\
             private_key = \"{key}.key\"\nprivate_key_passphrase_file = \"{key}.pass\"\n\
             client_ca = \"client-ca.crt\"\nupstream = \"http://127.0.0.1:APP_PORT\"\n"
        );
    }
    let mut stage = Stage::with_site(folder, &sites);
    for (number, encryption) in ENCRYPTIONS.iter().enumerate() {
        let url = format!("{}/hello", stage.origin(&format!("k{number}.example.com")));
        stage.curl(&["--fail", &url]).text();
        assert_eq!(stage.app.next().text("path"), "/hello", "{encryption}");
    }
}
