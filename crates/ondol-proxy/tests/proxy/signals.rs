//! What is said of requests: counters, records, the access log.

use std::time::Duration;

use ondol_model::{
    Access, Kept, Local, Origin, Purpose, Reason, Red, Refusal, RouteAnswer, RunId, SignalRules,
    Signals, SpanId, StaticAnswer, TraceId,
};

use crate::client::{Client, Load, get};
use crate::rig::{Rig, callable, edge, endpoint, service};
use crate::service::Service;
use crate::streaming::{call, server};
use crate::tool::clients;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// A proxy that says what happens to requests of the project, with an edge and one service.
async fn rig(rules: SignalRules) -> (Rig, std::net::SocketAddr, Service) {
    let web = Service::start("web").await;
    let mut rig = Rig::start().await;
    rig.signals = [(service("web").project, rules)].into();
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("shop.example/", "web")])).await;
    (rig, at, web)
}

fn records(all: &[Signals]) -> Vec<&Access> {
    all.iter().flat_map(|signals| &signals.records).collect()
}

fn sum(all: &[Signals]) -> Red {
    let mut sum = Red::default();
    let rows = all.iter().flat_map(|signals| &signals.red);
    rows.for_each(|(_, row)| sum.add(row));
    sum
}

/// What became of the request for this path.
fn outcome(all: &[Signals], path: &str) -> (u16, Option<Reason>, Kept) {
    let found = records(all).into_iter().find(|record| record.path == path);
    let record = found.expect("a record");
    (record.status, record.reason, record.kept)
}

/// Sends a request with these headers, and says what the answer's body was.
async fn ask(client: &mut Client, path: &str, headers: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n{headers}\r\n");
    client.send(&request).await;
    client.answer().await.unwrap().text().to_owned()
}

#[tokio::test]
async fn a_request_is_a_row_a_record_and_a_span_above_that_of_the_service() {
    let (mut rig, at, _web) = rig(SignalRules::default()).await;
    let mut client = Client::connect(at).await;
    let headers = format!(
        "traceparent: 00-{TRACE}-{SPAN}-01\r\nx-request-id: seven\r\nuser-agent: test/1\r\n"
    );
    let answer = ask(&mut client, "/a?b=c", &headers).await;
    let all = rig.signals(1).await;
    let [record] = records(&all)[..] else {
        panic!("{all:?}");
    };
    assert_eq!(record.trace, TRACE.parse::<TraceId>().unwrap());
    assert_eq!(record.parent, Some(SPAN.parse::<SpanId>().unwrap()));
    let passed = format!("traceparent: 00-{TRACE}-{}-01", record.span);
    assert!(answer.contains(&passed), "{passed} in {answer}");
    assert_eq!(record.origin, Origin::Route("shop.example/".into()));
    assert_eq!(record.service, Some(service("web")));
    assert_eq!((record.run, record.attempts), (Some(RunId(1)), 1));
    assert_eq!(
        (record.path.as_str(), record.query.as_deref()),
        ("/a", Some("b=c"))
    );
    assert_eq!(
        (record.method.as_str(), record.host.as_str()),
        ("GET", "shop.example")
    );
    assert_eq!(record.request_id.as_deref(), Some("seven"));
    assert_eq!(record.user_agent.as_deref(), Some("test/1"));
    assert_eq!(
        (record.status, record.reason, record.kept),
        (200, None, Kept::Sampled)
    );
    assert_eq!(record.bytes_out, answer.len() as u64);
    assert!((1..5_000_000_000).contains(&record.duration_ns));
    let (key, row) = &all.iter().find_map(|signals| signals.red.first()).unwrap();
    assert_eq!((key.run, &key.origin), (Some(RunId(1)), &record.origin));
    assert_eq!((row.statuses, row.errors), ([0, 1, 0, 0, 0], 0));
    assert_eq!((row.latency.count(), row.bytes_out), (1, record.bytes_out));
}

