use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ondol_model::{
    EndpointTable, ListenerId, Observation, ReplicaId, ReportId, RunId, ServiceRef, Snapshot,
};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Command, Hello, LinkEvent, Sockets};
use crate::Status;
use crate::channel::Channel;
use crate::message::{ToNode, ToProxy};

/// Between two attempts to connect. Short: a proxy is up again within a few milliseconds of its start.
const RECONNECT: Duration = Duration::from_millis(5);
/// The same once it has been missing for a while.
const RECONNECT_SLOW: Duration = Duration::from_millis(100);
const RECONNECT_FAST_TIMES: u32 = 200;
/// How often it is said that there is no proxy.
const SAY_AGAIN: Duration = Duration::from_secs(1);
/// A connection that held so long was a good one: after it, the next is tried at once.
const LASTING: Duration = Duration::from_millis(100);

/// The link's task: what the node wants, and the connection over which the proxy is told.
pub(super) struct Session {
    path: PathBuf,
    events: mpsc::UnboundedSender<LinkEvent>,
    snapshot: Option<Snapshot>,
    /// The last one that a proxy could use.
    accepted: Option<Snapshot>,
    /// Of both snapshots.
    sockets: Sockets,
    tables: BTreeMap<ServiceRef, EndpointTable>,
    draining: BTreeSet<(ReplicaId, RunId)>,
    asked: VecDeque<oneshot::Sender<Status>>,
    purging: VecDeque<oneshot::Sender<u64>>,
    /// The proxy at the other end, and the last of its reports that was heard.
    heard: ReportId,
    /// Up to which report of each proxy everything is counted for good; `None` until that is known.
    counted: Option<BTreeMap<u64, u64>>,
    /// Attempts since the last connection that lasted.
    attempts: u32,
}

/// Why the connection to a proxy is over.
enum Ended {
    /// The last [`super::Link`] was dropped.
    LinkDropped,
    /// The proxy went away.
    Lost,
}

impl Session {
    pub(super) fn new(path: PathBuf, events: mpsc::UnboundedSender<LinkEvent>) -> Self {
        Session {
            path,
            events,
            snapshot: None,
            accepted: None,
            sockets: BTreeMap::new(),
            tables: BTreeMap::new(),
            draining: BTreeSet::new(),
            asked: VecDeque::new(),
            purging: VecDeque::new(),
            heard: ReportId::default(),
            counted: None,
            attempts: 0,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        while let Some(channel) = self.connect(&mut inbox).await {
            let began = Instant::now();
            let ended = self.converse(channel, &mut inbox).await;
            if began.elapsed() > LASTING {
                self.attempts = 0;
            }
            self.hang_up();
            if let Ended::LinkDropped = ended {
                return;
            }
            self.tell(LinkEvent::Lost);
        }
    }

    /// Until a proxy is there; `None` when the link is no longer wanted.
    async fn connect(&mut self, inbox: &mut mpsc::UnboundedReceiver<Command>) -> Option<Channel> {
        let mut said: Option<Instant> = None;
        loop {
            if self.attempts > 0 {
                self.rest(inbox).await?;
            }
            self.attempts = self.attempts.saturating_add(1);
            if let Ok(stream) = UnixStream::connect(&self.path).await {
                return Some(Channel::new(stream));
            }
            if said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
                said = Some(Instant::now());
                self.tell(LinkEvent::Absent);
            }
        }
    }

    /// Waits before the next attempt, and remembers what is wished meanwhile.
    async fn rest(&mut self, inbox: &mut mpsc::UnboundedReceiver<Command>) -> Option<()> {
        let pause = match self.attempts < RECONNECT_FAST_TIMES {
            true => RECONNECT,
            false => RECONNECT_SLOW,
        };
        let rested = tokio::time::sleep(pause);
        tokio::pin!(rested);
        loop {
            tokio::select! {
                () = &mut rested => return Some(()),
                command = inbox.recv() => {
                    self.remember(command?);
                    self.hang_up();
                }
            }
        }
    }

    async fn converse(
        &mut self,
        mut channel: Channel,
        inbox: &mut mpsc::UnboundedReceiver<Command>,
    ) -> Ended {
        if self.tell_everything(&mut channel).await.is_err() {
            return Ended::Lost;
        }
        loop {
            let heard = tokio::select! {
                heard = channel.receive() => heard,
                command = inbox.recv() => {
                    let Some(command) = command else { return Ended::LinkDropped };
                    let message = self.remember(command);
                    if self.send(&channel, message).await.is_err() {
                        return Ended::Lost;
                    }
                    continue;
                }
            };
            match heard {
                Ok(Some((message, sockets))) => self.hear(message, sockets),
                Ok(None) | Err(_) => return Ended::Lost,
            }
        }
    }

    /// Hears the proxy's first message and brings it to where this node wants it.
    async fn tell_everything(&mut self, channel: &mut Channel) -> io::Result<()> {
        let Some((hello, sockets)) = channel.receive().await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        self.hear(hello, sockets);
        // Tables first: a listener that opens should find its endpoints.
        for table in self.tables.values() {
            channel
                .send(&ToProxy::Endpoints(table.clone()), &[])
                .await?;
        }
        if let Some(snapshot) = self.snapshot.clone() {
            self.send(channel, snapshot_message(snapshot, &self.sockets))
                .await?;
        }
        for (replica, run) in self.draining.clone() {
            self.send(channel, ToProxy::AwaitDrained { replica, run })
                .await?;
        }
        match self.counted {
            Some(_) => self.send(channel, self.reports()).await,
            None => Ok(()),
        }
    }

