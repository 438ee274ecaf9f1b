use std::collections::BTreeSet;

use expect_test::expect_file;

use crate::node::Node;

/// The contract is a file, so that a change of it is seen in review.
#[test]
fn openapi_json_is_what_the_code_says() {
    let document = ondol_api::openapi().unwrap();
    expect_file!["../../openapi.json"].assert_eq(&document);
}

#[tokio::test]
async fn every_documented_route_is_served_and_the_document_too() {
    let mut node = Node::start();
    // Questions that reach the node are dropped, which is an answer too.
    let (_, nobody) = tokio::sync::mpsc::channel(1);
    drop(std::mem::replace(&mut node.requests, nobody));
    let (status, body) = node.send("GET", "/v1/openapi.json", "").await;
    assert_eq!(status, 200);
    let document: serde_json::Value = serde_json::from_str(&body).unwrap();
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if path.ends_with("/stream") {
            continue;
        }
        let real = path
            .replace("{project}", "shop")
            .replace("{service}", "web")
            .replace("{replica}", "web-10001");
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(operations.insert(id), "two operations of one name: {path}");
            let method = method.to_uppercase();
            let (status, body) = node.send(&method, &real, "{}").await;
            assert!(
                !body.contains("there is no route") && !body.contains("does not take"),
                "{method} {path}: {status} {body}"
            );
        }
    }
    assert_eq!(operations.len(), 28);
}
