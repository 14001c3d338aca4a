//! A small honest receiver: everything that the contract asks of one, in memory, and nothing else.
//!
//! It is the smallest example for whoever writes a receiver, something to try a Mirroring Task against, and, with a
//! [`Defect`] switched on, what a conformance run must find fault with. What it holds can be looked into
//! ([`Store`]), also as checksums, to be compared with the source's.
//!
//! The rules that are easy to miss, and where they stand:
//!
//! | rule | where |
//! | --- | --- |
//! | every call's token is checked before anything else is read | `service`, `trust` |
//! | success is answered after everything is done, and a call that fails has done nothing | `store` |
//! | each batch has its own LSN; 0 or below is none | `table` |
//! | a table that TableSchema does not name is gone | `store` |
//! | a column whose type changed begins its table anew | `table` |
//! | a value is decoded by its column's type | `value` |
//! | nobody waits for another's upload | `http` |

mod answer;
mod defect;
mod describe;
mod discard;
mod envelope;
mod http;
mod identity;
mod service;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod trust;
mod value;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

pub use defect::Defect;
pub use identity::{Identity, IdentityError};
pub use store::{Cells, Store};

use http::Http;
use service::Service;

/// Why a receiver could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// Its threads could not be started.
    #[error("cannot start the receiver's threads")]
    Threads(#[source] std::io::Error),
    /// The address cannot be listened at.
    #[error("cannot listen at {address}, choose another address or stop who has it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
}

/// What is kept of a RowData call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Rows and positions.
    #[default]
    Rows,
    /// Positions only. Rows are not even read: this measures the sender's speed.
    Positions,
}

/// How a receiver behaves; by default as it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What is kept.
    pub keep: Keep,
    /// What is wrong with it.
    pub defect: Option<Defect>,
}

/// Listens until it is dropped.
pub struct Receiver {
    address: SocketAddr,
    http: Arc<Http>,
    runtime: Option<Runtime>,
}

impl Receiver {
    /// A receiver at `address`; port 0 chooses a free one.
    ///
    /// # Errors
    /// [`ReceiverError`] when nothing can be listened at there.
    pub fn start(address: SocketAddr, identity: Identity, settings: Settings) -> Result<Self, ReceiverError> {
        let runtime = Builder::new_multi_thread().enable_all().build().map_err(ReceiverError::Threads)?;
        let listen = |source| ReceiverError::Listen { address, source };
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let service = Service::new(identity, settings);
        let http = Arc::new(Http { service, defect: settings.defect, alone: Default::default() });
        let router = http::router(Arc::clone(&http));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, http, runtime: Some(runtime) })
    }

    /// The Mirroring URL to call.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, http::PATH)
    }

    /// What it holds.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.http.service.store
    }
}

/// Whoever is still uploading is cut off.
impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