#[tokio::test]
async fn an_answer_that_is_not_the_services_own_has_its_reason() {
    let (mut rig, at, _web) = rig(SignalRules::default()).await;
    let routes = ["shop.example/", "shop.example/gone", "shop.example/said"];
    let mut purpose = edge(&[(routes[0], "web"), (routes[1], "none"), (routes[2], "web")]);
    if let Purpose::Edge { routes } = &mut purpose {
        routes[2].0.treatment.answer = Some(RouteAnswer::Static(StaticAnswer {
            status: 200,
            headers: Default::default(),
            body: "said".to_owned(),
        }));
    }
    rig.retarget(at, purpose).await;
    let traced = format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n");
    let mut client = Client::connect(at).await;
    for path in ["/gone", "/said", "/status/500"] {
        ask(&mut client, path, &traced).await;
    }
    client
        .send("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.unwrap().status, 404);

    let all = rig.signals(4).await;
    let of = |path| outcome(&all, path);
    let no_endpoint = Refusal::NoEndpoint.into();
    assert_eq!(of("/gone"), (503, Some(no_endpoint), Kept::Error));
    assert_eq!(
        of("/said"),
        (200, Some(Local::Static.into()), Kept::Sampled)
    );
    assert_eq!(of("/status/500"), (500, None, Kept::Error));
    assert_eq!(of("/"), (404, Some(Refusal::NoRoute.into()), Kept::Sampled));
    let gone = records(&all)
        .into_iter()
        .find(|record| record.path == "/gone");
    let trace = gone.unwrap().trace.to_string();
    assert_eq!(trace, TRACE, "a refusal belongs to its trace too");
    let row = sum(&all);
    assert_eq!((row.errors, row.statuses), (2, [0, 1, 0, 1, 2]));
    assert_eq!(row.reasons.get(&no_endpoint), Some(&1));
}

#[tokio::test]
async fn an_exchange_that_breaks_off_says_which_side_it_was() {
    let (mut rig, at, _web) = rig(SignalRules::default()).await;
    let mut client = Client::connect(at).await;
    client
        .send("GET /break HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        .await;
    assert!(client.answer().await.is_none());
    let mut hasty = Client::connect(at).await;
    for path in ["/silent", "/stall"] {
        let mut client = std::mem::replace(&mut hasty, Client::connect(at).await);
        let request = format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        client.send(&request).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let two_lengths = "Content-Length: 1\r\nContent-Length: 2\r\n";
    let request = format!("GET /x HTTP/1.1\r\nHost: a\r\n{two_lengths}\r\n");
    hasty.send(&request).await;
    assert_eq!(hasty.answer().await.unwrap().status, 400);

    let all = rig.signals(4).await;
    let of = |path| outcome(&all, path);
    let gone = Some(Refusal::ClientGone.into());
    let broke = Some(Refusal::UpstreamBroke.into());
    assert_eq!(of("/break"), (200, broke, Kept::Error));
    assert_eq!(of("/silent"), (499, gone, Kept::Sampled));
    assert_eq!(of("/stall"), (200, gone, Kept::Sampled));
    let row = sum(&all);
    assert_eq!((row.errors, row.statuses), (1, [0, 2, 0, 2, 0]));
    assert_eq!(row.reasons.get(&Refusal::BadHead.into()), Some(&1));
}

#[tokio::test]
async fn the_callers_decision_is_followed_and_what_failed_is_kept_all_the_same() {
    let rules = SignalRules {
        traces_per_second: 0,
        slow: Duration::from_millis(1500),
        log: None,
    };
    let (mut rig, at, web) = rig(rules).await;
    let slow = Service::with_delay("slow", Duration::from_millis(1600)).await;
    rig.publish("slow", vec![endpoint("slow", 2, slow.address)])
        .await;
    rig.retarget(
        at,
        edge(&[("shop.example/", "web"), ("shop.example/slow", "slow")]),
    )
    .await;
    let mut client = Client::connect(at).await;
    let told = |sampled: u8| format!("traceparent: 00-{TRACE}-{SPAN}-{sampled:02x}\r\n");
    let unsaid = ask(&mut client, "/unsaid", "").await;
    assert!(unsaid.contains("-00\n"), "the service is told: {unsaid}");
    ask(&mut client, "/no", &told(0)).await;
    ask(&mut client, "/yes", &told(1)).await;
    ask(&mut client, "/healthz", &told(1)).await;
    ask(&mut client, "/status/503", &told(0)).await;
    ask(&mut client, "/slow", &told(0)).await;
    let all = rig.signals(6).await;
    let mut kept: Vec<_> = records(&all)
        .iter()
        .map(|record| (record.path.as_str(), record.kept))
        .collect();
    kept.sort();
    let expected = [
        ("/slow", Kept::Slow),
        ("/status/503", Kept::Error),
        ("/yes", Kept::Sampled),
    ];
    assert_eq!(kept, expected);
    drop(web);
}

#[tokio::test]
async fn a_caller_is_named_and_so_is_a_switch() {
    let (mut rig, _at, web) = rig(SignalRules::default()).await;
    let mut caller = endpoint("shop", 3, web.address);
    caller.ip = [127, 0, 0, 1].into();
    rig.publish("shop", vec![caller]).await;
    let at = rig.listen(callable("web", &["shop"])).await;
    let mut client = Client::connect(at).await;
    client
        .send("GET /socket HTTP/1.1\r\nHost: web\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.unwrap().status, 101);
    let counted = rig.signals(1).await;
    assert!(records(&counted).is_empty(), "it is not over");
    let load = counted.iter().flat_map(|signals| &signals.loads).next();
    assert_eq!(
        load.map(|load| (load.run, load.in_flight)),
        Some((RunId(1), 1))
    );
    client.send("hello").await;
    assert_eq!(client.take(5).await.unwrap(), b"hello");
    drop(client);
    let record = loop {
        if let ondol_proxy::LinkEvent::Signals(signals) = rig.event().await
            && let Some(record) = signals.records.first()
        {
            assert!(signals.red.is_empty(), "it was counted before");
            break record.clone();
        }
    };
    assert_eq!((record.bytes_in, record.bytes_out), (5, 5));
    // On loopback everybody has the same address, which says nothing.
    assert_eq!(record.origin, Origin::Machine);
}

#[tokio::test]
async fn while_there_is_no_node_nothing_is_lost_uncounted() {
    let rules = SignalRules {
        traces_per_second: 1_000_000,
        ..SignalRules::default()
    };
    let (mut rig, at, _web) = rig(rules).await;
    let load = Load::start(at, 8, false);
    load.go_on(500).await;
    rig.kill_node();
    load.go_on(6_000).await;
    rig.restart_node().await;
    load.go_on(100).await;
    let answered = load.stop_counting().await;
    // The node that died had counted nothing for good: the next one is told all of it.
    let all = rig.signals(answered).await;
    let dropped: u64 = all.iter().map(|signals| signals.records_dropped).sum();
    assert!(dropped > 0, "more than are kept for a node");
    let kept = records(&all).len() as u64;
    assert_eq!(kept + dropped, sum(&all).requests());
}

#[tokio::test]
async fn what_a_node_that_dies_has_counted_for_good_is_not_told_again_and_the_rest_is() {
    let (mut rig, at, _web) = rig(SignalRules::default()).await;
    let mut client = Client::connect(at).await;
    let mut told = Vec::new();
    for requests in [3, 5] {
        for _ in 0..requests {
            ask(&mut client, "/", "").await;
        }
        told.extend(rig.signals(requests).await);
    }
    let first = told[0].report;
    let rest: u64 = told[1..]
        .iter()
        .map(|report| sum(std::slice::from_ref(report)).requests())
        .sum();
    assert_eq!((first.number, told[1].report.number), (1, 2));
    rig.restart_node_with([(first.proxy, first.number)].into())
        .await;
    let again = rig.signals(rest).await;
    assert_eq!(again[0], told[1], "it is the same report");

    // The same node hears nothing twice, however often its connection breaks.
    ask(&mut client, "/", "").await;
    rig.talk_nonsense().await;
    rig.signals(1).await;
}

#[tokio::test]
async fn a_call_of_grpc_that_fails_is_an_error_though_http_says_200() {
    let Some(python) = clients() else { return };
    let (_server, address) = server(&python, "grpc_server.py").await;
    let (mut rig, at, _web) = rig(SignalRules::default()).await;
    rig.publish("web", vec![endpoint("web", 1, address)]).await;
    rig.retarget(at, edge(&[("/", "web")])).await;
    call(
        &python,
        at,
        &["--fail", "UNAVAILABLE", "NOT_FOUND", "UNKNOWN"],
    )
    .await;
    let all = rig.signals(4).await;
    let mut statuses: Vec<_> = records(&all)
        .iter()
        .map(|record| (record.grpc_status, record.status, record.kept))
        .collect();
    statuses.sort();
    let failed = |status| (Some(status), 200, Kept::Error);
    assert_eq!(
        statuses,
        [
            failed(2),
            (Some(5), 200, Kept::Sampled),
            failed(13),
            failed(14)
        ]
    );
    assert_eq!(sum(&all).errors, 3);
    let status = rig.status().await;
    let web = status
        .services
        .iter()
        .find(|known| known.service == service("web"));
    let errors: u64 = web
        .unwrap()
        .endpoints
        .iter()
        .map(|endpoint| endpoint.errors)
        .sum();
    assert_eq!(errors, 3);
}

#[tokio::test]
async fn every_request_is_a_line_of_the_access_log() {
    let folder = std::env::temp_dir().join(format!("ondol-proxy-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let log = folder.join("access.log");
    let rules = SignalRules {
        traces_per_second: 0,
        log: Some(log.clone()),
        ..SignalRules::default()
    };
    let (mut rig, at, _web) = rig(rules).await;
    let mut client = Client::connect(at).await;
    ask(&mut client, "/a?q=%22", "user-agent: \"quoted\"\r\n").await;
    get(at, "/healthz").await;
    rig.stop_proxy().await;
    let text = std::fs::read_to_string(&log).unwrap();
    let mut lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.sort_by_key(|line| line["path"].to_string());
    assert_eq!(lines.len(), 2, "{text}");
    let line = &lines[0];
    assert_eq!(line["path"], "/a");
    assert_eq!(line["query"], "q=%22");
    assert_eq!(line["user_agent"], "\"quoted\"");
    assert_eq!(line["service"], "web");
    assert_eq!(line["route"], "shop.example/");
    assert_eq!(
        (&line["replica"], &line["status"]),
        (&1.into(), &200.into())
    );
    assert!(line["reason"].is_null() && line["health_check"].is_null());
    assert_eq!(lines[1]["health_check"], true);
    std::fs::remove_dir_all(folder).unwrap();
}
