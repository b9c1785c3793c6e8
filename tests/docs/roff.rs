//! From a page of the reference to a manual page: the little of Markdown that these pages use, as man(7).

/// A manual page of a page's text: each `##` heading becomes a section, each row of a table a paragraph under its key.
pub(crate) fn manual(page: &str) -> String {
    let mut writer = Writer { out: String::new(), is_apart: true };
    let mut lines = page.lines().peekable();
    let mut paragraph = String::new();
    while let Some(line) = lines.next() {
        let begins =
            line.is_empty() || ["#", "|", "```", "- "].iter().any(|mark| line.starts_with(mark));
        if begins {
            writer.paragraph(&std::mem::take(&mut paragraph));
        }
        if let Some(heading) = line.strip_prefix("## ") {
            writer.section(heading);
        } else if line.starts_with("```") {
            let block: Vec<_> =
                lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            writer.example(&block);
        } else if line.starts_with('|') {
            let is_heading = lines.peek().is_some_and(|next| next.starts_with("|---"));
            if !is_heading && !line.starts_with("|---") {
                writer.row(line);
            }
        } else if !line.starts_with("# ") && !line.is_empty() {
            paragraph.push_str(line.trim_start());
            paragraph.push('\n');
        }
    }
    writer.paragraph(&paragraph);
    writer.out
}

/// What is written so far.
struct Writer {
    out: String,
    /// Whether a paragraph may begin without saying so.
    is_apart: bool,
}

impl Writer {
    fn section(&mut self, heading: &str) {
        self.out.push_str(&format!(".SH {}\n", heading.replace('`', "")));
        self.is_apart = true;
    }

    fn paragraph(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(item) = text.strip_prefix("- ") {
            self.out.push_str(".IP \\(bu 2\n");
            self.text(item);
            self.is_apart = false;
            return;
        }
        if !self.is_apart {
            self.out.push_str(".PP\n");
        }
        self.text(text);
        self.is_apart = false;
    }

    fn example(&mut self, lines: &[&str]) {
        self.out.push_str(".PP\n.in +4n\n.EX\n");
        for line in lines {
            self.out.push_str(&protected(&literal(line)));
            self.out.push('\n');
        }
        self.out.push_str(".EE\n.in\n");
        self.is_apart = false;
    }

    fn row(&mut self, line: &str) {
        let cells: Vec<_> = line.trim_matches('|').splitn(3, '|').map(str::trim).collect();
        let [key, default, meaning] = cells[..] else {
            panic!("a row of three cells: {line}");
        };
        let unset = match default {
            "none" => "no default".to_owned(),
            "required" => "required".to_owned(),
            value => format!("default {}", inline(value)),
        };
        self.out.push_str(&format!(".TP\n{} ({unset})\n", inline(key)));
        self.text(meaning);
        self.is_apart = false;
    }

    /// Each sentence on a line of its own, as roff likes it.
    fn text(&mut self, text: &str) {
        for sentence in text.trim_end().replace('\n', " ").replace(". ", ".\n").lines() {
            self.out.push_str(&protected(&inline(sentence)));
            self.out.push('\n');
        }
    }
}

/// Code in bold, and links by their text.
fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        1 => format!("\\fB{}\\fR", literal(part)),
        _ => without_targets(part).replace('\\', "\\e"),
    });
    parts.collect()
}

fn without_targets(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("](") {
        let (_, after) = link.split_once(')').unwrap_or_default();
        out.push_str(&before.replace('[', ""));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Characters that roff would make typographical stay what somebody may copy.
fn literal(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    text.replace('^', "\\(ha").replace('~', "\\(ti").replace('…', "...")
}

/// A line that begins like a request is none.
fn protected(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}
