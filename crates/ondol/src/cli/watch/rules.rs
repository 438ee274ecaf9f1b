//! Which rules a changed path meets, and what follows from all of them. Pure, but for reading `.dockerignore` once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ondol_model::{Project, Service, ServiceName, WatchAction, WatchRule};

use super::Changes;

const IGNORE_BYTES_MAX: u64 = 1 << 20;
/// Files that `initial_sync` copies at most.
const INITIAL_MAX: usize = 10_000;

/// What is watched of a project.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    service: ServiceName,
    rule: WatchRule,
    /// The build context, and what its `.dockerignore` leaves out.
    context: Option<(PathBuf, Vec<String>)>,
}

/// What has to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) rebuild: BTreeSet<ServiceName>,
    pub(super) restart: BTreeSet<ServiceName>,
    /// Services whose processes are started again where they are: a new replica would not have what was copied.
    pub(super) start_again: BTreeSet<ServiceName>,
    /// Files of the machine, each with its path in the service's sight.
    pub(super) sync: BTreeMap<ServiceName, BTreeMap<PathBuf, PathBuf>>,
    /// Programs to run once files are copied.
    pub(super) exec: BTreeSet<(ServiceName, Vec<String>)>,
}

impl Rules {
    pub(super) fn of(project: &Project) -> Self {
        let rule = |service: &Service, rule: &WatchRule| Rule {
            service: service.name.clone(),
            rule: rule.clone(),
            context: service
                .build
                .as_ref()
                .map(|build| (build.context.clone(), dockerignore(&build.context))),
        };
        let services = project.services.values();
        Rules(
            services
                .flat_map(|service| service.watch.iter().map(move |watch| rule(service, watch)))
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has to be watched, each path once.
    pub(super) fn paths(&self) -> BTreeSet<&Path> {
        self.0.iter().map(|rule| rule.rule.path.as_path()).collect()
    }

    /// The files that are copied before anything changes.
    pub(super) fn initial(&self) -> Changes {
        let mut files = Changes::new();
        for rule in self.0.iter().filter(|rule| rule.rule.initial_sync) {
            let mut open = vec![rule.rule.path.clone()];
            while let (Some(path), true) = (open.pop(), files.len() < INITIAL_MAX) {
                let below = path != rule.rule.path;
                if below && !rule.meets(&path) {
                    continue;
                }
                match fs::read_dir(&path) {
                    Ok(entries) => open.extend(entries.flatten().map(|entry| entry.path())),
                    Err(_) => {
                        files.insert(path);
                    }
                }
            }
        }
        files
    }

    /// What these changes ask for.
    pub(super) fn plan(&self, changes: &Changes) -> Plan {
        let mut plan = Plan::default();
        for rule in &self.0 {
            let met: Vec<_> = changes.iter().filter(|path| rule.meets(path)).collect();
            if !met.is_empty() {
                rule.add_to(&mut plan, &met);
            }
        }
        // What is made anew takes the files with it.
        let Plan {
            rebuild,
            restart,
            start_again,
            sync,
            exec,
        } = &mut plan;
        restart.retain(|service| !rebuild.contains(service));
        start_again.retain(|service| !rebuild.contains(service) && !restart.contains(service));
        sync.retain(|service, _| !rebuild.contains(service));
        exec.retain(|(service, _)| !rebuild.contains(service));
        plan
    }
}

impl Rule {
    fn add_to(&self, plan: &mut Plan, met: &[&PathBuf]) {
        let service = || self.service.clone();
        if matches!(
            self.rule.action,
            WatchAction::Sync | WatchAction::SyncRestart | WatchAction::SyncExec
        ) {
            let files = plan.sync.entry(service()).or_default();
            files.extend(
                met.iter()
                    .filter_map(|path| Some(((*path).clone(), self.target_of(path)?))),
            );
        }
        match self.rule.action {
            WatchAction::Sync => {}
            WatchAction::Rebuild => {
                plan.rebuild.insert(service());
            }
            WatchAction::Restart => {
                plan.restart.insert(service());
            }
            WatchAction::SyncRestart => {
                plan.start_again.insert(service());
            }
            WatchAction::SyncExec => {
                plan.exec.insert((service(), self.rule.exec.clone()));
            }
        }
    }

    /// Where a file of the machine belongs in the service's sight.
    fn target_of(&self, path: &Path) -> Option<PathBuf> {
        let target = Path::new(self.rule.target.as_ref()?);
        let below = path.strip_prefix(&self.rule.path).ok()?;
        // A rule for a single file names the file itself.
        Some(if below.as_os_str().is_empty() {
            target.into()
        } else {
            target.join(below)
        })
    }

    fn meets(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.rule.path) else {
            return false;
        };
        let git = path.components().any(|part| part.as_os_str() == ".git");
        let ignored = |patterns: &[String], below: &Path| matches(patterns, below);
        let outside = self.context.as_ref().is_some_and(|(context, patterns)| {
            path.strip_prefix(context)
                .is_ok_and(|below| ignored(patterns, below))
        });
        let included = self.rule.include.is_empty() || matches(&self.rule.include, below);
        !git && !outside && included && !ignored(&self.rule.ignore, below)
    }
}

/// Whether Dockerignore patterns take in `path` or a folder above it; the last pattern that meets it decides,
/// and one with a `!` before it says no.
fn matches(patterns: &[String], path: &Path) -> bool {
    let path = path.to_string_lossy();
    let ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()]);
    let above: Vec<&str> = ends
        .map(|end| &path[..end])
        .filter(|part| !part.is_empty())
        .collect();
    let mut taken = false;
    for pattern in patterns {
        let (no, pattern) = pattern
            .strip_prefix('!')
            .map_or((false, pattern.as_str()), |rest| (true, rest));
        let pattern = pattern.trim().trim_start_matches("./").trim_matches('/');
        if !pattern.is_empty()
            && above
                .iter()
                .any(|part| fast_glob::glob_match(pattern, part))
        {
            taken = !no;
        }
    }
    taken
}

