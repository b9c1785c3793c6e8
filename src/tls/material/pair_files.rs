//! Which files hold a certificate and its key: a site's, or the gateway's own for an app.

use std::path::PathBuf;

use crate::config::{Located, OwnCertificate, Site, is_credential};

/// The files of one certificate and its key.
#[derive(Clone, Copy)]
pub(super) struct PairFiles<'a> {
    pub(super) certificate: &'a Located<PathBuf>,
    pub(super) private_key: &'a Located<PathBuf>,
    pub(super) passphrase: Option<&'a Located<PathBuf>>,
}

impl<'a> PairFiles<'a> {
    pub(super) fn of_site(site: &'a Site) -> Self {
        let passphrase = site.private_key_passphrase_file.as_ref();
        Self { certificate: &site.certificate, private_key: &site.private_key, passphrase }
    }

    pub(super) fn of_upstream(own: &'a OwnCertificate) -> Self {
        let passphrase = own.private_key_passphrase_file.as_ref();
        Self { certificate: &own.certificate, private_key: &own.private_key, passphrase }
    }

    /// Those that systemd copies when the service starts, and not at a reload.
    pub(super) fn credentials(self) -> impl Iterator<Item = &'a Located<PathBuf>> {
        let files = [self.certificate, self.private_key].into_iter().chain(self.passphrase);
        files.filter(|file| is_credential(&file.value))
    }
}
