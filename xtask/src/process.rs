//! Child processes, each in its own process group: a time limit or Ctrl-C ends a child together with
//! everything it started, and Ctrl-C in a terminal reaches only this program.

use std::fmt;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Time limit of a command in the terminal. It is for a command that hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(2 * 60 * 60);

const POLL: Duration = Duration::from_millis(50);

/// Time between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C, SIGTERM and SIGHUP set a flag that every wait in this module checks.
pub(crate) fn catch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst)).context("signal handler")
}

/// Whether Ctrl-C was pressed.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// How a child ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Exited(ExitStatus),
    TimedOut(Duration),
    Interrupted,
}

impl End {
    /// Whether the child exited by itself and with status 0.
    pub(crate) fn success(self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "{status}"),
            Self::TimedOut(limit) => write!(f, "took more than {} s", limit.as_secs()),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// A running child and its process group. Dropping it ends the group.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    ended: bool,
}

impl Group {
    /// Starts `command` without standard input.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| describe(command))?;
        Ok(Self {
            child,
            ended: false,
        })
    }

    /// Waits until the child exits. After `limit`, or at Ctrl-C, stops the group.
    pub(crate) fn wait(mut self, limit: Duration) -> io::Result<End> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(End::Exited(status));
            }
            if interrupted() {
                self.stop()?;
                return Ok(End::Interrupted);
            }
            if start.elapsed() > limit {
                self.stop()?;
                return Ok(End::TimedOut(limit));
            }
            thread::sleep(POLL);
        }
    }

    /// The exit status if the child has ended.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        self.ended |= status.is_some();
        Ok(status)
    }

    /// Sends SIGTERM, after ten seconds SIGKILL, and returns the child's status.
    pub(crate) fn stop(&mut self) -> io::Result<ExitStatus> {
        let start = Instant::now();
        self.signal(Signal::Terminate);
        let status = loop {
            if let Some(status) = self.try_wait()? {
                break status;
            }
            if start.elapsed() > GRACE {
                self.child.kill()?;
                break self.child.wait()?;
            }
            thread::sleep(POLL);
        };
        self.signal(Signal::Kill); // processes that the child left running
        self.ended = true;
        Ok(status)
    }

    /// An error means that no process of the group is left.
    #[cfg(unix)]
    fn signal(&self, signal: Signal) {
        use nix::sys::signal::{Signal as Unix, killpg};
        let signal = match signal {
            Signal::Terminate => Unix::SIGTERM,
            Signal::Kill => Unix::SIGKILL,
        };
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _gone = killpg(nix::unistd::Pid::from_raw(group), signal);
        }
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _signal: Signal) {
        let _gone = self.child.kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            let _best_effort = self.stop();
        }
    }
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

/// Runs `command` in the terminal; a failure is an error that names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let end = Group::spawn(command)?.wait(LIMIT)?;
    if !end.success() {
        bail!("{}: {end}", describe(command));
    }
    Ok(())
}

/// What `command` prints; a failure is an error that names the command and what it complained about.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| describe(command))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", describe(command), error.trim());
    }
    Ok(output.stdout)
}

/// The command line, with the program's name instead of its path.
pub(crate) fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn tells_success_from_failure() {
        assert!(run(&mut shell("exit 0")).is_ok());
        let error = run(&mut shell("exit 3")).expect_err("exit 3");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_time_limit_ends_grandchildren_too() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let witness = directory.path().join("witness");
        let script = format!("(sleep 2; touch {}) & wait", witness.display());
        let group = Group::spawn(&mut shell(&script)).expect("sh");
        let end = group.wait(Duration::from_millis(100)).expect("wait");
        assert!(matches!(end, End::TimedOut(_)), "{end}");
        thread::sleep(Duration::from_millis(2500));
        assert!(!witness.exists(), "the grandchild survived");
    }

    #[test]
    fn describes_a_command_by_its_name() {
        let mut command = Command::new("/usr/bin/npm");
        command.args(["run", "build"]);
        assert_eq!(describe(&command), "npm run build");
    }
}
