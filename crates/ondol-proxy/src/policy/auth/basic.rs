use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use super::{BadLine, entries};

/// bcrypt's own limit (bytes); longer passwords would be cut without a word.
const PASSWORD_BYTES_MAX: usize = 72;
/// A cost beyond it takes seconds for each request (a power of two).
const COST_MAX: u32 = 14;

/// Of a password that nobody has.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuHOJ4JTSQHkyDbr5Bx8nQFOnQ4HTSu2C";

/// Names and what their passwords are checked against.
#[derive(Debug, Default)]
pub(crate) struct Passwords {
    hashes: BTreeMap<String, String>,
}

/// A name and a password, as a client sent them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub name: String,
    password: String,
}

/// What `Authorization: Basic` holds.
pub(crate) enum Basic {
    /// It cannot be read.
    Malformed,
    Sent(Credentials),
}

impl Passwords {
    /// From lines `name:hash`, as `htpasswd -B` (bcrypt) or `htpasswd -s` (SHA-1) write them. Lines that cannot be
    /// used come back, the others hold.
    pub(crate) fn parse(text: &str) -> (Passwords, Vec<BadLine>) {
        let (mut passwords, mut bad) = (Passwords::default(), Vec::new());
        for (line, entry) in entries(text) {
            let Some((name, hash)) = entry else {
                let why = "expected `name:hash`";
                bad.push(BadLine { line, why });
                continue;
            };
            match check_hash(hash) {
                Ok(()) => {
                    passwords.hashes.insert(name.to_owned(), hash.to_owned());
                }
                Err(why) => bad.push(BadLine { line, why }),
            }
        }
        (passwords, bad)
    }

    /// Whether the password is the right one. It takes long on purpose (bcrypt): tens of milliseconds, for a name
    /// that does not exist too, so that names cannot be found out by asking.
    pub(crate) fn accept(&self, sent: &Credentials) -> bool {
        let hash = self.hashes.get(&sent.name).map(String::as_str);
        let fits = match hash.and_then(|hash| hash.strip_prefix("{SHA}")) {
            Some(sha1) => {
                let own = digest(&SHA1_FOR_LEGACY_USE_ONLY, sent.password.as_bytes());
                STANDARD
                    .decode(sha1)
                    .is_ok_and(|right| same(&right, own.as_ref()))
            }
            None => bcrypt::verify(&sent.password, hash.unwrap_or(NOBODY)).unwrap_or(false),
        };
        fits && hash.is_some()
    }
}

impl Basic {
    /// From the value of `Authorization`; `None` when it is of another scheme.
    pub(crate) fn of(authorization: &str) -> Option<Basic> {
        let (scheme, sent) = authorization.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = STANDARD.decode(sent.trim()).ok();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = text.as_deref().and_then(|text| text.split_once(':'));
        Some(match pair {
            Some((name, password)) if password.len() <= PASSWORD_BYTES_MAX => {
                Basic::Sent(Credentials {
                    name: name.to_owned(),
                    password: password.to_owned(),
                })
            }
            _ => Basic::Malformed,
        })
    }
}

fn check_hash(hash: &str) -> Result<(), &'static str> {
    if hash.starts_with("{SHA}") {
        return Ok(());
    }
    let mut parts = hash.split('$').skip(1);
    match (
        parts.next(),
        parts.next().and_then(|cost| cost.parse::<u32>().ok()),
    ) {
        (Some("2a" | "2b" | "2x" | "2y"), Some(cost)) if cost <= COST_MAX => Ok(()),
        (Some("2a" | "2b" | "2x" | "2y"), _) => {
            Err("a cost above 14 would take seconds for each request")
        }
        _ => Err("expected a hash of bcrypt, as `htpasswd -B` writes it"),
    }
}

/// Of their digests: how long that takes says nothing of where the two differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    digest(&SHA256, one).as_ref() == digest(&SHA256, other).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pair: &str) -> Credentials {
        match Basic::of(&format!("Basic {}", STANDARD.encode(pair))) {
            Some(Basic::Sent(credentials)) => credentials,
            _ => panic!("{pair} can be read"),
        }
    }

    #[test]
    fn a_password_is_accepted_for_its_name_only() {
        let hash = bcrypt::hash("open sesame", 4).unwrap();
        let file = format!("ada:{hash}\nbob:{{SHA}}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n");
        let (passwords, bad) = Passwords::parse(&file);
        assert_eq!(bad, []);
        assert!(passwords.accept(&sent("ada:open sesame")));
        assert!(passwords.accept(&sent("bob:test")));
        assert_eq!(
            bcrypt::verify("x", NOBODY).ok(),
            Some(false),
            "it is a hash"
        );
        for wrong in [
            "ada:test",
            "bob:open sesame",
            "carol:open sesame",
            "ada:",
            ":",
            "ada:open sesame ",
        ] {
            assert!(!passwords.accept(&sent(wrong)), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_so_and_other_schemes_are_others() {
        assert!(Basic::of("Bearer abc").is_none());
        assert!(Basic::of("").is_none());
        for bad in ["Basic ?", "basic YWRh", "Basic //8="] {
            assert!(matches!(Basic::of(bad), Some(Basic::Malformed)), "{bad}");
        }
        assert!(matches!(Basic::of("bAsIc YWRhOng="), Some(Basic::Sent(_))));
    }

    #[test]
    fn weak_and_slow_hashes_are_named() {
        let (_, bad) = Passwords::parse(
            "ada:plain\nbob:$apr1$x$y\ncarol:$2y$31$abcdefghijklmnopqrstuu\ndave\n",
        );
        assert_eq!(
            bad.iter().map(|bad| bad.line).collect::<Vec<_>>(),
            [1, 2, 3, 4]
        );
    }
}
