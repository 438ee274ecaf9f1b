use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Loader, Scope};
use crate::budget::{DEPTH_MAX, FILE_BYTES_MAX, FILES_MAX};
use crate::findings::error;
use crate::grammar::{PROJECT, Shape};
use crate::interpolate::{Env, interpolate};
use crate::merge::merge;
use crate::normalise::Normaliser;
use crate::tree::{Node, Span};
use crate::yaml;

static PROJECT_SHAPE: Shape = Shape::Object(&PROJECT);

impl Loader<'_> {
    /// One (included) project: its files merged, extended, and with what they include.
    /// `chain` is the files that led here.
    pub(super) fn project(
        &mut self,
        files: &[PathBuf],
        scope: &Rc<Scope>,
        chain: &mut Vec<PathBuf>,
    ) -> Node {
        let mut tree = Node::map_node([], Span::default());
        if chain.len() > DEPTH_MAX {
            let message = format!("files include each other more than {DEPTH_MAX} levels deep");
            self.findings.add(error("too-deep", message));
            return tree;
        }
        let mut scope = scope.clone();
        for file in files {
            let documents = self.parse(file, None);
            scope = named(scope, &documents);
            for mut layer in self.long_forms(documents, &scope.dir, &scope.env) {
                self.extend_all(&mut layer, &tree, file, &scope);
                tree = merge(tree, layer, &PROJECT_SHAPE);
            }
        }
        for (name, _) in tree.get("services").into_iter().flat_map(Node::entries) {
            self.scopes.insert(name.to_string(), scope.clone());
        }
        chain.extend(files.iter().cloned());
        self.include_all(&mut tree, &scope, chain);
        chain.truncate(chain.len() - files.len());
        tree
    }

    /// The documents of a file that another one names at `why`.
    pub(super) fn read_named(&mut self, file: &Path, env: &Env, why: Span) -> Vec<Node> {
        let documents = self.parse(file, Some(why));
        self.long_forms(documents, file.parent().unwrap_or(file), env)
    }

    fn parse(&mut self, file: &Path, why: Option<Span>) -> Vec<Node> {
        let bytes = self.read(file, why);
        let parse =
            |bytes: Vec<u8>| yaml::parse(file, &bytes, &mut self.findings, &mut self.budget);
        bytes.map(parse).unwrap_or_default()
    }

    /// Interpolates and checks each document.
    fn long_forms(&mut self, documents: Vec<Node>, dir: &Path, env: &Env) -> Vec<Node> {
        let mut layers = Vec::new();
        for mut document in documents {
            if self.budget.is_spent() {
                break;
            }
            interpolate(&mut document, env, &mut self.findings, &mut self.budget);
            let mut normaliser = Normaliser {
                dir,
                home: self.home.as_deref(),
                findings: &mut self.findings,
                budget: &mut self.budget,
                path: String::new(),
            };
            layers.push(normaliser.project(document));
        }
        layers
    }

    /// A file's bytes; told when there are none, or too many. `why` is what names it.
    pub(super) fn read(&mut self, file: &Path, why: Option<Span>) -> Option<Vec<u8>> {
        let shown = file.display();
        let problem = if !self.budget.take_file() {
            format!("cannot read {shown}: more than {FILES_MAX} files are read already")
        } else {
            match self.source.read(file, FILE_BYTES_MAX + 1) {
                Ok(bytes) if bytes.len() as u64 <= FILE_BYTES_MAX => {
                    let weight = bytes.len() as u64;
                    return self
                        .budget
                        .take(weight, why, &mut self.findings)
                        .then_some(bytes);
                }
                Ok(_) => format!("{shown} is larger than {} MiB", FILE_BYTES_MAX >> 20),
                Err(reason) => format!("cannot read {shown}: {reason}"),
            }
        };
        let finding = error("unreadable-file", problem);
        self.findings.add(match why {
            Some(span) => finding.at(span).label("named here"),
            None => finding.help("check the path; relative ones begin where the command was run"),
        });
        None
    }
}

/// A name that a file gives is known as a variable to the rest of it and to what it includes,
/// unless the name was settled before.
fn named(scope: Rc<Scope>, documents: &[Node]) -> Rc<Scope> {
    let name = documents
        .first()
        .and_then(|document| document.get("name")?.text());
    match name.filter(|name| !scope.is_named && !name.contains('$')) {
        None => scope,
        Some(name) => {
            let mut env = scope.env.clone();
            env.insert("COMPOSE_PROJECT_NAME".to_owned(), name.to_owned());
            let dir = scope.dir.clone();
            let is_named = true;
            Rc::new(Scope { dir, env, is_named })
        }
    }
}
