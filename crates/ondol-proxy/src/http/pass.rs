//! The second stage: who may ask, and how often.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response};
use ondol_model::{LimitBy, Local, ServicePage};
use tokio::task::spawn_blocking;

use super::ask::ask;
use super::body::{Busy, Download};
use super::exchange::Exchange;
use super::refuse::refuse;
use crate::Refusal;
use crate::gate::{AuthGate, AuthWay, Gate, User, network};

pub(super) const USER: HeaderName = HeaderName::from_static("x-ondol-user");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// What a client is told that does not pass.
pub(super) enum Stop {
    Refused(Refusal, String, Vec<(HeaderName, HeaderValue)>),
    /// In the words of the server that decided.
    Answered(Box<Response<Bytes>>),
}

impl Stop {
    fn because(refusal: Refusal, sentence: &str) -> Self {
        Stop::Refused(refusal, sentence.to_owned(), Vec::new())
    }

    pub(super) fn tell(self, busy: Busy) -> Response<Download> {
        match self {
            Stop::Answered(response) => {
                busy.because(Local::ForwardAuth);
                (*response).map(|body| Download::text(body, busy))
            }
            Stop::Refused(refusal, sentence, headers) => {
                let mut response = refuse(refusal, sentence, busy);
                for (name, value) in headers {
                    response.headers_mut().append(name, value);
                }
                response
            }
        }
    }
}

impl Exchange {
    /// Lets a request pass, and says who it is from; the service is told of it by [`tell_user`].
    pub(super) async fn pass<B>(
        &self,
        gate: &Gate,
        request: &Request<B>,
    ) -> Result<Option<Arc<User>>, Stop> {
        if !gate.lets_in(self.client.ip) {
            let sentence = "this address may not ask here";
            return Err(Stop::because(Refusal::AddressNotAllowed, sentence));
        }
        // Before anything that costs: a flood must not be let through to the passwords.
        self.count(gate, request.headers(), None)?;
        let Some(auth) = &gate.auth else {
            return Ok(None);
        };
        let user = self.user(auth, request).await?;
        self.count(gate, request.headers(), Some(&user))?;
        Ok(Some(user))
    }

    /// The same for a gate that only counts, without words for who does not pass.
    pub(super) fn passes(&self, gate: &Gate) -> bool {
        gate.lets_in(self.client.ip) && self.count(gate, &HeaderMap::new(), None).is_ok()
    }

    /// Counts the request for every limit that counts by user, or for every other one.
    fn count(&self, gate: &Gate, headers: &HeaderMap, user: Option<&User>) -> Result<(), Stop> {
        for (by, limiter) in &gate.limits {
            let gates = &self.shard.crew.gates;
            let key = match (by, user) {
                (LimitBy::User, Some(user)) => gates.hash(user.name.as_bytes()),
                (LimitBy::User, None) if gate.auth.is_some() => continue,
                (_, Some(_)) => continue,
                // Without `auth` nobody has a name.
                (LimitBy::User | LimitBy::All, None) => 0,
                (LimitBy::Ip, None) => gates.hash(&network(self.client.ip)),
                (LimitBy::Header(name), None) => headers
                    .get(name.as_str())
                    .map_or(0, |value| gates.hash(value.as_bytes())),
            };
            if let Err(too_many) = limiter.admit(key, self.shard.now()) {
                let seconds = too_many.retry_after.as_secs_f64().ceil() as u64;
                let retry = (RETRY_AFTER, HeaderValue::from(seconds));
                let sentence = format!("too many requests; the next may come in {seconds} s");
                return Err(Stop::Refused(
                    Refusal::TooManyRequests,
                    sentence,
                    vec![retry],
                ));
            }
        }
        Ok(())
    }

