//! The cases of the OpenMetrics project, read in place.

use std::io::Write;
use std::path::PathBuf;
use std::{env, fs};

/// `$ONDOL_CONFORMANCE`, or beside the project.
fn cases() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance");
    let root = env::var_os("ONDOL_CONFORMANCE").map_or_else(|| beside.into(), PathBuf::from);
    Some(root.join("openmetrics")).filter(|folder| folder.is_dir())
}

#[test]
fn every_case_of_the_openmetrics_suite_has_its_verdict() {
    let Some(folder) = cases() else {
        let _ = writeln!(std::io::stderr(), "skipped: conformance data not here");
        return;
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (page, verdict) = (case.path().join("metrics"), case.path().join("test.json"));
        let (Ok(page), Ok(verdict)) = (fs::read(page), fs::read_to_string(verdict)) else {
            continue;
        };
        count += 1;
        let should_parse = verdict.replace(' ', "").contains("\"shouldParse\":true");
        let checked = ondol_telemetry::check(&page);
        if checked.is_ok() != should_parse {
            wrong.push(format!("{}: {checked:?}", case.file_name().display()));
        }
    }
    assert!(count > 0, "no cases in the folder");
    assert!(wrong.is_empty(), "of {count} cases:\n{}", wrong.join("\n"));
}
