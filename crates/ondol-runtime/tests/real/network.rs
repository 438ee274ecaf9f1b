//! Who reaches whom: replicas, services, the machine, the outside.

use std::net::{IpAddr, SocketAddr};

use crate::support::{self, Node, caller, heard, outside, sandboxes, service};
use ondol_model::*;
use ondol_runtime::Sandbox;

async fn address(node: &mut Node) -> IpAddr {
    node.until(|said| match said {
        Observation::Started { ip, .. } => Some(ip),
        _ => None,
    })
    .await
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story: what is reached from where"
)]
async fn replicas_are_reached_and_probed_at_their_own_address_and_do_not_reach_each_other() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let web = || {
            let mut web = service("web", &["python3", "-m", "http.server", "80"]);
            web.expose = vec![80];
            web
        };
        let run = node.start(web(), 1);
        let pid = node.started(&run).await;
        assert!(pid > 0);
        let ip = address(&mut node).await;
        let ports = node
            .until(|said| match said {
                Observation::Listening { ports, .. } => Some(ports),
                _ => None,
            })
            .await;
        assert_eq!(ports, [80]);
        let http = HttpCheck {
            path: "/".into(),
            port: None,
            headers: vec![],
        };
        let result = node.probe(&run, Check::Http(http)).await;
        assert_eq!((result.ok, result.saw.as_str()), (true, "GET / 200"));
        let command = ["sh", "-c", "hostname; id -u; cat /proc/1/comm"]
            .map(str::to_owned)
            .into();
        let result = node.probe(&run, Check::Exec { command }).await;
        assert_eq!(
            (result.ok, result.saw.as_str()),
            (true, "exit 0: ondol-room")
        );
        // Another one binds the same port, and cannot reach the first except through the proxy.
        let mut other = service(
            "other",
            &[
                "python3",
                "-c",
                &format!(
                    "import socket\ns=socket.socket()\ns.settimeout(1)\ntry:\n s.connect(('{ip}',80)); print('reached')\nexcept OSError: print('kept apart')"
                ),
            ],
        );
        other.expose = vec![80];
        let other = node.start(other, 2);
        node.exited(&other).await;
        assert_eq!(node.lines(&other), ["kept apart"], "{sandbox:?}");
        // A virtual address is served from where the proxy is.
        let services = node.engine.subnets().services;
        let [a, b, ..] = services.octets();
        let virtual_address = std::net::SocketAddr::from(([a, b, 3, 4], 80));
        let listener = node.engine.listen(virtual_address).await.unwrap();
        let mut caller = service(
            "caller",
            &[
                "python3",
                "-c",
                &format!(
                    "import socket\ns=socket.create_connection(('{}',80),2)\nprint(s.recv(100).decode())",
                    virtual_address.ip()
                ),
            ],
        );
        caller.expose = vec![80];
        let caller = node.start(caller, 3);
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let (mut stream, from) = listener.accept().await.unwrap();
        use tokio::io::AsyncWriteExt as _;
        stream
            .write_all(from.ip().to_string().as_bytes())
            .await
            .unwrap();
        drop(stream);
        node.exited(&caller).await;
        let own = node
            .until(|said| match said {
                Observation::Started { ip, run, .. } if run == caller.run => Some(ip),
                _ => None,
            })
            .await;
        assert_eq!(
            node.lines(&caller),
            [own.to_string()],
            "the caller is known by its address"
        );
        node.engine.kill(run.replica.clone(), run.run);
        assert_eq!(node.exited(&run).await, Exit::Signal(9));
    }
}

#[tokio::test]
async fn names_reach_replicas_that_run_already() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let script =
            "until grep -q '10.78.0.9.*db' /etc/hosts; do sleep 0.01; done; getent hosts db";
        let run = node.start(service("web", &["sh", "-c", script]), 1);
        node.started(&run).await;
        let names = [("db".to_owned(), IpAddr::from([10, 78, 0, 9]))].into();
        node.engine.set_names(&run.replica.project, names);
        assert_eq!(node.exited(&run).await, Exit::Code(0));
        assert!(node.lines(&run)[0].starts_with("10.78.0.9"));
    }
}

#[tokio::test]
async fn a_service_of_internal_networks_only_reaches_services_and_nothing_outside() {
    let Some(outside) = outside() else {
        support::skip(format_args!("this machine has no address but loopback's"));
        return;
    };
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let mut project = Project::clone(&support::project());
        for (name, internal) in [("back", true), ("deep", true), ("front", false)] {
            let network = NetworkSpec {
                internal,
                ..NetworkSpec::default()
            };
            project.networks.insert(name.into(), network);
        }
        let on = |mut service: Service, networks: &[&str]| {
            let names = networks.iter().map(|name| ((*name).to_owned(), vec![]));
            service.networks = names.collect();
            service
        };
        let apart = on(caller("apart", outside), &["back", "deep"]);
        assert_eq!(heard(&mut node, apart, 1, &project).await, "nothing");
        if sandbox == Sandbox::Root {
            let both = on(caller("both", outside), &["back", "front"]);
            assert_eq!(heard(&mut node, both, 2, &project).await, "outside");
        }
        // Nor can it write packets that need no route.
        let script = "import socket\ntry:\n socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n print('raw')\n\
                      except PermissionError: print('refused')";
        let raw = |name| service(name, &["python3", "-c", script]);
        let apart = on(raw("raw"), &["back"]);
        assert_eq!(heard(&mut node, apart, 3, &project).await, "refused");
        let open = on(raw("open"), &["front"]);
        assert_eq!(heard(&mut node, open, 4, &project).await, "raw");
        // Virtual addresses of services are served to it as to others.
        let [a, b, ..] = node.engine.subnets().services.octets();
        let address = SocketAddr::from(([a, b, 3, 5], 80));
        let listener = node.engine.listen(address).await.unwrap();
        let answer = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt as _;
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"service").await.unwrap();
        });
        let asks = on(caller("asks", address), &["back"]);
        assert_eq!(heard(&mut node, asks, 5, &project).await, "service");
        answer.await.unwrap();
    }
}
