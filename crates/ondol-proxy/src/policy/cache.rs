//! The response cache's decisions, after RFC 9111 (caching) and RFC 9110 (conditions, ranges). A shared cache in
//! front of the services it belongs to: what the *service* says rules; of what the *client* says, only `no-store`
//! and `only-if-cached` (section 5.2.1 leaves the others to us), so that nobody can drive requests past the cache.

mod admit;
mod answer;
mod control;
mod stored;
mod vary;
mod written;

pub(crate) use admit::{Rules, admit};
pub(crate) use answer::answer;
pub(crate) use control::RequestControl;
pub(crate) use stored::{Came, Defaults, State, Stored};
pub(crate) use vary::Fields;
pub(crate) use written::{CACHE_STATUS, HIT};
