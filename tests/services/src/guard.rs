//! Child processes that cannot outlive this one, however it ends.
//!
//! Every child runs under a small `sh` script that reads a pipe held open by this process alone. The kernel
//! closes the pipe when this process dies, even by `kill -9`, and the script then kills the child. The same
//! pipe carries signals, so that no code here needs `kill(2)`, which the standard library does not offer.
//!
//! Each child has its own process group. A terminal's Ctrl-C thus reaches this process only, and it decides
//! who stops first.

use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::kernel;

/// A signal that is not heard within this time is not waited for.
const PAUSED: Duration = Duration::from_secs(10);

/// A signal that a guarded process can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// What Ctrl-C sends.
    Interrupt,
    /// The request to end in order.
    Terminate,
    /// The request to end without it, for those who know it.
    Quit,
    /// The end without one.
    Kill,
    /// A pause that the process does not notice, until [`Signal::Continue`]. Only for [`process`]: the guard of a
    /// [`command`] would pause too.
    Stop,
    /// The end of a pause.
    Continue,
}

impl Signal {
    fn line(self) -> &'static [u8] {
        match self {
            Signal::Interrupt => b"INT\n",
            Signal::Terminate => b"TERM\n",
            Signal::Quit => b"QUIT\n",
            Signal::Kill => b"KILL\n",
            Signal::Stop => b"STOP\n",
            Signal::Continue => b"CONT\n",
        }
    }
}

/// The start of a command line that runs one process, deaf to Ctrl-C: add the program and its arguments.
///
/// Signals go to this process alone.
pub fn process() -> Command {
    shell(include_str!("guard/process.sh"))
}

/// The start of a command line that runs any command: add the program and its arguments.
///
/// Signals go to everything the command started, not only to the command itself.
pub fn command() -> Command {
    shell(include_str!("guard/command.sh"))
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("guard");
    command
}

/// A running child. Dropping it kills the child and waits for its end.
#[derive(Debug)]
pub struct Guarded {
    /// The shell's process id.
    guard: u32,
    control: Option<ChildStdin>,
    exits: Receiver<ExitStatus>,
    exit: Option<ExitStatus>,
}

impl Guarded {
    /// Starts a command line begun with [`command`] or [`process`].
    ///
    /// # Errors
    /// When `sh` cannot be started. A missing program is no error here: the child then exits with 127.
    pub fn spawn(mut command: Command) -> io::Result<Guarded> {
        let mut child = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        let (guard, control) = (child.id(), child.stdin.take());
        Ok(Guarded { guard, control, exits: reap(child), exit: None })
    }

    /// What the kernel knows of the guard. The child is of its family.
    #[must_use]
    pub fn kernel(&self) -> kernel::Process {
        kernel::Process::new(self.guard)
    }

    /// Sends a signal; a child that has ended already is left in peace.
    pub fn signal(&mut self, signal: Signal) {
        if let Some(control) = &mut self.control {
            // The write fails only when the guard has ended, and with it the child.
            let _ = control.write_all(signal.line());
        }
    }

    /// Stops a [`process`] where it is, and returns once it stands still: what is done then cannot overtake the signal.
    pub fn pause(&mut self) {
        self.signal(Signal::Stop);
        let begin = Instant::now();
        while !has_stopped_child(self.guard) && begin.elapsed() < PAUSED {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the end of the child, at most this long. `None` says that it still runs.
    pub fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        if self.exit.is_none() {
            self.exit = self.exits.recv_timeout(at_most).ok();
        }
        self.exit
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.control = None;
        if self.exit.is_none() {
            let _ = self.exits.recv();
        }
    }
}

/// Whether a child of this process stands still, as /proc says. Nobody else is told.
fn has_stopped_child(parent: u32) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    // The name in parentheses may hold anything; state and parent follow it.
    let mut facts = stats.filter_map(|stat| {
        let mut words = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.next()?))
    });
    facts.any(|(state, of)| state == "T" && of == parent.to_string())
}

/// A thread that waits for the child, because the standard library has no wait with a deadline.
fn reap(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        if let Ok(status) = child.wait() {
            let _ = sender.send(status);
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn start(mut guard: Command, script: &str) -> (Guarded, io::BufReader<std::process::ChildStdout>) {
        // The script says when it is ready on a pipe of its own, for a signal must not come before its trap.
        guard.args(["sh", "-c", script]).stdout(Stdio::piped());
        let mut child = guard.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        let guard = child.id();
        let (control, output) = (child.stdin.take(), child.stdout.take().unwrap());
        let mut output = io::BufReader::new(output);
        io::BufRead::read_line(&mut output, &mut String::new()).unwrap();
        (Guarded { guard, control, exits: reap(child), exit: None }, output)
    }

    #[test]
    fn the_exit_code_passes_both_guards() {
        for guard in [process(), command()] {
            let (mut guarded, _output) = start(guard, "echo ready; exit 7");
            assert_eq!(guarded.wait(LONG).unwrap().code(), Some(7));
        }
    }

    #[test]
    fn a_command_hears_an_interrupt_and_may_choose_its_exit_code() {
        let (mut guarded, _output) =
            start(command(), "trap 'exit 3' INT; echo ready; while :; do sleep 0.01; done");
        guarded.signal(Signal::Interrupt);
        assert_eq!(guarded.wait(LONG).unwrap().code(), Some(3));
    }

    #[test]
    fn a_process_ignores_an_interrupt_and_hears_a_termination() {
        let (mut guarded, _output) = start(process(), "echo ready; exec sleep 60");
        guarded.signal(Signal::Interrupt);
        assert_eq!(guarded.wait(Duration::from_millis(200)), None);
        guarded.signal(Signal::Terminate);
        assert_eq!(guarded.wait(LONG).unwrap().code(), Some(128 + 15));
    }

    #[test]
    fn a_paused_process_says_nothing_until_it_goes_on_and_is_killed_with_its_guard() {
        let (mut guarded, mut output) = start(process(), "while echo alive; do sleep 0.01; done");
        guarded.pause();
        assert!(has_stopped_child(guarded.guard));
        let (sender, receiver) = channel();
        let reader = thread::spawn(move || {
            let mut line = String::new();
            while io::BufRead::read_line(&mut output, &mut line).unwrap() > 0 {
                let _ = sender.send(());
            }
        });
        while receiver.recv_timeout(Duration::from_millis(300)).is_ok() {}
        guarded.signal(Signal::Continue);
        receiver.recv_timeout(LONG).unwrap();
        guarded.signal(Signal::Stop);
        drop(guarded);
        reader.join().unwrap();
    }

    #[test]
    fn the_end_of_the_pipe_kills_what_a_command_started_too() {
        let (guarded, mut output) = start(command(), "trap '' TERM INT; sleep 60 & echo ready; sleep 60");
        drop(guarded);
        // End of file says that nobody holds the pipe any more: both sleeps are gone.
        assert_eq!(io::Read::read_to_end(&mut output, &mut Vec::new()).unwrap(), 0);
    }
}
