//! What to change when a client was refused, where nothing more is known than the reason.
//!
//! Each advice says whose turn it is: the client's side, its CA, or the operator with a key of `gateway.toml`.
//! `docs/reference/refusals.md` begins each "what to do" with it; a test holds the two together.

use super::Reason;

impl Reason {
    /// What to change, in one sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NoCertificate => {
                "have the client send its certificate; some send it only if they find their CA among the \
                 announced ones, the subjects of `client_ca`"
            }
            Self::UnknownCa => {
                "if clients of this CA are to be let in, add the CA's certificate to `client_ca`"
            }
            Self::MissingIntermediate => {
                "have the client send its whole chain, or add the intermediate to `client_ca` beside the root"
            }
            Self::Expired => {
                "have the certificate renewed on the client's side; if all clients are refused at once, look at \
                 this machine's clock with `timedatectl`"
            }
            Self::NotYetValid => {
                "look at this machine's clock with `timedatectl`; if it is right, the client's certificate was \
                 made for later"
            }
            Self::BadSignature => {
                "put the certificate of the CA that really signed into `client_ca`, beside the old one if \
                 both are in use"
            }
            Self::WrongUsage => {
                "have the CA issue the client a certificate for client authentication: no CA's, key usage \
                 `digitalSignature`, extended key usage `clientAuth`"
            }
            Self::NameConstraint => {
                "have the CA issue to the client within its name constraints, or by another CA"
            }
            Self::PathLength => {
                "have the client's certificate issued by a CA that its own issuers allow to issue"
            }
            Self::ChainTooDeep => {
                "have the client send its own certificate and its intermediates and nothing else, or raise \
                 `chain_depth_max` in `[site.client]`, at most to 6"
            }
            Self::UnsupportedAlgorithm => {
                "have the CA issue again with SHA-256 and a key of RSA 2048 or P-256"
            }
            Self::NotPinned => {
                "if this client is to be let in, add the SHA-256 that the sentence shows to \
                 `pinned_spki_sha256` in `[site.client]`"
            }
            Self::OldX509 => {
                "have the CA issue again as version 3, or let it pass by `accept_legacy = [\"x509_v1\"]` in \
                 `[site.client]`"
            }
            Self::Malformed => "have the client use a certificate that follows RFC 5280",
            Self::Revoked => "have the CA issue the client a new certificate",
            Self::CrlMissing => {
                "add the CA's revocation list to `crl` in `[site.client]`, or set `crl_missing = \"allow\"`"
            }
            Self::CrlExpired => {
                "fetch the CA's current revocation list into the file that `crl` names, or set \
                 `crl_expired = \"allow\"` in `[site.client]`"
            }
            Self::CrlUnreadable => "fetch the revocation list again from the CA that issued it",
            Self::NotAllowed => {
                "if this client is to be let in, change `allow` and `deny` in `[site.client]`"
            }
            Self::BadCertificateVerify => {
                "give the client the private key that belongs to its certificate; if it has it, somebody else \
                 shows that certificate"
            }
            Self::TlsTooOld => {
                "have the client updated to TLS 1.2 or newer; older versions cannot be switched on here"
            }
            Self::UnknownServerName => {
                "correct the host in the client's URL, or add the name to a site's `server_names`"
            }
            Self::NotTls => "have the client speak TLS; a scan needs nothing",
            Self::ClientAlert => {
                "look on the client's side for what its alert means; `mtls-gateway check` shows what it is offered here"
            }
            Self::TlsFailure => {
                "compare what the client offers (`versions`, `signature_schemes`, `groups`) with what is spoken \
                 here; a scan needs nothing"
            }
            Self::Timeout => {
                "look at the client's network, or raise `handshake_timeout` in `[limits]`; a scan needs nothing"
            }
            Self::MadeWay => {
                "in a flood this is as it should be; if clients that mean it are cut off, raise `handshakes_max` in \
                 `[limits]`"
            }
            Self::TooManyConnections => {
                "if many clients share this address, such as behind a balancer, raise \
                 `connections_per_address_max` in `[limits]`"
            }
            Self::Http2Flood => {
                "have the client's HTTP/2 library updated; if it means well, raise `control_frames_per_second` in \
                 `[site.limits]`"
            }
            Self::Closed => {
                "nothing, as long as no client complains: scans and health checks do that all day"
            }
        }
    }
}
