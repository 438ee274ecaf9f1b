use ondol_observe::OwnedEvent;
use ondol_query::{Labels, Value};
use ondol_telemetry::{Pushed, Retention};

use crate::asking::{Service, now_ms, wait};

fn sample(value: f64) -> Pushed {
    Pushed {
        labels: Labels::of(&[("__name__", "a"), ("job", "x")]),
        at_ms: now_ms(),
        value: Value::Float(value),
    }
}

fn value_of(service: &Service) -> Option<String> {
    let answer = service.get("/api/v1/query?query=a").json();
    let value = &answer["data"]["result"][0]["value"][1];
    value.as_str().map(ToOwned::to_owned)
}

#[test]
fn it_is_ready_and_says_about_itself() {
    let service = Service::start();
    assert_eq!(service.get("/-/healthy").status, 200);
    assert_eq!(service.get("/-/ready").status, 200);
    let page = service.get("/metrics");
    assert!(
        page.text()
            .contains("ondol_build_info{version=\"1.2.3\"} 1\n")
    );
    assert!(page.text().contains("\nondol_samples_series "));
    let open = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: application/openmetrics-text\r\n\r\n";
    let open = service.ask(open);
    ondol_telemetry::check(&open.body).unwrap();
    assert_eq!(service.get("/nothing/here").status, 404);
}

#[test]
fn what_was_offered_is_there_after_it_left_and_came_again() {
    let mut service = Service::start();
    service.telemetry.samples(vec![sample(1.5)]);
    service.telemetry.events(vec![OwnedEvent {
        stream: vec![("service".to_owned(), "web".to_owned())],
        at_ns: now_ms() * 1_000_000,
        fields: vec![("body".to_owned(), "hello".to_owned())],
    }]);
    assert_eq!(wait("the sample", || value_of(&service)), "1.5");
    let dir = service.leave();
    let again = Service::start_in(&dir, |_| ());
    assert_eq!(value_of(&again).as_deref(), Some("1.5"));
    let page = again.get("/metrics").text();
    assert!(page.contains("\nondol_events_head 1\n"), "{page}");
    assert_eq!(again.telemetry.dropped(), ondol_observe::Dropped::default());
}

#[test]
fn what_a_full_disk_does_not_take_is_counted_and_said() {
    let dir = std::env::temp_dir().join(format!("ondol-observe-full-{}", std::process::id()));
    let mut service = Service::start_in(&dir, |settings| {
        settings.samples.retention = Retention {
            free_bytes_min: u64::MAX / 2,
            ..Retention::default()
        };
    });
    service.telemetry.samples(vec![sample(1.0), sample(2.0)]);
    wait("the count", || {
        (service.telemetry.dropped().samples == 2).then_some(())
    });
    let page = service.get("/metrics").text();
    assert!(
        page.contains("ondol_telemetry_dropped_total{signal=\"samples\"} 2\n"),
        "{page}"
    );
    let said = wait("the complaint", || service.said.try_recv().ok());
    assert!(said.contains("the disk is full"), "{said}");
}
