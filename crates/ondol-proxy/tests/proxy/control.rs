use std::collections::BTreeMap;
use std::time::Duration;

use ondol_model::{Listener, ListenerId, Transport};
use ondol_proxy::LinkEvent;
use tokio::net::TcpStream;

use crate::client::{Client, Load, get};
use crate::rig::{Rig, edge, endpoint, free_address, published};
use crate::service::Service;

#[tokio::test]
async fn the_proxy_serves_on_without_a_node_and_gives_the_next_one_its_sockets() {
    let mut rig = Rig::start().await;
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let load = Load::start(at, 4, false);
    load.go_on(20).await;
    let hello = rig.restart_node().await;
    load.go_on(20).await;
    assert_eq!(hello.snapshot, rig.snapshot());
    assert_eq!(hello.tables.len(), 1);
    assert_eq!(hello.pid, rig.proxy_id());
    // The new node wants more, and the socket of the old one needs no new bind.
    let other = rig.listen(published("web")).await;
    assert_eq!(get(other, "/").await.status, 200);
    // It holds the old socket now: the proxy may die, and nobody is refused.
    rig.kill_proxy();
    let early = tokio::spawn(async move { get(at, "/early").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.start_proxy();
    assert_eq!(early.await.unwrap().status, 200);
    load.stop().await;
}

#[tokio::test]
async fn a_killed_proxy_refuses_nobody_and_is_told_everything_again() {
    let mut rig = Rig::start().await;
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let load = Load::start(at, 4, true);
    for _ in 0..5 {
        load.go_on(50).await;
        rig.kill_proxy();
        rig.start_proxy();
        rig.connected().await;
    }
    load.go_on(50).await;
    let failures = load.stop().await;
    // What was accepted by a killed process is lost with it; nobody finds a closed door.
    assert!(
        failures
            .iter()
            .all(|failure| !failure.starts_with("connect")),
        "{failures:?}"
    );
    assert!(failures.len() <= 5 * 4, "{failures:?}");
}

#[tokio::test]
async fn a_proxy_that_is_asked_to_stop_finishes_and_hands_over_without_a_failed_request() {
    let mut rig = Rig::start().await;
    let web = Service::with_delay("web", Duration::from_millis(5)).await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let (kept, fresh) = (Load::start(at, 4, false), Load::start(at, 2, true));
    for _ in 0..3 {
        kept.go_on(50).await;
        assert_eq!(rig.stop_proxy().await, Some(0));
        rig.start_proxy();
        rig.connected().await;
        kept.go_on(50).await;
    }
    assert_eq!(kept.stop().await, Vec::<String>::new());
    assert_eq!(fresh.stop().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_without_a_node_begins_with_what_it_did_last() {
    let mut rig = Rig::start().await;
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let folder_keeps = rig.snapshot();
    rig.kill_proxy();
    // The node goes too, and its sockets with it.
    rig.link = ondol_proxy::Link::start("/nonexistent/proxy.sock".into()).0;
    while TcpStream::connect(at).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rig.start_proxy();
    let hello = rig.restart_node().await;
    assert_eq!(hello.snapshot, folder_keeps);
    assert_eq!(get(at, "/").await.status, 200);
}

#[tokio::test]
async fn a_listener_without_a_socket_is_bound_by_the_proxy_and_held_by_the_node() {
    let mut rig = Rig::start().await;
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = free_address();
    rig.listen_without_socket(at, published("web")).await;
    assert_eq!(get(at, "/").await.status, 200);
    rig.kill_proxy();
    let waiting = TcpStream::connect(at).await;
    assert!(waiting.is_ok(), "the node holds the socket");
    rig.start_proxy();
    rig.connected().await;
    assert_eq!(get(at, "/").await.status, 200);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_is_refused_and_the_one_before_stays() {
    let mut rig = Rig::start().await;
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(published("web")).await;
    let good = rig.snapshot();
    let listener = |id, address, transport, purpose| Listener {
        id: ListenerId(id),
        address,
        transport,
        purpose,
        opening: Default::default(),
    };
    let known = good.listeners[0].id.0;
    let cases = [
        (
            vec![listener(
                known,
                free_address(),
                Transport::Tcp,
                published("web"),
            )],
            "new id",
        ),
        (
            vec![listener(901, at, Transport::Tcp, published("web")); 2],
            "twice",
        ),
        (
            vec![listener(902, free_address(), Transport::Udp, edge(&[]))],
            "UDP",
        ),
    ];
    for (listeners, why) in cases {
        let mut bad = good.clone();
        bad.version = 99;
        bad.listeners = listeners;
        rig.link.send_snapshot(bad, BTreeMap::new());
        let LinkEvent::Refused {
            version: 99,
            reason,
        } = rig.event().await
        else {
            panic!("{why}")
        };
        assert!(reason.contains(why), "{reason}");
        assert_eq!(get(at, "/").await.status, 200);
    }
    // The next proxy is told the one that was good.
    rig.kill_proxy();
    rig.start_proxy();
    rig.connected().await;
    assert_eq!(get(at, "/").await.status, 200);
}

#[tokio::test]
async fn a_listener_that_cannot_be_bound_does_not_hold_up_the_others() {
    let mut rig = Rig::start().await;
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let address = free_address();
    let taken = std::net::TcpListener::bind(address).unwrap();
    let failed = rig.listen_without_socket(address, published("web")).await;
    assert!(failed[0].1.contains("in use"), "{failed:?}");
    let at = rig.listen(published("web")).await;
    assert_eq!(get(at, "/").await.status, 200);
    // It is tried again with the next snapshot.
    drop(taken);
    rig.retarget(at, edge(&[("/", "web")])).await;
    assert_eq!(get(address, "/").await.status, 200);
}

#[tokio::test]
async fn a_second_proxy_ends_at_once_and_the_first_goes_on() {
    let mut rig = Rig::start().await;
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(published("web")).await;
    let first = rig.proxy_id();
    let second = rig.start_another().await;
    assert!(!second.success());
    let hello = rig.restart_node().await;
    assert_eq!(hello.pid, first);
    assert_eq!(get(at, "/").await.status, 200);
}

#[tokio::test]
async fn a_node_that_talks_nonsense_is_hung_up_on_and_traffic_goes_on() {
    let mut rig = Rig::start().await;
    let web = Service::start("web").await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(published("web")).await;
    let mut client = Client::connect(at).await;
    rig.talk_nonsense().await;
    assert_eq!(client.get("/").await.status, 200);
    rig.connected().await;
    assert_eq!(rig.status().await.services.len(), 1);
}
