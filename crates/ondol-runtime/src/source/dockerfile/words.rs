use std::collections::BTreeMap;

/// The exec form: a JSON list of strings. `None` when it is the shell form.
pub(super) fn exec_form(rest: &str) -> Option<Vec<String>> {
    rest.starts_with('[')
        .then(|| serde_json::from_str::<Vec<String>>(rest).ok())
        .flatten()
}

/// The flags before the operands: `--chown=x --link a b` -> ({chown: [x], link: [""]}, "a b").
pub(super) fn flags(rest: &str) -> (BTreeMap<String, Vec<String>>, &str) {
    let mut flags: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rest = rest.trim_start();
    while let Some(after) = rest.strip_prefix("--") {
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let (word, behind) = after.split_at(end);
        rest = behind.trim_start();
        if word.is_empty() {
            break;
        }
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        flags
            .entry(name.to_string())
            .or_default()
            .push(value.to_string());
    }
    (flags, rest)
}

/// The program and arguments that a container of this image runs: Docker's rules ("Understand how CMD and
/// ENTRYPOINT interact"; Compose `entrypoint` drops the image's CMD).
pub(crate) fn command_words(
    image_entrypoint: Option<&[String]>,
    image_cmd: Option<&[String]>,
    entrypoint: Option<&[String]>,
    command: Option<&[String]>,
) -> Vec<String> {
    let image_cmd = if entrypoint.is_some() {
        None
    } else {
        image_cmd
    };
    let first = entrypoint.or(image_entrypoint).unwrap_or_default();
    let then = command.or(image_cmd).unwrap_or_default();
    [first, then].concat()
}

/// `path` seen from `workdir`, without `.`, `..` and double slashes; always absolute.
pub(super) fn absolute(workdir: &str, path: &str) -> String {
    let joined = if path.starts_with('/') {
        path.to_string()
    } else {
        format!("{workdir}/{path}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn entrypoint_and_command_combine_as_docker_does() {
        let (e, c) = (list(&["run"]), list(&["all"]));
        let (e2, c2) = (list(&["other"]), list(&["one"]));
        let words = |a: Option<&Vec<String>>, b: Option<&Vec<String>>| {
            command_words(
                Some(&e),
                Some(&c),
                a.map(Vec::as_slice),
                b.map(Vec::as_slice),
            )
        };
        assert_eq!(words(None, None), ["run", "all"]);
        assert_eq!(words(None, Some(&c2)), ["run", "one"]);
        assert_eq!(words(Some(&e2), None), ["other"]);
        assert_eq!(words(Some(&e2), Some(&c2)), ["other", "one"]);
        assert_eq!(words(Some(&Vec::new()), Some(&c2)), ["one"]);
        assert_eq!(words(None, Some(&Vec::new())), ["run"]);
    }

    #[test]
    fn paths_are_seen_from_the_workdir() {
        for (from, path, seen) in [
            ("/app", "src", "/app/src"),
            ("/app", "./", "/app"),
            ("/app", "../../x", "/x"),
            ("/app", "/etc//x/.", "/etc/x"),
            ("/", ".", "/"),
        ] {
            assert_eq!(absolute(from, path), seen);
        }
    }
}
