//! Stored responses, in memory and for all workers: never more bytes than it was made for.

mod address;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use ondol_model::{ServiceRef, Time};
use quick_cache::Weighter;
use quick_cache::sync::Cache as Quick;
use tokio::sync::watch;

use crate::policy::cache::{Fields, Stored};
use crate::{CacheStatus, Purge};
use address::Address;

/// Responses for one address that differ by `Vary`; the oldest goes.
const VARIANTS_MAX: usize = 16;
/// How long requests for something that could not be stored are not held back for each other.
const PASS_TIME: Duration = Duration::from_secs(10);
/// What is expected to be in it on the average, so that its tables have the right size.
const BYTES_EXPECTED: u64 = 16 << 10;

/// Responses by host, path and query.
pub(crate) struct Cache {
    entries: Quick<Arc<str>, Entry, ByWeight>,
    /// Addresses that somebody is fetching just now.
    flights: Mutex<BTreeMap<Arc<str>, watch::Receiver<()>>>,
    bytes_max: u64,
    /// Purges so far: what was fetched before one must not be stored after it.
    purges: AtomicU64,
    pub counters: Counters,
}

/// What became of requests; counters only grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub hits: AtomicU64,
    pub stale: AtomicU64,
    pub misses: AtomicU64,
    pub stored: AtomicU64,
    pub purged: AtomicU64,
}

#[derive(Clone)]
enum Entry {
    Variants(Arc<[Arc<Stored>]>),
    /// The last response could not be stored.
    Pass(Time),
}

/// What is known of an address.
pub(crate) enum Found {
    Stored(Arc<Stored>),
    /// It could not be stored a moment ago: do not wait for each other.
    Pass,
    Nothing,
}

/// Who fetches what is not there.
pub(crate) enum Flight {
    /// This request does; others wait until the value is dropped.
    Lead(Lead),
    /// Another one does; ends when it is done.
    Follow(watch::Receiver<()>),
}

/// While it lives, others that want the same wait.
pub(crate) struct Lead {
    cache: Arc<Cache>,
    key: Arc<str>,
    _wakes: watch::Sender<()>,
}

