//! Text of others in our page. Names in certificates and words of clients are whatever somebody wrote; here they
//! become text that shows itself and nothing else.

use std::fmt::{self, Write as _};

/// A text as HTML shows it, in an element or in a quoted attribute.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(character)?,
                // What cannot be seen, or turns the text around it (Unicode TR 36).
                '\u{200B}'..='\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}' => f.write_char('\u{FFFD}')?,
                other if other.is_control() => f.write_char('\u{FFFD}')?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The same for a sentence of ours: what it has in backticks becomes code.
pub(super) struct Prose<'a>(pub(super) &'a str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, after)) = rest.split_once('`')
            && let Some((code, after)) = after.split_once('`')
        {
            write!(f, "{}<code>{}</code>", Escaped(before), Escaped(code))?;
            rest = after;
        }
        Escaped(rest).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_breaks_out() {
        let text = "<script>alert('1')</script>\"&\u{202E}\0";
        let expected = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;\u{FFFD}\u{FFFD}";
        assert_eq!(Escaped(text).to_string(), expected);
    }

    #[test]
    fn a_sentence_shows_its_code() {
        let text = "add `a<b`, `` and ` to it";
        let expected = "add <code>a&lt;b</code>, <code></code> and ` to it";
        assert_eq!(Prose(text).to_string(), expected);
    }

    proptest! {
        #[test]
        fn no_sentence_holds_other_html_than_its_code(text in "[<>`&a\"]{0,40}") {
            let shown = Prose(&text).to_string();
            let shown = shown.replace("<code>", "").replace("</code>", "");
            prop_assert!(!shown.contains(['<', '>', '"']), "{}", shown);
        }

        #[test]
        fn no_text_holds_what_html_reads(text in any::<String>()) {
            let escaped = Escaped(&text).to_string();
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }
    }
}
