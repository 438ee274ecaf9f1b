use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ondol_model::did_you_mean;

use super::{CheckExpr, INTERVAL_DEFAULT_MS, milliseconds, template, validate};
use crate::problem::Problems;
use crate::rule::{Alerting, Group, Rule, RuleKind};
use crate::template::Template;
use crate::yaml::{Node, Value};

const GROUP_KEYS: [&str; 6] = [
    "name",
    "interval",
    "limit",
    "query_offset",
    "labels",
    "rules",
];
const RULE_KEYS: [&str; 7] = [
    "record",
    "alert",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
];

/// Tree to groups. Goes on behind each mistake.
pub(super) struct Reader<'a, 'p, 't> {
    file: &'a str,
    text: &'a str,
    check: CheckExpr<'a>,
    problems: &'p mut Problems<'t>,
}

/// The entries of a mapping whose keys are known.
type Entries<'n> = BTreeMap<&'n str, &'n Node>;

impl<'a, 'p, 't> Reader<'a, 'p, 't> {
    pub(super) fn new(
        file: &'a str,
        text: &'a str,
        check: CheckExpr<'a>,
        problems: &'p mut Problems<'t>,
    ) -> Self {
        Reader {
            file,
            text,
            check,
            problems,
        }
    }

    pub(super) fn groups(&mut self, tree: &Node) -> Vec<Group> {
        if matches!(tree.value, Value::Null) {
            return Vec::new();
        }
        let entries = self.entries(tree, "a rule file", &["groups"]);
        let items = entries
            .get("groups")
            .map_or(&[][..], |node| self.list(node));
        let mut names = BTreeSet::new();
        let mut groups = Vec::new();
        for item in items {
            let Some(group) = self.group(item) else {
                continue;
            };
            if !names.insert(group.name.clone()) {
                let message = format!("the group `{}` is there twice in this file", group.name);
                self.problems.add(item.bytes.clone(), message);
            }
            groups.push(group);
        }
        groups
    }

    fn group(&mut self, node: &Node) -> Option<Group> {
        let entries = self.entries(node, "a group", &GROUP_KEYS);
        let name = self.required(node, &entries, "a group", "name")?.to_owned();
        let interval_ms = self.duration(&entries, "interval");
        if interval_ms == Some(0)
            && let Some(at) = entries.get("interval")
        {
            self.problems
                .add(at.bytes.clone(), "a group cannot be evaluated every 0 s");
        }
        let labels = self.templates(entries.get("labels").copied(), false);
        let items = entries.get("rules").map_or(&[][..], |node| self.list(node));
        let rules = items.iter().filter_map(|item| self.rule(item, &labels));
        let rules = rules.collect();
        Some(Group {
            name,
            file: self.file.to_owned(),
            interval_ms: interval_ms.unwrap_or(INTERVAL_DEFAULT_MS),
            limit: self.whole(&entries, "limit"),
            query_offset_ms: self.duration(&entries, "query_offset").unwrap_or(0),
            rules,
        })
    }

    fn rule(&mut self, node: &Node, of_group: &BTreeMap<String, Template>) -> Option<Rule> {
        let entries = self.entries(node, "a rule", &RULE_KEYS);
        let (is_alert, at) = match (entries.get("alert"), entries.get("record")) {
            (Some(at), None) => (true, at),
            (None, Some(at)) => (false, at),
            (Some(_), Some(at)) => {
                let message = "a rule is either `alert` or `record`, and this one is both";
                self.problems.add(at.bytes.clone(), message);
                return None;
            }
            (None, None) => {
                let message = "a rule needs `alert: NAME` or `record: NAME`";
                self.problems.add(node.bytes.clone(), message);
                return None;
            }
        };
        let name = self.text(at)?;
        if let Err(why) = validate::rule_name(name, is_alert) {
            self.problems.add(at.bytes.clone(), why);
        }
        let expr = self.expr(node, &entries)?;
        let mut labels = of_group.clone();
        labels.extend(self.templates(entries.get("labels").copied(), is_alert));
        let kind = match is_alert {
            true => RuleKind::Alerting(Alerting {
                hold_ms: self.duration(&entries, "for").unwrap_or(0),
                keep_firing_ms: self.duration(&entries, "keep_firing_for").unwrap_or(0),
                annotations: self.templates(entries.get("annotations").copied(), true),
            }),
            false => {
                for key in ["for", "keep_firing_for", "annotations"] {
                    if let Some(at) = entries.get(key) {
                        let message = format!("a recording rule has no `{key}`");
                        self.problems.add(at.bytes.clone(), message);
                    }
                }
                RuleKind::Recording
            }
        };
        Some(Rule {
            name: name.to_owned(),
            expr,
            labels,
            kind,
            except: Vec::new(),
        })
    }

