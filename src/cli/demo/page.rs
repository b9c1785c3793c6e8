//! What the demo prints. Every fact on the page comes from what happened.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::Palette;

use super::app::Seen;
use super::client::{CALLBACK_BODY, CALLBACK_TARGET, Outcome};
use super::events::Line;
use super::setup::{Caller, SERVER_NAME, Setup};
use super::story::{Observed, Step};

/// The most that is shown of one value.
const VALUE_MAX: usize = 72;

/// The beginning: what was made, and the configuration that the gateway runs with.
pub(super) fn opening(
    setup: &Setup,
    app: SocketAddr,
    gateway: SocketAddr,
    config: &str,
    palette: Palette,
) -> String {
    let Palette { strong, quiet, reset, .. } = palette;
    let folder = setup.folder().display();
    let port = gateway.port();
    let config: String = config
        .lines()
        .map(|line| match line {
            "" => "\n".to_owned(),
            line => format!("    {line}\n"),
        })
        .collect();
    format!(
        "{strong}mtls-gateway demo{reset}: a platform calls an app, and only the right certificate gets through\n\n  \
         {quiet}files  {reset}  {folder} (removed at the end)\n  \
         {quiet}app    {reset}  http://{app}, which receives callbacks as Tencent Chat sends them\n  \
         {quiet}gateway{reset}  https://{SERVER_NAME}:{port}, running with this gateway.toml:\n\n\
         {quiet}{config}{reset}\n"
    )
}

/// One step: whether it went as it must, and what each of the three saw of it.
pub(super) fn step(
    step: &Step<'_>,
    observed: &Observed,
    faults: &[String],
    palette: Palette,
) -> String {
    let Palette { error, good, strong, reset, .. } = palette;
    let mark =
        if faults.is_empty() { format!("{good}✓{reset}") } else { format!("{error}✗{reset}") };
    let mut facts = Facts { text: format!("{mark} {strong}{}{reset}\n", step.title), palette };
    facts.client(step, &observed.outcome);
    facts.app(&observed.seen);
    facts.log(observed.line.as_ref());
    let mut text = facts.text;
    for fault in faults {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {error}not as it must be{reset}: {fault}");
    }
    text.push('\n');
    text
}

/// What was seen of one step, being written down.
struct Facts {
    text: String,
    palette: Palette,
}

impl Facts {
    /// A label and what it labels; an empty label continues the one before.
    fn add(&mut self, label: &str, value: &str) {
        let (quiet, reset) = (self.palette.quiet, self.palette.reset);
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "    {quiet}{label:<10}{reset} {}", printable(value));
    }

    fn client(&mut self, step: &Step<'_>, outcome: &Outcome) {
        match step.caller {
            Some(caller) => {
                let claims = &caller.claims;
                let shown = format!("shows {} issued by {}", claims.subject, claims.issuer);
                self.add("client", &shown);
            }
            None => self.add("client", "shows no certificate"),
        }
        for (name, value) in step.headers {
            self.add("", &format!("sends {name}: {value}"));
        }
        let gets = match outcome {
            Outcome::Answered { status, body } => format!("gets {} {body}", status.as_u16()),
            Outcome::Refused { alert } => format!("gets the TLS alert {alert}"),
            Outcome::Failed { why } => format!("gets nothing: {why}"),
        };
        self.add("", &gets);
    }

    fn app(&mut self, requests: &[Seen]) {
        if requests.is_empty() {
            self.add("app", "sees nothing");
        }
        for seen in requests {
            self.add("app", &format!("sees {} {}", seen.method, seen.target));
            let mut identity: Vec<_> = seen.identity().collect();
            identity.sort_by_key(|(name, value)| (value.len() > VALUE_MAX, *name));
            for (name, value) in identity {
                self.add("", &format!("{name}: {}", short(value)));
            }
        }
    }

    fn log(&mut self, line: Option<&Line>) {
        let Some(line) = line else {
            return self.add("log", "says nothing");
        };
        self.add("log", &fields(line));
        if !line.message.is_empty() {
            self.add("", &line.message);
        }
        let chain = line.field("chain");
        if !chain.is_empty() {
            self.add("", &format!("chain={}", short(chain)));
        }
    }
}

