//! What the command line itself answers.

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
    for command in ["run", "check", "demo"] {
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
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}
