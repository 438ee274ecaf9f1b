//! The sockets that are open for the services: which ones, and what the proxy is told of them.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use ondol_model::{
    Certificate, Listener, ListenerId, ProjectName, Purpose, Route, ServiceRef, SignalRules,
    Snapshot, TrafficPolicy, Transport,
};
use ondol_proxy::Sockets;

use super::reach::{Need, Place};

/// A socket that could not be opened.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) error: io::Error,
}

/// What the proxy is told beside where it listens: what listeners with TLS show, what authorities are told, what is in
/// the files that routes name, and what is to be said of requests.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) challenges: BTreeMap<String, String>,
    pub(crate) files: BTreeMap<PathBuf, String>,
    pub(crate) signals: BTreeMap<ProjectName, SignalRules>,
}

/// The open sockets, as the proxy was last told.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    snapshot: Snapshot,
    last_id: u64,
    /// Some need could not be met the last time: it may be the next.
    lacking: bool,
}

/// A snapshot that differs from the last one, and the sockets that are new in it.
pub(crate) struct Change {
    pub(crate) snapshot: Snapshot,
    pub(crate) sockets: Sockets,
    pub(crate) refused: Vec<Refused>,
}

impl Listeners {
    /// Goes on from what a proxy serves that outlived the last node.
    pub(crate) fn resume(&mut self, snapshot: Snapshot) {
        let ids = snapshot.listeners.iter().map(|listener| listener.id.0);
        self.last_id = ids.max().unwrap_or(0).max(self.last_id);
        self.snapshot = snapshot;
    }

    /// Grows with each change.
    pub(crate) fn version(&self) -> u64 {
        self.snapshot.version
    }

    /// Every need was met the last time.
    pub(crate) fn is_whole(&self) -> bool {
        !self.lacking
    }

    /// Ports of edges and their routes.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (u16, &[(Route, ServiceRef)])> {
        self.snapshot
            .listeners
            .iter()
            .filter_map(|listener| match &listener.purpose {
                Purpose::Edge { routes } => Some((listener.address.port(), routes.as_slice())),
                _ => None,
            })
    }

    /// Where a listener is bound.
    pub(crate) fn address(&self, id: ListenerId) -> Option<SocketAddr> {
        let listener = self
            .snapshot
            .listeners
            .iter()
            .find(|listener| listener.id == id);
        listener.map(|listener| listener.address)
    }

    /// Where the machine's port for this port of a service is bound.
    pub(crate) fn published(
        &self,
        service: &ServiceRef,
        port: u16,
        transport: Transport,
    ) -> Option<SocketAddr> {
        let serves = |listener: &&Listener| {
            listener.transport == transport
                && matches!(&listener.purpose, Purpose::Published { service: s, port: p, .. } if s == service && *p == port)
        };
        self.snapshot
            .listeners
            .iter()
            .find(serves)
            .map(|listener| listener.address)
    }

    /// Which of these needs on the machine could not be met now; nothing stays open. What is open already counts as
    /// free.
    pub(crate) fn try_bind(&self, needs: &[Need]) -> Vec<Refused> {
        let mut refused = Vec::new();
        for need in needs {
            let Place::Machine { address, .. } = &need.place else {
                continue;
            };
            if self.open_for(need).is_none()
                && let Err(error) = ondol_proxy::bind(*address, need.transport)
            {
                refused.push(Refused {
                    address: *address,
                    transport: need.transport,
                    error,
                });
            }
        }
        refused
    }

    /// Opens what is needed and not open, forgets what is no longer needed; `None` when nothing changed.
    /// `usual` says which port was taken the last time where the file leaves it open.
    pub(crate) fn change(
        &mut self,
        needs: Vec<Need>,
        traffic: Vec<TrafficPolicy>,
        shown: Shown,
        usual: impl Fn(&ServiceRef, u16, Transport) -> Option<u16>,
    ) -> Option<Change> {
        let mut sockets = Sockets::new();
        let mut refused = Vec::new();
        let mut listeners = Vec::with_capacity(needs.len());
        for need in needs {
            match self.open_for(&need) {
                Some(open) => listeners.push(Listener {
                    purpose: need.purpose,
                    opening: need.opening,
                    ..open.clone()
                }),
                None => match self.open(need, &usual) {
                    Ok((listener, socket)) => {
                        sockets.extend(socket.map(|socket| (listener.id, Arc::new(socket))));
                        listeners.push(listener);
                    }
                    Err(error) => refused.push(error),
                },
            }
        }
        self.lacking = !refused.is_empty();
        listeners.sort_by_key(|listener| listener.id);
        let next = Snapshot {
            version: self.snapshot.version,
            listeners,
            traffic,
            certificates: shown.certificates,
            challenges: shown.challenges,
            files: shown.files,
            signals: shown.signals,
        };
        if next == self.snapshot {
            return None;
        }
        self.snapshot = Snapshot {
            version: self.snapshot.version + 1,
            ..next
        };
        Some(Change {
            snapshot: self.snapshot.clone(),
            sockets,
            refused,
        })
    }

    /// The listener that meets a need already.
    fn open_for(&self, need: &Need) -> Option<&Listener> {
        self.snapshot.listeners.iter().find(|open| {
            let same_place = match &need.place {
                Place::Machine { address, of: Some((service, port)) } if address.port() == 0 => {
                    matches!(&open.purpose, Purpose::Published { service: s, port: p, .. } if s == service && p == port)
                }
                Place::Machine { address, .. } => {
                    open.address == *address && !matches!(open.purpose, Purpose::Virtual { .. })
                }
                Place::Virtual(address) => {
                    open.address == *address && matches!(open.purpose, Purpose::Virtual { .. })
                }
            };
            same_place && open.transport == need.transport
        })
    }

    fn open(
        &mut self,
        need: Need,
        usual: impl Fn(&ServiceRef, u16, Transport) -> Option<u16>,
    ) -> Result<(Listener, Option<OwnedFd>), Refused> {
        let (address, socket) = match &need.place {
            // Bound by the proxy, which sees the replicas' network; the link holds the socket from then on.
            Place::Virtual(address) => (*address, None),
            Place::Machine { address, of } => {
                let left_open = of.as_ref().filter(|_| address.port() == 0);
                let before =
                    left_open.and_then(|(service, port)| usual(service, *port, need.transport));
                let (address, socket) = bind(*address, before, need.transport)?;
                (address, Some(socket))
            }
        };
        self.last_id += 1;
        let id = ListenerId(self.last_id);
        Ok((
            Listener {
                id,
                address,
                transport: need.transport,
                purpose: need.purpose,
                opening: need.opening,
            },
            socket,
        ))
    }
}

fn bind(
    address: SocketAddr,
    before: Option<u16>,
    transport: Transport,
) -> Result<(SocketAddr, OwnedFd), Refused> {
    let wanted = before.map(|port| SocketAddr::new(address.ip(), port));
    let again = wanted.and_then(|wanted| ondol_proxy::bind(wanted, transport).ok());
    let bound = again.map_or_else(|| ondol_proxy::bind(address, transport), Ok);
    let named = bound.and_then(|socket| Ok((local_address(&socket)?, socket)));
    named.map_err(|error| Refused {
        address,
        transport,
        error,
    })
}

fn local_address(socket: &OwnedFd) -> io::Result<SocketAddr> {
    let socket = std::net::TcpListener::from(socket.as_fd().try_clone_to_owned()?);
    socket.local_addr()
}
