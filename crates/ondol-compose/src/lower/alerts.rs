//! `x-ondol.alerts`, `receivers` and `inhibit`.

mod condition;
mod receiver;

use std::collections::BTreeMap;

use ondol_model::{AlertRule, Alerts, Inhibition, LabelMatcher, ServiceName, parse_matchers};

use super::read;
use crate::checks::Checks;
use crate::findings::{Findings, error};
use crate::tree::{Node, Span};
pub(crate) use condition::alert_name;

/// What the project says about alerts, but for the rule files, which are read later.
pub(super) fn alerts(tree: &Node, checks: Checks, findings: &mut Findings) -> Alerts {
    let own = |key: &'static str| ["x-ondol", key];
    let mut reader = Reader { checks, findings };
    let mut rules = reader.rules(tree.at(&own("alerts")), None);
    for (name, entry) in tree.get("services").into_iter().flat_map(Node::entries) {
        if let Ok(name) = ServiceName::new(name) {
            rules.extend(reader.rules(entry.node.at(&own("alerts")), Some(&name)));
        }
    }
    let mut receivers = BTreeMap::new();
    for (name, entry) in tree
        .at(&own("receivers"))
        .into_iter()
        .flat_map(Node::entries)
    {
        if let Some(receiver) = receiver::receiver(&entry.node, &mut reader) {
            receivers.insert(name.to_string(), receiver);
        }
    }
    let inhibit = tree
        .at(&own("inhibit"))
        .map(Node::items)
        .unwrap_or_default();
    let inhibit = inhibit.iter().map(|node| Inhibition {
        source: reader.matchers(node, "source"),
        target: reader.matchers(node, "target"),
        equal: read::texts(node, &["equal"]).unwrap_or_default(),
    });
    let inhibit = inhibit.collect();
    Alerts {
        rules,
        files: Vec::new(),
        receivers,
        inhibit,
    }
}

/// The paths of rule files, with where they are written.
pub(crate) fn rule_files(tree: &Node) -> Vec<(String, Span)> {
    let lists = tree.get("services").into_iter().flat_map(Node::entries);
    let lists = lists.map(|(_, entry)| &entry.node).chain([tree]);
    let items = lists.filter_map(|node| node.at(&["x-ondol", "alerts"]));
    let files = items
        .flat_map(Node::items)
        .filter_map(|item| item.get("file"));
    files
        .filter_map(|node| Some((node.text()?.to_owned(), node.span)))
        .collect()
}

struct Reader<'a> {
    checks: Checks,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn wrong(&mut self, node: &Node, message: impl Into<String>, help: &str) {
        let finding = error("bad-value", message).at(node.span).help(help);
        self.findings.add(finding);
    }

    fn rules(&mut self, list: Option<&Node>, service: Option<&ServiceName>) -> Vec<AlertRule> {
        let items = list.map(Node::items).unwrap_or_default();
        items
            .iter()
            .filter_map(|node| self.rule(node, service))
            .collect()
    }

    fn rule(&mut self, node: &Node, service: Option<&ServiceName>) -> Option<AlertRule> {
        if node.get("file").is_some() {
            if node.entries().count() > 1 || service.is_some() {
                let help = "write `- file: rules.yaml` alone, below the `x-ondol` of the project";
                self.wrong(
                    node,
                    "a rule file stands alone, and for the whole project",
                    help,
                );
            }
            return None;
        }
        let name = read::text(node, &["name"]);
        let is_off = read::flag(node, &["off"]);
        let condition = match (node.get("when"), is_off) {
            (Some(when), false) => self.condition(when),
            (None, true) => None,
            (Some(when), true) => {
                self.wrong(
                    when,
                    "an alert that is off has no condition",
                    "remove `when` or `off`",
                );
                None
            }
            (None, false) => {
                let help =
                    "write `when: error_ratio > 5%`, or `off: true` to turn a shipped rule off";
                self.wrong(node, "an alert needs `when`", help);
                return None;
            }
        };
        let derived = condition.as_ref().and_then(condition::derived_name);
        // A condition that was refused is told already; what stands beside it is looked at all the same.
        let is_refused = condition.is_none() && !is_off;
        let named = name.or(derived.map(str::to_owned));
        let Some(name) = named.or(is_refused.then(String::new)) else {
            let help = "write `name: SomethingIsWrong` beside `when`";
            self.wrong(node, "an alert with a query of its own needs a name", help);
            return None;
        };
        let mut annotations = self.templates(node, "annotations");
        for key in ["summary", "description"] {
            if let Some(text) = node.get(key) {
                self.findings.checked(text, self.checks.template);
                annotations.insert(key.to_owned(), text.text().unwrap_or_default().to_owned());
            }
        }
        Some(AlertRule {
            name,
            service: service.cloned(),
            condition,
            hold: read::duration(node, &["for"]).unwrap_or_default(),
            keep_firing: read::duration(node, &["keep_firing_for"]).unwrap_or_default(),
            severity: read::text(node, &["severity"]).unwrap_or_else(|| "warning".to_owned()),
            labels: self.templates(node, "labels"),
            annotations,
        })
    }

    fn templates(&mut self, node: &Node, key: &str) -> BTreeMap<String, String> {
        for (name, entry) in node.get(key).into_iter().flat_map(Node::entries) {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if !name.chars().all(is_name) || name.starts_with(|c: char| c.is_ascii_digit()) {
                let help = "use letters, digits and `_`";
                self.wrong(
                    &entry.node,
                    format!("`{name}` cannot be the name of a label"),
                    help,
                );
            }
            self.findings.checked(&entry.node, self.checks.template);
        }
        read::pairs(node, &[key])
    }

    /// Tells what is wrong with a text in another language, as exactly as its place is known.
    fn matchers(&mut self, node: &Node, key: &str) -> Vec<LabelMatcher> {
        let mut all = Vec::new();
        for item in node.get(key).map(Node::items).unwrap_or_default() {
            match parse_matchers(item.text().unwrap_or_default()) {
                Err(why) => self.wrong(item, why, "compare a label with `=`, `!=`, `=~` or `!~`"),
                Ok(matchers) => {
                    for matcher in &matchers {
                        self.pattern(item, matcher);
                    }
                    all.extend(matchers);
                }
            }
        }
        all
    }

    fn pattern(&mut self, node: &Node, matcher: &LabelMatcher) {
        use ondol_model::MatchBy::{Matches, MatchesNot};
        let is_pattern = matches!(matcher.by, Matches | MatchesNot);
        let pattern = format!("^(?s:{})$", matcher.value);
        if is_pattern && regex_automata::meta::Regex::new(&pattern).is_err() {
            let message = format!("`{}` is not a regular expression", matcher.value);
            self.wrong(
                node,
                message,
                "put a \\ before a letter that stands for itself",
            );
        }
    }
}
