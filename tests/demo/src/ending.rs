//! When the demo ends: after a time, or when somebody asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Tells when to end.
#[derive(Clone)]
pub struct Ending {
    asked: Arc<AtomicBool>,
    after: Option<Duration>,
}

impl Ending {
    /// After this time of play; `None` waits for a signal.
    #[must_use]
    pub fn after(after: Option<Duration>) -> Self {
        Self { asked: Arc::default(), after }
    }

    /// From now on Ctrl-C and SIGTERM ask for the end.
    ///
    /// # Errors
    /// When the process cannot take signals.
    pub fn watch_signals(&self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut terminate, mut interrupt) = {
            let _entered = runtime.enter();
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        let asked = Arc::clone(&self.asked);
        let watch = move || {
            runtime.block_on(async {
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            });
            asked.store(true, Ordering::Relaxed);
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(watch)
            .context("cannot watch for signals")?;
        Ok(())
    }

    /// Whether somebody asked for the end.
    #[must_use]
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The flag that is set when somebody asks.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.asked
    }

    /// Whether play that began then is over.
    #[must_use]
    pub fn is_over(&self, began: Instant) -> bool {
        self.was_asked() || self.after.is_some_and(|after| began.elapsed() >= after)
    }
}
