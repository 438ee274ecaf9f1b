use std::collections::BTreeSet;
use std::process::ExitCode;

use ondol_model::{Condition, Project, ServiceName};
use serde_json::json;

use super::args::{GraphArgs, ProjectArgs};
use super::failure::Failure;
use super::load;
use super::out::Out;

pub(crate) fn graph(files: &ProjectArgs, args: GraphArgs, out: &Out) -> Result<ExitCode, Failure> {
    let project = load::project(files, &[], out)?;
    let lines = match (out.json, args.dot) {
        (true, _) => edges(&project),
        (false, true) => dot(&project),
        (false, false) => tree(&project),
    };
    lines.iter().for_each(|line| out.data(line));
    Ok(ExitCode::SUCCESS)
}

fn words(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "started",
        Condition::Healthy => "ready",
        Condition::Completed => "done",
    }
}

fn edges(project: &Project) -> Vec<String> {
    let services = project.services.values();
    let edges = services.flat_map(|service| {
        service.depends_on.iter().map(|(on, dependency)| {
            let condition = words(dependency.condition);
            json!({"service": service.name, "depends_on": on, "until": condition, "required": dependency.required})
                .to_string()
        })
    });
    edges.collect()
}

fn dot(project: &Project) -> Vec<String> {
    let mut lines = vec!["digraph {".to_owned(), "  rankdir=LR".to_owned()];
    for service in project.services.values() {
        lines.push(format!("  \"{}\"", service.name));
        lines.extend(service.depends_on.iter().map(|(on, dependency)| {
            let style = if dependency.required {
                "solid"
            } else {
                "dashed"
            };
            let label = words(dependency.condition);
            format!(
                "  \"{}\" -> \"{on}\" [label=\"{label}\", style={style}]",
                service.name
            )
        }));
    }
    lines.push("}".to_owned());
    lines
}

/// Services that nobody waits for first, below each what it waits for; one that was shown above is not opened again.
fn tree(project: &Project) -> Vec<String> {
    let waited_for: BTreeSet<_> = project
        .services
        .values()
        .flat_map(|s| s.depends_on.keys())
        .collect();
    let mut drawing = Drawing {
        project,
        lines: Vec::new(),
        shown: BTreeSet::new(),
    };
    for name in project
        .services
        .keys()
        .filter(|name| !waited_for.contains(name))
    {
        drawing.draw(name, "", "");
    }
    drawing.lines
}

struct Drawing<'a> {
    project: &'a Project,
    lines: Vec<String>,
    shown: BTreeSet<&'a ServiceName>,
}

impl<'a> Drawing<'a> {
    fn draw(&mut self, name: &'a ServiceName, text: &str, indent: &str) {
        let again = !self.shown.insert(name);
        let service = self.project.services.get(name);
        let depends = service
            .map(|service| &service.depends_on)
            .filter(|on| !on.is_empty());
        let more = if again && depends.is_some() {
            " (above)"
        } else {
            ""
        };
        self.lines.push(format!("{text}{name}{more}"));
        let Some(depends) = depends.filter(|_| !again) else {
            return;
        };
        for (number, (on, dependency)) in depends.iter().enumerate() {
            let last = number + 1 == depends.len();
            let (branch, below) = if last {
                ("└─", "  ")
            } else {
                ("├─", "│ ")
            };
            let optional = if dependency.required {
                ""
            } else {
                ", if it is there"
            };
            let text = format!(
                "{indent}{branch} until {}{optional}: ",
                words(dependency.condition)
            );
            self.draw(on, &text, &format!("{indent}{below} "));
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use ondol_compose::{MemorySource, Request, load};

    use super::*;

    fn shop() -> Project {
        let text = "services:
  web: {image: nginx, depends_on: {api: {condition: service_healthy}, cache: {condition: service_started, required: false}}}
  api: {image: nginx, depends_on: {db: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}}
  migrate: {image: nginx, depends_on: {db: {condition: service_healthy}}}
  cache: {image: nginx}
  db: {image: nginx}
  mail: {image: nginx}
";
        let source = MemorySource::of("/shop/compose.yaml", text);
        let request = Request {
            dir: "/shop".into(),
            ..Request::default()
        };
        load(&request, &source).project.unwrap()
    }

    #[test]
    fn below_each_service_is_what_it_waits_for() {
        expect![[r#"
            mail
            web
            ├─ until ready: api
            │  ├─ until ready: db
            │  └─ until done: migrate
            │     └─ until ready: db
            └─ until started, if it is there: cache"#]]
        .assert_eq(&tree(&shop()).join("\n"));
    }

    #[test]
    fn graphviz_draws_the_same() {
        let dot = dot(&shop()).join("\n");
        assert!(
            dot.contains("\"web\" -> \"cache\" [label=\"started\", style=dashed]"),
            "{dot}"
        );
        assert!(
            dot.contains("\"api\" -> \"migrate\" [label=\"done\", style=solid]"),
            "{dot}"
        );
    }
}
