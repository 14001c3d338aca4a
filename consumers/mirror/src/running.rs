//! Running a mirror, in the caller's thread or in one of its own.

use std::thread::JoinHandle;

use crate::core::Core;
use crate::destination::Destination;
use crate::error::MirrorError;
use crate::settings::Settings;
use crate::stop::Stop;

/// Mirrors until `stop` is requested. Blocks; not for async threads.
///
/// # Errors
/// [`MirrorError`] for settings that cannot be used, or when another mirror writes to the destination. Everything else
/// is tried again: Kafka or a registry that does not answer, a destination that fails, records that cannot be read.
pub fn run<D: Destination>(settings: &Settings, destination: &mut D, stop: &Stop) -> Result<(), MirrorError> {
    Core::new(settings, destination, stop)?.run()
}

/// A mirror in a thread of its own. Dropping it asks it to stop and does not wait.
#[derive(Debug)]
pub struct Running {
    stop: Stop,
    thread: Option<JoinHandle<Result<(), MirrorError>>>,
}

/// Mirrors in a thread of its own.
///
/// # Errors
/// [`MirrorError::Thread`] when there is no thread to be had.
pub fn spawn<D: Destination + Send + 'static>(
    settings: Settings,
    mut destination: D,
) -> Result<Running, MirrorError> {
    let stop = Stop::new();
    let wish = stop.clone();
    let thread = std::thread::Builder::new()
        .name("mirror".to_owned())
        .spawn(move || run(&settings, &mut destination, &wish))?;
    Ok(Running { stop, thread: Some(thread) })
}

impl Running {
    /// The wish that ends this mirror.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.stop.clone()
    }

    /// Whether it ended already.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Errors
    /// Why it had ended before it was asked.
    pub fn stop(self) -> Result<(), MirrorError> {
        self.stop.request();
        self.wait()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why it ended without being asked.
    pub fn wait(mut self) -> Result<(), MirrorError> {
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(MirrorError::Panicked),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.request();
    }
}
