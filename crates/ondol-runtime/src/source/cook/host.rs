use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::dockerfile::Run;
use super::super::programs::STANDARD;
use super::super::store;
use super::bake::{Tail, failure, first_line, shared_env};
use super::{Cooked, Kitchen, SourceError, SourceErrorKind};

/// Package managers and build tools that write below their folder when asked to.
const HARMLESS: [&str; 22] = [
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "pip",
    "pip3",
    "python",
    "python3",
    "poetry",
    "uv",
    "pipenv",
    "bundle",
    "go",
    "cargo",
    "mvn",
    "./mvnw",
    "gradle",
    "./gradlew",
    "composer",
    "deno",
    "bun",
    ":",
];

impl Kitchen<'_> {
    /// Runs a line on the machine itself, because there is no mount namespace: only package managers, in the folder
    /// of the layer that stands for their WORKDIR, with no absolute path on the command line.
    pub(super) fn run_here(
        &mut self,
        run: &Run,
        argv: &[String],
        layer: &Path,
        before: &Cooked,
    ) -> Result<(), SourceError> {
        let text = argv
            .last()
            .filter(|_| !run.script.is_empty())
            .cloned()
            .unwrap_or_else(|| argv.join(" "));
        let command = first_line(&text);
        if !is_harmless(&text) {
            return Err(SourceError::new(
                SourceErrorKind::Prepare,
                format!(
                    "`{command}` is not run here: without mount namespaces it would change this machine"
                ),
                "say what to do in x-ondol.prepare with package managers only, or allow user namespaces \
                 (ondol doctor says how)",
            ));
        }
        let workdir = store::folder(layer, &run.workdir)?;
        let mut env = before.ground.image.env.clone();
        for value in env
            .values_mut()
            .filter(|value| value.starts_with('/') && !value.contains(':'))
        {
            *value = layer
                .join(store::in_layer(value))
                .to_string_lossy()
                .into_owned();
        }
        env.insert(
            "PATH".into(),
            search_path(&before.all_layers(), before.ground.image.env.get("PATH")),
        );
        if let Some(libraries) = library_path(&before.all_layers()) {
            env.insert("LD_LIBRARY_PATH".into(), libraries);
        }
        env.insert("PIP_USER".into(), "1".into());
        env.insert(
            "PYTHONUSERBASE".into(),
            layer.join("usr/local").to_string_lossy().into_owned(),
        );
        env.extend(shared_env(self));
        let own = run.env.iter().filter(|(name, _)| *name != "PATH");
        env.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        if let Some(home) = &self.caller.home {
            env.entry("HOME".into())
                .or_insert_with(|| home.to_string_lossy().into_owned());
        }
        let refused = |error: std::io::Error| SourceError::io(&command, &error);
        let (reader, writer) = std::io::pipe().map_err(refused)?;
        let mut child = Command::new(&argv[0])
            .args(&argv[1..])
            .current_dir(workdir)
            .env_clear()
            .envs(&env)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(refused)?)
            .stderr(writer)
            .spawn()
            .map_err(refused)?;
        (self.say)(command.clone());
        let mut tail = Tail::new(command.clone());
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            tail.take(&String::from_utf8_lossy(&line), self.say);
        }
        let status = child.wait().map_err(refused)?;
        if status.success() {
            Ok(())
        } else {
            Err(failure(&command, &status.to_string(), &tail))
        }
    }
}

/// `PATH` without mount namespaces: the programs of layers are where they are.
pub(crate) fn search_path(layers: &[std::path::PathBuf], image_path: Option<&String>) -> String {
    let in_layers = layers.iter().flat_map(|layer| {
        ["usr/local/bin", "usr/bin", "usr/sbin"]
            .map(|dir| layer.join(dir).to_string_lossy().into_owned())
    });
    let standard = STANDARD.join(":");
    in_layers
        .chain([image_path.unwrap_or(&standard).clone()])
        .collect::<Vec<_>>()
        .join(":")
}

/// `LD_LIBRARY_PATH` of the same programs; `None` when no layer has a library.
pub(crate) fn library_path(layers: &[std::path::PathBuf]) -> Option<String> {
    let triplet = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let folders = layers
        .iter()
        .flat_map(|layer| [layer.join("usr/lib"), layer.join(&triplet)]);
    let folders: Vec<String> = folders
        .filter(|dir| dir.is_dir())
        .map(|dir| dir.to_string_lossy().into_owned())
        .collect();
    (!folders.is_empty()).then(|| folders.join(":"))
}

fn is_harmless(text: &str) -> bool {
    if text.contains(['|', '>', '<', '`', '$', '(', '{']) {
        return false;
    }
    text.split(['\n', ';'])
        .flat_map(|part| part.split("&&"))
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .all(|part| {
            let mut words = part.split_whitespace();
            let program = words.next().unwrap_or_default();
            let inline = matches!(program, "python" | "python3") && !part.contains(" -m pip ");
            HARMLESS.contains(&program)
                && !inline
                && !part.contains('&')
                && words.all(|word| {
                    !word.contains("=/") && !word.starts_with(['/', '~']) && !word.contains("..")
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_package_managers_run_without_a_sandbox() {
        for (text, harmless) in [
            ("npm ci --omit=dev", true),
            (
                "pip install --no-cache-dir -r requirements.txt && npm run build",
                true,
            ),
            (" : && pip install x", true),
            ("rm -rf /", false),
            ("npm ci && rm -rf node_modules", false),
            ("go build -o /bin/app", false),
            ("npm i --prefix=/usr", false),
            ("npm i & rm x", false),
            ("curl x | sh", false),
            ("python -c 1", false),
            ("python3 -m pip install x", true),
        ] {
            assert_eq!(is_harmless(text), harmless, "{text}");
        }
    }
}
