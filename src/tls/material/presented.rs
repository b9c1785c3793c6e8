//! A chain as a client would present it, out of a file that somebody got from somewhere.

use super::der::Kind;
use super::pem::{self, Block, Contents};
use super::wrong_kind;

/// A file that holds no certificates to judge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NotAChain {
    /// What is wrong; reads well after the file's name.
    pub what: &'static str,
    /// What was found instead.
    pub seen: String,
    /// What to do.
    pub fix: &'static str,
}

/// The certificates of a file, PEM or DER, in its order; at least one. Keys and whatever else stands beside
/// them is passed over.
///
/// # Errors
/// [`NotAChain`].
pub fn presented_chain(bytes: &[u8]) -> Result<Vec<Vec<u8>>, NotAChain> {
    let contents = pem::contents(bytes);
    let mut chain = Vec::new();
    match &contents {
        Contents::Der(Kind::Certificate, der) => chain.push(der.to_vec()),
        Contents::Pem(sections) => {
            for section in sections {
                match &section.block {
                    Block::Certificate(der) => chain.push(der.to_vec()),
                    Block::Broken(why) => {
                        return Err(NotAChain {
                            what: "is damaged",
                            seen: format!("the block at line {}: {why}", section.line),
                            fix: "copy the file again, whole",
                        });
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    if !chain.is_empty() {
        return Ok(chain);
    }
    let fix = match &contents {
        Contents::Der(Kind::Pkcs12, _) => {
            "take the certificates out: `openssl pkcs12 -in FILE -nokeys -out chain.pem`"
        }
        Contents::Der(Kind::Pkcs7, _) => {
            "take the certificates out: `openssl pkcs7 -inform DER -in FILE -print_certs -out chain.pem`"
        }
        _ => "name a file with the client's certificate and then its intermediates, PEM or DER",
    };
    Err(NotAChain { what: "holds no certificate", seen: wrong_kind::seen(&contents), fix })
}

#[cfg(test)]
mod tests {
    use super::presented_chain;
    use crate::pki::Authority;

    #[test]
    fn certificates_are_found_among_keys_and_text() {
        let ca = Authority::root("CA").unwrap();
        let client = ca.client("caller").issue().unwrap();
        let text = format!("subject=caller\n{}{}", client.key_pem(), client.certificate_pem());
        assert_eq!(presented_chain(text.as_bytes()).unwrap(), [client.der().to_vec()]);
        assert_eq!(presented_chain(client.der()).unwrap(), [client.der().to_vec()]);
    }

    #[test]
    fn a_file_without_a_certificate_says_what_it_holds_instead() {
        let ca = Authority::root("CA").unwrap();
        let client = ca.client("caller").issue().unwrap();
        let error = presented_chain(client.key_pem().as_bytes()).unwrap_err();
        assert_eq!(error.seen, "one block, `PRIVATE KEY`");
        let cut = &client.certificate_pem()[..200];
        assert_eq!(presented_chain(cut.as_bytes()).unwrap_err().what, "is damaged");
    }
}
