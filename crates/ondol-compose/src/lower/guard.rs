//! `allow`, `deny`, `limit`, `auth`, `cache` and `compress` of a route.

use std::path::PathBuf;
use std::time::Duration;

use ondol_model::{
    ApiKeyAuth, Auth, BasicAuth, Bytes, CacheRule, ForwardAuth, Guard, IpNet, JwtAuth, KeySource,
    LimitBy, RateLimit, ServicePage,
};

use super::check::Check;
use super::read;
use crate::normalise::duration as parse_duration;
use crate::tree::Node;

const CACHED_BODY_MAX: Bytes = Bytes(1 << 20);
/// In the words of RFC 7518 and RFC 8037.
const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];

/// What a route says of who may ask it, how often, and what is kept.
pub(super) fn guard(route: &Node, check: &mut Check<'_>) -> Guard {
    Guard {
        allow: check.addresses(route, "allow"),
        deny: check.addresses(route, "deny"),
        limits: read::items(route, "limit")
            .filter_map(|node| check.limit(node))
            .collect(),
        auth: route.get("auth").map(|node| check.auth(node)),
        cache: route.get("cache").map(cache),
        compress: read::flag(route, &["compress"]),
    }
}

impl Check<'_> {
    fn addresses(&mut self, route: &Node, key: &str) -> Vec<IpNet> {
        let mut nets = Vec::new();
        for node in read::items(route, key) {
            let text = node.text().unwrap_or_default();
            match text.parse() {
                Ok(net) => nets.push(net),
                Err(why) => self.wrong(
                    node,
                    format!("has `{key}: {text}`, which {why}"),
                    "write an address such as 192.168.4.7, or a block such as 10.0.0.0/8",
                ),
            }
        }
        nets
    }

    fn limit(&mut self, node: &Node) -> Option<RateLimit> {
        let text = read::text(node, &["rate"]).unwrap_or_default();
        let Some((requests, period)) = rate(&text) else {
            let message = format!("has the limit `{text}`, which is not a rate");
            self.wrong(
                node,
                message,
                "write requests and a time, such as 100/s, 10/m or 5/10s",
            );
            return None;
        };
        Some(RateLimit {
            requests,
            period,
            burst: read::number(node, &["burst"]).unwrap_or(requests),
            by: self.limit_by(node)?,
        })
    }

    fn limit_by(&mut self, node: &Node) -> Option<LimitBy> {
        let by = read::text(node, &["by"]);
        let header = by.as_deref().and_then(|by| by.strip_prefix("header:"));
        match (by.as_deref(), header) {
            (None | Some("ip"), _) => Some(LimitBy::Ip),
            (Some("user"), _) => Some(LimitBy::User),
            (Some("all"), _) => Some(LimitBy::All),
            (_, Some(header)) => {
                self.header_name(node, header);
                Some(LimitBy::Header(header.to_owned()))
            }
            (Some(by), _) => {
                let message =
                    format!("counts requests by `{by}`, which is nothing that is known of them");
                self.wrong(node, message, "write ip, user, all, or header:NAME");
                None
            }
        }
    }

    fn auth(&mut self, node: &Node) -> Auth {
        let auth = Auth {
            jwt: node.get("jwt").and_then(|jwt| self.jwt(jwt)),
            api_key: node.get("api_key").and_then(|key| {
                Some(ApiKeyAuth {
                    header: read::text(key, &["header"]).unwrap_or_else(|| "X-Api-Key".to_owned()),
                    file: self.file(key, "auth.api_key")?,
                })
            }),
            basic: node.get("basic").and_then(|basic| {
                Some(BasicAuth {
                    file: self.file(basic, "auth.basic")?,
                    realm: read::text(basic, &["realm"]).unwrap_or_else(|| self.service.to_owned()),
                })
            }),
            forward: node
                .get("forward")
                .and_then(|forward| self.forward(forward)),
        };
        if node.entries().next().is_none() {
            let message = "asks who clients are and says no way to tell".to_owned();
            self.wrong(
                node,
                message,
                "give `auth` one of `jwt`, `api_key`, `basic` or `forward`",
            );
        }
        auth
    }

    fn jwt(&mut self, node: &Node) -> Option<JwtAuth> {
        let file = read::text(node, &["keys_file"]).map(|file| KeySource::File(file.into()));
        let url = read::text(node, &["keys_url"]);
        let keys = match (file, url) {
            (Some(keys), None) => keys,
            (None, Some(url)) => KeySource::Page(self.page(node, &url)?),
            (_, both) => {
                let problem = if both.is_some() {
                    "says twice"
                } else {
                    "does not say"
                };
                let message = format!("{problem} where the keys of tokens are");
                self.wrong(
                    node,
                    message,
                    "give `auth.jwt` either `keys_file` or `keys_url`",
                );
                return None;
            }
        };
        let algorithms = read::texts(node, &["algorithms"]).unwrap_or_default();
        if let Some(unknown) = algorithms
            .iter()
            .find(|name| !ALGORITHMS.contains(&name.as_str()))
        {
            let message = format!("allows the algorithm `{unknown}`, which is not known here");
            let help = format!("write one of {}", ALGORITHMS.join(", "));
            self.wrong(node, message, &help);
        }
        Some(JwtAuth {
            keys,
            issuers: read::texts(node, &["issuer"]).unwrap_or_default(),
            audiences: read::texts(node, &["audience"]).unwrap_or_default(),
            algorithms,
            claims: read::pairs(node, &["claims"]),
            cookie: read::text(node, &["cookie"]),
        })
    }

    fn forward(&mut self, node: &Node) -> Option<ForwardAuth> {
        let url = read::text(node, &["url"]).unwrap_or_default();
        Some(ForwardAuth {
            page: self.page(node, &url)?,
            headers: read::texts(node, &["headers"]).unwrap_or_default(),
        })
    }

    fn file(&mut self, node: &Node, what: &str) -> Option<PathBuf> {
        let file = read::text(node, &["file"]);
        if file.is_none() {
            let message = format!("has `{what}` without a file");
            self.wrong(
                node,
                message,
                "name the file that has the names: `file: ./users`",
            );
        }
        file.map(PathBuf::from)
    }

    /// Only services of the project are asked: what is not among them cannot be reached from every sandbox.
    fn page(&mut self, node: &Node, url: &str) -> Option<ServicePage> {
        let Some((service, port, path)) = service_page(url) else {
            let message =
                format!("asks `{url}`, which is not the address of a service of this project");
            let help = "write http://SERVICE/PATH or http://SERVICE:PORT/PATH, with the name of a service of this file";
            self.wrong(node, message, help);
            return None;
        };
        Some(ServicePage {
            service: self.other(node, service)?,
            port,
            path: path.to_owned(),
        })
    }
}

