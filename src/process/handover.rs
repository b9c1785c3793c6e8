//! Handing over: the process that serves starts the one that is to serve next, with its listening sockets, and lets go
//! only when that one has said that everything is good. Until then nothing has changed.
//!
//! The two speak over a socket that the new process finds as its standard input: a word a message, the listening
//! sockets beside the words. [Decision 011](../../docs/decisions/011-listeners-travel-as-messages.md) says why.

use std::ffi::{OsStr, OsString};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
    recvmsg, socketpair,
};

use crate::serve::Inherited;

use super::notify::send;
use super::sandbox::{self, Sandbox};

/// Tells a process that it is to take over, and from whom: from its parent of this number.
const PREDECESSOR: &str = "MTLS_GATEWAY_PREDECESSOR";

/// What is meant for one process, and wrong for any other.
const OF_ONE_PROCESS: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// The words. A listener's name follows the first, the reason the second.
const LISTENER: &str = "listener ";
const REFUSED: &str = "refused ";
const THAT_IS_ALL: &str = "that is all";
const READY: &str = "ready";
const SERVE: &str = "serve";

/// The longest message: a report that is longer is cut.
const MESSAGE_BYTES_MAX: usize = 32 * 1024;

/// Why a program that may be started by its mode is not.
const OUTSIDE: &str =
    "it, or what it is run by, lies outside of the sandbox of this process: restart the gateway";

/// How long the process that serves may take for a word. It does nothing else meanwhile.
const WORD_TIMEOUT: Duration = Duration::from_secs(60);

/// How this program was started, to be started so again.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    /// Whether what this one may not do, the one that it starts may not do either.
    is_confined: bool,
}

impl Program {
    /// This one. By the name that it was called by and not by the file that it is: that file may be replaced, or the
    /// name lead to another one, when the time has come. To be asked before anything changes the folder.
    ///
    /// # Errors
    /// No such name, and the system does not know the file either.
    pub fn of_this_process() -> io::Result<Self> {
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_default();
        let found = if Path::new(&name).components().count() > 1 {
            Some(std::path::absolute(&name)?)
        } else {
            on_path(&name, std::env::var_os("PATH").as_deref())
        };
        let path = match found.filter(|path| path.is_file()) {
            Some(path) => path,
            None => std::env::current_exe()?,
        };
        Ok(Self { path, arguments: arguments.collect(), is_confined: false })
    }

    /// The file, perhaps by a link.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same, from out of this sandbox.
    #[must_use]
    pub fn within(self, sandbox: Sandbox) -> Self {
        Self { is_confined: sandbox.is_in_force, ..self }
    }
}

fn on_path(name: &OsStr, folders: Option<&OsStr>) -> Option<PathBuf> {
    let mut candidates = std::env::split_paths(folders?).map(|folder| folder.join(name));
    candidates.find(|path| path.is_absolute() && path.is_file())
}

/// Why nobody has taken over.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// It cannot be started, or spoken to.
    #[error("`{}` cannot be started: {source}", path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It says why it cannot serve.
    #[error("the new process cannot serve:\n{0}")]
    Refused(String),
    /// It has ended without a word.
    #[error("the new process ended before it was ready ({0}); its log says why")]
    Ended(String),
    /// It does not say that it is ready.
    #[error("the new process was not ready within {0:?}, and was ended; is `{path}` this program?", path = .1.display())]
    Late(Duration, PathBuf),
}

/// The process that is ready to serve next.
pub(super) struct Successor {
    channel: OwnedFd,
    process: u32,
}

