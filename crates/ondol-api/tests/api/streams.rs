use std::sync::Arc;
use std::time::Duration;

use ondol_api::{EventState, LogLine, LogStream, NodeState, Request};
use ondol_control::NoteKind;
use tokio::time::timeout;

use crate::node::{Node, name, shop};

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_project_is_sent_when_it_changes_and_ends_when_it_is_gone() {
    let node = Node::start();
    let mut changes = node.client.follow_project(&name("shop")).await.unwrap();
    assert_eq!(changes.next().await.unwrap().unwrap().revision, 1);

    node.state.send_replace(Arc::new(shop(2)));
    assert_eq!(changes.next().await.unwrap().unwrap().revision, 2);

    // Something else changes: nothing is sent. Then the project goes.
    let same = NodeState::clone(&node.state.borrow());
    node.state.send_replace(Arc::new(same));
    let nothing = timeout(Duration::from_millis(100), changes.next()).await;
    assert!(nothing.is_err());
    node.state.send_replace(Arc::default());
    assert!(timeout(SOON, changes.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn events_are_followed_in_batches_without_a_gap() {
    let mut node = Node::start();
    node.newest_event.send_replace(3);
    let mut events = node
        .client
        .follow_events("after_id=1&limit=2")
        .await
        .unwrap();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        tokio::select! {
            event = events.next() => seen.push(event.unwrap().unwrap().id),
            request = node.requests.recv() => {
                let Some(Request::Events { query, reply }) = request else { panic!("not a question for events") };
                assert!(query.oldest_first);
                let newest = *node.newest_event.borrow();
                let after = (query.after_id + 1..=newest).take(query.limit as usize);
                reply.send(Ok(after.map(event).collect())).unwrap();
                if newest == 3 {
                    node.newest_event.send_replace(5);
                }
            }
        }
    }
    assert_eq!(seen, [2, 3, 4, 5]);
}

#[tokio::test]
async fn without_a_beginning_only_new_events_are_sent() {
    let mut node = Node::start();
    node.newest_event.send_replace(40);
    let _events = node.client.follow_events("").await.unwrap();
    let Request::Events { query, .. } = node.requests.recv().await.unwrap() else {
        panic!("not a question for events");
    };
    assert_eq!(query.after_id, 40);
}

#[tokio::test]
async fn log_lines_come_as_they_are_written_and_reading_ends_with_the_reader() {
    let mut node = Node::start();
    let mut lines = node
        .client
        .logs(&name("shop"), "services=web,db&tail=5&follow=true")
        .await
        .unwrap();
    let Request::Logs {
        query,
        lines: sender,
    } = node.requests.recv().await.unwrap()
    else {
        panic!("not a question for logs");
    };
    assert_eq!(
        (query.services.len(), query.tail, query.follow),
        (2, Some(5), true)
    );

    for text in ["one", "two \u{1F525}\n\"quoted\""] {
        sender.send(line(text)).await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), line(text));
    }
    drop(lines);
    timeout(SOON, sender.closed()).await.unwrap();
}

#[tokio::test]
async fn a_node_that_leaves_cuts_its_streams() {
    let mut node = Node::start();
    let mut changes = node.client.follow_project(&name("shop")).await.unwrap();
    changes.next().await.unwrap().unwrap();
    node.leave.take().unwrap().send(()).unwrap();
    timeout(SOON, &mut node.served)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

fn event(id: u64) -> EventState {
    EventState {
        id,
        at_unix_ms: 1,
        kind: NoteKind::Started,
        project: name("shop"),
        service: "web".parse().unwrap(),
        replica: None,
        why: "because".into(),
    }
}

fn line(text: &str) -> LogLine {
    LogLine {
        at_unix_ms: 1,
        service: "web".parse().unwrap(),
        replica: "web-1".into(),
        run: 7,
        stream: LogStream::Stdout,
        partial: false,
        text: text.into(),
    }
}
