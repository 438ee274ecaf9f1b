//! The world of an ordinary user: what holds it, and its way out.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::support::{self, Node, caller, carrier, heard, outside, serve, service};
use ondol_model::*;
use ondol_runtime::{Finding, Sandbox};

async fn world() -> Option<Node> {
    match Sandbox::User.works() {
        Ok(()) => Some(Node::new(Sandbox::User).await),
        Err(why) => {
            support::skip(format_args!("{why}"));
            None
        }
    }
}

fn holders(node: &Node) -> Vec<u32> {
    support::processes(&["world", &node.dir.to_string_lossy()])
}

#[tokio::test]
async fn a_world_lives_on_when_its_holder_is_killed_with_all_that_is_in_it() {
    let Some(mut node) = world().await else {
        return;
    };
    let mut web = service("web", &["python3", "-m", "http.server", "80"]);
    web.expose = vec![80];
    let run = node.start(web, 1);
    let pid = node.started(&run).await;
    for _ in 0..2 {
        let holder = holders(&node);
        assert_eq!(holder.len(), 1);
        support::kill(holder[0]);
        support::eventually("another one holds it", || {
            holders(&node).first().is_some_and(|now| *now != holder[0])
        })
        .await;
        let mut tries = 0;
        while !node.probe(&run, Check::Tcp { port: Some(80) }).await.ok {
            tries += 1;
            assert!(tries < 50, "the replica is not reached any more");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // Another replica is joined to the same network, and reached too.
    let [a, b, ..] = node.engine.subnets().services.octets();
    let address = SocketAddr::from(([a, b, 9, 9], 80));
    let listener = node.engine.listen(address).await.unwrap();
    let answer = std::thread::spawn(move || {
        use std::io::Write as _;
        listener.set_nonblocking(false).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"service").unwrap();
    });
    let project = support::project();
    assert_eq!(
        heard(&mut node, caller("caller", address), 2, &project).await,
        "service"
    );
    answer.join().unwrap();
    // And the next node finds all of it.
    let mut node = Node::open(node.leave()).await;
    let survivors = node.engine.inventory().await.survivors;
    let web = survivors.iter().find(|found| found.replica == run.replica);
    assert_eq!(
        web.map(|web| (web.pid, web.exit.clone())),
        Some((pid, None))
    );
    node.engine.kill(run.replica.clone(), run.run);
    assert_eq!(node.exited(&run).await, Exit::Signal(9));
}

/// A node whose services reach the outside, a project with a network that leads there, and a server outside.
async fn open_world() -> Option<(Node, Project, SocketAddr)> {
    let node = world().await?;
    let found = way_out(&node);
    let Some(outside) = outside() else {
        support::skip(format_args!("this machine has no address but loopback's"));
        return None;
    };
    if !found.enforced {
        assert!(!found.fix.is_empty(), "{found:?}");
        support::skip(format_args!("{}", found.why));
        return None;
    }
    let mut project = Project::clone(&support::project());
    let network = NetworkSpec::default();
    project.networks.insert("default".into(), network);
    Some((node, project, outside))
}

fn way_out(node: &Node) -> Finding {
    let findings = node.engine.doctor().into_iter();
    let mut found = findings.filter(|finding| finding.what == "outgoing traffic");
    found
        .next()
        .unwrap_or_else(|| panic!("the way out is not looked at"))
}

fn on_default(mut service: Service) -> Service {
    service.networks = [("default".to_owned(), vec![])].into();
    service
}

#[tokio::test]
async fn services_of_an_ordinary_user_reach_the_outside_and_not_the_machines_loopback() {
    let Some((mut node, project, outside)) = open_world().await else {
        return;
    };
    let open = on_default(caller("open", outside));
    assert_eq!(heard(&mut node, open, 1, &project).await, "outside");
    // The gateway of the way out stands for loopback in such programs, unless they are told otherwise.
    let own = serve(Ipv4Addr::LOCALHOST.into()).unwrap();
    let gateway = Ipv4Addr::new(169, 254, 77, 1);
    for (run, ip) in [(2, Ipv4Addr::LOCALHOST), (3, gateway)] {
        let address = SocketAddr::new(ip.into(), own.port());
        let asks = on_default(caller("loopback", address));
        assert_eq!(
            heard(&mut node, asks, run, &project).await,
            "nothing",
            "{ip}"
        );
    }
    let apart = caller("apart", outside);
    assert_eq!(heard(&mut node, apart, 4, &project).await, "nothing");
}

#[tokio::test]
async fn a_way_out_that_was_killed_is_opened_again_and_goes_with_its_world() {
    let Some((node, project, outside)) = open_world().await else {
        return;
    };
    let killed = carrier(&node);
    support::kill(killed.unwrap());
    support::eventually("the way out is open again", || {
        carrier(&node) != killed && way_out(&node).enforced
    })
    .await;
    // The next node goes on with it.
    let carrier_now = carrier(&node).unwrap();
    let mut node = Node::open(node.leave()).await;
    assert_eq!(carrier(&node), Some(carrier_now));
    node.engine.inventory().await;
    let open = on_default(caller("open", outside));
    assert_eq!(heard(&mut node, open, 1, &project).await, "outside");
    node.engine.leave().await;
    support::eventually("nothing is left of the world", || {
        let gone = !std::path::Path::new(&format!("/proc/{carrier_now}")).exists();
        gone && holders(&node).is_empty()
    })
    .await;
}
