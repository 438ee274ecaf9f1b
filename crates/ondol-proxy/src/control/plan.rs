use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use ondol_model::{Listener, ListenerId, Purpose, Snapshot, Transport};
use socket2::{SockRef, Type};

/// More listeners than that are a mistake, not an application.
const LISTENERS_MAX: usize = 8192;

/// What changes when a snapshot replaces another: nothing of it has been done yet except new sockets bound.
#[derive(Debug)]
pub(super) struct Plan {
    /// The sockets of every listener of the new snapshot.
    pub sockets: BTreeMap<ListenerId, Arc<OwnedFd>>,
    /// Listeners that are new.
    pub opened: Vec<ListenerId>,
    /// Those of them whose socket the proxy had to bind by itself.
    pub bound: Vec<ListenerId>,
    /// Listeners whose socket it could not bind, and why. One that cannot be must not hold up the others.
    pub failed: Vec<(ListenerId, String)>,
}

/// Checks `next` against what is served now; the error says what is wrong, for people.
/// `brought` are sockets that came with it; for others that are new, `bind` is asked.
pub(super) fn plan(
    now: &Snapshot,
    held: &BTreeMap<ListenerId, Arc<OwnedFd>>,
    next: &Snapshot,
    mut brought: BTreeMap<ListenerId, OwnedFd>,
    bind: impl Fn(SocketAddr, Transport) -> io::Result<OwnedFd>,
) -> Result<Plan, String> {
    check(next)?;
    let served: BTreeMap<_, _> = now.listeners.iter().map(|l| (l.id, l)).collect();
    let mut plan = Plan {
        sockets: BTreeMap::new(),
        opened: Vec::new(),
        bound: Vec::new(),
        failed: Vec::new(),
    };
    for listener in &next.listeners {
        if let (Some(socket), Some(before)) = (held.get(&listener.id), served.get(&listener.id)) {
            if (before.address, before.transport) != (listener.address, listener.transport) {
                return Err(format!(
                    "listener {} was {} and cannot become {}: give a new socket a new id",
                    listener.id.0, before.address, listener.address
                ));
            }
            plan.sockets.insert(listener.id, socket.clone());
            continue;
        }
        let socket = match brought.remove(&listener.id) {
            Some(socket) => {
                check_socket(listener, &socket)?;
                socket
            }
            None => match bind(listener.address, listener.transport) {
                Ok(socket) => {
                    plan.bound.push(listener.id);
                    socket
                }
                Err(error) => {
                    let why = format!("cannot listen on {}: {error}", listener.address);
                    plan.failed.push((listener.id, why));
                    continue;
                }
            },
        };
        plan.opened.push(listener.id);
        plan.sockets.insert(listener.id, Arc::new(socket));
    }
    Ok(plan)
}

fn check(next: &Snapshot) -> Result<(), String> {
    if next.listeners.len() > LISTENERS_MAX {
        return Err(format!(
            "{} listeners are too many: at most {LISTENERS_MAX}",
            next.listeners.len()
        ));
    }
    let (mut ids, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for listener in &next.listeners {
        if !ids.insert(listener.id) {
            return Err(format!("listener {} is listed twice", listener.id.0));
        }
        if !addresses.insert((listener.address, listener.transport)) {
            return Err(format!("{} is listened on twice", listener.address));
        }
        if listener.transport == Transport::Udp && matches!(listener.purpose, Purpose::Edge { .. })
        {
            return Err(format!("routes need TCP, and {} is UDP", listener.address));
        }
    }
    Ok(())
}

fn check_socket(listener: &Listener, socket: &impl AsFd) -> Result<(), String> {
    let socket = SockRef::from(socket);
    let bound = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket());
    let kind = match listener.transport {
        Transport::Tcp => Type::STREAM,
        Transport::Udp => Type::DGRAM,
    };
    if bound != Some(listener.address) || socket.r#type().ok() != Some(kind) {
        return Err(format!(
            "the socket given for listener {} is not bound to {}",
            listener.id.0, listener.address
        ));
    }
    Ok(())
}
