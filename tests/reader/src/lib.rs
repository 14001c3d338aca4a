//! Topics as any subscriber reads them: librdkafka, the upsert rule, a registry and Avro, and nothing of the bridge.
//!
//! For whoever has to say whether a topic is the table: [`Topics`] reads to the end, [`upsert`] keeps what counts,
//! [`Decoder`] turns it into the checksum that the source has too.

mod decoder;
mod record;
mod topics;

pub use decoder::{Decoder, canonical};
pub use record::{Record, upsert};
pub use topics::Topics;
