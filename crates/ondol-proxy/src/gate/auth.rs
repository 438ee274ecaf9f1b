use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue};
use ondol_model::{Auth, JwtAuth, KeySource, ServicePage, ServiceRef, Time};
use quick_cache::sync::Cache as Quick;
use ring::digest::{SHA256, digest};

use crate::policy::auth::{
    Algorithm, ApiKeys, Basic, Claims, Credentials, Expected, Invalid, Keys, Passwords, verify,
};

/// Tokens and passwords that were found right lately: to check one again costs as much as a whole request.
const VERIFIED_MAX: usize = 4096;
/// How long a password is remembered as right.
const PASSWORD_TIME: Duration = Duration::from_secs(300);
/// How long fetched keys are used before they are fetched again.
const KEYS_TIME: Duration = Duration::from_secs(300);
/// How soon they are fetched again when a token names one that is not among them, or the last fetch failed.
const KEYS_PAUSE: Duration = Duration::from_secs(10);

/// The ways to say who one is, with what is needed to believe it.
pub(crate) struct AuthGate {
    pub service: ServiceRef,
    jwt: Option<Jwt>,
    api_keys: Option<(HeaderName, ApiKeys)>,
    passwords: Option<(HeaderValue, Arc<Passwords>)>,
    pub forward: Option<(ServicePage, Vec<HeaderName>)>,
    /// Digests of what was found right.
    verified: Quick<[u8; 32], Verified>,
}

struct Jwt {
    keys: Source,
    expected: Expected,
    claims: Vec<(HeaderName, String)>,
    cookie: Option<String>,
}

enum Source {
    File(Keys),
    Page(ServicePage, Mutex<Fetched>),
}

/// Keys that a service gave.
#[derive(Clone, Default)]
struct Fetched {
    keys: Option<Arc<Keys>>,
    at: Option<Time>,
    /// Not before.
    again_at: Option<Time>,
}

#[derive(Clone)]
struct Verified {
    user: Arc<User>,
    until: Until,
}

#[derive(Clone, Copy)]
enum Until {
    /// Seconds since 1970.
    Date(u64),
    Moment(Time),
}

/// Who a request is from.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct User {
    pub name: String,
    /// What the service is told of it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// What a request's credentials are.
