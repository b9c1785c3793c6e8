//! What the guides make: their own commands, word for word where they give them, and a gateway on the
//! result. Apache's four lines, nginx's `server.pem` with two intermediates, and the certificate that
//! signs itself.

use crate::material::Folder;
use crate::process::are_installed;
use crate::stage::{SITE, Stage};

/// Serves what is in the folder to a verified client. `trusted` is the file that the client trusts.
#[track_caller]
fn serves(folder: Folder, site: &str, name: &str, trusted: &str) {
    let mut stage = Stage::with_site(folder, site);
    let url = format!("{}/callback", stage.origin(name));
    for tls in ["1.2", "1.3"] {
        let arguments = ["--cacert", trusted, "--tls-max", tls, &url];
        let said = stage.curl(&arguments).text();
        assert!(said.contains("\"/callback\""), "{said}");
        let seen = stage.app.next();
        assert_eq!(seen.headers("x-ssl-client-verify"), ["SUCCESS"]);
    }
}

fn tools_are_here() -> bool {
    are_installed(&["openssl", "python3", "curl"])
}

#[test]
fn the_four_lines_of_apache_are_served() {
    if !tools_are_here() {
        return;
    }
    let folder = Folder::with_household();
    folder.shell(
        "mkdir conf
         cp server.crt conf/www.example.com.crt
         cp server.key conf/www.example.com.key
         cp client-ca.crt conf/TencentQQAuthCA.crt",
    );
    let site = SITE
        .replace("server.crt", "conf/www.example.com.crt")
        .replace("server.key", "conf/www.example.com.key")
        .replace("client-ca.crt", "conf/TencentQQAuthCA.crt");
    serves(folder, &site, "www.example.com", "server-ca.crt");
}

#[test]
fn the_two_intermediates_of_nginx_are_served() {
    if !tools_are_here() {
        return;
    }
    let folder = Folder::with_household();
    folder.write("server.ext", "subjectAltName = DNS:www.example.com\n");
    folder.shell(
        "openssl genrsa -out server.key 2048
         openssl req -new -key server.key -out certreq.csr -subj '/C=CN/ST=guangdong/L=shenzhen\
/O=Tencent Technology (Shenzhen) Company Limited/OU=R&D/CN=www.example.com'",
    );
    // The authority's part.
    folder.shell(
        "new first authority -CA server-ca.crt -CAkey server-ca.key -subj '/CN=First Intermediate'
         new second authority -CA first.crt -CAkey first.key -subj '/CN=Second Intermediate'
         openssl x509 -req -in certreq.csr -CA second.crt -CAkey second.key -set_serial 7 -days 30 \
            -extfile server.ext -out issued.crt",
    );
    folder.shell("cat issued.crt second.crt first.crt > server.pem");
    let site = SITE.replace("server.crt", "server.pem");
    serves(folder, &site, "www.example.com", "server-ca.crt");
}

#[test]
fn the_certificate_that_signs_itself_is_served() {
    if !tools_are_here() {
        return;
    }
    let folder = Folder::with_household();
    let subject =
        "/C=US/ST=GuangDong/L=GuangZhou/O=Your Company Name/OU=imdst.com/CN=test.imdst.com";
    folder.shell(&format!(
        "openssl genrsa -out test.imdst.com.key 2048
         openssl req -new -subj \"{subject}\" -key test.imdst.com.key -out test.imdst.com.csr
         mv test.imdst.com.key test.imdst.com.origin.key
         openssl rsa -in test.imdst.com.origin.key -out test.imdst.com.key
         openssl x509 -req -days 3650 -in test.imdst.com.csr -signkey test.imdst.com.key \
            -out test.imdst.com.crt"
    ));
    let site =
        SITE.replace("www.example.com", "test.imdst.com").replace("server.", "test.imdst.com.");
    serves(folder, &site, "test.imdst.com", "test.imdst.com.crt");
}

#[test]
fn the_certificate_of_version_1_that_signs_itself_is_served() {
    if !tools_are_here() {
        return;
    }
    let folder = Folder::with_household();
    // OpenSSL of today makes version 3 unless it is asked; `-x509v1` is newer than the versions which
    // make version 1 without being asked.
    folder.shell(
        "openssl genrsa -out self.key 2048
         openssl req -new -subj /CN=test.imdst.com -key self.key -out self.csr
         openssl x509 -req -x509v1 -days 9 -in self.csr -signkey self.key -out self.crt ||
         openssl x509 -req -days 9 -in self.csr -signkey self.key -out self.crt",
    );
    let said = folder.shell("openssl x509 -in self.crt -noout -text");
    assert!(said.contains("Version: 1 (0x0)"), "{said}");
    let site = SITE.replace("www.example.com", "test.imdst.com").replace("server.", "self.");
    serves(folder, &site, "test.imdst.com", "self.crt");
}

#[test]
fn the_key_that_had_a_password_is_served() {
    if !tools_are_here() {
        return;
    }
    let folder = Folder::with_household();
    folder.shell(
        "openssl genrsa -aes128 -passout pass:secret -out self.key 2048
         openssl req -new -x509 -subj /CN=www.example.com -key self.key -passin pass:secret -out self.crt
         mv self.key self.origin.key
         openssl rsa -in self.origin.key -passin pass:secret -out self.key",
    );
    let site = SITE.replace("server.", "self.");
    serves(folder, &site, "www.example.com", "self.crt");
}

#[test]
fn keys_in_every_format_are_served() {
    if !tools_are_here() {
        return;
    }
    let formats = [
        ("RSA PRIVATE KEY", "openssl genrsa 2048 | openssl rsa -traditional -out own.key"),
        ("BEGIN PRIVATE KEY", "openssl genpkey -algorithm RSA -out own.key"),
        // With a block of parameters before the key.
        ("EC PARAMETERS", "openssl ecparam -name prime256v1 -genkey -out own.key"),
        ("EC PRIVATE KEY", "openssl ecparam -name secp384r1 -genkey -noout -out own.key"),
        ("BEGIN PRIVATE KEY", "openssl genpkey -algorithm ED25519 -out own.key"),
    ];
    for (label, command) in formats {
        let folder = Folder::with_household();
        folder.shell(command);
        assert!(folder.read("own.key").contains(label), "{command}");
        folder.shell("openssl req -new -x509 -key own.key -subj /CN=www.example.com -out own.crt");
        let site = SITE.replace("server.", "own.");
        serves(folder, &site, "www.example.com", "own.crt");
    }
}