impl Successor {
    /// Starts a program with some listening sockets, and waits until it is ready to serve on them.
    pub(super) fn start(
        program: &Program,
        sockets: &[Inherited],
        patience: Duration,
    ) -> Result<Self, HandoverError> {
        let deadline = Instant::now() + patience;
        let failed = |error: io::Error| {
            let is_confined = error.kind() == io::ErrorKind::PermissionDenied
                && access(&program.path, Access::EXEC_OK).is_ok();
            let source = match is_confined {
                true => io::Error::new(error.kind(), OUTSIDE),
                false => error,
            };
            HandoverError::Start { path: program.path.clone(), source }
        };
        let (channel, theirs) = channel().map_err(failed)?;
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).stdin(Stdio::from(theirs));
        command.env(PREDECESSOR, std::process::id().to_string());
        match program.is_confined {
            true => command.env(sandbox::INHERITED, "1"),
            false => command.env_remove(sandbox::INHERITED),
        };
        OF_ONE_PROCESS.iter().for_each(|name| _ = command.env_remove(name));
        let child = command.spawn().map_err(failed)?;
        // The command holds a copy of their end: with it, their end would be no sign of theirs.
        drop(command);
        let process = child.id();
        let mut child = Unproven(Some(child));
        let told = sockets.iter().try_for_each(|Inherited { name, socket }| {
            send(&channel, format!("{LISTENER}{name}").as_bytes(), &[socket.as_fd()])
        });
        // One that has ended cannot be told anything; why it has is asked next.
        let _ = told.and_then(|()| send(&channel, THAT_IS_ALL.as_bytes(), &[]));
        let left = deadline.saturating_duration_since(Instant::now());
        let heard = hear(&channel, left);
        match heard {
            Ok(Some((word, _))) if word == READY => {
                // From here on it is nobody's to kill.
                child.0.take();
                Ok(Self { channel, process })
            }
            Ok(Some((word, _))) => {
                let why = word.strip_prefix(REFUSED).unwrap_or("it says what is not understood");
                Err(HandoverError::Refused(why.to_owned()))
            }
            Ok(None) => {
                // It has closed its end: it has ended, or is about to, or is no program of ours.
                Err(HandoverError::Ended(child.end()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(HandoverError::Late(patience, program.path.clone()))
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) fn process(&self) -> u32 {
        self.process
    }

    /// Has it serve. What is left of this process is the channel, whose end tells the other that we have ended.
    pub(super) fn serve(self) -> io::Result<OwnedFd> {
        send(&self.channel, SERVE.as_bytes(), &[])?;
        Ok(self.channel)
    }
}

/// A process that has not said that it is ready: it ends with the attempt.
struct Unproven(Option<Child>);

impl Unproven {
    fn end(&mut self) -> String {
        // A moment to end by itself, for the sake of what it says; then it is ended.
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            if let Some(Ok(Some(status))) = self.0.as_mut().map(Child::try_wait) {
                return status.to_string();
            }
            rest();
        }
        "it had closed its standard input".to_owned()
    }
}

impl Drop for Unproven {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a child that ends gives no sign that can be waited for with a deadline"
)]
fn rest() {
    std::thread::sleep(Duration::from_millis(10));
}

/// The process whose place this one is to take.
pub struct Predecessor {
    channel: OwnedFd,
}

impl Predecessor {
    /// If there is one: the channel to it, and the sockets that it hands over.
    ///
    /// # Errors
    /// There should be one, and it does not speak as it should.
    pub fn of_this_process() -> io::Result<Option<(Self, Vec<Inherited>)>> {
        let named = std::env::var(PREDECESSOR).ok().and_then(|number| number.parse::<i32>().ok());
        // What was meant for an ancestor may still stand in the environment.
        let parent = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get());
        if named.is_none() || named != parent {
            return Ok(None);
        }
        let channel = io::stdin().as_fd().try_clone_to_owned()?;
        // Their end is to be closed when they end, and ours when we do: no copy of it as our standard input.
        rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
        let mut sockets = Vec::new();
        loop {
            match hear(&channel, WORD_TIMEOUT)? {
                Some((word, None)) if word == THAT_IS_ALL => break,
                Some((word, Some(file))) => {
                    let Some(name) = word.strip_prefix(LISTENER) else {
                        return Err(io::Error::other(format!("a file comes with `{word}`")));
                    };
                    let socket = TcpListener::from(file);
                    sockets.push(Inherited { name: name.to_owned(), socket });
                }
                Some((word, None)) => {
                    return Err(io::Error::other(format!("`{word}` is no word of this version")));
                }
                None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            }
        }
        Ok(Some((Self { channel }, sockets)))
    }

    /// Says why we cannot serve. The other goes on.
    pub fn refuse(&self, why: &str) {
        let mut word = format!("{REFUSED}{why}").into_bytes();
        word.truncate(MESSAGE_BYTES_MAX);
        // If nobody hears it, nobody waits for it.
        let _ = send(&self.channel, &word, &[]);
    }

