use http::{HeaderMap, HeaderName, HeaderValue};
use ondol_model::HeaderEdits;

/// Changes to headers, ready to be made.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, HeaderValue)>,
    add: Vec<(HeaderName, HeaderValue)>,
}

impl Edits {
    /// The error is for people.
    pub(crate) fn new(edits: &HeaderEdits) -> Result<Self, String> {
        Ok(Edits {
            remove: edits
                .remove
                .iter()
                .map(|name| header_name(name))
                .collect::<Result<_, _>>()?,
            set: edits
                .set
                .iter()
                .map(|(name, value)| header(name, value))
                .collect::<Result<_, _>>()?,
            add: edits
                .add
                .iter()
                .map(|(name, value)| header(name, value))
                .collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name, value.clone());
        }
    }
}

/// A header from the texts of a file; the error is for people.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let bad = |_| format!("`{value}` cannot be the value of the header {name}");
    Ok((
        header_name(name)?,
        HeaderValue::from_str(value).map_err(bad)?,
    ))
}

pub(crate) fn header_name(name: &str) -> Result<HeaderName, String> {
    let framing = [
        "connection",
        "content-length",
        "transfer-encoding",
        "upgrade",
    ];
    match name.parse::<HeaderName>() {
        Ok(name) if framing.contains(&name.as_str()) => Err(format!(
            "the header {name} belongs to the connection and cannot be changed"
        )),
        Ok(name) => Ok(name),
        Err(_) => Err(format!("`{name}` is not the name of a header")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_removed_then_set_then_added() {
        let edits = HeaderEdits {
            remove: vec!["x-a".to_owned()],
            set: [("x-b".to_owned(), "2".to_owned())].into(),
            add: [
                ("X-A".to_owned(), "3".to_owned()),
                ("x-b".to_owned(), "4".to_owned()),
            ]
            .into(),
        };
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-b", HeaderValue::from_static("1"));
        Edits::new(&edits).unwrap().apply(&mut headers);
        let all = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(all("x-a"), ["3"]);
        assert_eq!(all("x-b"), ["2", "4"]);
    }

    #[test]
    fn what_frames_a_message_is_not_changed() {
        assert!(header("Content-Length", "1").is_err());
        assert!(header("x-a", "a\r\nb").is_err());
        assert!(header("x a", "b").is_err());
        assert!(header("host", "other").is_ok());
    }
}
