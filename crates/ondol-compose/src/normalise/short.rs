//! The short forms of Compose and of `x-ondol`.

use std::net::IpAddr;

use crate::grammar::Wrong;
use crate::tree::{Map, Node, Span, Value};

type Long = Result<Vec<Node>, Wrong>;

fn wrong(message: impl Into<String>, help: &'static str) -> Wrong {
    let message = message.into();
    Wrong { message, help }
}

fn one(key: &'static str, text: &str, span: Span) -> Long {
    Ok(vec![Node::map_node(
        [(key, Node::text_node(text, span))],
        span,
    )])
}

/// `include: [path]`
pub(crate) fn include(text: &str, span: Span) -> Long {
    one("path", text, span)
}

/// `env_file: path`
pub(crate) fn path(text: &str, span: Span) -> Long {
    one("path", text, span)
}

/// `extends: service`
pub(crate) fn extends(text: &str, span: Span) -> Long {
    one("service", text, span)
}

/// `secrets: [name]`, `configs: [name]`
pub(crate) fn source(text: &str, span: Span) -> Long {
    one("source", text, span)
}

/// `build: folder`
pub(crate) fn build(text: &str, span: Span) -> Long {
    one("context", text, span)
}

/// `nofile: 1024`
pub(crate) fn ulimit(text: &str, span: Span) -> Long {
    let limit = || Node::text_node(text, span);
    Ok(vec![Node::map_node(
        [("soft", limit()), ("hard", limit())],
        span,
    )])
}

/// `x-ondol.probes.*.http: /health`
pub(crate) fn http(text: &str, span: Span) -> Long {
    one("path", text, span)
}

/// `x-ondol.probes.*.tcp: 5432`, or `true`
pub(crate) fn tcp(text: &str, span: Span) -> Long {
    match text {
        "true" => Ok(vec![Node::new(Value::Map(Map::new()), span)]),
        "false" => Err(wrong(
            "a probe cannot be `false`",
            "remove the line, or write the port to connect to",
        )),
        _ => one("port", text, span),
    }
}

/// `redirect: https://other.example{path}`
pub(crate) fn redirect(text: &str, span: Span) -> Long {
    one("to", text, span)
}

/// `respond: 204`
pub(crate) fn respond(text: &str, span: Span) -> Long {
    one("status", text, span)
}

/// `mirror: service`
pub(crate) fn mirror(text: &str, span: Span) -> Long {
    one("service", text, span)
}

/// `cors: https://shop.example`
pub(crate) fn cors(text: &str, span: Span) -> Long {
    one("origins", text, span)
}

/// `balance: round_robin`
pub(crate) fn balance(text: &str, span: Span) -> Long {
    one("by", text, span)
}

/// `timeout: 5s`
pub(crate) fn timeout(text: &str, span: Span) -> Long {
    one("request", text, span)
}

/// `retry: 3`
pub(crate) fn retry(text: &str, span: Span) -> Long {
    one("attempts", text, span)
}

/// `fallback: [stale, service]`
pub(crate) fn fallback(text: &str, span: Span) -> Long {
    match text {
        "stale" => one("stale", "any", span),
        _ => one("service", text, span),
    }
}

/// `concurrency: 50`
pub(crate) fn concurrency(text: &str, span: Span) -> Long {
    one("max", text, span)
}

/// `shed: true`
pub(crate) fn shed(text: &str, span: Span) -> Long {
    match text {
        "true" => Ok(vec![Node::new(Value::Map(Map::new()), span)]),
        _ => Err(wrong(
            "`shed` is `true` or a mapping",
            "remove the line, or write `shed: true`",
        )),
    }
}

/// `x-ondol.route: host/path`
pub(crate) fn route(text: &str, span: Span) -> Long {
    let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let keys = [("host", host), ("path", path)];
    let keys = keys.into_iter().filter(|(_, text)| !text.is_empty());
    Ok(vec![Node::map_node(
        keys.map(|(key, text)| (key, Node::text_node(text, span))),
        span,
    )])
}

/// `limit: 100/s`
pub(crate) fn limit(text: &str, span: Span) -> Long {
    one("rate", text, span)
}

