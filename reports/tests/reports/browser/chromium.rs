//! Debian's Chromium without a screen, told what to do over its debugging pipe: messages of the
//! DevTools protocol in JSON, each ended by a zero byte, on descriptors 3 and 4.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Names under which distributions install it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// How long one answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Messages that wait to be looked at.
const WAITING_MAX: usize = 10_000;

/// A browser with one page. It ends with the test.
pub(crate) struct Chromium {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// Everything that was told without having been asked for.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts it with an empty page.
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The shell moves our pipes to where the browser looks for them.
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#,
            ])
            .arg(program())
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-first-run",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-default-apps",
                "--disable-extensions",
                "--disable-sync",
                "--force-color-profile=srgb",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if is_root() {
            // Its sandbox refuses root.
            command.arg("--no-sandbox");
        }
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut browser = Self {
            child,
            to,
            from: listen(from),
            session: None,
            last: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let page = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", &page);
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Asks for something and waits for the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.to, "{message}\0").unwrap();
        self.to.flush().unwrap();
        loop {
            let answer = self.from.recv_timeout(PATIENCE);
            let mut answer = answer.unwrap_or_else(|error| panic!("{method}: {error}"));
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    /// Opens a file and waits until it is loaded.
    #[track_caller]
    pub(crate) fn open(&mut self, file: &Path) {
        let before = self.loads();
        let url = format!("file://{}", file.display());
        let answer = self.ask("Page.navigate", &json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        while self.loads() == before {
            let event = self.from.recv_timeout(PATIENCE).unwrap();
            self.events.push(event);
        }
    }

    fn loads(&self) -> usize {
        self.events_of("Page.loadEventFired").count()
    }

    /// What was told of one kind so far.
    pub(crate) fn events_of<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a Value> {
        let of = move |event: &&Value| event["method"] == method;
        self.events.iter().filter(of).map(|event| &event["params"])
    }

    /// The value of a JavaScript expression.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.ask("Runtime.evaluate", &params);
        let trouble = &answer["exceptionDetails"];
        assert!(trouble.is_null(), "{expression}: {trouble}");
        answer["result"]["value"].take()
    }

    /// Presses and releases a key that writes nothing, such as `Tab` with its code 9.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let params = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            self.ask("Input.dispatchKeyEvent", &params);
        }
    }

    /// Gives the page the size of a screen.
    pub(crate) fn resize(&mut self, width: u32, height: u32, mobile: bool) {
        let params = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile,
        });
        self.ask("Emulation.setDeviceMetricsOverride", &params);
    }

    /// Shows the page as it is on `media` (`screen`, `print`) in a colour scheme.
    pub(crate) fn show_as(&mut self, media: &str, scheme: &str) {
        let params = json!({
            "media": media,
            "features": [{ "name": "prefers-color-scheme", "value": scheme }],
        });
        self.ask("Emulation.setEmulatedMedia", &params);
    }

    /// Writes what the whole page looks like as PNG.
    pub(crate) fn picture(&mut self, file: &Path) {
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.ask("Page.captureScreenshot", &params);
        let data = BASE64_STANDARD.decode(answer["data"].as_str().unwrap());
        fs::write(file, data.unwrap()).unwrap();
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Both fail for one that has crashed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Its file; `make setup-tests` installs it.
fn program() -> &'static str {
    let path = std::env::var_os("PATH").unwrap();
    let is_there = |name: &&&str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    NAMES
        .iter()
        .find(is_there)
        .expect("Chromium, which `make setup-tests` installs")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn listen(from: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = sync_channel(WAITING_MAX);
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut message = Vec::new();
        while let Ok(1..) = from.read_until(0, &mut message) {
            message.pop();
            let value = serde_json::from_slice(&message).unwrap();
            message.clear();
            if sender.send(value).is_err() {
                break;
            }
        }
    });
    receiver
}