impl Cache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let expected = usize::try_from(bytes_max / BYTES_EXPECTED).unwrap_or(usize::MAX);
        Cache {
            entries: Quick::with_weighter(expected.max(16), bytes_max, ByWeight),
            flights: Mutex::default(),
            bytes_max,
            purges: AtomicU64::new(0),
            counters: Counters::default(),
        }
    }

    /// What is stored for this address and fits the request.
    pub(crate) fn find(&self, key: &str, request: &impl Fields, now: Time) -> Found {
        match self.entries.get(key) {
            Some(Entry::Variants(variants)) => variants
                .iter()
                .find(|stored| stored.fits(request))
                .map_or(Found::Nothing, |stored| Found::Stored(stored.clone())),
            Some(Entry::Pass(until)) if now < until => Found::Pass,
            _ => Found::Nothing,
        }
    }

    /// What a fetch that begins now hands back to [`Cache::put`].
    pub(crate) fn purges(&self) -> u64 {
        self.purges.load(Ordering::Acquire)
    }

    /// Stores a response in place of the one that fits the same request, unless there was a purge since it was asked
    /// for. One that alone would fill a good part of the memory is not kept.
    pub(crate) fn put(&self, key: &str, request: &HeaderMap, stored: Stored, purges: u64) {
        if stored.weight() > self.bytes_max / 4 || purges != self.purges() {
            return;
        }
        let mut variants = match self.entries.peek(key) {
            Some(Entry::Variants(variants)) => variants.to_vec(),
            _ => Vec::new(),
        };
        variants.retain(|before| !before.fits(request));
        if variants.len() == VARIANTS_MAX {
            variants.remove(0);
        }
        variants.push(Arc::new(stored));
        self.entries
            .insert(key.into(), Entry::Variants(variants.into()));
        self.counters.stored.fetch_add(1, Ordering::Relaxed);
    }

    /// Remembers that there is nothing to wait for at this address.
    pub(crate) fn pass(&self, key: &str, now: Time) {
        if !matches!(self.entries.peek(key), Some(Entry::Variants(_))) {
            self.entries
                .insert(key.into(), Entry::Pass(now + PASS_TIME));
        }
    }

    /// Whether this request is the one that fetches what is not there.
    pub(crate) fn fly(self: &Arc<Self>, key: &str) -> Flight {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key) {
            return Flight::Follow(flight.clone());
        }
        let (wakes, waits) = watch::channel(());
        let key: Arc<str> = key.into();
        flights.insert(key.clone(), waits);
        Flight::Lead(Lead {
            cache: self.clone(),
            key,
            _wakes: wakes,
        })
    }

    /// Forgets responses; says how many.
    pub(crate) fn purge(&self, purge: &Purge) -> u64 {
        match purge {
            Purge::All => self.forget(|_, _| true),
            Purge::Tag(tag) => self.forget(|_, stored| stored.tags.iter().any(|of| **of == **tag)),
            Purge::Address(address) => {
                let address = Address::read(address);
                self.forget(|key, _| address.is_of(key))
            }
        }
    }

    /// Forgets what is kept under one key.
    pub(crate) fn remove(&self, key: &str) {
        self.purges.fetch_add(1, Ordering::AcqRel);
        self.entries.remove(key);
    }

    /// Forgets a service's responses that have one of these names.
    pub(crate) fn forget_groups(&self, service: &ServiceRef, groups: &[&str]) {
        let own = format!("{service} ");
        self.forget(|key, stored| {
            key.starts_with(&own) && stored.tags.iter().any(|tag| groups.contains(&&**tag))
        });
    }

    pub(crate) fn status(&self) -> CacheStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CacheStatus {
            bytes: self.entries.weight(),
            hits: count(&self.counters.hits),
            stale: count(&self.counters.stale),
            misses: count(&self.counters.misses),
            stored: count(&self.counters.stored),
            purged: count(&self.counters.purged),
        }
    }

    fn forget(&self, goes: impl Fn(&str, &Stored) -> bool) -> u64 {
        self.purges.fetch_add(1, Ordering::AcqRel);
        let gone = AtomicU64::new(0);
        self.entries.retain(|key, entry| match entry {
            Entry::Pass(_) => true,
            Entry::Variants(variants) => {
                let any = variants.iter().any(|stored| goes(key, stored));
                if any {
                    gone.fetch_add(variants.len() as u64, Ordering::Relaxed);
                }
                !any
            }
        });
        let gone = gone.into_inner();
        self.counters.purged.fetch_add(gone, Ordering::Relaxed);
        gone
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let flights = &self.cache.flights;
        let mut flights = flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.remove(&self.key);
    }
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<Arc<str>, Entry> for ByWeight {
    fn weight(&self, key: &Arc<str>, entry: &Entry) -> u64 {
        const ENTRY: u64 = 128;
        let variants = match entry {
            Entry::Pass(_) => 0,
            Entry::Variants(variants) => variants.iter().map(|stored| stored.weight()).sum(),
        };
        key.len() as u64 + ENTRY + variants
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderValue, Method, StatusCode};

    use super::*;
    use crate::policy::cache::{Came, Rules, admit};

    const NOW: Time = Time::from_secs(1);

    fn request(language: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::header::ACCEPT_LANGUAGE,
            HeaderValue::from_static(language),
        )])
    }

    fn stored(request: &HeaderMap, body: &'static [u8]) -> Stored {
        let rules = Rules {
            body_bytes_max: u64::MAX,
            ..Rules::default()
        };
        let mut said = HeaderMap::new();
        said.insert("cache-control", HeaderValue::from_static("max-age=60"));
        said.insert("vary", HeaderValue::from_static("accept-language"));
        said.insert("cache-tag", HeaderValue::from_static("film-7"));
        let came = Came {
            delay: Duration::ZERO,
            date: 0,
            now: NOW,
        };
        let admitted = admit(&rules, &Method::GET, request, StatusCode::OK, &said, came);
        admitted.unwrap().complete(Bytes::from_static(body))
    }

    fn body(cache: &Cache, key: &str, request: &HeaderMap) -> Option<Bytes> {
        match cache.find(key, request, NOW) {
            Found::Stored(stored) => Some(stored.body.clone()),
            _ => None,
        }
    }

    #[test]
    fn variants_are_kept_beside_each_other_and_replaced_each_by_its_own() {
        let cache = Cache::new(1 << 20);
        let (ko, en) = (request("ko"), request("en"));
        cache.put("a/", &ko, stored(&ko, b"old"), cache.purges());
        cache.put("a/", &en, stored(&en, b"hello"), cache.purges());
        cache.put("a/", &ko, stored(&ko, b"new"), cache.purges());
        assert_eq!(body(&cache, "a/", &ko).unwrap(), "new");
        assert_eq!(body(&cache, "a/", &en).unwrap(), "hello");
        assert_eq!(body(&cache, "a/", &request("de")), None);
    }

    #[test]
    fn it_never_holds_more_than_it_may() {
        let cache = Cache::new(64 << 10);
        let any = request("ko");
        for n in 0..1000 {
            cache.put(
                &format!("a/{n}"),
                &any,
                stored(&any, &[0; 1024]),
                cache.purges(),
            );
            assert!(cache.status().bytes <= 64 << 10);
        }
        cache.put("large", &any, stored(&any, &[0; 20 << 10]), cache.purges());
        assert_eq!(
            body(&cache, "large", &any),
            None,
            "one must not push out all others"
        );
    }

    #[test]
    fn a_purge_takes_an_address_with_all_its_queries_or_a_tag() {
        let cache = Cache::new(1 << 20);
        let any = request("ko");
        for key in [
            "a/web shop/films",
            "a/web shop/films?page=2",
            "a/web shop/filmset",
        ] {
            cache.put(key, &any, stored(&any, b"x"), cache.purges());
        }
        let purge = |address: &str| cache.purge(&Purge::Address(address.to_owned()));
        let purge_tag = |tag: &str| cache.purge(&Purge::Tag(tag.to_owned()));
        assert_eq!(purge("http://Shop:8080//films?page=2"), 1);
        assert_eq!((purge("cinema/films"), purge("shop")), (0, 0));
        assert_eq!(purge("/films"), 1);
        assert_eq!(purge_tag("film-8"), 0);
        assert_eq!(purge_tag("film-7"), 1);
        assert_eq!(body(&cache, "a/web shop/filmset", &any), None);
        assert_eq!(cache.status().purged, 3);
    }

    #[test]
    fn what_was_fetched_before_a_purge_is_not_stored_after_it() {
        let cache = Cache::new(1 << 20);
        let any = request("ko");
        let before = cache.purges();
        cache.purge(&Purge::All);
        cache.put("a/", &any, stored(&any, b"old"), before);
        assert_eq!(body(&cache, "a/", &any), None);
    }

    #[tokio::test]
    async fn one_fetches_and_the_others_wait_until_it_is_done() {
        let cache = Arc::new(Cache::new(1 << 20));
        let Flight::Lead(lead) = cache.fly("a/") else {
            panic!("nobody else is here")
        };
        let Flight::Follow(mut wait) = cache.fly("a/") else {
            panic!("one is enough")
        };
        assert!(matches!(cache.fly("b/"), Flight::Lead(_)));
        let fetch = async {
            tokio::task::yield_now().await;
            cache.put(
                "a/",
                &request("ko"),
                stored(&request("ko"), b"x"),
                cache.purges(),
            );
            drop(lead);
        };
        let (waited, ()) = tokio::join!(wait.changed(), fetch);
        assert!(waited.is_err(), "the leader is gone");
        assert!(body(&cache, "a/", &request("ko")).is_some());
        assert!(matches!(cache.fly("a/"), Flight::Lead(_)));
    }

    #[test]
    fn what_cannot_be_stored_holds_nobody_back_for_a_while() {
        let cache = Cache::new(1 << 20);
        let any = request("ko");
        cache.pass("a/", NOW);
        assert!(matches!(cache.find("a/", &any, NOW), Found::Pass));
        assert!(matches!(
            cache.find("a/", &any, NOW + PASS_TIME),
            Found::Nothing
        ));
        cache.put("a/", &any, stored(&any, b"x"), cache.purges());
        cache.pass("a/", NOW);
        assert!(body(&cache, "a/", &any).is_some(), "what is there stays");
    }
}