/// `auth.forward: http://auth/check`
pub(crate) fn forward(text: &str, span: Span) -> Long {
    one("url", text, span)
}

/// `cache: 60s`, or `true`
pub(crate) fn cache(text: &str, span: Span) -> Long {
    match text {
        "true" => Ok(vec![Node::new(Value::Map(Map::new()), span)]),
        "false" => Err(wrong(
            "`cache` cannot be `false`",
            "remove the line; in a file that changes another one, write `cache: !reset null`",
        )),
        _ => one("ttl", text, span),
    }
}

/// `alerts: [error_ratio > 5% for 1m]`, `alerts: [NAME off]`
pub(crate) fn alert(text: &str, span: Span) -> Long {
    let node = |text: &str| Node::text_node(text.trim(), span);
    let entries = match text.trim().rsplit_once(' ') {
        Some((name, "off")) => vec![("name", node(name)), ("off", Node::bare_node("true", span))],
        Some((when, hold)) if when.trim_end().ends_with(" for") => {
            let when = when.trim_end().trim_end_matches("for");
            vec![("when", node(when)), ("for", node(hold))]
        }
        _ => vec![("when", node(text))],
    };
    Ok(vec![Node::map_node(entries, span)])
}

/// `receivers: {ops: http://pager/hook}`
pub(crate) fn receiver(text: &str, span: Span) -> Long {
    match text.starts_with("http://") || text.starts_with("https://") {
        true => one("webhook", text, span),
        false => Err(wrong(
            format!("`{}` is not the address of a webhook", cut(text)),
            "write `https://...`, or a mapping with `webhook`, `slack`, `email` or `alertmanager`",
        )),
    }
}

const PORT_HELP: &str =
    "write \"8080:80\", \"127.0.0.1:8080:80/tcp\" or a range such as \"3000-3005:3000-3005\"";

/// `[[ip:]published:]target[/protocol]`, with ranges.
pub(crate) fn port(text: &str, span: Span) -> Long {
    let (address, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (host, target) = match address.rsplit_once(':') {
        Some((host, target)) => (Some(host), target),
        None => (None, address),
    };
    let (ip, published) = match host.map(|host| host.rsplit_once(':').unwrap_or(("", host))) {
        Some((ip, published)) => (ip.trim_start_matches('[').trim_end_matches(']'), published),
        None => ("", ""),
    };
    if !ip.is_empty() && ip.parse::<IpAddr>().is_err() {
        return Err(wrong(
            format!("`{}` is not an address of the machine", cut(ip)),
            PORT_HELP,
        ));
    }
    let targets = range(target)?;
    let publisheds = match published {
        "" | "0" => None,
        _ => Some(range(published)?),
    };
    let (first, last) = targets;
    let entry = |target: u16, published: Option<String>| {
        let keys = [
            (
                "host_ip",
                (!ip.is_empty()).then(|| Node::text_node(ip, span)),
            ),
            ("target", Some(Node::bare_node(target.to_string(), span))),
            (
                "published",
                published.map(|published| Node::text_node(published, span)),
            ),
            ("protocol", Some(Node::text_node(protocol, span))),
        ];
        let keys = keys
            .into_iter()
            .filter_map(|(key, node)| Some((key, node?)));
        Node::map_node(keys, span)
    };
    match publisheds {
        None => Ok((first..=last).map(|target| entry(target, None)).collect()),
        Some((low, high)) if high - low == last - first => {
            let pairs = (first..=last).zip(low..=high);
            Ok(pairs
                .map(|(target, published)| entry(target, Some(published.to_string())))
                .collect())
        }
        Some(_) if first == last => Ok(vec![entry(first, Some(published.to_owned()))]),
        Some(_) => Err(wrong("the two ranges differ in length", PORT_HELP)),
    }
}

/// `published: 8080` or a range to choose from.
pub(crate) fn published(text: &str, span: Span) -> Long {
    if !matches!(text, "" | "0") {
        range(text)?;
    }
    Ok(vec![Node::text_node(text, span)])
}

/// `expose: ["3000", "8000-8010/tcp"]`
pub(crate) fn expose(text: &str, span: Span) -> Long {
    let (ports, protocol) = text
        .split_once('/')
        .map_or((text, None), |(p, t)| (p, Some(t)));
    if !matches!(protocol, None | Some("tcp" | "udp")) {
        return Err(wrong(
            "the protocol must be tcp or udp",
            "write \"8080\" or \"8080/udp\"",
        ));
    }
    let (first, last) = range(ports)?;
    let suffix = protocol
        .map(|protocol| format!("/{protocol}"))
        .unwrap_or_default();
    let node = |port: u16| Node::text_node(format!("{port}{suffix}"), span);
    Ok((first..=last).map(node).collect())
}

/// `80` or `80-89`.
pub(crate) fn range(text: &str) -> Result<(u16, u16), Wrong> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
        (Ok(first), Ok(last)) if first > 0 && first <= last => Ok((first, last)),
        _ => Err(wrong(
            format!(
                "`{}` is not a port from 1 to 65535, nor a range of them",
                cut(text)
            ),
            PORT_HELP,
        )),
    }
}

