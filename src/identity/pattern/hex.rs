//! Serial numbers and fingerprints, in whatever way tools print hexadecimal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::NotAPattern;
use crate::identity::claims::hex_lower;

/// A serial number: upper-case digits, no zeros before them.
pub(super) fn serial(text: &str) -> Result<String, NotAPattern> {
    let digits = digits(text).filter(|digits| !digits.is_empty());
    let digits = digits.ok_or_else(|| {
        NotAPattern::new(
            format!("`{text}` is no serial number"),
            "write hexadecimal digits, with colons between if you like, such as `\"01:A3:5F\"`",
        )
    })?;
    Ok(digits.trim_start_matches('0').to_ascii_uppercase())
}

/// A SHA-256.
pub(super) fn sha256(text: &str) -> Result<[u8; 32], NotAPattern> {
    let no_digest = |fix: String| NotAPattern::new(format!("`{text}` is no SHA-256"), fix);
    let form = "write its 64 hexadecimal digits, with colons between if you like";
    let Some(digits) = digits(text) else {
        // Pins of keys are often written in base64.
        let from_base64 = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32);
        let fix = from_base64.map_or_else(
            || form.to_owned(),
            |bytes| format!("write `\"{}\"`, the same in hexadecimal", hex_lower(&bytes)),
        );
        return Err(no_digest(fix));
    };
    let bytes: Vec<u8> = digits
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    match <[u8; 32]>::try_from(bytes) {
        Ok(digest) if digits.len() == 64 => Ok(digest),
        _ => {
            let count = digits.len();
            let wrong = no_digest(form.to_owned());
            Err(match count {
                40 => wrong.why("40 digits are a SHA-1, which is not compared"),
                _ => wrong.why(format!("it has {count} digits")),
            })
        }
    }
}

/// The digits alone, if there is nothing else but colons between pairs of them.
fn digits(text: &str) -> Option<String> {
    let digits: String = text.split(':').collect();
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let has_pairs = || text.split(':').all(|pair| pair.len() == 2);
    (is_hex && (!text.contains(':') || has_pairs())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_serial_number_is_one_however_it_is_printed() {
        for text in ["1A2B", "1a2b", "1a:2B", "00:1A:2B", "0001a2b"] {
            assert_eq!(serial(text).unwrap(), "1A2B", "{text}");
        }
        for text in ["", ":", "0x1A", "1A:", "1:A", "12 34", "*", "1G"] {
            assert!(serial(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_fingerprint_has_64_digits() {
        let lower = "ab".repeat(32);
        let colons = ["AB"; 32].join(":");
        assert_eq!(sha256(&lower).unwrap(), [0xAB; 32]);
        assert_eq!(sha256(&colons).unwrap(), [0xAB; 32]);
        for text in
            ["", "ab", &lower[1..], &format!("{lower}a"), &format!("{lower}ab"), &colons[1..], "*"]
        {
            assert!(sha256(text).is_err(), "{text}");
        }
        let fix = sha256(&STANDARD.encode([0xAB; 32])).unwrap_err().fix;
        assert!(fix.contains(&lower), "{fix}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", like in "[0-9a-fA-F:]{0,100}") {
            for text in [text, like] {
                _ = serial(&text);
                _ = sha256(&text);
            }
        }
    }
}
