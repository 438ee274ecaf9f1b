use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Loader, Scope};
use crate::budget::DEPTH_MAX;
use crate::findings::error;
use crate::grammar::SERVICE_SHAPE;
use crate::merge::merge;
use crate::tree::{Map, Node, Span};
use ondol_model::did_you_mean;

/// A service, by the file and the name that define it.
type Id = (PathBuf, String);

/// `extends` of all services of a layer, each worked out once.
struct Extension<'l, 'a> {
    loader: &'l mut Loader<'a>,
    scope: &'l Scope,
    /// The services of the file at hand and of those that are extended from.
    files: BTreeMap<PathBuf, Rc<Map>>,
    done: BTreeMap<Id, Node>,
}

impl Loader<'_> {
    /// Writes out `extends` in each service of `layer`. A service that the layer itself lacks is looked
    /// for in `below`, the files merged so far.
    pub(super) fn extend_all(
        &mut self,
        layer: &mut Node,
        below: &Node,
        file: &Path,
        scope: &Scope,
    ) {
        let services = layer
            .map_mut()
            .and_then(|map| map.get_mut("services")?.node.map_mut());
        let Some(services) = services else { return };
        if !services
            .values()
            .any(|entry| entry.node.get("extends").is_some())
        {
            return;
        }
        let mut known = services.clone();
        for (name, entry) in below.get("services").into_iter().flat_map(Node::entries) {
            known.entry(name.clone()).or_insert_with(|| entry.clone());
        }
        let mut extension = Extension {
            loader: self,
            scope,
            files: [(file.to_path_buf(), Rc::new(known))].into(),
            done: BTreeMap::new(),
        };
        for (name, entry) in services.iter_mut() {
            let id = (file.to_path_buf(), name.to_string());
            if let Some(node) = extension.resolve(&id, entry.key, &mut Vec::new()) {
                entry.node = node;
            }
        }
    }
}

impl Extension<'_, '_> {
    /// The service with all that it extends; `None` after telling why not. `why` is what names it.
    fn resolve(&mut self, id: &Id, why: Span, chain: &mut Vec<Id>) -> Option<Node> {
        if let Some(node) = self.done.get(id) {
            let fits = self
                .loader
                .budget
                .take(node.weight(), why, &mut self.loader.findings);
            return fits.then(|| node.clone());
        }
        let services = self.files.get(&id.0)?.clone();
        let Some(entry) = services.get(id.1.as_str()) else {
            self.unknown(id, &services, why);
            return None;
        };
        if !self
            .loader
            .budget
            .take(entry.node.weight(), why, &mut self.loader.findings)
        {
            return None;
        }
        let mut own = entry.node.clone();
        let extends = own.map_mut().and_then(|map| map.remove("extends"));
        let node = match extends.map(|entry| entry.node) {
            None => own,
            Some(extends) => {
                if chain.contains(id) || chain.len() >= DEPTH_MAX {
                    self.cycle(id, extends.span, chain);
                    return None;
                }
                let parent = self.parent_of(id, &extends)?;
                chain.push(id.clone());
                let base = self.resolve(&parent, extends.span, chain);
                chain.pop();
                merge(base?, own, &SERVICE_SHAPE)
            }
        };
        self.done.insert(id.clone(), node.clone());
        Some(node)
    }

    /// Which service `extends` names; its file is read when it is another one.
    fn parent_of(&mut self, id: &Id, extends: &Node) -> Option<Id> {
        let service = extends.get("service")?.text()?.to_owned();
        let Some(file) = extends.get("file") else {
            return Some((id.0.clone(), service));
        };
        let path = PathBuf::from(file.text()?);
        if !self.files.contains_key(&path) {
            let layers = self.loader.read_named(&path, &self.scope.env, file.span);
            let services = layers.iter().filter_map(|layer| layer.get("services"));
            let services = services.flat_map(Node::entries);
            let services = services
                .map(|(name, entry)| (name.clone(), entry.clone()))
                .collect();
            self.files.insert(path.clone(), Rc::new(services));
        }
        Some((path, service))
    }

    fn unknown(&mut self, id: &Id, services: &Map, why: Span) {
        let (file, name) = (id.0.display(), &id.1);
        let close = did_you_mean(name, services.keys().map(|name| &**name));
        self.loader.findings.add(
            error("unknown-service", format!("there is no service `{name}` to extend in {file}"))
                .at(why)
                .help("a service can extend one of its own file, or of the file that `extends.file` names")
                .help_maybe(close),
        );
    }

    fn cycle(&mut self, id: &Id, why: Span, chain: &[Id]) {
        let from = chain.iter().position(|step| step == id).unwrap_or(0);
        let steps = chain[from..]
            .iter()
            .chain([id])
            .map(|(_, name)| name.as_str());
        let steps: Vec<&str> = steps.take(12).collect();
        let message = match chain.len() < DEPTH_MAX {
            true => format!("services extend each other: {}", steps.join(" -> ")),
            false => format!("services extend each other more than {DEPTH_MAX} levels deep"),
        };
        self.loader.findings.add(
            error("extends-cycle", message)
                .at(why)
                .help("move what they share into a service that extends nothing"),
        );
    }
}