    fn expr(&mut self, node: &Node, entries: &Entries<'_>) -> Option<String> {
        let expr = self.required(node, entries, "a rule", "expr")?;
        if let Err((message, bytes)) = (self.check)(expr)
            && let Some(at) = entries.get("expr")
        {
            let bytes = self.inside(at.bytes.clone(), expr, bytes);
            self.problems.add(bytes, message);
        }
        Some(expr.to_owned())
    }

    /// Bytes of `value`, as bytes of the file: as far as the text is written there as it is.
    fn inside(&self, at: Range<usize>, value: &str, bytes: Range<usize>) -> Range<usize> {
        let written = self.text.get(at.clone()).unwrap_or_default();
        match written.find(value) {
            Some(begin) if bytes.end <= value.len() => {
                let begin = at.start + begin;
                begin + bytes.start..begin + bytes.end
            }
            _ => at,
        }
    }

    /// A mapping of names to texts, which are templates or stand for themselves.
    fn templates(&mut self, node: Option<&Node>, templates: bool) -> BTreeMap<String, Template> {
        let mut found = BTreeMap::new();
        let entries = match node.map(|node| (node, &node.value)) {
            None | Some((_, Value::Null)) => return found,
            Some((_, Value::Map(entries))) => entries,
            Some((node, _)) => {
                let what = node.what();
                let message = format!("this is {what}; expected a mapping of names to texts");
                self.problems.add(node.bytes.clone(), message);
                return found;
            }
        };
        for (key, value) in entries {
            let name = key.text().unwrap_or_default().to_owned();
            if let Err(why) = validate::label_name(&name) {
                self.problems.add(key.bytes.clone(), why);
            }
            let text = match &value.value {
                Value::Null => "",
                _ => match self.text(value) {
                    Some(text) => text,
                    None => continue,
                },
            };
            let read = match templates {
                true => template(text),
                false => Ok(Template::literal(text)),
            };
            match read {
                Err(why) => self.problems.add(value.bytes.clone(), why),
                Ok(template) => {
                    if found.insert(name, template).is_some() {
                        self.twice(key);
                    }
                }
            }
        }
        found
    }

    fn entries<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Entries<'n> {
        let mut entries = BTreeMap::new();
        let Value::Map(map) = &node.value else {
            let message = format!("this is {}; expected {what}: a mapping", node.what());
            self.problems.add(node.bytes.clone(), message);
            return entries;
        };
        for (key, value) in map {
            let name = key.text().unwrap_or_default();
            if !keys.contains(&name) {
                let help = did_you_mean(name, keys.iter().copied());
                let help = help.or_else(|| Some(format!("it has {}", keys.join(", "))));
                let message = format!("{what} has no key `{name}`");
                self.problems.add_with(key.bytes.clone(), message, help);
            } else if entries.insert(name, value).is_some() {
                self.twice(key);
            }
        }
        entries
    }

    fn twice(&mut self, key: &Node) {
        let message = format!("`{}` is written twice", key.text().unwrap_or_default());
        self.problems.add(key.bytes.clone(), message);
    }

    fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => {
                let message = format!("this is {}; expected a list", node.what());
                self.problems.add(node.bytes.clone(), message);
                &[]
            }
        }
    }

    fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let text = node.text();
        if text.is_none() {
            let message = format!("this is {}; expected text", node.what());
            self.problems.add(node.bytes.clone(), message);
        }
        text
    }

    fn required<'n>(
        &mut self,
        node: &Node,
        entries: &Entries<'n>,
        what: &str,
        key: &str,
    ) -> Option<&'n str> {
        match entries.get(key) {
            Some(value) => self.text(value),
            None => {
                let message = format!("{what} needs `{key}`");
                self.problems.add(node.bytes.clone(), message);
                None
            }
        }
    }

    fn duration(&mut self, entries: &Entries<'_>, key: &str) -> Option<u64> {
        let node = entries.get(key)?;
        match milliseconds(self.text(node)?) {
            Ok(ms) => Some(ms),
            Err(why) => {
                self.problems.add(node.bytes.clone(), why);
                None
            }
        }
    }

    fn whole(&mut self, entries: &Entries<'_>, key: &str) -> u64 {
        let Some(node) = entries.get(key) else {
            return 0;
        };
        let number = self.text(node).map(str::parse);
        match number {
            Some(Ok(number)) => number,
            Some(Err(_)) => {
                let message = format!("`{key}` is a whole number, 0 or more");
                self.problems.add(node.bytes.clone(), message);
                0
            }
            None => 0,
        }
    }
}
