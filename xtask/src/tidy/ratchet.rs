//! `xtask/ratchet.txt`: what was there before a rule, by rule and file. A count may shrink and never grow.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use crate::say;
use crate::tree::Tree;

use super::Finding;

const PATH: &str = "xtask/ratchet.txt";

/// `rule path` -> findings allowed.
type Allowed = BTreeMap<(String, String), usize>;

/// Leaves out what the list excepts.
pub(crate) fn apply(tree: &Tree, findings: Vec<Finding>) -> Result<Vec<Finding>> {
    let text = fs::read_to_string(tree.root.join(PATH))
        .with_context(|| format!("{PATH} cannot be read"))?;
    let (kept, stale) = sift(&read(&text)?, findings);
    for line in stale {
        say::line(&line);
    }
    Ok(kept)
}

fn read(text: &str) -> Result<Allowed> {
    let mut allowed = Allowed::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [rule, path, count] = words[..] else {
            anyhow::bail!("{PATH}: `{line}` is not `rule path count`");
        };
        let count = count
            .parse()
            .with_context(|| format!("{PATH}: `{line}`: the count is no number"))?;
        allowed.insert((rule.to_owned(), path.to_owned()), count);
    }
    Ok(allowed)
}

/// What is left to complain about, and which entries allow more than is needed.
fn sift(allowed: &Allowed, findings: Vec<Finding>) -> (Vec<Finding>, Vec<String>) {
    let mut seen = Allowed::new();
    for finding in &findings {
        *seen
            .entry((finding.rule.to_owned(), finding.path.clone()))
            .or_default() += 1;
    }
    let kept = findings
        .into_iter()
        .filter(|finding| {
            let key = (finding.rule.to_owned(), finding.path.clone());
            seen.get(&key) > allowed.get(&key)
        })
        .collect();
    let stale = allowed
        .iter()
        .filter_map(|(key, count)| {
            let now = seen.get(key).copied().unwrap_or_default();
            (now < *count).then(|| {
                format!(
                    "{PATH}: `{} {} {count}` can be lowered to {now}",
                    key.0, key.1
                )
            })
        })
        .collect();
    (kept, stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(count: usize) -> Vec<Finding> {
        (1..=count)
            .map(|line| Finding {
                rule: "size",
                path: "a.rs".into(),
                line,
                says: String::new(),
            })
            .collect()
    }

    #[test]
    fn a_count_may_shrink_and_never_grow() {
        let allowed = read("# why\n\nsize a.rs 2\n").unwrap();
        assert_eq!(sift(&allowed, findings(3)).0.len(), 3);
        assert_eq!(sift(&allowed, findings(2)), (Vec::new(), Vec::new()));
        let (kept, stale) = sift(&allowed, findings(1));
        assert!(kept.is_empty());
        assert_eq!(
            stale,
            ["xtask/ratchet.txt: `size a.rs 2` can be lowered to 1"]
        );
    }

    #[test]
    fn what_is_not_listed_is_kept() {
        assert_eq!(sift(&Allowed::new(), findings(1)).0.len(), 1);
    }

    #[test]
    fn a_line_that_is_no_entry_is_an_error() {
        assert!(read("size a.rs").is_err());
        assert!(read("size a.rs many").is_err());
    }
}
