//! How connections begin, on both sides, made ready once for all workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use ondol_model::{Dial, Listener, ListenerId, Opening, OpeningTls, ServiceRef, Snapshot};
use rustls::ServerConfig;

use crate::tls::{DialledTls, Keyring, Tls};

/// What a snapshot says about the beginning of connections.
#[derive(Default)]
pub(crate) struct Wires {
    entrances: BTreeMap<ListenerId, Arc<Entrance>>,
    dials: BTreeMap<ServiceRef, Arc<Dialled>>,
}

/// How the connections of a listener begin.
#[derive(Default)]
pub(crate) struct Entrance {
    pub proxy_protocol: bool,
    pub tls: Option<EntranceTls>,
    pub redirect_to: Option<u16>,
    /// Answers for authorities that check a host by HTTP-01, by token.
    pub challenges: Arc<BTreeMap<String, String>>,
}

pub(crate) struct EntranceTls {
    pub config: Arc<ServerConfig>,
    /// `Strict-Transport-Security` of every response.
    pub hsts: Option<HeaderValue>,
    /// Services that do TLS themselves, by the name that is asked for.
    pass: BTreeMap<String, (ServiceRef, u16)>,
}

/// How a service is spoken to.
#[derive(Debug, Default)]
pub(crate) struct Dialled {
    pub http2: bool,
    pub tls: Option<DialledTls>,
    pub proxy_protocol: Option<u8>,
    /// Headers of clients whose name has `_` go on.
    pub underscores: bool,
}

impl Wires {
    /// The error says what cannot be, for people; then nothing of the snapshot is used.
    pub(crate) fn new(common: &Tls, snapshot: &Snapshot) -> Result<Self, String> {
        let keyring = common.keyring(&snapshot.certificates)?;
        let challenges = Arc::new(snapshot.challenges.clone());
        let mut wires = Wires::default();
        for listener in &snapshot.listeners {
            let entrance = Entrance::new(common, listener, &keyring, &challenges)
                .map_err(|why| format!("{} cannot do TLS: {why}", listener.address))?;
            wires.entrances.insert(listener.id, Arc::new(entrance));
        }
        for policy in &snapshot.traffic {
            let dialled = Dialled::new(common, &policy.traffic.dial, &policy.service)
                .map_err(|why| format!("{} cannot be called by TLS: {why}", policy.service))?;
            wires
                .dials
                .extend(dialled.map(|dialled| (policy.service.clone(), Arc::new(dialled))));
        }
        Ok(wires)
    }

    /// Whether connections begin under `next` as they do under `now`. Then what is ready is to stay: sessions of TLS
    /// that can be resumed are in it.
    pub(crate) fn are_same(now: &Snapshot, next: &Snapshot) -> bool {
        fn openings(of: &Snapshot) -> impl Iterator<Item = (ListenerId, &Opening)> {
            let listeners = of.listeners.iter();
            listeners.map(|listener| (listener.id, &listener.opening))
        }
        fn dials(of: &Snapshot) -> impl Iterator<Item = (&ServiceRef, &Dial)> {
            let policies = of.traffic.iter();
            policies.map(|policy| (&policy.service, &policy.traffic.dial))
        }
        now.certificates == next.certificates
            && now.challenges == next.challenges
            && openings(now).eq(openings(next))
            && dials(now).eq(dials(next))
    }

    pub(crate) fn entrance(&self, listener: ListenerId) -> Arc<Entrance> {
        self.entrances.get(&listener).cloned().unwrap_or_default()
    }

    /// `None` when the service is spoken to as most are.
    pub(crate) fn dial(&self, service: &ServiceRef) -> Option<&Arc<Dialled>> {
        match self.dials.is_empty() {
            true => None,
            false => self.dials.get(service),
        }
    }
}

impl Entrance {
    fn new(
        common: &Tls,
        listener: &Listener,
        keyring: &Arc<Keyring>,
        challenges: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, String> {
        let opening = &listener.opening;
        let tls = opening.tls.as_ref();
        let tls = tls.map(|tls| EntranceTls::new(common, tls, keyring));
        Ok(Entrance {
            proxy_protocol: opening.proxy_protocol,
            tls: tls.transpose()?,
            redirect_to: opening.redirect_to,
            challenges: challenges.clone(),
        })
    }

    /// Whether it has a word in requests and answers.
    pub(crate) fn answers(&self) -> bool {
        let hsts = self.tls.as_ref().is_some_and(|tls| tls.hsts.is_some());
        hsts || self.redirect_to.is_some() || !self.challenges.is_empty()
    }

    /// Whether connections begin with the first word of the client itself.
    pub(crate) fn is_plain(&self) -> bool {
        !self.proxy_protocol && self.tls.is_none()
    }
}

impl EntranceTls {
    fn new(common: &Tls, tls: &OpeningTls, keyring: &Arc<Keyring>) -> Result<Self, String> {
        let pass = tls.pass.iter();
        Ok(EntranceTls {
            config: common.server(tls, keyring)?,
            hsts: tls.hsts.and_then(hsts),
            pass: pass
                .map(|(name, to)| (name.to_ascii_lowercase(), to.clone()))
                .collect(),
        })
    }

    /// Whether some names are handed on.
    pub(crate) fn passes(&self) -> bool {
        !self.pass.is_empty()
    }

    /// The service that does TLS for `name` itself: by its exact name, then by a star for its first labels.
    pub(crate) fn pass(&self, name: &str) -> Option<&(ServiceRef, u16)> {
        let name = name.to_ascii_lowercase();
        let stars = name
            .match_indices('.')
            .map(|(dot, _)| format!("*{}", &name[dot..]));
        let mut stars = stars.filter_map(|star| self.pass.get(&star));
        self.pass.get(&name).or_else(|| stars.next())
    }
}

impl Dialled {
    fn new(common: &Tls, dial: &Dial, service: &ServiceRef) -> Result<Option<Self>, String> {
        if *dial == Dial::default() {
            return Ok(None);
        }
        let tls = dial.tls.as_ref();
        let tls = tls.map(|tls| common.client(tls, service.service.as_str()));
        Ok(Some(Dialled {
            http2: dial.http2,
            tls: tls.transpose()?,
            proxy_protocol: dial.proxy_protocol,
            underscores: dial.underscores,
        }))
    }
}

fn hsts(time: Duration) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("max-age={}", time.as_secs())).ok()
}