pub(crate) enum Way {
    /// Right.
    User(Arc<User>),
    /// To be looked up among keys that have to be fetched first.
    Fetch(ServicePage),
    /// To be checked for long, away from the worker.
    Check(Arc<Passwords>, Credentials),
    /// Another server decides.
    Forward,
    /// Not there (`None`), or wrong.
    Refused(Option<&'static str>),
}

impl AuthGate {
    /// `files` are the contents of those that it names; what cannot be used there lets nobody in.
    pub(super) fn new(
        auth: &Auth,
        service: &ServiceRef,
        files: &BTreeMap<PathBuf, String>,
    ) -> Self {
        let text = |file: &PathBuf| files.get(file).map(String::as_str).unwrap_or_default();
        AuthGate {
            service: service.clone(),
            jwt: auth.jwt.as_ref().map(|jwt| Jwt::new(jwt, text)),
            api_keys: auth.api_key.as_ref().and_then(|keys| {
                let name = HeaderName::from_bytes(keys.header.as_bytes()).ok()?;
                Some((name, ApiKeys::parse(text(&keys.file)).0))
            }),
            passwords: auth.basic.as_ref().map(|basic| {
                let realm = basic.realm.replace(['"', '\\'], "");
                let challenge =
                    HeaderValue::from_str(&format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
                let challenge = challenge.unwrap_or(HeaderValue::from_static("Basic"));
                (challenge, Arc::new(Passwords::parse(text(&basic.file)).0))
            }),
            forward: auth.forward.as_ref().map(|forward| {
                let names = forward.headers.iter();
                let names = names.filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
                (forward.page.clone(), names.collect())
            }),
            verified: Quick::new(VERIFIED_MAX),
        }
    }

    /// Headers that only this gate may set.
    pub(crate) fn own_headers(&self) -> impl Iterator<Item = &HeaderName> {
        let claims = self
            .jwt
            .iter()
            .flat_map(|jwt| &jwt.claims)
            .map(|(header, _)| header);
        let told = self.forward.iter().flat_map(|(_, headers)| headers);
        claims.chain(told)
    }

    /// How a client is asked to say who it is.
    pub(crate) fn challenges(&self, wrong: Option<&str>) -> Vec<HeaderValue> {
        let mut challenges = Vec::new();
        if self.jwt.is_some() {
            let bearer = match wrong {
                Some(wrong) => {
                    format!("Bearer error=\"invalid_token\", error_description=\"{wrong}\"")
                }
                None => "Bearer".to_owned(),
            };
            challenges.extend(HeaderValue::from_str(&bearer));
        }
        challenges.extend(
            self.passwords
                .iter()
                .map(|(challenge, _)| challenge.clone()),
        );
        challenges
    }

    /// What is to be done with a request's credentials. `date` is in seconds since 1970.
    pub(crate) fn look(&self, headers: &HeaderMap, date: u64, now: Time) -> Way {
        let authorization = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        if let Some((name, keys)) = &self.api_keys
            && let Some(key) = headers.get(name)
        {
            let owner = key.to_str().ok().and_then(|key| keys.owner(key));
            return match owner {
                Some(owner) => Way::User(Arc::new(User::named(owner))),
                None => Way::Refused(Some("api_key_unknown")),
            };
        }
        if let Some(jwt) = &self.jwt
            && let Some(token) = jwt.token(authorization, headers)
        {
            return self.look_token(jwt, token, date, now);
        }
        if let Some((_, passwords)) = &self.passwords
            && let Some(basic) = authorization.and_then(Basic::of)
        {
            return match basic {
                Basic::Malformed => Way::Refused(Some("credentials_malformed")),
                Basic::Sent(sent) => {
                    match self.remembered(authorization.unwrap_or_default(), date, now) {
                        Some(user) => Way::User(user),
                        None => Way::Check(passwords.clone(), sent),
                    }
                }
            };
        }
        match self.forward {
            Some(_) => Way::Forward,
            None => Way::Refused(None),
        }
    }

    /// A password was checked away from the worker, and is right.
    pub(crate) fn accept(&self, headers: &HeaderMap, name: &str, now: Time) -> Arc<User> {
        let user = Arc::new(User::named(name));
        if let Some(sent) = headers.get(AUTHORIZATION) {
            let until = Until::Moment(now + PASSWORD_TIME);
            let verified = Verified {
                user: user.clone(),
                until,
            };
            self.verified.insert(digest_of(sent.as_bytes()), verified);
        }
        user
    }

    /// What a service gave as its keys, or that it did not.
    pub(crate) fn fetched(&self, set: Option<&[u8]>, now: Time) {
        let Some(Source::Page(_, fetched)) = self.jwt.as_ref().map(|jwt| &jwt.keys) else {
            return;
        };
        let mut fetched = fetched.lock().unwrap_or_else(PoisonError::into_inner);
        fetched.again_at = Some(now + KEYS_PAUSE);
        if let Some(keys) = set.and_then(|set| Keys::parse(set).ok()) {
            fetched.keys = Some(Arc::new(keys));
            fetched.at = Some(now);
            // What other keys had signed may be known again, and no longer.
            self.verified.clear();
        }
    }

    fn look_token(&self, jwt: &Jwt, token: &str, date: u64, now: Time) -> Way {
        // Tokens that are remembered must not keep keys alive that their service has taken back.
        if let Some(page) = jwt.keys.outdated(now) {
            return Way::Fetch(page);
        }
        if let Some(user) = self.remembered(token, date, now) {
            return Way::User(user);
        }
        let check = |keys: &Keys| verify(token, keys, &jwt.expected, date);
        let checked = match &jwt.keys {
            Source::File(keys) => check(keys),
            Source::Page(page, fetched) => {
                let fetched = fetched
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                match fetched.keys.as_deref().map(check) {
                    None | Some(Err(Invalid::UnknownKey)) if fetched.is_due(now) => {
                        return Way::Fetch(page.clone());
                    }
                    None => Err(Invalid::UnknownKey),
                    Some(checked) => checked,
                }
            }
        };
        match checked {
            Ok(claims) => {
                let user = Arc::new(jwt.user(&claims));
                let until = Until::Date(claims.expires);
                let verified = Verified {
                    user: user.clone(),
                    until,
                };
                self.verified.insert(digest_of(token.as_bytes()), verified);
                Way::User(user)
            }
            Err(invalid) => Way::Refused(Some(invalid.word())),
        }
    }

    fn remembered(&self, sent: &str, date: u64, now: Time) -> Option<Arc<User>> {
        let verified = self.verified.get(&digest_of(sent.as_bytes()))?;
        let holds = match verified.until {
            Until::Date(until) => date < until,
            Until::Moment(until) => now < until,
        };
        holds.then_some(verified.user)
    }
}

impl Source {
    /// Where newer keys are to be had, when it is time.
    fn outdated(&self, now: Time) -> Option<ServicePage> {
        let Source::Page(page, fetched) = self else {
            return None;
        };
        let fetched = fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let old = fetched.at.is_none_or(|at| now.since(at) > KEYS_TIME);
        (old && fetched.is_due(now)).then(|| page.clone())
    }
}

impl Fetched {
    fn is_due(&self, now: Time) -> bool {
        self.again_at.is_none_or(|at| now >= at)
    }
}

impl Jwt {
    fn new<'t>(jwt: &JwtAuth, text: impl Fn(&PathBuf) -> &'t str) -> Self {
        let keys = match &jwt.keys {
            // What cannot be used was told when it was read; then no token is believed.
            KeySource::File(file) => {
                Source::File(Keys::parse(text(file).as_bytes()).unwrap_or_default())
            }
            KeySource::Page(page) => Source::Page(page.clone(), Mutex::default()),
        };
        let claims = jwt.claims.iter().filter_map(|(header, claim)| {
            Some((
                HeaderName::from_bytes(header.as_bytes()).ok()?,
                claim.clone(),
            ))
        });
        Jwt {
            keys,
            expected: Expected {
                issuers: jwt.issuers.clone(),
                audiences: jwt.audiences.clone(),
                algorithms: jwt
                    .algorithms
                    .iter()
                    .filter_map(|name| Algorithm::named(name))
                    .collect(),
            },
            claims: claims.collect(),
            cookie: jwt.cookie.clone(),
        }
    }

    fn token<'h>(&self, authorization: Option<&'h str>, headers: &'h HeaderMap) -> Option<&'h str> {
        let bearer = authorization.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(token.trim())
        });
        bearer.or_else(|| {
            let name = self.cookie.as_deref()?;
            let lines = headers
                .get_all(COOKIE)
                .iter()
                .filter_map(|value| value.to_str().ok());
            lines.flat_map(|line| line.split(';')).find_map(|pair| {
                let (key, value) = pair.trim().split_once('=')?;
                (key == name).then_some(value)
            })
        })
    }

    fn user(&self, claims: &Claims) -> User {
        let told = self.claims.iter().filter_map(|(header, claim)| {
            let value = HeaderValue::from_str(&claims.text(claim)?).ok()?;
            Some((header.clone(), value))
        });
        User {
            name: claims.text("sub").unwrap_or_default(),
            headers: told.collect(),
        }
    }
}

impl User {
    fn named(name: &str) -> Self {
        User {
            name: name.to_owned(),
            headers: Vec::new(),
        }
    }
}

fn digest_of(secret: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, secret).as_ref());
    out
}

#[cfg(test)]
mod tests;
