use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Loader, Scope};
use crate::dotenv::{self, Format};
use crate::interpolate::Env;
use crate::tree::{Entry, Map, Node, Span, Value};

/// Files that were read, by path, scope and format.
type Read = BTreeMap<(PathBuf, *const Scope, bool), Rc<Env>>;

impl Loader<'_> {
    /// Gives each service its environment: `environment` over `env_file`, names without a value taken
    /// from the project's variables. Alike for labels. The files are not named any more afterwards.
    pub(super) fn resolve_environments(&mut self, tree: &mut Node) {
        let mut read = Read::new();
        let services = tree
            .map_mut()
            .and_then(|map| map.get_mut("services")?.node.map_mut());
        for (name, entry) in services.into_iter().flatten() {
            let scope = self.scopes.get(&**name).cloned();
            if let (Some(scope), Some(service)) = (scope, entry.node.map_mut()) {
                self.resolve(service, ["environment", "env_file"], &scope, &mut read);
                self.resolve(service, ["labels", "label_file"], &scope, &mut read);
            }
        }
    }

    fn resolve(
        &mut self,
        service: &mut Map,
        keys: [&'static str; 2],
        scope: &Rc<Scope>,
        read: &mut Read,
    ) {
        let (own, files) = (service.remove(keys[0]), service.remove(keys[1]));
        let Some(key) = own.as_ref().or(files.as_ref()).map(|entry| entry.key) else {
            return;
        };
        let mut resolved = Map::new();
        for file in files.iter().flat_map(|entry| entry.node.items()) {
            let Some(variables) = self.variables_of(file, scope, read) else {
                continue;
            };
            let weights = variables
                .iter()
                .map(|(name, value)| 64 + name.len() + value.len());
            if !self
                .budget
                .take(weights.sum::<usize>() as u64, file.span, &mut self.findings)
            {
                return;
            }
            for (name, value) in variables.iter() {
                insert(&mut resolved, name, value, file.span);
            }
        }
        let own = own.and_then(|mut entry| entry.node.map_mut().map(std::mem::take));
        for (name, entry) in own.into_iter().flatten() {
            let outside = scope.env.get(&*name);
            match entry.node.value {
                Value::Null if keys[0] == "labels" => insert(&mut resolved, &name, "", entry.key),
                Value::Null => match outside {
                    Some(value) => insert(&mut resolved, &name, value, entry.key),
                    None => {
                        resolved.remove(&name);
                    }
                },
                _ => {
                    resolved.insert(name, entry);
                }
            }
        }
        let node = Node::new(Value::Map(resolved), key);
        service.insert(keys[0].into(), Entry { key, node });
    }

    fn variables_of(&mut self, file: &Node, scope: &Rc<Scope>, read: &mut Read) -> Option<Rc<Env>> {
        let path = file.get("path").unwrap_or(file);
        let span = path.span;
        let path = Path::new(path.text()?);
        let is_raw = file.get("format").and_then(Node::text) == Some("raw");
        let key = (path.to_path_buf(), Rc::as_ptr(scope), is_raw);
        if let Some(variables) = read.get(&key) {
            return Some(variables.clone());
        }
        let is_optional = file.get("required").and_then(Node::text) == Some("false");
        if is_optional && !self.source.is_file(path) {
            return None;
        }
        let format = if is_raw { Format::Raw } else { Format::Compose };
        let variables = match self.read(path, Some(span)) {
            Some(bytes) => dotenv::parse(
                path,
                &bytes,
                format,
                &scope.env,
                &mut self.findings,
                &mut self.budget,
            ),
            // Told once; the next service that names it is spared.
            None => Env::new(),
        };
        let variables = Rc::new(variables);
        read.insert(key, variables.clone());
        Some(variables)
    }
}

fn insert(map: &mut Map, name: &str, value: &str, span: Span) {
    let node = Node::text_node(value, span);
    map.insert(name.into(), Entry { key: span, node });
}