    async fn send(&self, channel: &Channel, message: ToProxy) -> io::Result<()> {
        let sockets: Vec<_> = match &message {
            ToProxy::Snapshot { sockets, .. } => sockets
                .iter()
                .filter_map(|id| Some(self.sockets.get(id)?.as_fd()))
                .collect(),
            _ => Vec::new(),
        };
        channel.send(&message, &sockets).await
    }

    /// Takes a wish into what the next proxy is told, and says what this one is told now.
    fn remember(&mut self, command: Command) -> ToProxy {
        match command {
            Command::Snapshot(snapshot, sockets) => {
                self.sockets.extend(sockets);
                self.snapshot = Some(snapshot.clone());
                snapshot_message(snapshot, &self.sockets)
            }
            Command::Publish(table) => {
                self.tables.insert(table.service.clone(), table.clone());
                ToProxy::Endpoints(table)
            }
            Command::AwaitDrained(replica, run) => {
                self.draining.insert((replica.clone(), run));
                ToProxy::AwaitDrained { replica, run }
            }
            Command::Status(answer) => {
                self.asked.push_back(answer);
                ToProxy::Status
            }
            Command::Purge(purge, answer) => {
                self.purging.push_back(answer);
                ToProxy::Purge(purge)
            }
            Command::Counted(counted) => {
                self.counted = Some(counted);
                self.reports()
            }
        }
    }

    /// What this node has of the reports of the proxy at the other end.
    fn reports(&self) -> ToProxy {
        let ReportId { proxy, number } = self.heard;
        let counted = self.counted.as_ref();
        let counted = counted.and_then(|counted| counted.get(&proxy));
        let counted = counted.copied().unwrap_or_default();
        ToProxy::Reports {
            heard: number.max(counted),
            counted,
        }
    }

    fn hear(&mut self, message: ToNode, received: Vec<OwnedFd>) {
        match message {
            ToNode::Hello {
                pid,
                proxy,
                build,
                snapshot,
                tables,
                sockets,
            } => {
                if self.heard.proxy != proxy {
                    self.heard = ReportId { proxy, number: 0 };
                }
                self.hold(&sockets, received);
                // Until this node says what it wants, the next proxy goes on with what this one does.
                if self.snapshot.is_none() && !snapshot.listeners.is_empty() {
                    self.snapshot = Some(snapshot.clone());
                    self.accepted = self.snapshot.clone();
                }
                for table in &tables {
                    let known = self.tables.entry(table.service.clone());
                    known.or_insert_with(|| table.clone());
                }
                self.tell(LinkEvent::Connected(Hello {
                    pid,
                    build,
                    snapshot,
                    tables,
                }));
            }
            ToNode::Accepted {
                version,
                bound,
                failed,
            } => {
                self.hold(&bound, received);
                self.keep_accepted(version);
                self.tell(LinkEvent::Accepted { version, failed });
            }
            ToNode::Refused { version, reason } => {
                if self.is_wanted(version) {
                    self.snapshot = self.accepted.clone();
                }
                self.tell(LinkEvent::Refused { version, reason });
            }
            ToNode::Acknowledged { service, version } => {
                self.tell(LinkEvent::Saw(Observation::Acknowledged {
                    service,
                    version,
                }));
            }
            ToNode::Drained { replica, run } => {
                self.draining.remove(&(replica.clone(), run));
                self.tell(LinkEvent::Saw(Observation::Drained { replica, run }));
            }
            ToNode::Awaited(services) => self.tell_awaited(services),
            ToNode::Circuits(circuits) => self.tell(LinkEvent::Circuits(circuits)),
            ToNode::Signals(signals) => {
                self.heard = signals.report;
                self.tell(LinkEvent::Signals(Box::new(Arc::unwrap_or_clone(signals))));
            }
            ToNode::Status(status) => {
                if let Some(answer) = self.asked.pop_front() {
                    let _ = answer.send(status);
                }
            }
            ToNode::Purged(count) => {
                if let Some(answer) = self.purging.pop_front() {
                    let _ = answer.send(count);
                }
            }
        }
    }

    fn tell_awaited(&self, services: Vec<ServiceRef>) {
        for service in services {
            self.tell(LinkEvent::Saw(Observation::Awaited { service }));
        }
    }

    /// There is nobody who could answer.
    fn hang_up(&mut self) {
        self.asked.clear();
        self.purging.clear();
    }

    fn is_wanted(&self, version: u64) -> bool {
        matches!(&self.snapshot, Some(snapshot) if snapshot.version == version)
    }

    /// The wanted snapshot is in use: sockets of earlier ones are let go.
    fn keep_accepted(&mut self, version: u64) {
        if self.is_wanted(version) {
            self.accepted = self.snapshot.clone();
            let listeners = self.snapshot.iter().flat_map(|wanted| &wanted.listeners);
            let listed: BTreeSet<_> = listeners.map(|listener| listener.id).collect();
            self.sockets.retain(|id, _| listed.contains(id));
        }
    }

    /// Holds sockets that the proxy had; one that this node bound itself is kept instead.
    fn hold(&mut self, ids: &[ListenerId], received: Vec<OwnedFd>) {
        for (id, socket) in ids.iter().zip(received) {
            self.sockets.entry(*id).or_insert_with(|| Arc::new(socket));
        }
    }

    fn tell(&self, event: LinkEvent) {
        // Nobody listens when the node stops; the link is dropped next.
        let _ = self.events.send(event);
    }
}

fn snapshot_message(snapshot: Snapshot, sockets: &Sockets) -> ToProxy {
    ToProxy::Snapshot {
        sockets: snapshot
            .listeners
            .iter()
            .map(|listener| listener.id)
            .filter(|id| sockets.contains_key(id))
            .collect(),
        snapshot,
    }
}