const MOUNT_HELP: &str = "write \"volume:/path\", \"./folder:/path\" or \"./folder:/path:ro\"";

/// `[source:]target[:mode,...]`
pub(crate) fn mount(text: &str, span: Span) -> Long {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, modes) = match parts[..] {
        [target] => (None, target, ""),
        [target, modes @ ("ro" | "rw")] => (None, target, modes),
        [source, target] => (Some(source), target, ""),
        [source, target, modes] => (Some(source), target, modes),
        _ => return Err(wrong("there are too many colons", MOUNT_HELP)),
    };
    if source.is_some_and(str::is_empty) {
        return Err(wrong("nothing stands before the first colon", MOUNT_HELP));
    }
    let is_bind = source.is_some_and(|source| source.starts_with(['.', '/', '~']));
    let text_of = |text: &str| Node::text_node(text, span);
    let truth = || Node::bare_node("true", span);
    let mut keys = vec![
        ("type", text_of(if is_bind { "bind" } else { "volume" })),
        ("target", text_of(target)),
    ];
    let mut bind = Vec::new();
    keys.extend(source.map(|source| ("source", text_of(source))));
    for mode in modes.split(',').filter(|mode| !mode.is_empty()) {
        match mode {
            "ro" => keys.push(("read_only", truth())),
            "rw" => {}
            "z" | "Z" => bind.push(("selinux", text_of(mode))),
            "nocopy" => keys.push(("volume", Node::map_node([("nocopy", truth())], span))),
            "cached" | "delegated" | "consistent" => keys.push(("consistency", text_of(mode))),
            "shared" | "slave" | "private" | "rshared" | "rslave" | "rprivate" => {
                bind.push(("propagation", text_of(mode)));
            }
            _ => {
                return Err(wrong(
                    format!("`{}` is not a mode of a volume", cut(mode)),
                    "the usual ones are ro and rw",
                ));
            }
        }
    }
    if is_bind {
        bind.push(("create_host_path", truth()));
        keys.push(("bind", Node::map_node(bind, span)));
    }
    Ok(vec![Node::map_node(keys, span)])
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Splits as a POSIX shell does, without expanding anything; `None` when a quote is left open.
pub(crate) fn shell_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            '\n' => {}
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => match chars.next()? {
                '\n' => {}
                c => word.get_or_insert_default().push(c),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_like_a_shell_does() {
        for (text, words) in [
            ("a  b\tc", vec!["a", "b", "c"]),
            ("sh -c 'a \"b\" c'", vec!["sh", "-c", "a \"b\" c"]),
            ("x \"a \\\"b\\\" \\n\" ''", vec!["x", "a \"b\" \\n", ""]),
            ("a\\ b", vec!["a b"]),
            ("", vec![]),
        ] {
            assert_eq!(
                shell_words(text).as_deref(),
                Some(&words.into_iter().map(String::from).collect::<Vec<_>>()[..])
            );
        }
        for text in ["'a", "\"a", "a\\"] {
            assert_eq!(shell_words(text), None, "{text}");
        }
    }
}