    async fn user<B>(&self, auth: &Arc<AuthGate>, request: &Request<B>) -> Result<Arc<User>, Stop> {
        let headers = request.headers();
        let look = || auth.look(headers, self.shard.date(), self.shard.now());
        let mut way = look();
        if let AuthWay::Fetch(page) = way {
            self.fetch_keys(auth, &page).await;
            way = look();
        }
        match way {
            AuthWay::User(user) => Ok(user),
            // Fetched a moment ago, and still not there.
            AuthWay::Fetch(_) => Err(stranger(auth, Some("token_unknown_key"))),
            AuthWay::Refused(why) => Err(stranger(auth, why)),
            AuthWay::Check(passwords, sent) => {
                let name = sent.name.clone();
                let checked = spawn_blocking(move || passwords.accept(&sent)).await;
                match checked {
                    Ok(true) => Ok(auth.accept(headers, &name, self.shard.now())),
                    _ => Err(stranger(auth, Some("password_wrong"))),
                }
            }
            AuthWay::Forward => self.forward(auth, request).await,
        }
    }

    async fn fetch_keys(&self, auth: &AuthGate, page: &ServicePage) {
        // Others that come meanwhile use what is there: one question is enough.
        auth.fetched(None, self.shard.now());
        let asked = ask(
            &self.shard,
            &auth.service,
            page,
            Method::GET,
            HeaderMap::new(),
        )
        .await;
        let set = asked.ok().filter(|response| response.status().is_success());
        if let Some(set) = set {
            auth.fetched(Some(set.body()), self.shard.now());
        }
    }

    /// Asks the server that decides.
    async fn forward<B>(&self, auth: &AuthGate, request: &Request<B>) -> Result<Arc<User>, Stop> {
        let Some((page, told)) = &auth.forward else {
            return Err(stranger(auth, None));
        };
        let mut headers = request.headers().clone();
        let host = headers.get(HOST).cloned();
        super::headers::strip_request(&mut headers);
        super::headers::drop_underscored(&mut headers);
        headers.remove(http::header::CONTENT_LENGTH);
        let secured = self.client.secured.as_ref();
        super::headers::set_forwarded(&mut headers, &self.address, secured, host);
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let values = [
            (
                FORWARDED_METHOD,
                HeaderValue::from_str(request.method().as_str()),
            ),
            (FORWARDED_URI, HeaderValue::from_str(target)),
        ];
        for (name, value) in values {
            headers.extend(value.ok().map(|value| (name, value)));
        }
        match ask(&self.shard, &auth.service, page, Method::GET, headers).await {
            Ok(response) if response.status().is_success() => {
                let value =
                    |name: &HeaderName| Some((name.clone(), response.headers().get(name)?.clone()));
                let name = response
                    .headers()
                    .get(&USER)
                    .and_then(|name| name.to_str().ok());
                Ok(Arc::new(User {
                    name: name.unwrap_or_default().to_owned(),
                    headers: told.iter().filter_map(value).collect(),
                }))
            }
            Ok(mut response) => {
                super::headers::strip_hop_by_hop(response.headers_mut());
                response.headers_mut().remove(http::header::CONTENT_LENGTH);
                Err(Stop::Answered(Box::new(response)))
            }
            Err(_) => {
                let sentence = "who may ask cannot be found out just now";
                Err(Stop::because(Refusal::AuthUnavailable, sentence))
            }
        }
    }
}

/// Tells the service who a request is from, and takes away what the client says of it.
pub(super) fn tell_user(gate: &Gate, user: Option<&User>, headers: &mut HeaderMap) {
    headers.remove(&USER);
    let Some(auth) = &gate.auth else { return };
    for name in auth.own_headers() {
        headers.remove(name);
    }
    let Some(user) = user else { return };
    if let Ok(name) = HeaderValue::from_str(&user.name)
        && !name.is_empty()
    {
        headers.insert(USER, name);
    }
    for (name, value) in &user.headers {
        headers.insert(name.clone(), value.clone());
    }
}

fn stranger(auth: &AuthGate, why: Option<&'static str>) -> Stop {
    let sentence = match why {
        Some(why) => format!("what was sent to say who asks is not right ({why})"),
        None => "nothing was sent to say who asks".to_owned(),
    };
    let challenges = auth.challenges(why).into_iter();
    let headers = challenges
        .map(|challenge| (WWW_AUTHENTICATE, challenge))
        .collect();
    Stop::Refused(Refusal::NotAuthenticated, sentence, headers)
}
