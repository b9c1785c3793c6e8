//! The manual pages: mtls-gateway(8) has every command and option, gateway.toml(5) is the page of the reference.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use mtls_gateway::cli;
use mtls_gateway::config::keys::{KEYS, Unset};

use crate::roff;
use crate::tables::reference;

const HEAD: &str = r#".\" Made from docs/reference/configuration.md; change that, and then:
.\"     WRITE_MANUAL=1 cargo test --test docs -- man
.TH GATEWAY.TOML 5 "" "mtls\-gateway" "File Formats"
.nh
.SH NAME
gateway.toml \- configuration of mtls\-gateway
.SH SYNOPSIS
.I /etc/mtls\-gateway/gateway.toml
.SH DESCRIPTION
"#;

const TAIL: &str = r".SH FILES
.TP
.I /etc/mtls\-gateway/gateway.toml
The configuration of the service.
.TP
.I /usr/share/doc/mtls\-gateway/docs/reference/
The pages that are named here.
.SH SEE ALSO
.BR mtls\-gateway (8)
";

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "packaging/man", name].iter().collect()
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

#[test]
fn man_page_of_the_program_has_every_command_and_option_and_no_other() {
    let page = read("mtls-gateway.8");
    let mut command = cli::command();
    command.build();
    let mut names = BTreeSet::new();
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        names.insert(name.to_owned());
        let section = part(&page, &format!("\n.Ss {name}\n"));
        let listed: BTreeSet<_> =
            section.lines().filter_map(|line| line.strip_prefix(".It ")).map(options).collect();
        let known = command
            .get_arguments()
            .filter(|argument| !argument.is_positional() && argument.get_id() != "help");
        let known = known.map(|argument| {
            let short = argument.get_short().map(|short| short.to_string());
            let long = argument.get_long().map(|long| format!("-{long}"));
            short.into_iter().chain(long).collect::<Vec<_>>()
        });
        assert_eq!(listed, known.collect(), "packaging/man/mtls-gateway.8, {name}");
        let is_in_synopsis = part(&page, "\n.Sh SYNOPSIS\n").contains(&format!("\n.Cm {name}\n"));
        assert!(is_in_synopsis || name == "help", "{name} is not in the synopsis");
    }
    let described = page.lines().filter_map(|line| line.strip_prefix(".Ss ")).map(str::to_owned);
    assert_eq!(described.collect::<BTreeSet<_>>(), names);
}

/// What follows a heading, up to the next.
fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page
        .split_once(heading)
        .unwrap_or_else(|| panic!("packaging/man/mtls-gateway.8 lacks{heading}"));
    rest.split("\n.S").next().unwrap_or(rest)
}

/// The names in `Fl c , Fl -config Ar file`.
fn options(item: &str) -> Vec<String> {
    let words: Vec<_> = item.split(' ').collect();
    words.windows(2).filter(|pair| pair[0] == "Fl").map(|pair| pair[1].to_owned()).collect()
}

#[test]
fn man_page_of_the_configuration_is_the_page_of_the_reference() {
    let page = format!("{HEAD}{}{TAIL}", roff::manual(&reference("configuration.md")));
    if std::env::var_os("WRITE_MANUAL").is_some() {
        fs::write(path("gateway.toml.5"), &page).unwrap();
    }
    let is_current = read("gateway.toml.5") == page;
    assert!(
        is_current,
        "write packaging/man/gateway.toml.5 anew: WRITE_MANUAL=1 cargo test --test docs -- man"
    );
}

#[test]
fn man_page_of_the_configuration_has_every_key_with_its_default() {
    let page = read("gateway.toml.5").replace("\\-", "-");
    for key in KEYS {
        let unset = match key.unset {
            Unset::Default(text) => format!("default \\fB{text}\\fR"),
            Unset::Required(_) => "required".to_owned(),
            Unset::Optional(_) => "no default".to_owned(),
        };
        let item = format!("\n.TP\n\\fB{}\\fR ({unset})\n", key.name);
        // A heading may name several tables.
        let is_there = page.split("\n.SH ").any(|section| {
            let heading = section.lines().next().unwrap_or_default();
            let mut tables = heading.split([',', ' ']).map(|table| table.trim_matches(['[', ']']));
            tables.any(|table| table == key.table) && section.contains(&item)
        });
        assert!(is_there, "{}.{} ({unset})", key.table, key.name);
    }
}

#[test]
fn man_pages_are_read_without_a_warning() {
    for name in ["mtls-gateway.8", "gateway.toml.5"] {
        let man = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8"])
            .arg(path(name))
            .output();
        // Images for containers have a `man` that only says where the real one is.
        let Some(man) =
            man.ok().filter(|man| !String::from_utf8_lossy(&man.stdout).contains("been minimized"))
        else {
            _ = writeln!(std::io::stderr(), "skipped: `man` is missing");
            return;
        };
        let said = String::from_utf8_lossy(&man.stderr);
        assert!(man.status.success() && said.is_empty(), "{name}: {said}");
        assert!(man.stdout.len() > 2000, "{name} is empty");
    }
}
