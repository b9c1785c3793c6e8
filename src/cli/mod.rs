//! The command line: one file a subcommand, nothing here that a test could not call elsewhere.

mod ask;
mod check;
mod completions;
mod demo;
mod explain;
mod print;
mod reload;
mod reopen_logs;
mod run;
mod start;
mod upgrade;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// How the program ends (the numbers of sysexits.h where it has one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Success = 0,
    /// It went wrong while running.
    Runtime = 1,
    /// The command line cannot be understood.
    Usage = 64,
    /// The configuration, or a file that it names, is not right.
    Configuration = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A reverse proxy that requires client certificates: terminates TLS, verifies every client against your CA,
/// and forwards verified requests to a plain-HTTP app.
#[derive(Debug, Parser)]
#[command(name = "mtls-gateway", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  mtls-gateway demo                        see it work, with nothing configured
  mtls-gateway check --config gateway.toml everything a start would load, and every problem at once
  mtls-gateway run --config gateway.toml   serve
  mtls-gateway explain caller.pem          would this client get in, and why

The smallest gateway.toml (the comments are Apache's lines):
  [[listener]]
  address = \"0.0.0.0:443\"                 # SSLEngine on
  [[site]]
  server_names = [\"www.example.com\"]
  certificate  = \"www.example.com.crt\"    # SSLCertificateFile, then its intermediates
  private_key  = \"www.example.com.key\"    # SSLCertificateKeyFile
  client_ca    = \"ca/TencentQQAuthCA.crt\" # SSLCACertificateFile + SSLVerifyClient require
  upstream     = \"http://127.0.0.1:8080\"

Exit codes: 0 success, 1 failure while running, 64 wrong usage, 78 wrong configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT, then finish what runs
    ///
    /// Loads everything first: with any problem that `check` would show as an error, nothing is served.
    /// SIGTERM and SIGINT stop accepting and wait for the requests that run, for at most `drain_timeout`;
    /// a second signal ends at once.
    #[command(after_help = RUN_EXAMPLES)]
    Run {
        #[command(flatten)]
        config: ConfigArgument,
    },
    /// Load everything a start would load, and tell every problem at once
    ///
    /// Reads the configuration with all certificates, keys and CAs that it names, as `run` does, but opens
    /// no port. Errors stop a start; warnings do not. Without an error, a summary follows of what would be
    /// served, who is let in, and whether the app answers right now.
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        #[command(flatten)]
        config: ConfigArgument,
        /// Print one JSON document instead of text
        #[arg(long)]
        json: bool,
    },
    /// Would this client get in? Judge a certificate as the handshake would, and say why
    ///
    /// Reads the configuration with its CAs, revocation lists and rules (but no private key), and judges the
    /// certificates in FILE: the client's own first, then its intermediates, PEM or DER. Tells by which path and
    /// rule the client gets in and with which headers to the app, or why it does not and what to change.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// The client's certificate and its intermediates; `-` reads standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        config: ConfigArgument,
        /// Ask this site only, by one of its names
        #[arg(long, value_name = "NAME")]
        site: Option<String>,
        /// Judge at this time, such as 2027-01-31 or 2027-01-31T08:00:00Z [default: now]
        #[arg(long, value_name = "TIME", value_parser = explain::moment)]
        at: Option<i64>,
        /// Print one JSON document instead of text
        #[arg(long)]
        json: bool,
    },
    /// Have the gateway that runs load everything anew, and tell what came of it
    ///
    /// Waits until the new configuration, certificates, CAs and revocation lists are in force, and prints what is
    /// different. With any error nothing changes, and the report is that of `check`. A gateway also reloads by
    /// itself when one of its files changes, and on SIGHUP.
    #[command(after_help = RELOAD_EXAMPLES)]
    Reload {
        #[command(flatten)]
        config: ConfigArgument,
        /// The gateway's control socket [default: what the configuration says, else
        /// $RUNTIME_DIRECTORY/control.sock, else /run/mtls-gateway/control.sock]
        #[arg(long, value_name = "FILE")]
        socket: Option<PathBuf>,
    },
    /// Have the gateway that runs start its program anew, and let that process take over
    ///
    /// For a new version of the program, without losing a connection: the new process is given the listening
    /// sockets, loads everything, and says that it is ready; only then the old one stops accepting and finishes what it
    /// has begun. If the new one cannot serve, or does not say so in time, nothing has changed. SIGUSR2 does the same.
    #[command(after_help = UPGRADE_EXAMPLES)]
    Upgrade {
        #[command(flatten)]
        config: ConfigArgument,
        /// The gateway's control socket [default: what the configuration says, else
        /// $RUNTIME_DIRECTORY/control.sock, else /run/mtls-gateway/control.sock]
        #[arg(long, value_name = "FILE")]
        socket: Option<PathBuf>,
    },
    /// Have the gateway that runs open its access log anew, after the file was renamed
    ///
    /// For logrotate and its kind. Waits until later lines go to a file of the configured name, which is made if it
    /// is not there; no line is lost, and none is in both files. If it cannot be opened, lines go on to the old one.
    /// SIGUSR1 does the same without waiting.
    #[command(after_help = REOPEN_EXAMPLES)]
    ReopenLogs {
        #[command(flatten)]
        config: ConfigArgument,
        /// The gateway's control socket [default: what the configuration says, else
        /// $RUNTIME_DIRECTORY/control.sock, else /run/mtls-gateway/control.sock]
        #[arg(long, value_name = "FILE")]
        socket: Option<PathBuf>,
    },
    /// See it work, with nothing configured
    ///
    /// Makes a CA and certificates in a temporary folder, starts a small app and the real gateway in front
    /// of it, and calls it: as a verified platform, without a certificate, with a wrong one, with an expired
    /// one, and with a made-up identity. Shows what the client, the app and the log see of each call, then
    /// stays for your own calls until Ctrl-C, and removes what it made.
    #[command(after_help = DEMO_EXAMPLES)]
    Demo {
        /// End after the story
        #[arg(long)]
        once: bool,
        /// Listen on this port of 127.0.0.1; 0 takes any free one
        #[arg(long, value_name = "PORT", default_value_t = 0)]
        port: u16,
    },
    /// Print what a shell has to know to complete this command line
    ///
    /// The Debian package puts it into place for all three shells. Otherwise, write it to where your shell looks.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: completions::Shell,
    },
}