/// The end of the story: how many steps went as they must, and which did not.
pub(super) fn verdict(failed: &[&str], steps: usize, palette: Palette) -> String {
    let (error, good, reset) = (palette.error, palette.good, palette.reset);
    if failed.is_empty() {
        return format!("{good}All {steps} steps went as they must.{reset}\n");
    }
    let mut text = format!("{error}{} of {steps} steps went wrong:{reset}\n", failed.len());
    for title in failed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {title}");
    }
    text
}

/// Lines to paste into another terminal.
pub(super) fn invitation(setup: &Setup, gateway: SocketAddr, palette: Palette) -> String {
    let (quiet, reset) = (palette.quiet, palette.reset);
    let file = |name: &str| quoted(&setup.folder().join(name));
    let url = format!("https://{SERVER_NAME}:{}{CALLBACK_TARGET}", gateway.port());
    let curl = format!("curl -sS --cacert {}", file("server-ca.crt"));
    let post =
        format!("-H 'Content-Type: application/json' \\\n    -d '{CALLBACK_BODY}' \\\n    '{url}'");
    let with = |caller: &Caller| {
        let name = caller.name;
        format!("--cert {} --key {}", file(&format!("{name}.crt")), file(&format!("{name}.key")))
    };
    let (caller, stranger) = (with(&setup.caller), with(&setup.stranger));
    format!(
        "\nTry it from another terminal; what the gateway logs appears here.\n\n  \
         {quiet}# the verified callback{reset}\n  {curl} \\\n    {caller} \\\n    {post}\n\n  \
         {quiet}# without a certificate{reset}\n  {curl} '{url}'\n\n  \
         {quiet}# with a certificate of another CA{reset}\n  {curl} \\\n    {stranger} '{url}'\n\n\
         Ctrl-C ends the demo and removes its files.\n\n"
    )
}

/// One line of the log, for the live view.
pub(super) fn live(line: &Line, palette: Palette) -> String {
    let (mark, colour) = match line.target {
        "refusal" => ("✗", palette.error),
        _ => ("✓", palette.good),
    };
    let text = match line.message.as_str() {
        "" => fields(line),
        message => format!("{}: {message}", fields(line)),
    };
    format!("{colour}{mark}{} {}\n", palette.reset, printable(&text))
}

/// The short ones of a log line's fields.
fn fields(line: &Line) -> String {
    const NAMES: [&str; 6] = ["reason", "status", "method", "identity", "site", "total_ms"];
    let fields = NAMES.iter().map(|name| (name, line.field(name)));
    let set = fields.filter(|(_, value)| !value.is_empty());
    let set = set.map(|(name, value)| format!(" {name}={value}"));
    line.target.to_owned() + &set.collect::<String>()
}

/// A long value's beginning.
fn short(value: &str) -> String {
    match value.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// What others sent must not be able to move the terminal's cursor.
fn printable(value: &str) -> String {
    value.replace(char::is_control, "\u{FFFD}")
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word_for_a_shell() {
        assert_eq!(quoted(Path::new("/tmp/demo-1/a.crt")), "/tmp/demo-1/a.crt");
        assert_eq!(quoted(Path::new("/t m/it's")), r"'/t m/it'\''s'");
    }

    #[test]
    fn a_long_or_hostile_value_stays_on_its_line() {
        assert_eq!(printable("a\u{1b}[2J\nb"), "a\u{FFFD}[2J\u{FFFD}b");
        assert_eq!(short(&"ü".repeat(500)).chars().count(), VALUE_MAX + 1);
    }
}
