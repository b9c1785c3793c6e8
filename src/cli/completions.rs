//! `mtls-gateway completions`: what a shell has to know to complete this command line, made from its definition,
//! so that it cannot lag behind.

use std::io::{self, Write};

use clap::{Command, ValueEnum};
use clap_complete::aot;

use super::Exit;

/// A shell that can be told.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the completions of this command line for a shell.
pub(super) fn completions(mut command: Command, shell: Shell) -> Exit {
    let name = command.get_name().to_owned();
    let shell = match shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    // First whole into memory: writing to a pipe that was closed would end in a panic of the generator.
    let mut text = Vec::new();
    aot::generate(shell, &mut command, name, &mut text);
    match io::stdout().write_all(&text).and_then(|()| io::stdout().flush()) {
        Ok(()) => Exit::Success,
        Err(_) => Exit::Runtime,
    }
}
