//! One meaning for every path: what is matched is what the service sees.

use std::borrow::Cow;

/// The path with its escapes in order: what needs none is plain, the rest in upper case, and slashes that follow
/// each other are one (RFC 3986, section 6.2.2). The error says for people why it has no one meaning.
pub(crate) fn normal(path: &str) -> Result<Cow<'_, str>, &'static str> {
    let bytes = path.as_bytes();
    let odd = |pair: &[u8]| pair[0] == b'/' && matches!(pair[1], b'/' | b'.');
    let plain =
        !bytes.windows(2).any(odd) && !bytes.iter().any(|byte| matches!(byte, b'%' | b'\\'));
    let normal = match plain {
        true => Cow::Borrowed(path),
        false => Cow::Owned(rewritten(path)?),
    };
    match plain
        || !normal
            .split(['/', '\\'])
            .any(|part| part == "." || part == "..")
    {
        true => Ok(normal),
        false => Err("the path has a segment that means another path"),
    }
}

fn rewritten(path: &str) -> Result<String, &'static str> {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            '/' if normal.ends_with('/') => {}
            '%' => {
                let byte = rest
                    .get(..2)
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let byte = byte.filter(|_| rest.as_bytes()[0] != b'+');
                let byte =
                    byte.ok_or("the path has a % that is not followed by two hexadecimal digits")?;
                rest = &rest[2..];
                match byte {
                    0 => return Err("the path has an escaped zero"),
                    b'-' | b'.' | b'_' | b'~' => normal.push(char::from(byte)),
                    _ if byte.is_ascii_alphanumeric() => normal.push(char::from(byte)),
                    _ => normal.push_str(&format!("%{byte:02X}")),
                }
            }
            _ => normal.push(letter),
        }
    }
    Ok(normal)
}

/// The name in a `Host` header: without port and final dot, in lower case.
pub(crate) fn host_name(host: &str) -> Cow<'_, str> {
    let name = match host.strip_prefix('[') {
        // An IPv6 address keeps its brackets: `[::1]:80`.
        Some(rest) => rest.find(']').map_or(host, |end| &host[..end + 2]),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.');
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_compared_without_port_dot_and_case() {
        assert_eq!(host_name("Shop.Example.:8080"), "shop.example");
        assert_eq!(host_name("[::1]:80"), "[::1]");
        assert_eq!(host_name("[::1]"), "[::1]");
        assert_eq!(host_name("["), "[");
        assert_eq!(host_name(""), "");
    }

    #[test]
    fn dot_segments_are_refused_however_they_are_written() {
        for path in [
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2E/x",
            "/.%2e",
            "/a\\..\\b",
            "/a//../b",
        ] {
            assert!(normal(path).is_err(), "{path}");
        }
        for path in ["/", "/a..b", "/.well-known/x", "/...", "/a.b/c", "/%20"] {
            assert_eq!(normal(path).unwrap(), path);
        }
    }

    #[test]
    fn escapes_and_slashes_have_one_form() {
        assert_eq!(normal("//a///b/").unwrap(), "/a/b/");
        assert_eq!(normal("/%61dmin%2fx%C3%a9").unwrap(), "/admin%2Fx%C3%A9");
        assert!(normal("/%zz").is_err() && normal("/%2").is_err() && normal("/%+1").is_err());
        assert!(normal("/a%00").is_err());
    }

    proptest! {
        #[test]
        fn what_is_normal_stays_as_it_is(path in "/[a-z/.%0-9A-F\\\\é]{0,24}") {
            if let Ok(once) = normal(&path) {
                prop_assert_eq!(normal(&once).unwrap(), &*once);
                prop_assert!(once.starts_with('/') && !once.contains("//"));
            }
        }

        #[test]
        fn no_host_panics(host in ".{0,20}") {
            host_name(&host);
        }
    }
}
