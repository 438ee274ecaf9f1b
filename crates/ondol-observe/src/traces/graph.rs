//! Who calls whom: the two spans of a call, brought together by their ids, become an edge of the service map
//! (`traces_service_graph_*`).

use std::collections::{BTreeMap, VecDeque};

use ondol_ingest::{Span, SpanKind, SpanStatus};
use ondol_model::{Histogram, ServiceRef};
use ondol_telemetry::Pushed;

use super::counts::{Durations, Name, Telling, pushed};

/// Halves of calls that wait for the other half.
const WAITING_MAX: usize = 10_000;
/// How long they wait.
const WAIT_MS: i64 = 15_000;
const EDGES_MAX: usize = 1000;
/// Who calls from outside, as Tempo's metrics generator calls it.
const OUTSIDE: &str = "user";

/// Calls between services.
#[derive(Default)]
pub(crate) struct Graph {
    /// By trace and by the id of the client's span.
    waiting: BTreeMap<(u128, u64), Half>,
    /// In the order in which they came.
    order: VecDeque<(i64, (u128, u64))>,
    edges: BTreeMap<Edge, Count>,
    /// Calls that were in no edge because there are too many.
    pub(crate) left_out: u64,
}

enum Half {
    Client(Side),
    Server(Side),
    /// The proxy carried the call and counts it.
    Carried,
}

struct Side {
    project: Name,
    service: Name,
    duration_ns: u64,
    failed: bool,
    is_message: bool,
    /// Who is called, as far as the client knows: for a callee that sends no spans.
    peer: Option<(Name, &'static str)>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    project: Name,
    client: Name,
    server: Name,
    connection: &'static str,
}

#[derive(Default)]
struct Count {
    failed: u64,
    by_client: Durations,
    by_server: Durations,
    /// Calls of which nobody knows how long the client waited, or the server worked.
    requests: u64,
    telling: Telling,
}

impl Graph {
    /// One more span.
    pub(crate) fn see(&mut self, span: &Span, now_ms: i64) {
        self.expire(now_ms);
        let side = Side::of(span);
        match span.kind {
            SpanKind::Client | SpanKind::Producer => {
                match self.waiting.remove(&(span.trace_id, span.span_id)) {
                    Some(Half::Server(server)) => self.count(&side, &server, now_ms),
                    Some(Half::Carried) => {}
                    _ => self.wait((span.trace_id, span.span_id), Half::Client(side), now_ms),
                }
            }
            SpanKind::Server | SpanKind::Consumer if span.parent_id != 0 => {
                let key = (span.trace_id, span.parent_id);
                match self.waiting.remove(&key) {
                    Some(Half::Client(client)) => self.count(&client, &side, now_ms),
                    // Several servers may answer one call: retries of the proxy.
                    _ => self.wait(key, Half::Server(side), now_ms),
                }
            }
            _ => {}
        }
    }

    /// The proxy carried a call whose client may send a span of its own, with this id. What the proxy carries it
    /// counts, all of it: with [`Graph::calls`].
    pub(crate) fn carried(&mut self, trace_id: u128, client_span_id: u64, now_ms: i64) {
        let key = (trace_id, client_span_id);
        if !matches!(self.waiting.remove(&key), Some(Half::Client(_))) {
            self.wait(key, Half::Carried, now_ms);
        }
    }

    /// Calls that the proxy has counted; without a client they came from outside.
    pub(crate) fn calls(
        &mut self,
        client: Option<&str>,
        server: &ServiceRef,
        failed: bool,
        durations: &Histogram,
        now_ms: i64,
    ) {
        let edge = Edge {
            project: server.project.as_str().into(),
            client: client.unwrap_or(OUTSIDE).into(),
            server: server.service.as_str().into(),
            connection: if client.is_some() { "" } else { "virtual_node" },
        };
        let requests = durations.count();
        let Some(count) = self.edge(edge, requests, now_ms) else {
            return;
        };
        count.failed += if failed { requests } else { 0 };
        count.by_client.add_all(durations);
        count.by_server.add_all(durations);
    }

    pub(super) fn due(&mut self, now_ms: i64) -> Vec<Pushed> {
        self.expire(now_ms);
        let mut due = Vec::new();
        self.edges
            .retain(|_, count| !count.telling.is_forgotten(now_ms));
        for (edge, count) in &mut self.edges {
            if !count.telling.is_due(now_ms) {
                continue;
            }
            let labels = [
                ("project", &*edge.project),
                ("client", &*edge.client),
                ("server", &*edge.server),
                ("connection_type", edge.connection),
            ];
            let mut total = |what: &str, value: u64| {
                let name = format!("traces_service_graph_{what}_total");
                due.push(pushed(&name, &labels, value as f64, now_ms));
            };
            total("request", count.requests);
            total("request_failed", count.failed);
            for (what, durations) in [("client", &count.by_client), ("server", &count.by_server)] {
                if durations.count() > 0 {
                    let name = format!("traces_service_graph_request_{what}_seconds");
                    durations.push(&name, &labels, now_ms, &mut due);
                }
            }
        }
        due
    }

    fn wait(&mut self, key: (u128, u64), half: Half, now_ms: i64) {
        if self.waiting.len() >= WAITING_MAX {
            self.left_out += 1;
            return;
        }
        self.waiting.insert(key, half);
        self.order.push_back((now_ms, key));
    }

