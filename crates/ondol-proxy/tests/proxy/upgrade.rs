//! Another proxy takes over under load: nobody is refused, nobody is cut off.

use std::time::Duration;

use ondol_proxy::LinkEvent;

use crate::client::{Client, Load};
use crate::http2::output;
use crate::rig::{Rig, edge, endpoint};
use crate::service::Service;

const SWITCH: &str =
    "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

/// A connection that has switched to another protocol.
async fn socket(at: std::net::SocketAddr) -> Client {
    let mut client = Client::connect(at).await;
    client.send(SWITCH).await;
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 101"));
    client
}

async fn echoes(sockets: &mut [Client], word: &str) {
    for socket in sockets {
        socket.send(word).await;
        assert_eq!(socket.take(word.len()).await.unwrap(), word.as_bytes());
    }
}

#[tokio::test]
async fn open_sockets_go_on_while_the_next_proxy_serves_everybody_else() {
    let web = Service::with_delay("web", Duration::from_millis(2)).await;
    let mut rig = Rig::start().await;
    rig.publish("web", vec![endpoint("web", 1, web.address)])
        .await;
    let at = rig.listen(edge(&[("/", "web")])).await;
    let (kept, fresh) = (Load::start(at, 4, false), Load::start(at, 2, true));
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(socket(at).await);
    }
    for round in 0..3 {
        kept.go_on(50).await;
        let mut old = rig.ask_to_stop();
        // It hangs up first, and then it may be followed.
        while !matches!(rig.event().await, LinkEvent::Lost) {}
        rig.start_proxy();
        rig.connected().await;
        // The sockets are still with the process that they were opened with; new ones are with the next.
        for _ in 0..5 {
            echoes(&mut sockets, "still here").await;
            fresh.go_on(10).await;
            kept.go_on(10).await;
        }
        let mut more = [socket(at).await];
        echoes(&mut more, "hello").await;
        let url = format!("http://{at}/?round={round}");
        let answer = output("curl", &["-si", "--http2-prior-knowledge", &url]).await;
        assert!(answer.starts_with("HTTP/2 200"), "{answer}");
        // They end when they want to, and then nothing holds the old process.
        sockets = more.into();
        let ended = tokio::task::spawn_blocking(move || old.wait().unwrap());
        let ended = tokio::time::timeout(Duration::from_secs(8), ended).await;
        assert!(ended.unwrap().unwrap().success(), "before its deadline");
    }
    assert_eq!(kept.stop().await, Vec::<String>::new());
    assert_eq!(fresh.stop().await, Vec::<String>::new());
}
