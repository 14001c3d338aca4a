//! `operations-center run` as a process: it heeds signals, and what other processes change.
// All of this is test code, also outside of functions marked so.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use operations_center::clock::{Clock, SystemClock};
use rustix::process::{Pid, Signal, kill_process};

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(60);

fn command(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_operations-center"));
    command.arg("--folder").arg(folder).args(line.split_ascii_whitespace());
    command
}

fn succeed(folder: &Path, line: &str) {
    let output = command(folder, line).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A schedule that runs in the background, in a zone in which it is noon.
struct Run {
    process: Child,
    lines: Receiver<String>,
}

impl Run {
    fn start(folder: &Path, options: &str) -> Self {
        let ahead = 12 - SystemClock.now_seconds() / 3600 % 24;
        let zone = format!("{}{:02}:00", if ahead < 0 { '-' } else { '+' }, ahead.abs());
        let mut command = command(folder, &format!("run --zone {zone} {options}"));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { process, lines }
    }

    /// Waits for a line with these words.
    fn wait_for(&self, words: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no line with {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn end(mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Where a test has failed before the end.
        let _ = self.process.kill();
    }
}

/// A folder in which `Cust1` exists, and `Nord` is mirrored to a receiver that takes calls and never answers.
fn world() -> (tempfile::TempDir, TcpListener) {
    let (folder, listener) = (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}/", listener.local_addr().unwrap());
    succeed(folder.path(), &format!("app register Nord --key-bits 1024 --mirroring-url {url}"));
    succeed(folder.path(), "tenant create Cust1 --size 1");
    (folder, listener)
}

/// Takes a call. Where none comes the test fails by the schedule's own end.
fn take_call(listener: &TcpListener) -> TcpStream {
    listener.accept().unwrap().0
}

#[test]
fn an_idle_schedule_ends_at_once_and_well_on_ctrl_c_and_sigterm() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::start(folder.path(), "");
        run.wait_for("no tenant has approved");
        run.signal(signal);
        run.wait_for("cycles: 0 ");
        assert!(run.end().success());
    }
}

#[test]
fn a_tenant_that_approves_while_the_schedule_runs_has_its_first_cycle_right_away() {
    let (folder, listener) = world();
    let run = Run::start(folder.path(), "--for 5m");
    run.wait_for("no tenant has approved");
    succeed(folder.path(), "tenant approve Cust1 Nord");
    drop(take_call(&listener));
    run.wait_for("Authenticate got no answer");
    run.signal(Signal::TERM);
    assert!(run.end().success());
}

#[test]
fn a_running_call_is_waited_for_and_a_second_signal_does_not_wait() {
    let (folder, listener) = world();
    succeed(folder.path(), "tenant approve Cust1 Nord");
    let run = Run::start(folder.path(), "--for 5m");
    let call = take_call(&listener);
    run.signal(Signal::TERM);
    drop(call);
    run.wait_for("cycles: 1 (completed 0, failed 1,");
    assert!(run.end().success());

    let run = Run::start(folder.path(), "--for 5m");
    let _call = take_call(&listener);
    // Signals that come at once may be one.
    let deadline = Instant::now() + DEADLINE;
    let mut run = run;
    while run.process.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the schedule does not end");
        run.signal(Signal::TERM);
        std::thread::yield_now();
    }
    assert_eq!(run.process.wait().unwrap().code(), Some(1));
}
