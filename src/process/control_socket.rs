//! The control socket: how `mtls-gateway reload`, `upgrade` and `reopen-logs` ask a gateway that runs, and hear what
//! came of it.
//!
//! One word a connection, answered by one JSON object. Who may connect is decided by the mode of the socket
//! file: its owner, and root.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::{debug, warn};

use crate::local_socket;
use crate::observe::AccessLog;

use super::asking::{NoOutcome, Outcome, Reloads};
use super::upgrade::Upgrades;

/// The socket's name in its folder.
const FILE_NAME: &str = "control.sock";

/// For its owner alone, and root.
const SOCKET_MODE: u32 = 0o600;

/// Far longer than any word that is understood.
const WORD_BYTES_MAX: u64 = 64;

/// How long whoever connects may take to say it, and to read the answer.
const TALK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long accepting rests when the system has no room for another connection.
const PAUSE: Duration = Duration::from_millis(500);

/// How long whoever asks waits for the answer.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// How many are talked to at a time; others wait at the door.
const TALKS_MAX: usize = 16;

/// How many of them wait for a reload: the rest is for those who ask for something else.
const RELOADS_MAX: usize = 8;

/// Far more than any report.
const REPLY_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Where a service listens that says nothing of it: in the folder that systemd made for it. A gateway that was
/// started by hand has none, and takes the place of no other.
pub fn own_path() -> Option<PathBuf> {
    // Several are divided by colons.
    let folders = std::env::var_os("RUNTIME_DIRECTORY")?;
    let folder = std::env::split_paths(&folders).next().filter(|folder| folder.is_absolute())?;
    Some(folder.join(FILE_NAME))
}

/// Where to look for a gateway that says nothing of it.
pub fn usual_path() -> PathBuf {
    own_path().unwrap_or_else(|| Path::new("/run/mtls-gateway").join(FILE_NAME))
}

