use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ondol_model::{Guard, RateLimit, Route, ServiceRef};

use super::{AuthGate, Gate, Kept};
use crate::cache::Cache;
use crate::policy::limit::{Limiter, Rate};

/// Keys that a rate limit remembers: about 1 MB each.
const LIMIT_KEYS: usize = 64 << 10;

/// What the gates of all workers have in common. Counts, stored answers and verified tokens go on when a snapshot
/// takes the place of another.
pub(crate) struct Gates {
    pub cache: Arc<Cache>,
    limiters: Named<Limiter>,
    auths: Named<AuthGate>,
    random: RandomState,
}

/// Things that are made once for all who ask by the same name, and go with the last of them.
struct Named<T>(Mutex<BTreeMap<String, Weak<T>>>);

impl Gates {
    pub(crate) fn new(cache_bytes_max: u64) -> Self {
        Gates {
            cache: Arc::new(Cache::new(cache_bytes_max)),
            limiters: Named::default(),
            auths: Named::default(),
            random: RandomState::new(),
        }
    }

    /// The same for all workers, and not to be foretold by anybody.
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        self.random.hash_one(bytes)
    }

    /// Keys that the limits in use forgot too early.
    pub(crate) fn limited_forgotten(&self) -> u64 {
        self.limiters
            .each()
            .map(|limiter| limiter.forgotten())
            .sum()
    }

    /// The gate of a route to `service`; `None` when everybody may pass and nothing is kept.
    pub(crate) fn gate(
        &self,
        route: &Route,
        service: &ServiceRef,
        files: &BTreeMap<PathBuf, String>,
    ) -> Option<Gate> {
        let guard = &route.treatment.guard;
        if guard.is_open() {
            return None;
        }
        let host = route.host.as_deref().unwrap_or_default();
        let place = format!("{service} {host}{}", route.path);
        let limits = guard.limits.iter().map(|limit| {
            let limiter = self
                .limiters
                .get(format!("{place} {limit:?}"), || limiter(limit));
            (limit.by.clone(), limiter)
        });
        let auth = guard.auth.as_ref().map(|auth| {
            let named: Vec<_> = guard.files().map(|file| files.get(file)).collect();
            let name = format!("{place} {auth:?} {named:?}");
            self.auths.get(name, || AuthGate::new(auth, service, files))
        });
        let kept = guard
            .cache
            .as_ref()
            .map(|rule| Kept::new(rule, service, self.cache.clone()));
        Some(Gate {
            limits: limits.collect(),
            auth,
            kept,
            guard: Guard::clone(guard),
        })
    }
}

fn limiter(limit: &RateLimit) -> Limiter {
    Limiter::new(
        Rate::new(limit.requests, limit.period, limit.burst),
        LIMIT_KEYS,
    )
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Mutex::default())
    }
}

impl<T> Named<T> {
    fn get(&self, name: String, make: impl FnOnce() -> T) -> Arc<T> {
        let mut things = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thing) = things.get(&name).and_then(Weak::upgrade) {
            return thing;
        }
        things.retain(|_, thing| thing.strong_count() > 0);
        let thing = Arc::new(make());
        things.insert(name, Arc::downgrade(&thing));
        thing
    }

    fn each(&self) -> impl Iterator<Item = Arc<T>> {
        let things = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let things: Vec<_> = things.values().filter_map(Weak::upgrade).collect();
        things.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_the_same_for_all_who_have_it_and_new_when_nobody_has() {
        let named = Named::default();
        let first = named.get("a".to_owned(), || 1);
        assert_eq!(*named.get("a".to_owned(), || 2), 1);
        drop(first);
        assert_eq!(*named.get("a".to_owned(), || 3), 3);
    }
}
