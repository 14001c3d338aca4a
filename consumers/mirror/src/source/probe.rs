//! Whether Kafka answers, asked once a second in a thread of its own: the loop asks only between two batches.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;

use crate::admin::Watch;
use crate::stop::Stop;

/// With the question's own time an outage shows within four seconds.
const PAUSE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks as long as the value lives.
pub(crate) struct Probe {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Probe {
    pub(crate) fn start(
        admin: Arc<AdminClient<DefaultClientContext>>,
        watch: Watch,
    ) -> std::io::Result<Self> {
        let stop = Stop::new();
        let wish = stop.clone();
        let thread = std::thread::Builder::new().name("mirror-probe".to_owned()).spawn(move || {
            loop {
                // A topic without a name is asked for and never made.
                let asked = admin.inner().fetch_metadata(Some(""), TIMEOUT);
                watch.kafka_answered(asked.map(drop).map_err(|error| error.to_string()));
                if wish.wait(PAUSE) {
                    return;
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.request();
        // Its question takes two seconds at most.
        let ended = self.thread.take().map(JoinHandle::join);
        debug_assert!(!matches!(ended, Some(Err(_))), "the probe does not panic");
    }
}