/// What a gateway answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whether it was done.
    pub is_done: bool,
    /// What is different now, a sentence each.
    pub changes: Vec<String>,
    /// The report, as `check` prints it.
    pub report: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("no gateway listens at `{}`: {source}", path.display())]
    Unreachable {
        /// The socket that was asked.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It broke off.
    #[error("the gateway at `{}` gave no answer: {source}", path.display())]
    Broken {
        /// The socket that was asked.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Listens at `path` and answers for as long as the process lives. Takes the place of a gateway that has ended, and of
/// one that answers only where that hands over.
///
/// # Errors
/// What keeps it from its place, or a thread that the system refuses.
pub fn listen(
    path: &Path,
    is_handed_over: bool,
    reloads: Reloads,
    upgrades: Upgrades,
    access_log: AccessLog,
) -> io::Result<()> {
    if !is_handed_over && local_socket::is_listened_at(path) {
        let why = "another process answers there; end it, or name another `control_socket`";
        return Err(io::Error::new(ErrorKind::AddrInUse, why));
    }
    let (listener, _) = local_socket::listen(path, SOCKET_MODE)?;
    thread::Builder::new().name("control".to_owned()).spawn(move || {
        let mut has_complained = false;
        let (waiting, spare) = Default::default();
        let answers = Arc::new(Answers { reloads, upgrades, access_log, waiting, spare });
        loop {
            if Arc::strong_count(&answers) > TALKS_MAX {
                rest();
                continue;
            }
            let talking = Arc::clone(&answers);
            // Each on a thread of its own: who waits for a reload keeps nobody from reopening the logs.
            let answered = answers.spare.accept(&listener).and_then(|stream| {
                thread::Builder::new().name("answer".to_owned()).spawn(move || {
                    if let Err(error) = talking.answer(&stream) {
                        debug!(%error, "a question on the control socket came to nothing");
                    }
                    // Before a client takes the one that is free now.
                    drop(stream);
                    talking.spare.refill();
                })
            });
            match answered {
                Ok(_) => has_complained = false,
                Err(error) => {
                    if !has_complained {
                        warn!(%error, "whoever asks on the control socket waits");
                    }
                    has_complained = true;
                    rest();
                }
            }
        }
    })?;
    Ok(())
}

/// A file descriptor held back: when clients have all others, whoever asks what is wrong still gets an answer.
#[derive(Default)]
struct Spare(Mutex<Option<File>>);

impl Spare {
    /// Takes one again, if there is one.
    fn refill(&self) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.is_none() {
            *spare = File::open("/dev/null").ok();
        }
    }

    fn accept(&self, listener: &UnixListener) -> io::Result<UnixStream> {
        self.refill();
        let accepted = listener.accept().or_else(|error| {
            // Whatever the error is: once more with one that is free.
            let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            spare.map_or(Err(error), |spare| {
                drop(spare);
                listener.accept()
            })
        });
        accepted.map(|(stream, _)| stream)
    }
}

#[expect(clippy::disallowed_methods, reason = "nobody tells when a file descriptor becomes free")]
fn rest() {
    thread::sleep(PAUSE);
}

/// Who knows the answers.
struct Answers {
    reloads: Reloads,
    upgrades: Upgrades,
    access_log: AccessLog,
    /// One for each who waits for a reload, and one that is kept here.
    waiting: Arc<()>,
    spare: Spare,
}

impl Answers {
    fn answer(&self, mut stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(TALK_TIMEOUT))?;
        stream.set_write_timeout(Some(TALK_TIMEOUT))?;
        let mut word = String::new();
        BufReader::new(stream).take(WORD_BYTES_MAX).read_line(&mut word)?;
        let reply = match word.trim_end() {
            "reload" => match self.reload() {
                Ok(outcome) => json!({
                    "done": outcome.is_applied,
                    "changes": outcome.changes,
                    "report": outcome.report,
                }),
                Err(why) => refusal(&format!("{why}\n")),
            },
            "upgrade" => match self.upgrades.wait() {
                Ok(handed_over) => {
                    let changes = [format!("process {} serves now", handed_over.process)];
                    let reply = json!({ "done": true, "changes": changes, "report": "" });
                    // Before this process begins to end, which it does when `handed_over` goes.
                    return writeln!(stream, "{reply}");
                }
                Err(why) => refusal(&why),
            },
            "reopen-logs" => match self.access_log.reopen() {
                Ok(what) => json!({ "done": true, "changes": [what], "report": "" }),
                Err(why) => refusal(&why),
            },
            _ => refusal("this gateway does not know that word; is it of another version?\n"),
        };
        writeln!(stream, "{reply}")
    }

    fn reload(&self) -> Result<Arc<Outcome>, NoOutcome> {
        let waiting = Arc::clone(&self.waiting);
        if Arc::strong_count(&waiting) > RELOADS_MAX + 1 {
            return Err(NoOutcome::TooMany);
        }
        self.reloads.wait()
    }
}

fn refusal(why: &str) -> Value {
    json!({ "done": false, "changes": [], "report": why })
}

/// Asks the gateway that listens at `path`.
///
/// # Errors
/// [`AskError`].
pub fn ask(path: &Path, word: &str) -> Result<Reply, AskError> {
    let unreachable = |source| AskError::Unreachable { path: path.to_owned(), source };
    let broken = |source| AskError::Broken { path: path.to_owned(), source };
    let stream = UnixStream::connect(path).map_err(unreachable)?;
    let text = || {
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(TALK_TIMEOUT))?;
        writeln!(&stream, "{word}")?;
        let mut text = String::new();
        (&stream).take(REPLY_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = text().map_err(broken)?;
    let reply: Value = serde_json::from_str(&text).map_err(|error| broken(error.into()))?;
    let changes = reply["changes"].as_array().into_iter().flatten();
    Ok(Reply {
        is_done: reply["done"] == true,
        changes: changes.filter_map(|change| change.as_str().map(str::to_owned)).collect(),
        report: reply["report"].as_str().unwrap_or_default().to_owned(),
    })
}
