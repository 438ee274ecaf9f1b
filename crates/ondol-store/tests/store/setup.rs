use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ondol_control::{Note, NoteKind, Wish};
use ondol_model::{Project, ServiceRef};

/// A folder that is gone when the test is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ondol-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn wish(name: &str, edge_port: u16) -> Wish {
    let project = Project {
        name: name.parse().unwrap(),
        dir: "/srv/shop".into(),
        files: vec!["/srv/shop/compose.yaml".into()],
        services: BTreeMap::new(),
        volumes: BTreeMap::new(),
        networks: BTreeMap::new(),
        secrets: BTreeMap::new(),
        configs: BTreeMap::new(),
        edge_port,
        edge: Default::default(),
        alerts: Default::default(),
        requests: Default::default(),
    };
    Wish {
        project: Arc::new(project),
        scale: BTreeMap::new(),
        stopped: BTreeSet::new(),
    }
}

pub(crate) fn scaled(name: &str, replicas: u32) -> Wish {
    let mut wish = wish(name, 8080);
    wish.scale.insert("web".parse().unwrap(), replicas);
    wish
}

pub(crate) fn service(project: &str, service: &str) -> ServiceRef {
    ServiceRef {
        project: project.parse().unwrap(),
        service: service.parse().unwrap(),
    }
}

pub(crate) fn note(service_ref: ServiceRef, why: &str) -> Note {
    Note {
        kind: NoteKind::Started,
        replica: None,
        service: service_ref,
        why: why.into(),
    }
}