    /// Says that all is ready, and waits to be told to serve.
    ///
    /// # Errors
    /// The other has changed its mind: it serves, and we are not to.
    pub fn take_over(&self) -> io::Result<()> {
        send(&self.channel, READY.as_bytes(), &[])?;
        match hear(&self.channel, WORD_TIMEOUT)? {
            Some((word, _)) if word == SERVE => Ok(()),
            Some((word, _)) => {
                Err(io::Error::other(format!("`{word}` is no word of this version")))
            }
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }

    /// Waits until the other has ended, for so long at most. systemd ends all that is left of a service when its main
    /// process ends, so that whoever is last has to wait for whoever still has requests to finish.
    pub fn await_end(&self, patience: Duration) {
        // It says nothing any more: whatever comes is its end.
        let _ = hear(&self.channel, patience);
    }
}

/// Two ends of a channel that keeps messages apart; neither passes to other programs by itself.
fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // A process that does not read is not waited for.
    set_socket_timeout(&ours, Timeout::Send, Some(WORD_TIMEOUT / 10))?;
    Ok((ours, theirs))
}

/// The next word, and the file beside it; `None` after the last.
fn hear(channel: &OwnedFd, patience: Duration) -> io::Result<Option<(String, Option<OwnedFd>)>> {
    let deadline = Instant::now() + patience;
    let mut bytes = vec![0; MESSAGE_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let length = loop {
        // No time at all would mean: for ever.
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        set_socket_timeout(channel, Timeout::Recv, Some(left))?;
        let mut slices = [IoSliceMut::new(&mut bytes)];
        match recvmsg(channel, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received.bytes,
            // A signal, which may come to any thread.
            Err(Errno::INTR) => {}
            // Its end, when something was left unread.
            Err(Errno::CONNRESET) => break 0,
            Err(error) => return Err(error.into()),
        }
    };
    if length == 0 {
        return Ok(None);
    }
    let mut file = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            file = files.last();
        }
    }
    let word = String::from_utf8_lossy(&bytes[..length]).into_owned();
    Ok(Some((word, file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of starting a shell with these commands in place of the gateway.
    fn start(commands: &str, patience: Duration) -> HandoverError {
        let arguments = ["-c", commands].map(OsString::from).to_vec();
        let program = Program { path: PathBuf::from("/bin/sh"), arguments, is_confined: false };
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let sockets = [Inherited { name: "bound-x".to_owned(), socket }];
        Successor::start(&program, &sockets, patience).err().unwrap()
    }

    #[test]
    fn one_that_ends_is_told_from_one_that_is_late() {
        let ended = start("exit 3", Duration::from_secs(20)).to_string();
        assert!(ended.contains("exit status: 3"), "{ended}");
        let before = Instant::now();
        let late = start("exec sleep 60", Duration::from_millis(200)).to_string();
        assert!(late.contains("not ready within 200ms"), "{late}");
        assert!(before.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let path = PathBuf::from("/none/such");
        let program = Program { path, arguments: Vec::new(), is_confined: false };
        let failed = Successor::start(&program, &[], Duration::from_secs(1)).err().unwrap();
        assert!(failed.to_string().starts_with("`/none/such` cannot be started"), "{failed}");
    }

    #[test]
    fn words_and_sockets_come_out_as_they_went_in() {
        let (ours, theirs) = channel().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        send(&ours, b"listener one", &[socket.as_fd()]).unwrap();
        send(&ours, b"that is all", &[]).unwrap();
        let (word, file) = hear(&theirs, WORD_TIMEOUT).unwrap().unwrap();
        assert_eq!(word, "listener one");
        let same = TcpListener::from(file.unwrap());
        assert_eq!(same.local_addr().unwrap(), socket.local_addr().unwrap());
        let (word, file) = hear(&theirs, WORD_TIMEOUT).unwrap().unwrap();
        assert!(word == THAT_IS_ALL && file.is_none());
        drop(ours);
        assert!(hear(&theirs, WORD_TIMEOUT).unwrap().is_none());
    }

    #[test]
    fn a_program_without_a_path_is_looked_for_where_a_shell_would() {
        let found = on_path(OsStr::new("sh"), Some(OsStr::new("/none:/bin")));
        assert_eq!(found, Some(PathBuf::from("/bin/sh")));
        assert_eq!(on_path(OsStr::new("no-such-program"), Some(OsStr::new("/bin"))), None);
    }
}
