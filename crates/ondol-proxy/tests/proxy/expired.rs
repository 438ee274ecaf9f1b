//! Certificates whose time is over.

use std::process::Stdio;
use std::time::Duration;

use ondol_model::{Dial, DialTls, OpeningTls, Traffic, TrafficPolicy};
use ondol_proxy::Refusal;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::client::get;
use crate::http2::{output, status_of};
use crate::rig::{Rig, endpoint, free_address, published, service};
use crate::tls::{Authority, shop};

/// The exit code of curl for a certificate that it does not believe.
const NOT_BELIEVED: i32 = 60;

#[tokio::test]
async fn an_edge_whose_certificate_has_expired_is_believed_again_with_the_next_one() {
    let (_web, mut rig, authority, at) = shop("expired-edge", OpeningTls::default()).await;
    let resolve = format!("shop.example:{}:{}", at.port(), at.ip());
    let (ca, url) = (
        authority.file("ca.pem"),
        format!("https://shop.example:{}/", at.port()),
    );
    let arguments = ["-s", "--cacert", &ca, "--resolve", &resolve, &url];
    let good = std::mem::take(&mut rig.certificates);
    rig.certificates = vec![authority.issue_until(&["shop.example"], 2020)];
    rig.renew().await;
    assert_eq!(status_of("curl", &arguments).await, Some(NOT_BELIEVED));
    rig.certificates = good;
    rig.renew().await;
    assert!(output("curl", &arguments).await.contains("web GET /"));
}

#[tokio::test]
async fn a_client_whose_certificate_has_expired_is_not_served() {
    let people = Authority::new("expired-people");
    people.issue(&["ada"]);
    people.issue_until(&["late"], 2020);
    let tls = OpeningTls {
        client_ca_pem: Some(people.pem()),
        client_required: true,
        ..OpeningTls::default()
    };
    let (_web, rig, authority, at) = shop("expired-client", tls).await;
    let resolve = format!("shop.example:{}:{}", at.port(), at.ip());
    let (ca, url) = (
        authority.file("ca.pem"),
        format!("https://shop.example:{}/", at.port()),
    );
    for (name, is_served) in [("ada", true), ("late", false)] {
        let (cert, key) = (
            people.file(&format!("{name}.pem")),
            people.file(&format!("{name}.key")),
        );
        let arguments = [
            "-s",
            "--cacert",
            &ca,
            "--resolve",
            &resolve,
            "--cert",
            &cert,
            "--key",
            &key,
            &url,
        ];
        assert_eq!(
            status_of("curl", &arguments).await == Some(0),
            is_served,
            "{name}"
        );
    }
    let refused = &rig.status().await.listeners[0].refused;
    assert_eq!(refused[&Refusal::HandshakeFailed], 1, "{refused:?}");
}

#[tokio::test]
async fn a_service_whose_certificate_has_expired_is_not_called() {
    let authority = Authority::new("expired-service");
    authority.issue(&["web"]);
    authority.issue_until(&["late"], 2020);
    let mut rig = Rig::start().await;
    let tls = |name: &str| DialTls {
        ca_pem: Some(authority.pem()),
        server_name: Some(name.to_owned()),
        ..DialTls::default()
    };
    let at = rig.listen(published("web")).await;
    for (name, status) in [("web", 200), ("late", 502)] {
        let (_server, address) = server(&authority, name).await;
        rig.traffic = vec![TrafficPolicy {
            service: service("web"),
            traffic: Traffic {
                dial: Dial {
                    tls: Some(tls(name)),
                    ..Dial::default()
                },
                ..Traffic::default()
            },
        }];
        rig.renew().await;
        rig.publish("web", vec![endpoint("web", 1, address)]).await;
        let answer = get(at, "/").await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

/// A server by TLS that is not ours.
async fn server(authority: &Authority, name: &str) -> (Child, std::net::SocketAddr) {
    let address = free_address();
    let mut server = Command::new("openssl");
    server.args([
        "s_server",
        "-quiet",
        "-www",
        "-accept",
        &address.to_string(),
    ]);
    server.args(["-cert", &authority.file(&format!("{name}.pem"))]);
    server.args(["-key", &authority.file(&format!("{name}.key"))]);
    let server = server
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (server, address)
}
