use std::collections::BTreeMap;

/// The first constraint that these attributes do not meet, in words.
///
/// Swarm's language: `node.labels.disk == ssd`, `node.role != manager`; an attribute that is not there equals nothing.
pub(crate) fn unmet(
    constraints: &[String],
    attributes: &BTreeMap<String, String>,
) -> Option<String> {
    constraints
        .iter()
        .find_map(|constraint| why_not(constraint, attributes))
}

fn why_not(constraint: &str, attributes: &BTreeMap<String, String>) -> Option<String> {
    let (name, value, equal) = if let Some((name, value)) = constraint.split_once("==") {
        (name, value, true)
    } else if let Some((name, value)) = constraint.split_once("!=") {
        (name, value, false)
    } else {
        return Some(format!(
            "its placement constraint `{constraint}` cannot be read; write `node.labels.disk == ssd`"
        ));
    };
    let (name, value) = (name.trim(), value.trim());
    let here = attributes.get(name);
    let same = here.is_some_and(|here| here.eq_ignore_ascii_case(value));
    if same == equal {
        return None;
    }
    Some(match here {
        Some(here) => format!("its placement asks for `{constraint}`, and here {name} is {here}"),
        None => format!("its placement asks for `{constraint}`, and this machine has no {name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_read_as_swarm_reads_them() {
        let here = BTreeMap::from([("node.role".to_owned(), "manager".to_owned())]);
        let why = |text: &str| unmet(&[text.to_owned()], &here);
        assert_eq!(why("node.role==manager"), None);
        assert_eq!(why("node.role != worker"), None);
        assert_eq!(why("node.labels.gpu != yes"), None);
        assert_eq!(
            why("node.role == worker").unwrap(),
            "its placement asks for `node.role == worker`, and here node.role is manager"
        );
        assert_eq!(
            why("node.labels.disk == ssd").unwrap(),
            "its placement asks for `node.labels.disk == ssd`, and this machine has no node.labels.disk"
        );
        assert!(why("node.role").unwrap().contains("cannot be read"));
    }
}
