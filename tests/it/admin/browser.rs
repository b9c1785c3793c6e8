//! A browser, driven over a pipe by the DevTools protocol: a page at the size and in the colours of some device, what
//! the browser complains of, and a picture for people to look at.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser that starts beside other tests takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A device that a page is looked at on.
#[derive(Clone, Copy)]
pub struct Device {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
    pub scale: u32,
    pub is_phone: bool,
    /// `light` or `dark`.
    pub colours: &'static str,
    pub has_script: bool,
}

/// One that runs, with one page.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// What came while an answer was awaited.
    events: VecDeque<Value>,
    number: Cell<u64>,
    session: Option<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts a program that is installed.
    pub fn start(program: &str) -> Self {
        let profile = TempDir::new().unwrap();
        // It reads commands from the file descriptor 3 and answers on 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", program])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (commands, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, messages) = channel();
        std::thread::spawn(move || {
            let mut answers = BufReader::new(answers);
            loop {
                let mut message = Vec::new();
                let read = answers.read_until(0, &mut message).unwrap_or_default();
                // Every message ends in a zero; the end does not.
                if read == 0 || message.pop() != Some(0) {
                    return;
                }
                let Ok(message) = serde_json::from_slice(&message) else { return };
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            messages,
            events: VecDeque::new(),
            number: Cell::new(0),
            session: None,
            _profile: profile,
        };
        let page = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", &attach);
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Log", "Runtime"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens a page as a device does, and waits until it is there.
    pub fn open(&mut self, device: Device, url: &str) {
        let Device { width, height, scale, is_phone, colours, has_script, .. } = device;
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone,
        });
        self.ask("Emulation.setDeviceMetricsOverride", &metrics);
        let media = [json!({ "name": "prefers-color-scheme", "value": colours })];
        self.ask("Emulation.setEmulatedMedia", &json!({ "features": media }));
        self.ask("Emulation.setScriptExecutionDisabled", &json!({ "value": !has_script }));
        self.events.retain(|event| event["method"] != "Page.loadEventFired");
        self.ask("Page.navigate", &json!({ "url": url }));
        self.await_event("Page.loadEventFired");
    }

    /// What an expression is worth in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let expression = json!({ "expression": expression, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", &expression);
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub fn await_true(&mut self, expression: &str) {
        let start = Instant::now();
        while self.evaluate(expression) != true {
            assert!(start.elapsed() < PATIENCE, "never true: {expression}");
            // What comes meanwhile is not missed; nothing else tells of a change in a page.
            if let Ok(event) = self.messages.recv_timeout(Duration::from_millis(100)) {
                self.events.push_back(event);
            }
        }
    }

    /// What it complained of since it started: of the page's policy, of scripts, of what could not be fetched.
    pub fn complaints(&self) -> Vec<String> {
        let is_complaint = |event: &&Value| match event["method"].as_str() {
            Some("Log.entryAdded") => event["params"]["entry"]["level"] != "verbose",
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => true,
            _ => false,
        };
        self.events.iter().filter(is_complaint).map(Value::to_string).collect()
    }

    /// Keeps a picture of the whole page for people, and gives back its size in pixels.
    pub fn picture(&mut self, name: &str) -> (u32, u32) {
        let size = self.ask("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1,
        });
        let whole = json!({ "captureBeyondViewport": true, "format": "png", "clip": clip });
        let picture = self.ask("Page.captureScreenshot", &whole);
        let picture = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        let folder = artefacts();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), &picture).unwrap();
        // PNG: a signature of 8 bytes, then the chunk IHDR, which begins with width and height.
        let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
        (number(16), number(20))
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.number.get() + 1;
        self.number.set(id);
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{command}\0").as_bytes()).unwrap();
        loop {
            let message = self.next();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push_back(message);
        }
    }

    fn await_event(&mut self, method: &str) {
        while !self.events.iter().any(|event| event["method"] == method) {
            let message = self.next();
            self.events.push_back(message);
        }
    }

    fn next(&self) -> Value {
        self.messages.recv_timeout(PATIENCE).expect("the browser answers")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends those that it started when it is asked to, and a kill would leave them.
        _ = self.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < PATIENCE {
            _ = self.messages.recv_timeout(Duration::from_millis(50));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Where pictures are kept: in `artefacts` of the target folder.
fn artefacts() -> PathBuf {
    let mut folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    folder.set_file_name("artefacts");
    folder
}