const RUN_EXAMPLES: &str = "\
Examples:
  mtls-gateway run --config /etc/mtls-gateway/gateway.toml
  RUST_LOG=debug mtls-gateway run     with everything that goes on, whatever `[log]` says

Exit codes: 0 stopped by a signal, 1 cannot listen or serve, 78 wrong configuration.";

const CHECK_EXAMPLES: &str = "\
Examples:
  mtls-gateway check --config gateway.toml
  mtls-gateway check --json | jq '.sites[].certificate.days_left'

Exit codes: 0 ready to serve (there may be warnings), 78 wrong configuration.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  mtls-gateway explain caller.pem
  mtls-gateway explain caller.pem --site www.example.com --at 2027-01-31
  openssl pkcs12 -in caller.p12 -nokeys | mtls-gateway explain -

Exit codes: 0 at least one asked site admits it, 1 none does, 64 FILE cannot be read or no site has that \
name, 78 wrong configuration.";

const RELOAD_EXAMPLES: &str = "\
Examples:
  sudo mtls-gateway reload
  ExecReload=/usr/local/bin/mtls-gateway reload      in a systemd unit: a reload that fails is seen to fail

Exit codes: 0 what is configured is in force, but for what a warning says takes a restart, 1 nothing has changed, \
or no gateway answers.";

const UPGRADE_EXAMPLES: &str = "\
Examples:
  sudo install -m 755 mtls-gateway /usr/local/bin/ && sudo mtls-gateway upgrade

Exit codes: 0 the new process serves, 1 the old one goes on serving, or no gateway answers.";

const REOPEN_EXAMPLES: &str = "\
Examples:
  cd /var/log/mtls-gateway && sudo mv access.log access.log.1 && sudo mtls-gateway reopen-logs

Exit codes: 0 later lines go to the file anew, 1 they go on to the old one, or no gateway answers.";

const DEMO_EXAMPLES: &str = "\
Examples:
  mtls-gateway demo               then paste one of its curl lines into another terminal
  mtls-gateway demo --once        for a script: exit code 0 if every step went as it must

Exit codes: 0 all as it must be, 1 a step went wrong (the last lines say which) or nothing could start.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  mtls-gateway completions bash > /usr/local/share/bash-completion/completions/mtls-gateway
  mtls-gateway completions zsh > /usr/local/share/zsh/site-functions/_mtls-gateway
  mtls-gateway completions fish > /usr/local/share/fish/vendor_completions.d/mtls-gateway.fish

Exit codes: 0 printed, 1 it could not be written.";

/// Which configuration to use.
#[derive(clap::Args, Debug)]
struct ConfigArgument {
    /// The configuration file [default: ./gateway.toml, else /etc/mtls-gateway/gateway.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The configuration to use, and whether somebody named it.
struct Chosen {
    path: PathBuf,
    is_named: bool,
}

impl From<ConfigArgument> for Chosen {
    fn from(argument: ConfigArgument) -> Self {
        let here = Path::new("gateway.toml");
        let is_named = argument.config.is_some();
        let path = match argument.config {
            Some(path) => path,
            None if here.exists() => here.to_owned(),
            None => PathBuf::from("/etc/mtls-gateway/gateway.toml"),
        };
        Self { path, is_named }
    }
}

/// The whole command line as it is defined: for completions, and for tests that hold the manual page to it.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_help = !error.use_stderr();
            // A closed terminal is no reason for another exit code.
            let _ = error.print();
            return if is_help { Exit::Success } else { Exit::Usage }.into();
        }
    };
    let exit = match arguments.command {
        Command::Run { config } => run::run(&config.into()),
        Command::Check { config, json } => check::check(&config.into(), json),
        Command::Explain { file, config, site, at, json } => {
            let question = explain::Question { file: &file, site: site.as_deref(), at };
            explain::explain(&config.into(), &question, json)
        }
        Command::Reload { config, socket } => reload::reload(&config.into(), socket),
        Command::Upgrade { config, socket } => upgrade::upgrade(&config.into(), socket),
        Command::ReopenLogs { config, socket } => reopen_logs::reopen_logs(&config.into(), socket),
        Command::Demo { once, port } => demo::demo(port, once),
        Command::Completions { shell } => completions::completions(command(), shell),
    };
    exit.into()
}