fn dockerignore(context: &Path) -> Vec<String> {
    let path = context.join(".dockerignore");
    let small = fs::metadata(&path).is_ok_and(|file| file.len() <= IGNORE_BYTES_MAX);
    let text = if small {
        fs::read_to_string(path).unwrap_or_default()
    } else {
        String::new()
    };
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(action: WatchAction) -> Rule {
        let rule = WatchRule {
            path: "/shop/web/src".into(),
            ignore: vec!["node_modules".into(), "**/*.tmp".into(), "!keep.tmp".into()],
            include: Vec::new(),
            action,
            target: Some("/app/src".into()),
            exec: vec!["reload".into()],
            initial_sync: false,
        };
        Rule {
            service: "web".parse().unwrap(),
            rule,
            context: None,
        }
    }

    fn meets(rule: &Rule, path: &str) -> bool {
        rule.meets(Path::new(path))
    }

    #[test]
    fn a_rule_meets_what_is_below_its_path_and_not_ignored() {
        let mut rule = rule(WatchAction::Restart);
        assert!(meets(&rule, "/shop/web/src/a.js"));
        assert!(meets(&rule, "/shop/web/src/deep/er/a.js"));
        assert!(!meets(&rule, "/shop/web/srcs/a.js"));
        assert!(!meets(&rule, "/shop/web/src/node_modules/x/a.js"));
        assert!(
            meets(&rule, "/shop/web/src/deep/node_modules/a.js"),
            "patterns begin at the path"
        );
        assert!(!meets(&rule, "/shop/web/src/deep/a.tmp"));
        assert!(meets(&rule, "/shop/web/src/keep.tmp"));
        assert!(!meets(&rule, "/shop/web/src/.git/index"));

        rule.rule.include = vec!["**/*.js".into()];
        assert!(meets(&rule, "/shop/web/src/deep/a.js"));
        assert!(!meets(&rule, "/shop/web/src/a.css"));

        rule.context = Some(("/shop/web".into(), vec!["src/dist".into()]));
        assert!(!meets(&rule, "/shop/web/src/dist/a.js"));
    }

    #[test]
    fn files_are_copied_to_where_the_service_sees_them() {
        let rules = Rules(vec![rule(WatchAction::SyncExec)]);
        let plan = rules.plan(&Changes::from(["/shop/web/src/deep/a.js".into()]));
        let (web, files) = plan.sync.first_key_value().unwrap();
        assert_eq!(
            files[Path::new("/shop/web/src/deep/a.js")],
            Path::new("/app/src/deep/a.js")
        );
        assert!(plan.exec.contains(&(web.clone(), vec!["reload".into()])));
        assert!(plan.restart.is_empty() && plan.rebuild.is_empty() && plan.start_again.is_empty());
    }

    #[test]
    fn what_is_made_anew_needs_nothing_else() {
        let rules = Rules(vec![
            rule(WatchAction::SyncRestart),
            rule(WatchAction::Rebuild),
            rule(WatchAction::SyncExec),
        ]);
        let plan = rules.plan(&Changes::from(["/shop/web/src/a.js".into()]));
        let only = Plan {
            rebuild: BTreeSet::from(["web".parse().unwrap()]),
            ..Plan::default()
        };
        assert_eq!(plan, only);
    }

    #[test]
    fn nothing_that_matters_is_nothing_to_do() {
        let rules = Rules(vec![rule(WatchAction::Restart)]);
        assert_eq!(
            rules.plan(&Changes::from(["/elsewhere".into()])),
            Plan::default()
        );
    }
}
