//! Who is told of alerts.

use std::time::Duration;

use ondol_model::{Receiver, ReceiverKind, Smtp};

use super::Reader;
use crate::lower::read;
use crate::tree::Node;

const WAYS: [&str; 4] = ["webhook", "slack", "email", "alertmanager"];
const HELP: &str = "write one of `webhook`, `slack`, `email` and `alertmanager`";

pub(super) fn receiver(node: &Node, reader: &mut Reader<'_>) -> Option<Receiver> {
    let ways: Vec<&str> = WAYS
        .into_iter()
        .filter(|way| node.get(way).is_some())
        .collect();
    let [way] = ways[..] else {
        let count = ways.len();
        reader.wrong(
            node,
            format!("a receiver is told by one way, and here are {count}"),
            HELP,
        );
        return None;
    };
    for (key, of) in [("channel", "slack"), ("from", "email"), ("smtp", "email")] {
        if let Some(at) = node.get(key).filter(|_| of != way) {
            let message = format!("`{key}` is for `{of}`, and this is a receiver by `{way}`");
            reader.wrong(at, message, &format!("remove `{key}`"));
        }
    }
    let kind = match way {
        "email" => email(node, reader)?,
        _ => {
            let at = node.get(way)?;
            let url = at.text().unwrap_or_default().to_owned();
            if !is_url(&url) {
                let message = format!("`{url}` is not an address of HTTP");
                reader.wrong(
                    at,
                    message,
                    "write `http://host:port/path` or `https://host/path`",
                );
            }
            match way {
                "webhook" => ReceiverKind::Webhook { url },
                "slack" => ReceiverKind::Slack {
                    url,
                    channel: read::text(node, &["channel"]),
                },
                _ => ReceiverKind::Alertmanager { url },
            }
        }
    };
    let seconds = |key: &str, default: u64| {
        read::duration(node, &[key]).unwrap_or(Duration::from_secs(default))
    };
    let group_by = read::texts(node, &["group_by"]);
    Some(Receiver {
        kind,
        matchers: reader.matchers(node, "match"),
        group_by: group_by.unwrap_or_else(|| ["alertname", "project"].map(str::to_owned).to_vec()),
        group_wait: seconds("group_wait", 30),
        group_interval: seconds("group_interval", 300),
        repeat_interval: seconds("repeat_interval", 4 * 3600),
        send_resolved: read::text(node, &["resolved"]).as_deref() != Some("false"),
    })
}

fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or(url.strip_prefix("https://"));
    let is_plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    is_plain && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

fn email(node: &Node, reader: &mut Reader<'_>) -> Option<ReceiverKind> {
    let to = read::texts(node, &["email"]).unwrap_or_default();
    let from = read::text(node, &["from"]).unwrap_or_default();
    for (key, address) in to.iter().map(|to| ("email", to)).chain([("from", &from)]) {
        let at = node.get(key).unwrap_or(node);
        let is_default = key == "from" && address.is_empty();
        if !is_default && !is_address(address) {
            let message = format!("`{address}` is not an address of mail");
            reader.wrong(at, message, "write `somebody@shop.example`");
        }
    }
    let text = read::text(node, &["smtp"]).unwrap_or_else(|| "smtp://localhost:25".to_owned());
    let Some(smtp) = smtp(&text) else {
        let at = node.get("smtp").unwrap_or(node);
        // A password is not repeated.
        let message = "`smtp` is not the address of a mail server";
        reader.wrong(at, message, "write `smtp://user:password@host:587` or `smtps://host`, with `%40` for an @ in the password");
        return None;
    };
    Some(ReceiverKind::Email { to, from, smtp })
}

/// Plain addresses only: what stands in the commands of SMTP must not be able to be another command.
fn is_address(text: &str) -> bool {
    let is_part = |part: &str| {
        let good = |c: char| c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c);
        !part.is_empty() && part.chars().all(good)
    };
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, host)| is_part(local) && is_part(host)) && text.len() <= 254
}

fn smtp(text: &str) -> Option<Smtp> {
    let (text, clear) = match text.split_once('?') {
        None => (text, false),
        Some((text, "starttls=never")) => (text, true),
        Some(_) => return None,
    };
    let (tls, rest) = match text.strip_prefix("smtps://") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("smtp://")?),
    };
    let (login, place) = match rest.rsplit_once('@') {
        None => (None, rest),
        Some((login, place)) => {
            let (user, password) = login.split_once(':')?;
            (Some((decoded(user)?, decoded(password)?)), place)
        }
    };
    let place = place.trim_end_matches('/');
    let default = if tls { 465 } else { 25 };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (place, default),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_host = |c: char| c.is_alphanumeric() || ".-_:".contains(c);
    (!host.is_empty() && host.chars().all(is_host)).then(|| Smtp {
        host: host.to_owned(),
        port,
        tls,
        clear: clear && !tls,
        login,
    })
}

/// `%40` and its kin.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, behind @ ..] = rest {
        match (first, behind) {
            (b'%', [high, low, ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &behind[2..];
            }
            (b'%', _) => return None,
            (byte, behind) => {
                bytes.push(*byte);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).ok()
}
