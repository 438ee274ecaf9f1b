use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use ondol_compose::{Loaded, MemorySource, ReadError, Request, Source, load};
use ondol_model::{Project, Service, ServiceName};

/// The files of this machine.
pub(crate) struct Disk;

impl Source for Disk {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
        let file = fs::File::open(path).map_err(|_| ReadError::Missing)?;
        let mut bytes = Vec::new();
        file.take(bytes_max)
            .read_to_end(&mut bytes)
            .map_err(|why| ReadError::Other(why.to_string()))?;
        Ok(bytes)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }
}

/// A request from `/app`.
pub(crate) fn request() -> Request {
    Request {
        dir: "/app".into(),
        env: env(&[("HOME", "/home/me")]),
        ..Request::default()
    }
}

pub(crate) fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

/// Files below `/app`, the first of which is `compose.yaml`.
pub(crate) fn source(compose: &str, others: &[(&str, &str)]) -> MemorySource {
    let first = MemorySource::of("/app/compose.yaml", compose);
    let others = others.iter();
    others.fold(first, |source, (path, text)| {
        source.and(Path::new("/app").join(path), *text)
    })
}

pub(crate) fn load_text(compose: &str) -> Loaded {
    load(&request(), &source(compose, &[]))
}

/// The project of a file that has nothing wrong.
pub(crate) fn project_of(compose: &str) -> Project {
    clean(load_text(compose))
}

/// The project of a load that has nothing to say.
#[track_caller]
pub(crate) fn clean(loaded: Loaded) -> Project {
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.render(false));
    loaded.project.expect("a project")
}

/// The service `name` of a project.
#[track_caller]
pub(crate) fn service<'a>(project: &'a Project, name: &str) -> &'a Service {
    let key = ServiceName::new(name).expect("a name");
    project
        .services
        .get(&key)
        .unwrap_or_else(|| panic!("no service {name}"))
}

/// The codes of what was told, in order.
pub(crate) fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect()
}

/// Loads the resolved file again and compares: nothing may be lost or told anew.
#[track_caller]
pub(crate) fn assert_round_trip(
    project: &Project,
    loaded: &Loaded,
    env: &BTreeMap<String, String>,
) {
    let text = loaded.resolved.to_yaml();
    let path = project.dir.join("resolved.yaml");
    let source = MemorySource::of(&path, text.clone());
    let request = Request {
        dir: project.dir.clone(),
        files: vec![path],
        env: env.clone(),
        ..Request::default()
    };
    let again = load(&request, &source);
    let Some(mut again_project) = again.project else {
        panic!("{text}\n{}", again.render(false));
    };
    again_project.files = project.files.clone();
    assert_eq!(&again_project, project, "{text}");
    assert_eq!(
        again.resolved.to_yaml(),
        text,
        "the resolved file resolves to itself"
    );
}

/// Where the conformance files are; `None` when this machine has none, which is told.
pub(crate) fn conformance() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let folder = std::env::var_os("ONDOL_CONFORMANCE").map_or(beside, PathBuf::from);
    let folder = folder.join("compose/awesome-compose");
    if folder.is_dir() {
        return folder.canonicalize().ok();
    }
    skipped("conformance data not here");
    None
}

/// Every Compose file below the conformance folder.
pub(crate) fn conformance_files(folder: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder)
        .expect("readable")
        .filter_map(Result::ok);
    let files = folders
        .flat_map(|entry| ["compose.yaml", "compose.yml"].map(|name| entry.path().join(name)));
    let mut files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    files.sort();
    files
}

#[expect(clippy::print_stderr, reason = "a skipped test says why")]
pub(crate) fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
