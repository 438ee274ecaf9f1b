//! Any bytes as what the node tells the proxy, or what is on the disk of it: read or refused, and the routes that were
//! read can be asked about.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_model::{Purpose, Snapshot};

fuzz_target!(|bytes: &[u8]| {
    let Ok(snapshot) = serde_json::from_slice::<Snapshot>(bytes) else {
        return;
    };
    let written = serde_json::to_vec(&snapshot).unwrap();
    let again: Snapshot = serde_json::from_slice(&written).unwrap();
    assert_eq!(again, snapshot);
    for listener in &snapshot.listeners {
        if let Purpose::Edge { routes } = &listener.purpose {
            let routes: Vec<_> = routes.iter().map(|(route, _)| route).collect();
            let headers = http::HeaderMap::new();
            let _ = ondol_proxy::explain(&routes, &http::Method::GET, "a", "/a/b", Some("c=d"), &headers);
            for route in routes {
                let guard = &route.treatment.guard;
                ondol_proxy::file_problems(guard, &snapshot.files);
            }
        }
    }
});
