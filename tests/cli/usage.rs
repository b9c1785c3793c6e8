//! What the command line itself answers.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use crate::support::{output, stdout};

#[test]
fn help_and_version_succeed_and_go_to_standard_output() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["check", "--help"],
        &["demo", "--help"],
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}

#[test]
fn the_help_of_each_command_has_an_example_and_its_exit_codes() {
    for command in ["run", "check", "demo", "completions"] {
        let output = output([command, "--help"]);
        let help = stdout(&output);
        assert!(help.contains(&format!("\n  mtls-gateway {command}")));
        assert!(help.contains("Exit codes: 0"));
    }
}

#[test]
fn a_command_line_that_cannot_be_understood_exits_with_64() {
    for arguments in [
        &[][..],
        &["serve"],
        &["run", "--confg", "x"],
        &["check", "--config"],
        &["demo", "--port", "seventy"],
        &["completions", "tcsh"],
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn each_shell_accepts_its_completions_and_they_name_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = output(["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let text = stdout(&output);
        for command in mtls_gateway::cli::command().get_subcommands() {
            assert!(text.contains(command.get_name()), "{shell}: {}", command.get_name());
        }
        let file = folder.path().join(shell);
        fs::write(&file, text).unwrap();
        // All three read a script without running it by `-n`. Only bash is on every machine.
        match Command::new(shell).arg("-n").arg(&file).status() {
            Ok(status) => assert!(status.success(), "{shell}"),
            Err(error) if shell == "bash" => panic!("bash: {error}"),
            Err(error) => _ = writeln!(std::io::stderr(), "skipped: {shell}: {error}"),
        }
    }
}
