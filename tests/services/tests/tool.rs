//! The `services` program as a child of the test, and what /proc knows about its children.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often /proc is looked at: nothing tells when a process that is no child has ended.
const PAUSE: Duration = Duration::from_millis(10);

pub(crate) struct Tool {
    child: Child,
    output: BufReader<ChildStdout>,
}

pub(crate) fn tool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_services"));
    // Whoever runs this test may have named services of their own.
    command.args(arguments);
    for name in ["MIRRORBUS_TEST_KAFKA", "MIRRORBUS_TEST_REGISTRY", "MIRRORBUS_TEST_POSTGRES"] {
        command.env_remove(name);
    }
    command
}

impl Tool {
    pub(crate) fn start(arguments: &[&str]) -> Tool {
        let mut child = tool(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Tool { child, output }
    }

    /// `services up` with Kafka and a registry that keeps its schemas in the folder.
    pub(crate) fn up(folder: &Path) -> Tool {
        Tool::start(&["up", "--folder", folder.to_str().unwrap(), "--registry", "disk"])
    }

    /// The next line of the tool's output, which it writes when the services answer.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the tool ended: {:?}", self.child.wait());
        line.trim_end().to_owned()
    }

    /// The value of the next line, which must be `name=value`.
    pub(crate) fn value(&mut self, name: &str) -> String {
        let line = self.line();
        let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no value of {name}: {line}")).to_owned()
    }

    pub(crate) fn interrupt(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // A test that failed must not wait for a tool that runs until it is told to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command lines of all processes that name this folder.
pub(crate) fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        // A process that ends meanwhile has no command line any more.
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}

/// Waits until no process names this folder.
pub(crate) fn assert_no_process_within(limit: Duration, folder: &Path) {
    let begin = Instant::now();
    loop {
        let left = processes_of(folder);
        if left.is_empty() {
            return;
        }
        assert!(begin.elapsed() < limit, "still there after {limit:?}: {left:#?}");
        thread::sleep(PAUSE);
    }
}
