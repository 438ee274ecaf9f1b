//! What the text of a value must be, beyond its shape.

use std::collections::BTreeMap;

use ondol_model::{ServiceName, Wanted};

use super::read;
use crate::findings::{Findings, error};
use crate::tree::Node;
use ondol_model::did_you_mean;

/// Where a value stands, and who is told when it is wrong.
pub(super) struct Check<'a> {
    /// The service that it is written in.
    pub(super) service: &'a str,
    pub(super) tree: &'a Node,
    pub(super) findings: &'a mut Findings,
}

impl Check<'_> {
    pub(super) fn wrong(&mut self, node: &Node, message: impl AsRef<str>, help: &str) {
        let message = format!("`services.{}`: {}", self.service, message.as_ref());
        let finding = error("bad-value", message).at(node.span).help(help);
        self.findings.add(finding);
    }

    /// Another service of the project, which must be there.
    pub(super) fn other(&mut self, node: &Node, name: &str) -> Option<ServiceName> {
        let services = self.tree.get("services");
        let names = services
            .into_iter()
            .flat_map(Node::entries)
            .map(|(name, _)| &**name);
        let found = services.is_some_and(|services| services.get(name).is_some());
        if !found {
            let shown: String = name.chars().take(60).collect();
            let close = did_you_mean(name, names);
            let message = format!(
                "`services.{}` names the service `{shown}`, which is not there",
                self.service
            );
            let finding = error("undefined", message).at(node.span);
            let finding = finding
                .help("write the name of a service of this file")
                .help_maybe(close);
            self.findings.add(finding);
        }
        ServiceName::new(name).ok().filter(|_| found)
    }

    pub(super) fn expression(&mut self, node: &Node, text: &str) {
        if let Err(error) = regex_automata::meta::Regex::new(&format!("^(?:{text})$")) {
            let why = error
                .syntax_error()
                .map_or_else(|| error.to_string(), ToString::to_string);
            let last = why
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned();
            let shown: String = text.chars().take(60).collect();
            self.wrong(
                node,
                format!("`{shown}` is not a regular expression: {last}"),
                "put a \\ before a letter that stands for itself",
            );
        }
    }

    /// Headers by name, in lower case.
    pub(super) fn headers(&mut self, node: &Node, path: &[&str]) -> BTreeMap<String, String> {
        let pairs = read::pairs(node, path);
        if let Some(node) = node.at(path) {
            for (name, value) in &pairs {
                self.header_name(node, name);
                if value.chars().any(|c| c.is_control() && c != '\t') {
                    self.wrong(
                        node,
                        format!("the value of the header `{name}` has a control character"),
                        "a header is one line of text",
                    );
                }
            }
        }
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        pairs.into_iter().map(lower).collect()
    }

    pub(super) fn header_name(&mut self, node: &Node, name: &str) {
        let of_a_name =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(of_a_name) {
            let shown: String = name.chars().take(60).collect();
            self.wrong(
                node,
                format!("`{shown}` is not the name of a header"),
                "use letters, digits and `-`",
            );
        }
        let framing = [
            "connection",
            "content-length",
            "transfer-encoding",
            "upgrade",
        ];
        if framing.contains(&name.to_ascii_lowercase().as_str()) {
            self.wrong(
                node,
                format!("the header `{name}` belongs to the connection"),
                "remove it: Ondol sets it",
            );
        }
    }

    /// What must be there, by name.
    pub(super) fn wanted(&mut self, node: &Node, key: &'static str) -> BTreeMap<String, Wanted> {
        let pairs = match key {
            "headers" => self.headers(node, &[key]),
            _ => read::pairs(node, &[key]),
        };
        let mut wanted = BTreeMap::new();
        for (name, text) in pairs {
            let value = Wanted::from_text(&text);
            if let (Wanted::Regex(text), Some(node)) = (&value, node.get(key)) {
                self.expression(node, text);
            }
            wanted.insert(name, value);
        }
        wanted
    }
}
