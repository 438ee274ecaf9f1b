use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ondol_model::{
    Certificate, Dial, DialTls, Opening, OpeningTls, Secret, Traffic, TrafficPolicy,
};
use ondol_proxy::Refusal;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::client::{Client, Load, get};
use crate::http2::{output, status_of};
use crate::rig::{Rig, edge, endpoint, free_address, published, service, serving};
use crate::service::Service;

/// An authority, and files of what it issues.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let folder = std::env::temp_dir().join(format!("ondol-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Also as the files `NAME.pem` and `NAME.key`, of the first name.
    pub(crate) fn issue(&self, names: &[&str]) -> Certificate {
        self.issue_until(names, 2100)
    }

    /// The same, until the beginning of a year.
    pub(crate) fn issue_until(&self, names: &[&str], year: i32) -> Certificate {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params
            .distinguished_name
            .push(DnType::CommonName, names[0].clone());
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Shop, Inc");
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(
            self.folder.join(format!("{}.pem", names[0])),
            certificate.pem(),
        )
        .unwrap();
        std::fs::write(
            self.folder.join(format!("{}.key", names[0])),
            key.serialize_pem(),
        )
        .unwrap();
        Certificate {
            chain_pem: certificate.pem(),
            key_pem: Secret(key.serialize_pem()),
            challenge: None,
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn secure(tls: OpeningTls) -> Opening {
    Opening {
        tls: Some(tls),
        ..Opening::default()
    }
}

pub(crate) async fn shop(name: &str, tls: OpeningTls) -> (Service, Rig, Authority, SocketAddr) {
    let authority = Authority::new(name);
    let (web, mut rig) = serving("web").await;
    rig.certificates = vec![authority.issue(&["shop.example", "*.shop.example"])];
    let at = rig.listen_by(edge(&[("/", "web")]), secure(tls)).await;
    (web, rig, authority, at)
}

/// curl, asking `host` as if it were at `at`.
async fn curl(authority: &Authority, host: &str, at: SocketAddr, more: &[&str]) -> String {
    let resolve = format!("{host}:{}:{}", at.port(), at.ip());
    let ca = authority.file("ca.pem");
    let mut arguments = vec!["-sSi", "--cacert", &ca, "--resolve", &resolve];
    arguments.extend(more);
    let url = format!("https://{host}:{}/x", at.port());
    arguments.push(&url);
    output("curl", &arguments).await
}

#[tokio::test]
async fn tls_agrees_on_http2_or_http1_and_services_hear_of_it() {
    let hsts = Some(Duration::from_secs(86_400));
    let (_web, _rig, authority, at) = shop(
        "agrees",
        OpeningTls {
            hsts,
            ..OpeningTls::default()
        },
    )
    .await;
    for (option, version) in [("--http2", "HTTP/2 200"), ("--http1.1", "HTTP/1.1 200")] {
        for host in ["shop.example", "a.shop.example"] {
            let answer = curl(&authority, host, at, &[option]).await;
            assert!(answer.starts_with(version), "{answer}");
            assert!(answer.contains("x-forwarded-proto: https"), "{answer}");
            assert!(
                answer.contains("strict-transport-security: max-age=86400"),
                "{answer}"
            );
            assert!(
                answer.contains(&format!("x-forwarded-host: {host}")),
                "{answer}"
            );
        }
    }
    let old = curl(&authority, "shop.example", at, &["--tls-max", "1.2"]).await;
    assert!(old.starts_with("HTTP/2 200"), "{old}");
    // A star is one label.
    let refused = status_of(
        "curl",
        &[
            "-s",
            "--cacert",
            &authority.file("ca.pem"),
            "--resolve",
            &format!("a.b.shop.example:{}:{}", at.port(), at.ip()),
            &format!("https://a.b.shop.example:{}/", at.port()),
        ],
    )
    .await;
    assert_eq!(refused, Some(60), "curl does not believe it");
}

#[tokio::test]
async fn h2spec_finds_nothing_wrong() {
    let Some(h2spec) = crate::tool::installed("h2spec") else {
        return;
    };
    let (_web, _rig, _authority, at) = shop("h2spec", OpeningTls::default()).await;
    let (host, port) = (at.ip().to_string(), at.port().to_string());
    let arguments = [
        "-t", "-k", "-h", &host, "-p", &port, "-o", "5", "-P", "/length", "--strict",
    ];
    let report = output(h2spec.to_str().unwrap(), &arguments).await;
    assert!(report.contains(" 0 failed"), "{report}");
    // The same without TLS, where HTTP/1 is served too.
    let (_web, mut rig, ..) = shop("h2spec-clear", OpeningTls::default()).await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let (host, port) = (at.ip().to_string(), at.port().to_string());
    let arguments = [
        "-h", &host, "-p", &port, "-o", "5", "-P", "/length", "--strict",
    ];
    let report = output(h2spec.to_str().unwrap(), &arguments).await;
    assert!(report.contains(" 0 failed"), "{report}");
}

#[tokio::test]
async fn a_session_is_taken_up_again_also_after_the_certificate_was_changed() {
    let (_web, mut rig, authority, at) = shop("session", OpeningTls::default()).await;
    let session = authority.file("session");
    let connect = format!("{at}");
    let client = |option: &'static str| {
        let (session, connect) = (session.clone(), connect.clone());
        async move {
            let line = format!(
                "(sleep 2; echo Q) | openssl s_client -connect {connect} -servername shop.example {option} {session} 2>&1"
            );
            output("sh", &["-c", &line]).await
        }
    };
    let first = client("-sess_out").await;
    assert!(first.contains("New, TLSv1.3"), "{first}");
    rig.certificates = vec![authority.issue(&["shop.example"])];
    rig.renew().await;
    let second = client("-sess_in").await;
    assert!(second.contains("Reused, TLSv1.3"), "{second}");
}

#[tokio::test]
async fn certificates_are_changed_under_load_and_no_request_fails() {
    let (_web, mut rig, authority, at) = shop("swap", OpeningTls::default()).await;
    let plain = rig.listen(edge(&[("/", "web")])).await;
    let load = Load::start(plain, 2, false);
    let url = format!("https://{at}/");
    let tls =
        tokio::spawn(
            async move { output("h2load", &["-D", "2", "-c", "4", "-m", "4", &url]).await },
        );
    let mut serials = std::collections::BTreeSet::new();
    for _ in 0..10 {
        rig.certificates = vec![authority.issue(&["shop.example"])];
        rig.renew().await;
        let seen = curl(&authority, "shop.example", at, &["-w", "%{certs}"]).await;
        serials.insert(
            seen.lines()
                .find(|line| line.starts_with("Serial"))
                .unwrap_or_default()
                .to_owned(),
        );
    }
    assert_eq!(serials.len(), 10, "{serials:?}");
    let report = tls.await.unwrap();
    assert!(report.contains(" 0 failed, 0 errored"), "{report}");
    assert_eq!(load.stop().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_refused_with_the_reason() {
    let (_web, mut rig, authority, at) = shop("refused", OpeningTls::default()).await;
    let good = rig.certificates.clone();
    let mut wrong_key = good.clone();
    wrong_key[0].key_pem = authority.issue(&["other"]).key_pem;
    let mut no_pem = good.clone();
    no_pem[0].chain_pem = "nothing".to_owned();
    for (bad, why) in [
        (wrong_key, "not that of its certificate"),
        (no_pem, "has none"),
    ] {
        let mut snapshot = rig.snapshot();
        (snapshot.version, snapshot.certificates) = (77, bad);
        rig.link.send_snapshot(snapshot, Default::default());
        let ondol_proxy::LinkEvent::Refused { reason, .. } = rig.event().await else {
            panic!("{why}")
        };
        assert!(reason.contains(why), "{reason}");
        assert!(
            curl(&authority, "shop.example", at, &[])
                .await
                .starts_with("HTTP/2 200")
        );
    }
}

#[tokio::test]
async fn clients_show_certificates_and_services_hear_whose() {
    let clients = Authority::new("clients");
    let tls = OpeningTls {
        client_ca_pem: Some(clients.pem()),
        client_required: true,
        ..OpeningTls::default()
    };
    let (_web, rig, authority, at) = shop("mutual", tls).await;
    let strangers = Authority::new("strangers");
    for from in [&clients, &strangers] {
        from.issue(&["alice"]);
    }
    let shown = |from: &Authority| [from.file("alice.pem"), from.file("alice.key")];
    let [cert, key] = shown(&clients);
    let lie = [
        "--cert",
        &cert,
        "--key",
        &key,
        "-H",
        "x-client-subject: CN=root",
    ];
    let answer = curl(&authority, "shop.example", at, &lie).await;
    assert!(
        answer.contains("x-client-subject: O=Shop\\, Inc,CN=alice"),
        "{answer}"
    );
    assert!(!answer.contains("CN=root"), "{answer}");
    let [cert, key] = shown(&strangers);
    let ca = authority.file("ca.pem");
    let resolve = format!("shop.example:{}:{}", at.port(), at.ip());
    let url = format!("https://shop.example:{}/", at.port());
    let stranger = [
        "-s",
        "--cacert",
        &ca,
        "--resolve",
        &resolve,
        &url,
        "--cert",
        &cert,
        "--key",
        &key,
    ];
    assert_ne!(status_of("curl", &stranger).await, Some(0));
    assert_ne!(status_of("curl", &stranger[..6]).await, Some(0));
    let refused = rig.status().await.listeners[0].refused[&Refusal::HandshakeFailed];
    assert_eq!(refused, 2);
}

#[tokio::test]
async fn requests_without_tls_are_sent_to_where_there_is_and_authorities_are_answered() {
    let (_web, mut rig) = serving("web").await;
    rig.challenges = [("token".to_owned(), "proof".to_owned())].into();
    let opening = Opening {
        redirect_to: Some(8443),
        ..Opening::default()
    };
    let at = rig.listen_by(edge(&[("/", "web")]), opening).await;
    let answer = get(at, "/a?b=c").await;
    assert_eq!(answer.status, 308);
    assert_eq!(
        answer.header("location"),
        Some("https://shop.example:8443/a?b=c")
    );
    assert_eq!(
        get(at, "/.well-known/acme-challenge/token").await.text(),
        "proof"
    );
    assert_eq!(
        get(at, "/.well-known/acme-challenge/other").await.status,
        308
    );
}

#[tokio::test]
async fn a_service_is_called_by_tls_and_only_believed_with_the_right_name() {
    let authority = Authority::new("upstream");
    authority.issue(&["web"]);
    let folder = authority.folder.join("files");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("film"), "x".repeat(1 << 20)).unwrap();
    let address = free_address();
    let mut server = Command::new("nghttpd");
    server.args([
        "-a",
        &address.ip().to_string(),
        "-d",
        folder.to_str().unwrap(),
    ]);
    server.args([
        &address.port().to_string(),
        &authority.file("web.key"),
        &authority.file("web.pem"),
    ]);
    let _server = server.kill_on_drop(true).spawn().unwrap();
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, address)]).await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let tls = DialTls {
        ca_pem: Some(authority.pem()),
        ..DialTls::default()
    };
    let named = |name: &str| DialTls {
        server_name: Some(name.to_owned()),
        ..tls.clone()
    };
    let anybody = DialTls {
        insecure: true,
        ..named("other")
    };
    for (tls, status) in [(tls.clone(), 200), (named("other"), 502), (anybody, 200)] {
        let dial = Dial {
            http2: true,
            tls: Some(tls),
            proxy_protocol: None,
            ..Dial::default()
        };
        rig.traffic = vec![TrafficPolicy {
            service: service("web"),
            traffic: Traffic {
                dial,
                ..Traffic::default()
            },
        }];
        rig.renew().await;
        // What is connected already was believed.
        rig.publish("web", vec![]).await;
        rig.publish("web", vec![endpoint("web", 1, address)]).await;
        let answer = get(at, "/film").await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

#[tokio::test]
async fn a_service_that_does_tls_itself_is_found_by_the_name_that_is_asked_for() {
    let (_web, mut rig, authority, _) = shop("pass", OpeningTls::default()).await;
    let own = Authority::new("own");
    own.issue(&["db.example"]);
    let address = free_address();
    let mut server = Command::new("openssl");
    server.args([
        "s_server",
        "-quiet",
        "-www",
        "-accept",
        &address.to_string(),
    ]);
    server.args([
        "-cert",
        &own.file("db.example.pem"),
        "-key",
        &own.file("db.example.key"),
    ]);
    let _server = server
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rig.publish("db", vec![endpoint("db", 1, address)]).await;
    let tls = OpeningTls {
        pass: [
            ("db.example".to_owned(), (service("db"), 80)),
            ("*.db.example".to_owned(), (service("db"), 80)),
        ]
        .into(),
        ..OpeningTls::default()
    };
    let at = rig.listen_by(edge(&[("/", "web")]), secure(tls)).await;
    let answer = curl(&own, "db.example", at, &["--http1.1"]).await;
    assert!(answer.contains("s_server"), "{answer}");
    let answer = curl(&authority, "shop.example", at, &[]).await;
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
}

#[tokio::test]
async fn a_balancer_says_who_the_client_is_and_nobody_else_may_connect() {
    let authority = Authority::new("balancer");
    let (_web, mut rig) = serving("web").await;
    rig.certificates = vec![authority.issue(&["shop.example"])];
    let proxied = |tls| Opening {
        proxy_protocol: true,
        tls,
        redirect_to: None,
    };
    let plain = rig.listen_by(edge(&[("/", "web")]), proxied(None)).await;
    let answer = output(
        "curl",
        &[
            "-s",
            "--haproxy-protocol",
            "--http2-prior-knowledge",
            &format!("http://{plain}/"),
        ],
    )
    .await;
    assert!(
        answer.contains(&format!("x-forwarded-for: {}", "127.0.0.1")),
        "{answer}"
    );
    let mut client = Client::connect(plain).await;
    client
        .send("PROXY TCP4 192.0.2.7 192.0.2.8 1 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let answer = client.answer().await.unwrap();
    assert!(
        answer.text().contains("x-forwarded-for: 192.0.2.7"),
        "{answer:?}"
    );
    let mut client = Client::connect(plain).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.is_ended().await);
    assert_eq!(
        rig.status().await.listeners[0].refused[&Refusal::NoProxyHeader],
        1
    );
    let secure = rig
        .listen_by(edge(&[("/", "web")]), proxied(Some(OpeningTls::default())))
        .await;
    let answer = curl(&authority, "shop.example", secure, &["--haproxy-protocol"]).await;
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");
}

#[tokio::test]
async fn a_service_is_told_who_the_client_of_a_tunnel_is() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rig = Rig::start().await;
    rig.publish(
        "db",
        vec![endpoint("db", 1, listener.local_addr().unwrap())],
    )
    .await;
    rig.traffic = vec![TrafficPolicy {
        service: service("db"),
        traffic: Traffic {
            dial: Dial {
                proxy_protocol: Some(1),
                ..Dial::default()
            },
            ..Traffic::default()
        },
    }];
    let at = rig.listen(published("db")).await;
    let mut client = TcpStream::connect(at).await.unwrap();
    client.write_all(b"\x01hello").await.unwrap();
    let (mut heard, _) = timeout(Duration::from_secs(5), listener.accept())
        .await
        .unwrap()
        .unwrap();
    let mine = client.local_addr().unwrap();
    let expected = format!(
        "PROXY TCP4 {} {} {} {}\r\n\x01hello",
        mine.ip(),
        at.ip(),
        mine.port(),
        at.port()
    );
    let mut bytes = vec![0; expected.len()];
    heard.read_exact(&mut bytes).await.unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}
