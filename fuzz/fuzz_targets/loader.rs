//! Any bytes as a Compose file, an override and an env file: no panic, no overflow, bounded memory, and
//! what loads must load again from its resolved form to the same project.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_compose::{MemorySource, Request, load};

/// Parts of an input are put apart by this byte, which no text has.
const APART: u8 = 0xff;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|byte| *byte == APART);
    let paths = [
        "/app/compose.yaml",
        "/app/.env",
        "/app/compose.override.yaml",
        "/app/other.yaml",
    ];
    let mut source = MemorySource::default();
    for path in paths {
        if let Some(part) = parts.next() {
            source = source.and(path, part);
        }
    }
    let request = Request {
        dir: "/app".into(),
        profiles: vec!["p".into()],
        ..Request::default()
    };
    let loaded = load(&request, &source);
    loaded.render(true);
    let Some(project) = loaded.project else {
        return;
    };
    let again = MemorySource::of("/app/resolved.yaml", loaded.resolved.to_yaml());
    let request = Request {
        files: vec!["resolved.yaml".into()],
        ..request
    };
    let mut again = load(&request, &again)
        .project
        .expect("a resolved file loads");
    again.files.clone_from(&project.files);
    assert_eq!(project, again);
});
