//! Running other programs, never for longer than [`PATIENCE`], and never leaving one behind.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take here. Generous, because machines that test are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Whether all these programs are installed. If one is not, says so; with `CI` set, fails.
pub(crate) fn are_installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let mut command = Command::new(program);
        // `openssl` knows no `--version`, and Python no `version`; all know how to fail.
        command.arg("--version").stdin(Stdio::null());
        command.output().is_err()
    });
    let Some(program) = missing else {
        return true;
    };
    assert!(
        std::env::var_os("CI").is_none(),
        "{program} is not installed, and CI may skip nothing"
    );
    skipped(&format!("{program} is not installed"));
    false
}

/// Says that this test does nothing, and why.
pub(crate) fn skipped(why: &str) {
    // Not `println!`: what it says is hidden when a test passes, which is the case here.
    let name = thread::current().name().unwrap_or_default().to_owned();
    let _ = writeln!(std::io::stderr(), "skipped: {why} ({name})");
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Finished {
    /// Standard output, of a program that must have succeeded.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        let stdout = String::from_utf8_lossy(&self.stdout).into_owned();
        assert_eq!(self.code, Some(0), "{}{stdout}", self.stderr);
        stdout
    }

    /// Everything it said, of a program that must have failed.
    #[track_caller]
    pub(crate) fn failure(&self) -> String {
        let stdout = String::from_utf8_lossy(&self.stdout);
        let all = format!("{}{stdout}", self.stderr);
        assert!(!matches!(self.code, Some(0)), "succeeded: {all}");
        all
    }
}

/// Runs a program to its end with `input` on its standard input.
#[track_caller]
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Finished {
    let mut process = Process::spawn(command);
    let stdout = collect(process.child.stdout.take().unwrap());
    let stderr = collect(process.child.stderr.take().unwrap());
    let mut stdin = process.child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program may end before it has read everything; what it says then is what counts.
    let writer = thread::spawn(move || stdin.write_all(&input));
    let deadline = Instant::now() + PATIENCE;
    let read = |from: Receiver<Vec<u8>>| {
        let left = deadline.saturating_duration_since(Instant::now());
        from.recv_timeout(left).unwrap_or_else(|_| panic!("no end of {command:?}"))
    };
    let (stdout, stderr) = (read(stdout), read(stderr));
    let code = process.child.wait().unwrap().code();
    let _ = writer.join().unwrap();
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    Finished { code, stdout, stderr }
}

/// A program that runs until this is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program with all three standard streams on pipes.
    #[track_caller]
    pub(crate) fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, to be held for as long as it should see no end of it.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// The lines of its standard output.
    pub(crate) fn stdout(&mut self) -> Lines {
        Lines::of(vec![Box::new(self.child.stdout.take().unwrap())])
    }

    /// The lines of its standard error stream.
    pub(crate) fn stderr(&mut self) -> Lines {
        Lines::of(vec![Box::new(self.child.stderr.take().unwrap())])
    }

    /// The lines of both, as they come.
    pub(crate) fn output(&mut self) -> Lines {
        let stdout = self.child.stdout.take().unwrap();
        let stderr = self.child.stderr.take().unwrap();
        Lines::of(vec![Box::new(stdout), Box::new(stderr)])
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as a program writes them.
pub(crate) struct Lines {
    incoming: Receiver<String>,
    seen: Vec<String>,
}

impl Lines {
    fn of(streams: Vec<Box<dyn Read + Send>>) -> Self {
        let (sender, incoming) = mpsc::channel();
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let seen = Vec::new();
        Self { incoming, seen }
    }

    /// Waits for a line in which `find` finds something; lines before it are passed over.
    #[track_caller]
    pub(crate) fn find<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.incoming.recv_timeout(left) {
                Ok(line) => line,
                Err(why) => {
                    let why = match why {
                        RecvTimeoutError::Timeout => "in time",
                        RecvTimeoutError::Disconnected => "before the program ended",
                    };
                    panic!("no such line {why} among:\n{}", self.seen.join("\n"));
                }
            };
            let found = find(&line);
            self.seen.push(line);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// Whether no line is waiting.
    pub(crate) fn is_empty(&self) -> bool {
        self.incoming.try_recv().is_err()
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A stream that breaks has ended; the receiver may have given up.
        let _ = stream.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}
