use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use ondol_api::{Applied, ErrorCode, Request, ScaleBody, ServicesBody};
use ondol_control::{Command, Wish};
use ondol_model::{Project, ReplicaId};

use crate::node::{Node, name};

fn wish() -> Wish {
    let project = Project {
        name: name("shop"),
        dir: "/srv/shop".into(),
        files: Vec::new(),
        services: BTreeMap::new(),
        volumes: BTreeMap::new(),
        networks: BTreeMap::new(),
        secrets: BTreeMap::new(),
        configs: BTreeMap::new(),
        edge_port: 8080,
        edge: Default::default(),
        alerts: ondol_model::Alerts::default(),
        requests: Default::default(),
    };
    Wish {
        project: Arc::new(project),
        scale: BTreeMap::new(),
        stopped: BTreeSet::new(),
    }
}

fn caller() -> String {
    format!(
        "user {}",
        std::fs::metadata("/proc/self")
            .map(|m| std::os::unix::fs::MetadataExt::uid(&m))
            .unwrap()
    )
}

#[tokio::test]
async fn the_socket_is_for_its_owner_alone_and_replaces_a_dead_one() {
    let node = Node::start();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(node.socket()), 0o600);

    let again = ondol_api::bind(node.socket()).unwrap();
    assert_eq!(mode(node.socket()), 0o600);
    drop(again);
}

#[tokio::test]
async fn what_is_shown_comes_from_the_published_state() {
    let node = Node::start();
    let projects = node.client.projects().await.unwrap();
    assert_eq!(projects.len(), 1);
    let shop = node.client.project(&name("shop")).await.unwrap().unwrap();
    assert_eq!(&shop, node.state.borrow().projects[&name("shop")].as_ref());
    assert_eq!(node.client.project(&name("other")).await.unwrap(), None);
}

#[tokio::test]
async fn a_wish_reaches_the_node_with_the_name_of_who_asked() {
    let mut node = Node::start();
    let client = node.client.clone();
    let asked = tokio::spawn(async move { client.apply(&wish()).await });
    let Request::Apply {
        wish: kept,
        by,
        reply,
    } = node.requests.recv().await.unwrap()
    else {
        panic!("not a wish");
    };
    assert_eq!((*kept, by), (wish(), caller()));
    let applied = Applied {
        revision: 4,
        changed: true,
    };
    reply.send(Ok(applied)).unwrap();
    assert_eq!(asked.await.unwrap().unwrap(), applied);
}

#[tokio::test]
async fn verbs_become_commands() {
    let mut node = Node::start();
    let client = node.client.clone();
    let asked = tokio::spawn(async move {
        let body = ServicesBody {
            services: vec!["web".parse().unwrap()],
        };
        client
            .services(&name("shop"), "restart", &body)
            .await
            .unwrap();
        client
            .services(&name("shop"), "rebuild", &body)
            .await
            .unwrap();
        client.kill(&name("shop"), "web-1").await.unwrap();
        client.forget(&name("shop"), "web-10001").await.unwrap();
        client.down(&name("shop"), true).await.unwrap();
    });
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let Request::Do { command, reply, .. } = node.requests.recv().await.unwrap() else {
            panic!("not a command");
        };
        seen.push(command);
        reply.send(Ok(())).unwrap();
    }
    asked.await.unwrap();
    let project = name("shop");
    let services = vec!["web".parse().unwrap()];
    let replica = |number| ReplicaId {
        project: name("shop"),
        service: "web".parse().unwrap(),
        number,
    };
    assert_eq!(
        seen,
        [
            Command::Restart {
                project: project.clone(),
                services: services.clone()
            },
            Command::Rebuild {
                project: project.clone(),
                services
            },
            Command::Kill {
                replica: replica(1)
            },
            Command::Forget {
                replica: replica(10_001)
            },
            Command::Down {
                project,
                volumes: true
            },
        ]
    );
}

#[tokio::test]
async fn scale_stop_and_start_change_the_wish() {
    let mut node = Node::start();
    let client = node.client.clone();
    let asked = tokio::spawn(async move {
        let scale = ScaleBody {
            scale: BTreeMap::from([("web".parse().unwrap(), Some(3))]),
        };
        client.scale(&name("shop"), &scale).await.unwrap();
        let all = ServicesBody::default();
        client.services(&name("shop"), "stop", &all).await.unwrap();
        client.services(&name("shop"), "start", &all).await.unwrap();
    });
    let Request::Scale { scale, reply, .. } = node.requests.recv().await.unwrap() else {
        panic!("not a scale");
    };
    assert_eq!(scale.into_values().collect::<Vec<_>>(), [Some(3)]);
    reply.send(Ok(())).unwrap();
    for expected in [true, false] {
        let Request::Stop { stop, reply, .. } = node.requests.recv().await.unwrap() else {
            panic!("not a stop");
        };
        assert_eq!(stop, expected);
        reply.send(Ok(())).unwrap();
    }
    asked.await.unwrap();
}

#[tokio::test]
async fn a_refusal_of_the_node_is_told_in_its_words() {
    let mut node = Node::start();
    let client = node.client.clone();
    let asked = tokio::spawn(async move { client.apply(&wish()).await });
    let Request::Apply { reply, .. } = node.requests.recv().await.unwrap() else {
        panic!("not a wish");
    };
    let full = ondol_api::ApiError::new(ErrorCode::Storage, "the disk is full").hint("free some");
    reply.send(Err(full)).unwrap();

    let refused = asked.await.unwrap().unwrap_err();

    assert_eq!(refused.to_string(), "the disk is full");
    assert_eq!(refused.hint().as_deref(), Some("free some"));
}

#[tokio::test]
async fn a_node_that_is_not_there_is_said_so() {
    let client = ondol_api::Client::new("/nowhere/ondol.sock");
    let refused = client.status().await.unwrap_err();
    assert_eq!(refused.to_string(), "no node runs at /nowhere/ondol.sock");
}
