//! What every test stands on.

pub mod bridge;
pub mod crm;
pub mod topic;
pub mod vendor;
pub mod world;

pub use self::topic::wait_until;
pub use self::vendor::{batch, contact};
pub use self::world::World;
