//! What must survive: the projects as they are wanted, the revisions of their definitions, the addresses and ports
//! they were given, and the record of what was decided and by whom. One SQLite file, `state.db`, in the state folder.
//!
//! Nothing that was observed is stored as truth: what runs is looked up. One [`Store`] per state folder, guarded
//! by a lock that dies with its process. Every call is synchronous and short; the node makes them from one thread.
//!
//! # What survives what
//! A wish, an address and a port are on the disk (`synchronous=FULL`) before the call returns, because somebody was
//! told so. Events are explanations and many: they survive the death of the node at any moment, and of a power cut
//! all but the last moments (`synchronous=NORMAL`). Neither leaves a file that cannot be opened again.

mod addresses;
mod audit;
mod error;
mod events;
mod lock;
mod memories;
mod ports;
mod projects;
mod revisions;
mod schema;
mod store;

pub use addresses::SERVICES_MAX;
pub use audit::{AUDIT_MAX, AuditEntry};
pub use error::StoreError;
pub use events::{EVENTS_MAX, StoredEvent};
pub use ports::PortKey;
pub use projects::Kept;
pub use revisions::{REVISIONS_MAX, Revision};
pub use store::Store;
