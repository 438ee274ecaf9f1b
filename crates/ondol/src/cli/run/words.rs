//! What was typed after `run`, as what the node is asked.

use std::collections::BTreeMap;
use std::path::Path;

use ondol_api::RunBody;
use ondol_compose::{MemorySource, Request, load};
use ondol_model::Service;
use serde_json::json;

use crate::cli::args::RunArgs;
use crate::cli::exec::variable;
use crate::cli::failure::Failure;

/// What Compose has and Ondol has not is refused, with what to do instead.
pub(super) fn refused(args: &RunArgs) -> Option<Failure> {
    let (flag, hint) = if args.service_ports || !args.publish.is_empty() {
        (
            "--service-ports or --publish",
            "ports belong to the replicas of a service: `ondol up SERVICE` publishes them, and a run reaches every \
             service by its name",
        )
    } else if args.name.is_some() {
        (
            "--name",
            "a run is named after its service, such as web-10001, and `ondol ps --all` lists it",
        )
    } else {
        return None;
    };
    Some(Failure::invalid(format!("`ondol run` does not have {flag}")).hint(hint))
}

/// The node is asked for this; `attended` when the run has this command's streams.
pub(super) fn body(args: &RunArgs, dir: &Path, attended: bool) -> Result<RunBody, Failure> {
    let meant = meant(args, dir)?;
    let mut environment: BTreeMap<String, String> = args.env.iter().map(variable).collect();
    if let (true, Ok(term)) = (attended, std::env::var("TERM")) {
        environment.entry("TERM".into()).or_insert(term);
    }
    Ok(RunBody {
        command: args.command.clone(),
        entrypoint: meant.entrypoint,
        environment,
        user: args.user.clone(),
        working_dir: args.workdir.clone(),
        mounts: meant.mounts,
        alone: args.no_deps,
        attended,
        fleeting: args.rm && args.detach,
    })
}

/// Volumes and an entrypoint mean what they would mean in a Compose file.
fn meant(args: &RunArgs, dir: &Path) -> Result<Service, Failure> {
    // A dollar that was typed is a dollar: the shell has had its turn.
    let plain = |text: &String| text.replace('$', "$$");
    let volumes: Vec<String> = args.volume.iter().map(plain).collect();
    let is_name = |source: &&str| {
        !source.is_empty() && !source.contains('/') && !source.starts_with(['.', '~'])
    };
    let named = args.volume.iter().filter_map(|volume| {
        let (source, _) = volume.split_once(':')?;
        Some((source.to_owned(), json!({}))).filter(|_| is_name(&source))
    });
    let mut run = json!({"image": "run", "volumes": volumes});
    if let Some(entrypoint) = &args.entrypoint {
        run["entrypoint"] = plain(entrypoint).into();
    }
    let file = json!({
        "name": "run",
        "services": {"run": run},
        "volumes": named.collect::<serde_json::Map<_, _>>(),
    });
    let path = dir.join("compose.yaml");
    let request = Request {
        files: vec![path.clone()],
        dir: dir.to_owned(),
        ..Request::default()
    };
    let loaded = load(&request, &MemorySource::of(path, file.to_string()));
    let service = loaded
        .project
        .as_ref()
        .and_then(|project| project.services.values().next());
    service.map(|service| (**service).clone()).ok_or_else(|| {
        let said = loaded.diagnostics.into_iter().next();
        let (what, help) = said.map_or_else(
            || ("it cannot be read".to_owned(), None),
            |said| (said.message, said.help),
        );
        let failure = Failure::invalid(format!("--volume or --entrypoint: {what}"));
        match help {
            Some(help) => failure.hint(help),
            None => failure.hint("a volume is written as SOURCE:TARGET or SOURCE:TARGET:ro"),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use ondol_model::MountSource;

    use super::*;
    use crate::cli::args::{Cli, Verb};

    fn typed(line: &str) -> RunArgs {
        let line = line.split(' ').map(|word| word.replace('_', " "));
        match Cli::try_parse_from(["ondol".to_owned(), "run".into()].into_iter().chain(line))
            .unwrap()
            .verb
        {
            Verb::Run(args) => args,
            _ => unreachable!(),
        }
    }

    #[test]
    fn volumes_and_an_entrypoint_mean_what_they_mean_in_a_file() {
        let args = typed(
            "-v ./src:/app:ro -v data:/data --entrypoint python3_-m_'a_$b' -e A=1 -u 1000 -w /app web serve --fast",
        );
        let body = body(&args, Path::new("/shop"), false).unwrap();
        assert_eq!(body.command, ["serve", "--fast"]);
        assert_eq!(
            body.entrypoint.as_deref(),
            Some(&["python3", "-m", "a $b"].map(str::to_owned)[..])
        );
        assert_eq!(body.environment, BTreeMap::from([("A".into(), "1".into())]));
        let [source, data] = body.mounts.as_slice() else {
            panic!("{:?}", body.mounts)
        };
        assert!(source.read_only && source.target == "/app");
        assert!(
            matches!(&source.source, MountSource::Bind { path, .. } if path == Path::new("/shop/src"))
        );
        assert!(matches!(&data.source, MountSource::Volume { name, .. } if name == "data"));
        assert_eq!(
            (body.user.as_deref(), body.working_dir.as_deref()),
            (Some("1000"), Some("/app"))
        );
    }

    #[test]
    fn a_volume_that_cannot_be_is_invalid() {
        let refused = body(&typed("-v ./src:app web"), Path::new("/shop"), false).unwrap_err();
        assert_eq!(refused.code, 2, "{refused}");
    }

    #[test]
    fn what_a_run_cannot_have_is_refused_with_the_way_to_have_it() {
        for line in ["--service-ports web", "-p 80:80 web", "--name x web"] {
            let refused = refused(&typed(line)).unwrap();
            assert_eq!(refused.code, 2);
            assert!(refused.hint.is_some());
        }
        assert!(refused(&typed("web")).is_none());
    }
}
