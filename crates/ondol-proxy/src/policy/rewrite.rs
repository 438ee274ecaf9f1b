use ondol_model::{PathKind, Route};

use super::expression::Expression;

/// What a route makes of the path of a request.
#[derive(Debug)]
pub(crate) enum Rewrite {
    /// Nothing.
    None,
    /// The matched prefix goes.
    Strip,
    /// This takes its place.
    Prefix(String),
    /// This takes the place of all of it.
    Whole(String),
    /// The same, with parts of the match put in.
    Expression(Expression, String),
}

impl Rewrite {
    /// The error is for people.
    pub(crate) fn new(route: &Route) -> Result<Self, String> {
        let Some(to) = &route.treatment.rewrite else {
            return Ok(match route.strip && route.path_kind.is_prefix() {
                true => Rewrite::Strip,
                false => Rewrite::None,
            });
        };
        if !to.starts_with('/') {
            return Err(format!("`{to}` does not begin with /, as every path does"));
        }
        Ok(match route.path_kind {
            PathKind::Prefix => Rewrite::Prefix(to.trim_end_matches('/').to_owned()),
            PathKind::Exact => Rewrite::Whole(to.clone()),
            PathKind::Regex => Rewrite::Expression(Expression::new(&route.path)?, to.clone()),
        })
    }

    /// The new path; `None` when it stays as it is. `prefix` are the bytes that the route's prefix matched.
    pub(crate) fn apply(&self, path: &str, prefix: usize) -> Option<String> {
        let rest = path.get(prefix..).unwrap_or_default();
        let new = match self {
            Rewrite::None => return None,
            Rewrite::Strip if prefix == 0 => return None,
            Rewrite::Strip => rest.to_owned(),
            Rewrite::Prefix(to) => format!("{to}{rest}"),
            Rewrite::Whole(to) => to.clone(),
            Rewrite::Expression(expression, to) => expression.replace(path, to),
        };
        Some(match new.starts_with('/') {
            true => new,
            false => format!("/{new}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use ondol_model::Treatment;

    use super::*;

    fn rewrite(
        kind: PathKind,
        path: &str,
        strip: bool,
        to: Option<&str>,
        asked: &str,
    ) -> Option<String> {
        let route = Route {
            path: path.to_owned(),
            path_kind: kind,
            strip,
            treatment: Treatment {
                rewrite: to.map(str::to_owned),
                ..Treatment::default()
            },
            ..Route::default()
        };
        let prefix = if kind.is_prefix() {
            path.trim_end_matches('/').len()
        } else {
            0
        };
        Rewrite::new(&route).unwrap().apply(asked, prefix)
    }

    #[test]
    fn prefixes_are_stripped_or_replaced_on_a_segment_boundary() {
        let to = |to: Option<&'static str>, asked: &str| {
            rewrite(
                PathKind::Prefix,
                "/api/",
                to == Some("-"),
                to.filter(|to| *to != "-"),
                asked,
            )
        };
        assert_eq!(to(None, "/api/x"), None);
        assert_eq!(to(Some("-"), "/api/x").as_deref(), Some("/x"));
        assert_eq!(to(Some("-"), "/api").as_deref(), Some("/"));
        assert_eq!(to(Some("/v2/"), "/api/x").as_deref(), Some("/v2/x"));
        assert_eq!(to(Some("/"), "/api/x").as_deref(), Some("/x"));
        assert_eq!(to(Some("/"), "/api").as_deref(), Some("/"));
    }

    #[test]
    fn expressions_put_parts_of_the_path_in() {
        let asked = rewrite(
            PathKind::Regex,
            "/users/([0-9]+)",
            false,
            Some("/u?id=$1"),
            "/users/7",
        );
        assert_eq!(asked.as_deref(), Some("/u?id=7"));
        let asked = rewrite(PathKind::Exact, "/old", false, Some("/new"), "/old");
        assert_eq!(asked.as_deref(), Some("/new"));
    }
}
