use std::path::Path;

use ondol_compose::{Request, load};

use crate::support::{Disk, assert_round_trip, conformance, conformance_files, env};

#[test]
fn every_file_of_the_corpus_loads_resolves_and_round_trips() {
    let Some(folder) = conformance() else { return };
    let files = conformance_files(&folder);
    assert!(files.len() >= 35, "{} files", files.len());
    let env = env(&[("HOME", "/home/me")]);
    for file in files {
        let request = Request {
            dir: file.parent().expect("a folder").to_path_buf(),
            files: vec![file.clone()],
            env: env.clone(),
            ..Request::default()
        };
        let loaded = load(&request, &Disk);
        let Some(project) = &loaded.project else {
            panic!("{}\n{}", file.display(), loaded.render(false));
        };
        assert!(!project.services.is_empty());
        assert_round_trip(project, &loaded, &env);
    }
}

#[test]
fn every_example_of_the_project_loads_without_a_word_and_round_trips() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let examples = examples.canonicalize().expect("the project has examples");
    let files = conformance_files(&examples);
    assert!(!files.is_empty());
    for file in files {
        let request = Request {
            dir: file.parent().expect("a folder").to_path_buf(),
            ..Request::default()
        };
        let loaded = load(&request, &Disk);
        assert!(loaded.diagnostics.is_empty(), "{}", loaded.render(false));
        let project = loaded.project.as_ref().expect("a project");
        assert_round_trip(project, &loaded, &request.env);
    }
}
