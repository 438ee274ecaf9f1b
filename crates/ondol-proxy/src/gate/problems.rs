use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ondol_model::{Guard, KeySource};

use crate::policy::auth::{ApiKeys, BadLine, Keys, KeysError, Passwords};

/// What is wrong with the files that a route names, for people: each of it lets somebody not in who should be.
/// `files` are the contents of those that could be read.
pub fn file_problems(guard: &Guard, files: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let Some(auth) = &guard.auth else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let keys = auth.jwt.as_ref().map(|jwt| &jwt.keys);
    if let Some(KeySource::File(file)) = keys
        && let Some(text) = files.get(file)
    {
        let told = match Keys::parse(text.as_bytes()) {
            Ok(keys) => keys.unusable,
            Err(error) => why(error),
        };
        problems.extend(told.iter().map(|why| format!("{}: {why}", file.display())));
    }
    if let Some(keys) = &auth.api_key
        && let Some(text) = files.get(&keys.file)
    {
        problems.extend(lines(&keys.file, ApiKeys::parse(text).1));
    }
    if let Some(basic) = &auth.basic
        && let Some(text) = files.get(&basic.file)
    {
        problems.extend(lines(&basic.file, Passwords::parse(text).1));
    }
    problems
}

fn lines(file: &Path, bad: Vec<BadLine>) -> impl Iterator<Item = String> {
    bad.into_iter()
        .map(move |BadLine { line, why }| format!("{}:{line}: {why}", file.display()))
}

fn why(error: KeysError) -> Vec<String> {
    match error {
        KeysError::NotJson(why) => vec![format!("this is no set of keys: {why}")],
        KeysError::TooMany(count) => vec![format!("{count} keys are too many")],
        KeysError::NoneUsable(keys) if keys.is_empty() => vec!["there is no key in it".to_owned()],
        KeysError::NoneUsable(keys) => keys,
    }
}

#[cfg(test)]
mod tests {
    use ondol_model::{ApiKeyAuth, Auth, JwtAuth};

    use super::*;

    #[test]
    fn each_problem_is_told_with_its_place() {
        let guard = Guard {
            auth: Some(Auth {
                jwt: Some(JwtAuth {
                    keys: KeySource::File("/k".into()),
                    issuers: Vec::new(),
                    audiences: Vec::new(),
                    algorithms: Vec::new(),
                    claims: BTreeMap::new(),
                    cookie: None,
                }),
                api_key: Some(ApiKeyAuth {
                    header: "x".to_owned(),
                    file: "/a".into(),
                }),
                ..Auth::default()
            }),
            ..Guard::default()
        };
        let files = [("/k", "{\"keys\":[]}"), ("/a", "\nada")]
            .map(|(path, text)| (path.into(), text.to_owned()));
        let problems = file_problems(&guard, &files.into());
        assert_eq!(
            problems,
            ["/k: there is no key in it", "/a:2: expected `name:key`"]
        );
        assert_eq!(file_problems(&guard, &BTreeMap::new()), [""; 0]);
    }
}
