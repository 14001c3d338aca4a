//! What every test stands on.

pub mod bridge;
pub mod crm;
pub mod jwt;
pub mod list;
pub mod mirror;
pub mod network;
pub mod own;
pub mod postgres;
pub mod protocol;
pub mod raw;
pub mod rights;
pub mod stub;
pub mod topic;
pub mod vendor;
pub mod world;

pub use self::own::{Own, on_three_nodes};
pub use self::topic::wait_until;
pub use self::vendor::{batch, contact};
pub use self::world::World;
