//! Names and values of a form or of what stands behind the `?`.

/// Names and values, in their order. A name may come more than once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn of(encoded: &[u8]) -> Self {
        Params(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// These first, then the others.
    pub(super) fn and(mut self, others: Params) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The first value of this name; an empty one counts as none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(own, _)| own == name);
        first
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All values of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(own, _)| own == name);
        of_name.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_comes_before_the_address_and_names_come_more_than_once() {
        let params = Params::of(b"a=1&m%5B%5D=x+y").and(Params::of(b"a=2&m[]=z&e="));
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.all("m[]").collect::<Vec<_>>(), ["x y", "z"]);
        assert_eq!(params.get("e"), None);
    }
}
