//! `x-ondol.requests`: what is written down of requests.

use super::super::{COUNT, DURATION, Object, PATH};
use super::{ours, own};

pub(super) static REQUESTS: Object = ours(&[
    own(
        "log",
        &PATH,
        "",
        "A file to which every request is written as a line of JSON. It is opened again when it was renamed.",
    ),
    own(
        "slow",
        &DURATION,
        "1s",
        "A request that takes so long is always recorded, as one that fails is.",
    ),
    own(
        "traces_per_second",
        &COUNT,
        "200",
        "Traces that begin at the proxy and are recorded in a second. Of more, an even share is.",
    ),
]);