    /// Takes out what waited in vain; a client that knows whom it called is an edge of its own.
    fn expire(&mut self, now_ms: i64) {
        while let Some((since_ms, key)) = self.order.front().copied() {
            if now_ms.saturating_sub(since_ms) < WAIT_MS && since_ms <= now_ms {
                break;
            }
            self.order.pop_front();
            let Some(Half::Client(client)) = self.waiting.remove(&key) else {
                continue;
            };
            let Some((server, connection)) = client.peer.clone() else {
                continue;
            };
            let edge = client.edge_to(server, connection);
            let Some(count) = self.edge(edge, 1, now_ms) else {
                continue;
            };
            count.failed += u64::from(client.failed);
            count.by_client.add(client.duration_ns);
        }
    }

    fn count(&mut self, client: &Side, server: &Side, now_ms: i64) {
        let connection = if server.is_message {
            "messaging_system"
        } else {
            ""
        };
        let edge = client.edge_to(server.service.clone(), connection);
        if let Some(count) = self.edge(edge, 1, now_ms) {
            count.failed += u64::from(client.failed || server.failed);
            count.by_client.add(client.duration_ns);
            count.by_server.add(server.duration_ns);
        }
    }

    /// An edge, with so many more requests.
    fn edge(&mut self, edge: Edge, requests: u64, now_ms: i64) -> Option<&mut Count> {
        if self.edges.len() >= EDGES_MAX && !self.edges.contains_key(&edge) {
            self.left_out += requests;
            return None;
        }
        let count = self.edges.entry(edge).or_default();
        count.requests += requests;
        count.telling.change(now_ms);
        Some(count)
    }
}

impl Side {
    fn edge_to(&self, server: Name, connection: &'static str) -> Edge {
        Edge {
            project: self.project.clone(),
            client: self.service.clone(),
            server,
            connection,
        }
    }

    fn of(span: &Span) -> Self {
        let system = span
            .text("db.system.name")
            .or_else(|| span.text("db.system"));
        let peer = match system {
            Some(system) => {
                let name = span.text("peer.service").or_else(|| span.text("db.name"));
                Some((name.unwrap_or(system), "database"))
            }
            None => span
                .text("peer.service")
                .or_else(|| span.text("server.address"))
                .map(|name| (name, "virtual_node")),
        };
        Side {
            project: span
                .resource_text("service.namespace")
                .unwrap_or_default()
                .into(),
            service: span.service().into(),
            duration_ns: span.duration_ns,
            failed: span.status == SpanStatus::Error,
            is_message: span.kind == SpanKind::Consumer,
            peer: peer.map(|(name, connection)| (name.into(), connection)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ondol_ingest::{Attribute, SpanValue};

    use super::*;

    fn text(name: &str, value: &str) -> Attribute {
        Attribute {
            name: name.to_owned(),
            value: SpanValue::Text(value.to_owned()),
        }
    }

    fn span(service: &str, kind: SpanKind, span_id: u64, parent_id: u64) -> Span {
        Span {
            trace_id: 1,
            span_id,
            parent_id,
            kind,
            duration_ns: 5_000_000,
            resource: Arc::new(vec![text("service.name", service)]),
            ..Span::default()
        }
    }

    fn edges(graph: &mut Graph, now_ms: i64) -> Vec<String> {
        let due = graph.due(now_ms);
        let total = |s: &&Pushed| s.labels.metric_name() == "traces_service_graph_request_total";
        due.iter()
            .filter(total)
            .map(|s| {
                let ondol_query::Value::Float(value) = s.value else {
                    panic!("a histogram")
                };
                let label = |name| s.labels.get(name);
                format!(
                    "{}>{} {} {value}",
                    label("client"),
                    label("server"),
                    label("connection_type")
                )
            })
            .collect()
    }

    #[test]
    fn the_two_spans_of_a_call_become_an_edge_in_either_order() {
        let mut graph = Graph::default();
        graph.see(&span("web", SpanKind::Client, 2, 1), 0);
        graph.see(&span("api", SpanKind::Server, 3, 2), 0);
        graph.see(&span("db", SpanKind::Server, 5, 4), 0);
        graph.see(&span("api", SpanKind::Client, 4, 3), 0);
        assert_eq!(edges(&mut graph, 1), ["api>db  1", "web>api  1"]);
        assert!(graph.waiting.is_empty());
    }

    #[test]
    fn a_callee_without_spans_is_known_by_its_caller() {
        let mut graph = Graph::default();
        let mut call = span("api", SpanKind::Client, 2, 1);
        call.attributes = vec![text("db.system", "postgresql"), text("db.name", "films")];
        graph.see(&call, 0);
        assert_eq!(edges(&mut graph, 1), Vec::<String>::new());
        assert_eq!(edges(&mut graph, WAIT_MS), ["api>films database 1"]);
    }

    #[test]
    fn what_waits_is_bounded_and_counted() {
        let mut graph = Graph::default();
        for id in 0..WAITING_MAX as u64 + 5 {
            graph.see(&span("web", SpanKind::Client, id + 1, 0), 0);
        }
        assert_eq!((graph.waiting.len(), graph.left_out), (WAITING_MAX, 5));
        graph.expire(WAIT_MS);
        assert!(graph.waiting.is_empty() && graph.order.is_empty());
    }
}
