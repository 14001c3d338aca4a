//! Running a mirror, in the caller's thread or in one of its own.

use std::thread::JoinHandle;

use crate::admin::Watch;
use crate::destination::Destination;
use crate::error::MirrorError;
use crate::live::core::Core;
use crate::settings::Settings;
use crate::stop::Stop;

/// Mirrors until `stop` is requested. Blocks; not for async threads.
///
/// # Errors
/// [`MirrorError`] for settings that cannot be used, or when another mirror writes to the destination (in a
/// group the tenant alone is let go). Everything else
/// is tried again: Kafka or a registry that does not answer, a destination that fails, records that cannot be read.
pub fn run<D: Destination>(settings: &Settings, destination: &mut D, stop: &Stop) -> Result<(), MirrorError> {
    run_watched(settings, destination, stop, &Watch::new(&settings.prefix))
}

/// Mirrors as [`run`] does, and shows itself in `watch`.
///
/// # Errors
/// As for [`run`].
pub fn run_watched<D: Destination>(
    settings: &Settings,
    destination: &mut D,
    stop: &Stop,
    watch: &Watch,
) -> Result<(), MirrorError> {
    let ended = Core::new(settings, destination, stop, watch).and_then(|mut core| core.run());
    watch.ended();
    ended
}

/// A mirror in a thread of its own. Dropping it asks it to stop and does not wait.
#[derive(Debug)]
pub struct Running {
    stop: Stop,
    watch: Watch,
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
    let watch = Watch::new(&settings.prefix);
    let shown = watch.clone();
    let thread = std::thread::Builder::new()
        .name("mirror".to_owned())
        .spawn(move || run_watched(&settings, &mut destination, &wish, &shown))?;
    Ok(Running { stop, watch, thread: Some(thread) })
}

impl Running {
    /// The wish that ends this mirror.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.stop.clone()
    }

    /// What it shows of itself.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
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