/// Name, port and path of `http://SERVICE[:PORT]/PATH`.
fn service_page(url: &str) -> Option<(&str, Option<u16>, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (service, port) = match authority.split_once(':') {
        Some((service, port)) => (service, Some(port.parse().ok()?)),
        None => (authority, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    (!service.is_empty()).then_some((service, port, path))
}

fn cache(node: &Node) -> CacheRule {
    let duration = |key: &str| read::duration(node, &[key]).unwrap_or_default();
    CacheRule {
        ttl: read::duration(node, &["ttl"]),
        stale_while_revalidate: duration("stale_while_revalidate"),
        stale_if_error: duration("stale_if_error"),
        query: read::texts(node, &["query"]),
        body_bytes_max: read::size(node, &["body_max"]).unwrap_or(CACHED_BODY_MAX),
    }
}

/// `100/s`, `10/m`, `5/10s`.
fn rate(text: &str) -> Option<(u32, Duration)> {
    let (requests, period) = text.split_once('/')?;
    let requests = requests
        .trim()
        .parse()
        .ok()
        .filter(|requests| *requests > 0)?;
    let period = period.trim();
    let period = match period.starts_with(|first: char| first.is_ascii_digit()) {
        true => parse_duration(period),
        false => parse_duration(&format!("1{period}")),
    };
    Some((requests, period.filter(|period| !period.is_zero())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_requests_in_a_time() {
        for (text, expected) in [
            ("100/s", Some((100, Duration::from_secs(1)))),
            ("10 / m", Some((10, Duration::from_secs(60)))),
            ("5/10s", Some((5, Duration::from_secs(10)))),
            ("1/1h30m", Some((1, Duration::from_secs(5400)))),
            ("0/s", None),
            ("5/0s", None),
            ("5", None),
            ("s/5", None),
            ("-1/s", None),
        ] {
            assert_eq!(rate(text), expected, "{text}");
        }
    }
}
