//! What `up` asks for: the file, and on top of it what was typed and what was there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ondol_api::ProjectState;
use ondol_control::Wish;
use ondol_model::{Project, ServiceName};

use crate::cli::failure::Failure;

/// The whole project; or, when services are named, those with what they depend on and what runs already.
pub(super) fn of(
    project: &Project,
    before: Option<&ProjectState>,
    named: &[String],
    scale: &[(String, u32)],
) -> Result<Wish, Failure> {
    let service = |name: &String| {
        let found = project.services.keys().find(|known| known.as_str() == name);
        found.cloned().ok_or_else(|| unknown(project, name))
    };
    let count = |(name, count): &(String, u32)| Ok((service(name)?, *count));
    let scale = scale
        .iter()
        .map(count)
        .collect::<Result<BTreeMap<_, _>, Failure>>()?;
    let mut stopped = BTreeSet::new();
    if !named.is_empty() {
        let named = named
            .iter()
            .map(service)
            .collect::<Result<Vec<_>, Failure>>()?;
        let wanted = with_dependencies(project, named);
        let runs = |name: &ServiceName| {
            let known = before.and_then(|before| before.service(name.as_str()));
            known.is_some() && before.is_some_and(|before| !before.stopped.contains(name))
        };
        let off = project
            .services
            .keys()
            .filter(|name| !wanted.contains(name) && !runs(name));
        stopped = off.cloned().collect();
    }
    Ok(Wish {
        project: Arc::new(project.clone()),
        scale,
        stopped,
    })
}

/// These services and all that they depend on.
pub(crate) fn with_dependencies(
    project: &Project,
    mut named: Vec<ServiceName>,
) -> BTreeSet<ServiceName> {
    let mut wanted = BTreeSet::new();
    while let Some(name) = named.pop() {
        if let (Some(service), true) = (project.services.get(&name), wanted.insert(name)) {
            named.extend(service.depends_on.keys().cloned());
        }
    }
    wanted
}

fn unknown(project: &Project, name: &str) -> Failure {
    let known: Vec<_> = project.services.keys().map(ServiceName::as_str).collect();
    Failure::invalid(format!(
        "project `{}` has no service `{name}`",
        project.name
    ))
    .hint(format!(
        "services: {}; a folder is written with a slash: {name}/",
        known.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use ondol_compose::{MemorySource, Request, load};

    use super::*;

    fn shop() -> Project {
        let text = "services:\n  web: {image: nginx, depends_on: [api]}\n  api: {image: nginx, depends_on: [db]}\n  \
                    db: {image: nginx}\n  mail: {image: nginx}\n";
        let source = MemorySource::of("/shop/compose.yaml", text);
        let request = Request {
            dir: "/shop".into(),
            ..Request::default()
        };
        load(&request, &source).project.unwrap()
    }

    fn stopped(named: &[&str]) -> Vec<String> {
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        let wish = of(&shop(), None, &named, &[]).unwrap();
        wish.stopped.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_named_service_brings_what_it_depends_on() {
        assert_eq!(stopped(&[]), Vec::<String>::new());
        assert_eq!(stopped(&["api"]), ["mail", "web"]);
        assert_eq!(stopped(&["web"]), ["mail"]);
    }

    #[test]
    fn a_service_that_is_not_there_is_invalid() {
        let refused = of(&shop(), None, &["wab".into()], &[]).unwrap_err();
        assert_eq!(refused.code, 2);
        let refused = of(&shop(), None, &[], &[("wab".into(), 2)]).unwrap_err();
        assert_eq!(refused.to_string(), "project `shop` has no service `wab`");
    }
}
