use std::collections::BTreeMap;

use spdx::{Expression, LicenseId};

use crate::metadata::Package;

use super::wanted::{Bans, Licenses, Reasoned, Sources, Verdict, Wanted};

/// Everything that is not as wanted, one sentence each.
pub(crate) fn check(wanted: &Wanted, packages: &[Package]) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in packages {
        complaints.extend(license(&wanted.licenses, package));
        complaints.extend(source(&wanted.sources, package));
        complaints.extend(banned(&wanted.bans.deny, package));
    }
    duplicates(&wanted.bans, packages, &mut complaints);
    unused(wanted, packages, &mut complaints);
    complaints
}

fn license(licenses: &Licenses, package: &Package) -> Option<String> {
    let named = format!("{} {}", package.name, package.version);
    let Some(text) = &package.license else {
        return Some(format!(
            "{named} has no licence; expected an SPDX expression in its manifest"
        ));
    };
    // `MIT/Apache-2.0` is how `OR` was once written.
    let expression = match Expression::parse(&text.replace('/', " OR ")) {
        Ok(expression) => expression,
        Err(error) => {
            return Some(format!(
                "{named}: licence `{text}` cannot be read: {}",
                error.reason
            ));
        }
    };
    let granted = |id: LicenseId| {
        let excepted = licenses
            .exceptions
            .iter()
            .filter(|exception| exception.package == package.name);
        licenses
            .allow
            .iter()
            .chain(excepted.flat_map(|exception| &exception.allow))
            .any(|allowed| allowed == id.name)
    };
    // `X WITH exception` only gives more rights than X, so X decides.
    let accepted = expression.evaluate(|requirement| requirement.license.id().is_some_and(granted));
    (!accepted).then(|| {
        format!(
            "{named} is licensed as `{text}`; expected one of {}",
            licenses.allow.join(", ")
        )
    })
}

fn source(sources: &Sources, package: &Package) -> Option<String> {
    let Sources {
        unknown_registry: Verdict::Deny,
        unknown_git: Verdict::Deny,
        allow_registry,
    } = sources;
    let source = package.source.as_ref()?;
    let place = source
        .strip_prefix("registry+")
        .or_else(|| source.strip_prefix("sparse+"));
    if place.is_some_and(|place| allow_registry.iter().any(|allowed| allowed == place)) {
        return None;
    }
    Some(format!(
        "{} {} comes from {source}; expected a registry of `sources.allow-registry`",
        package.name, package.version
    ))
}

fn banned(deny: &[Reasoned], package: &Package) -> Option<String> {
    let ban = deny.iter().find(|ban| names(ban, package))?;
    Some(format!(
        "{} {} is banned: {}",
        package.name, package.version, ban.reason
    ))
}

fn duplicates(bans: &Bans, packages: &[Package], complaints: &mut Vec<String>) {
    let Verdict::Deny = bans.multiple_versions;
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        if !bans.skip.iter().any(|skip| names(skip, package)) {
            versions
                .entry(&package.name)
                .or_default()
                .push(&package.version);
        }
    }
    for (name, versions) in versions {
        if versions.len() > 1 {
            complaints.push(format!(
                "{name} is built {} times ({}); expected one version, or an entry with its reason in `bans.skip`",
                versions.len(),
                versions.join(", ")
            ));
        }
    }
}

/// An exception that excepts nothing, and one without a reason, are leftovers.
fn unused(wanted: &Wanted, packages: &[Package], complaints: &mut Vec<String>) {
    for skip in &wanted.bans.skip {
        if !packages.iter().any(|package| names(skip, package)) {
            complaints.push(format!(
                "`bans.skip` names {}, which nothing uses any more; remove the entry",
                skip.package
            ));
        }
    }
    for entry in wanted.bans.skip.iter().chain(&wanted.bans.deny) {
        if entry.reason.trim().is_empty() {
            complaints.push(format!("the entry for {} has no reason", entry.package));
        }
    }
    for exception in &wanted.licenses.exceptions {
        if !packages
            .iter()
            .any(|package| package.name == exception.package)
        {
            complaints.push(format!(
                "`licenses.exceptions` names {}, which nothing uses any more; remove the entry",
                exception.package
            ));
        }
    }
}

fn names(entry: &Reasoned, package: &Package) -> bool {
    match entry.package.split_once('@') {
        Some((name, version)) => name == package.name && version == package.version,
        None => entry.package == package.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, license: Option<&str>) -> Package {
        Package {
            id: format!("{name}@{version}"),
            name: name.into(),
            version: version.into(),
            license: license.map(str::to_owned),
            source: Some("registry+https://index.example/".into()),
            manifest_path: "Cargo.toml".into(),
            dependencies: Vec::new(),
        }
    }

    fn wanted(more: &str) -> Wanted {
        let text = format!(
            r#"
            licenses = {{ allow = ["MIT", "Apache-2.0"] }}
            sources = {{ unknown-registry = "deny", unknown-git = "deny", allow-registry = ["https://index.example/"] }}
            [bans]
            multiple-versions = "deny"
            {more}"#
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn one_allowed_side_of_an_or_is_enough_and_an_and_needs_both() {
        let ok = [
            "MIT",
            "GPL-3.0-only OR MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "(MIT OR BSD-3-Clause) AND Apache-2.0",
        ];
        for license in ok {
            assert_eq!(
                check(&wanted(""), &[package("a", "1.0.0", Some(license))]),
                Vec::<String>::new(),
                "{license}"
            );
        }
        for license in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "no licence at all"] {
            assert_eq!(
                check(&wanted(""), &[package("a", "1.0.0", Some(license))]).len(),
                1,
                "{license}"
            );
        }
        assert_eq!(check(&wanted(""), &[package("a", "1.0.0", None)]).len(), 1);
    }

    #[test]
    fn another_source_is_refused() {
        for place in [
            "git+https://index.example/",
            "registry+https://elsewhere.example/",
        ] {
            let mut stray = package("a", "1.0.0", Some("MIT"));
            stray.source = Some(place.into());
            assert_eq!(check(&wanted(""), &[stray]).len(), 1, "{place}");
        }
    }

    #[test]
    fn two_versions_need_a_reason() {
        let both = [
            package("a", "1.0.0", Some("MIT")),
            package("a", "2.0.0", Some("MIT")),
        ];
        assert!(check(&wanted(""), &both)[0].starts_with("a is built 2 times (1.0.0, 2.0.0)"));
        assert_eq!(
            check(
                &wanted(r#"skip = [{ crate = "a@1.0.0", reason = "b still wants it" }]"#),
                &both
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            check(
                &wanted(r#"skip = [{ crate = "a@1.0.0", reason = " " }]"#),
                &both
            ),
            ["the entry for a@1.0.0 has no reason"]
        );
    }

    #[test]
    fn a_ban_says_why_and_a_leftover_is_named() {
        let more = r#"deny = [{ crate = "a", reason = "too heavy" }]
                      skip = [{ crate = "b@1.0.0", reason = "was needed once" }]"#;
        let complaints = check(&wanted(more), &[package("a", "1.0.0", Some("MIT"))]);
        assert_eq!(complaints[0], "a 1.0.0 is banned: too heavy");
        assert!(complaints[1].contains("nothing uses any more"));
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        assert!(toml::from_str::<Wanted>("[bans]\nhighlight = \"all\"").is_err());
    }
}
