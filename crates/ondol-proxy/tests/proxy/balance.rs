use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::client::Load;
use crate::rig::{Rig, edge, endpoint, published};
use crate::service::Service;

#[tokio::test]
async fn the_faster_replica_gets_more() {
    let fast = Service::with_delay("fast", Duration::from_millis(1)).await;
    let slow = Service::with_delay("slow", Duration::from_millis(20)).await;
    let mut rig = Rig::start().await;
    let endpoints = vec![
        endpoint("web", 1, fast.address),
        endpoint("web", 2, slow.address),
    ];
    rig.publish("web", endpoints).await;
    let at = rig.listen(published("web")).await;
    let load = Load::start(at, 4, false);
    load.go_on(500).await;
    assert!(load.stop().await.is_empty());
    let counts = [&fast, &slow].map(|service| service.requests.load(Ordering::Relaxed));
    assert!(counts[0] > 5 * counts[1] && counts[1] > 0, "{counts:?}");
}

#[tokio::test]
async fn replicas_come_and_go_without_a_failed_request() {
    let mut rig = Rig::start().await;
    let first = Service::with_delay("web", Duration::from_millis(1)).await;
    rig.publish("web", vec![endpoint("web", 1, first.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let (kept, fresh) = (Load::start(at, 8, false), Load::start(at, 2, true));
    let mut running = first;
    for number in 2..12 {
        let next = Service::with_delay("web", Duration::from_millis(1)).await;
        let (old, new) = (
            endpoint("web", number - 1, running.address),
            endpoint("web", number, next.address),
        );
        rig.publish("web", vec![old, new.clone()]).await;
        kept.go_on(40).await;
        rig.publish("web", vec![new]).await;
        rig.await_drained("web", number - 1).await;
        // It is gone at once, with every connection: nothing may be on the way to it.
        let before = running.requests.load(Ordering::Relaxed);
        drop(std::mem::replace(&mut running, next));
        assert!(before > 0);
        kept.go_on(40).await;
    }
    assert_eq!(kept.stop().await, Vec::<String>::new());
    assert_eq!(fresh.stop().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_killed_replica_costs_nothing_that_can_be_asked_again() {
    let mut rig = Rig::start().await;
    let stays = Service::with_delay("web", Duration::from_millis(1)).await;
    let dies = Service::with_delay("web", Duration::from_millis(1)).await;
    let endpoints = vec![
        endpoint("web", 1, stays.address),
        endpoint("web", 2, dies.address),
    ];
    rig.publish("web", endpoints).await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let load = Load::start(at, 8, false);
    load.go_on(100).await;
    drop(dies);
    load.go_on(300).await;
    assert_eq!(load.stop().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_drain_waits_for_what_is_in_flight_and_for_nothing_else() {
    let mut rig = Rig::start().await;
    let slow = Service::with_delay("web", Duration::from_millis(300)).await;
    rig.publish("web", vec![endpoint("web", 1, slow.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let request = tokio::spawn(async move { crate::client::get(at, "/").await });
    while slow.requests.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    rig.publish("web", vec![]).await;
    let began = tokio::time::Instant::now();
    rig.await_drained("web", 1).await;
    assert!(began.elapsed() > Duration::from_millis(100));
    assert_eq!(request.await.unwrap().status, 200);
    // A replica that was never heard of is drained.
    rig.await_drained("web", 9).await;
}

#[tokio::test]
async fn listeners_come_and_go_without_touching_others() {
    let mut rig = Rig::start().await;
    let web = Service::with_delay("web", Duration::from_millis(1)).await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let load = Load::start(at, 4, false);
    for _ in 0..10 {
        let other = rig.listen(published("web")).await;
        let mut kept = crate::client::Client::connect(other).await;
        assert_eq!(kept.get("/").await.header("connection"), None);
        load.go_on(10).await;
        rig.close(other).await;
        // The kept connection has one more request, and is told that it was the last.
        let last = kept.get("/").await;
        assert_eq!(
            (last.status, last.header("connection")),
            (200, Some("close"))
        );
        assert!(kept.is_ended().await);
        assert!(tokio::net::TcpStream::connect(other).await.is_err());
        // It is closed when the proxy says so: the address is free at once.
        assert!(ondol_proxy::bind(other, ondol_model::Transport::Tcp).is_ok());
        load.go_on(10).await;
    }
    // Routes change under load too.
    rig.retarget(at, edge(&[("/", "web"), ("/new", "web")]))
        .await;
    load.go_on(10).await;
    assert_eq!(load.stop().await, Vec::<String>::new());
}

#[tokio::test]
async fn routes_and_endpoints_may_change_all_the_time() {
    let mut rig = Rig::start().await;
    let web = Service::with_delay("web", Duration::from_millis(1)).await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let load = Load::start(at, 4, false);
    for number in 0..100 {
        let path = format!("/{number}");
        rig.retarget(at, edge(&[("/", "web"), (&path, "web")]))
            .await;
        rig.publish("web", vec![endpoint("web", 1, web.address)])
            .await;
    }
    load.go_on(50).await;
    assert_eq!(load.stop().await, Vec::<String>::new());
}
