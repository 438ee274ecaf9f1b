use expect_test::{Expect, expect};

use crate::node::Node;

async fn check(method: &str, path: &str, body: &str, answer: Expect) {
    let node = Node::start();
    let (status, body) = node.send(method, path, body).await;
    answer.assert_eq(&format!("{status} {body}"));
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_is() {
    let unknown = expect![[
        r#"404 {"error":{"code":"not_found","message":"there is no project `shap`","hint":"projects: shop"}}"#
    ]];
    check("GET", "/v1/projects/shap", "", unknown).await;
    let unknown = expect![[
        r#"404 {"error":{"code":"not_found","message":"project `shop` has no service `wab`","hint":"services: db, web"}}"#
    ]];
    check("GET", "/v1/projects/shop/services/wab/why", "", unknown).await;
    let unknown = expect![[
        r#"404 {"error":{"code":"not_found","message":"project `shop` has no replica `web-9`","hint":"replicas: web-1, web-10001"}}"#
    ]];
    check("POST", "/v1/projects/shop/replicas/web-9/kill", "", unknown).await;
    let unknown = expect![[
        r#"404 {"error":{"code":"not_found","message":"there is no route /v2/node","hint":"the routes are listed at /v1/openapi.json"}}"#
    ]];
    check("GET", "/v2/node", "", unknown).await;
}

#[tokio::test]
async fn names_that_no_project_can_have_are_simply_not_there() {
    for path in ["..%2f..", "%00", "SHOP", "%ff"] {
        let node = Node::start();
        let (status, _) = node.send("GET", &format!("/v1/projects/{path}"), "").await;
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_said_where() {
    let unfit = expect![[
        r#"400 {"error":{"code":"invalid","message":"Failed to deserialize the JSON body into the target type: servces: unknown field `servces`, expected `services` at line 1 column 10"}}"#
    ]];
    check(
        "POST",
        "/v1/projects/shop/stop",
        r#"{"servces": []}"#,
        unfit,
    )
    .await;
    let unfit = expect![[
        r#"400 {"error":{"code":"invalid","message":"Failed to deserialize query string: folow: unknown field `folow`, expected one of `services`, `replica`, `since_unix_ms`, `tail`, `follow`"}}"#
    ]];
    check("GET", "/v1/projects/shop/logs?folow=true", "", unfit).await;
    let unfit =
        expect![[r#"400 {"error":{"code":"invalid","message":"`service` needs `project`"}}"#]];
    check("GET", "/v1/events?service=web", "", unfit).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let large = format!(r#"{{"services": ["{}"]}}"#, "a".repeat(300 << 10));
    let refused = expect![[
        r#"413 {"error":{"code":"too_large","message":"the body is too large","hint":"a project takes at most 16 MiB"}}"#
    ]];
    check("POST", "/v1/projects/shop/stop", &large, refused).await;
}

#[tokio::test]
async fn too_many_replicas_are_refused() {
    let refused = expect![[
        r#"400 {"error":{"code":"invalid","message":"5000 replicas of `web` are too many","hint":"a service has at most 1000"}}"#
    ]];
    let body = r#"{"scale": {"web": 5000}}"#;
    check("POST", "/v1/projects/shop/scale", body, refused).await;
}

#[tokio::test]
async fn only_what_runs_can_be_entered_and_only_a_one_off_forgotten() {
    let refused = expect![[
        r#"409 {"error":{"code":"conflict","message":"`web-1` does not run: it is starting","hint":"`ondol why web` says why"}}"#
    ]];
    check("GET", "/v1/projects/shop/replicas/web-1/exec", "", refused).await;
    let refused = expect![[
        r#"409 {"error":{"code":"conflict","message":"`web-1` is not a one-off run","hint":"scale or stop `web` instead"}}"#
    ]];
    check("DELETE", "/v1/projects/shop/replicas/web-1", "", refused).await;
}

#[tokio::test]
async fn what_is_not_http_costs_nothing() {
    let node = Node::start();
    let mut stream = tokio::net::UnixStream::connect(node.socket())
        .await
        .unwrap();
    let noise = vec![0xff; 100_000];
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &noise).await;
    drop(stream);
    assert_eq!(node.client.projects().await.unwrap().len(), 1);
}
