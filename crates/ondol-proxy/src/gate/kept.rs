use std::sync::Arc;

use ondol_model::{CacheRule, ServiceRef};

use crate::cache::Cache;
use crate::policy::cache::{Defaults, Rules};

/// The part of the cache that a route uses.
pub(crate) struct Kept {
    pub rules: Rules,
    pub cache: Arc<Cache>,
    /// What every key begins with: the service and a blank.
    service: String,
    query: Option<Vec<String>>,
}

impl Kept {
    pub(super) fn new(rule: &CacheRule, service: &ServiceRef, cache: Arc<Cache>) -> Self {
        let defaults = Defaults {
            lifetime: rule.ttl,
            while_revalidate: rule.stale_while_revalidate,
            if_error: rule.stale_if_error,
        };
        Kept {
            rules: Rules {
                defaults,
                body_bytes_max: rule.body_bytes_max.0,
            },
            cache,
            service: format!("{service} "),
            query: rule.query.clone(),
        }
    }

    /// What an answer is looked up by: the service, and the address that was asked for. `host` is in lower case.
    pub(crate) fn key(&self, host: &str, path: &str, query: Option<&str>) -> String {
        let mut key = String::new();
        self.write_key(host, path, query, &mut key);
        key
    }

    /// The same into `key`, which is empty.
    pub(crate) fn write_key(&self, host: &str, path: &str, query: Option<&str>, key: &mut String) {
        for part in [&self.service, host, path] {
            key.push_str(part);
        }
        let Some(query) = query else { return };
        let meant: Vec<&str> = match &self.query {
            None => vec![query],
            Some(names) => {
                let name = |pair: &&str| pair.split('=').next().unwrap_or_default().to_owned();
                let mut pairs: Vec<_> = query
                    .split('&')
                    .filter(|pair| names.contains(&name(pair)))
                    .collect();
                // Nothing else is asked by another order; of one name the order stays.
                pairs.sort_by_key(name);
                pairs
            }
        };
        if !meant.is_empty() {
            key.push('?');
            key.push_str(&meant.join("&"));
        }
    }
}

#[cfg(test)]
mod tests {
    use ondol_model::{Bytes, ProjectName, ServiceName};

    use super::*;

    fn kept(query: Option<&[&str]>) -> Kept {
        let rule = CacheRule {
            ttl: None,
            stale_while_revalidate: Default::default(),
            stale_if_error: Default::default(),
            query: query.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            body_bytes_max: Bytes(1),
        };
        let service = ServiceRef {
            project: ProjectName::new("shop").unwrap(),
            service: ServiceName::new("web").unwrap(),
        };
        Kept::new(&rule, &service, Arc::new(Cache::new(1 << 20)))
    }

    #[test]
    fn an_answer_is_found_by_service_host_path_and_query() {
        assert_eq!(
            kept(None).key("a.example", "/x", None),
            "shop/web a.example/x"
        );
        assert_eq!(
            kept(None).key("a", "/x", Some("b=1&a=2")),
            "shop/web a/x?b=1&a=2"
        );
    }

    #[test]
    fn only_parameters_that_make_a_difference_are_in_it() {
        let kept = kept(Some(&["page", "q"]));
        let key = "shop/web a/x?page=1&q=z&q=a";
        assert_eq!(kept.key("a", "/x", Some("utm=7&q=z&page=1&q=a")), key);
        assert_eq!(kept.key("a", "/x", Some("utm=7")), "shop/web a/x");
    }
}
