use ondol_query::{Labels, Value};
use ondol_telemetry::Pushed;
use serde_json::json;

use crate::asking::{Service, wait};

const START_MS: i64 = 1_700_000_000_000;

/// Ten samples each, a second apart, of two counters.
fn filled() -> Service {
    let dir = std::env::temp_dir().join(format!(
        "ondol-observe-prometheus-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let service = Service::start_in(&dir, |settings| {
        settings.samples.retention.keep_ms = u64::MAX / 4;
    });
    let mut pushed = Vec::new();
    for (instance, factor) in [("a", 1.0), ("b", 10.0)] {
        for step in 0..10 {
            pushed.push(Pushed {
                labels: Labels::of(&[
                    ("__name__", "hits_total"),
                    ("instance", instance),
                    ("job", "web"),
                ]),
                at_ms: START_MS + step * 1000,
                value: Value::Float(step as f64 * factor),
            });
        }
    }
    service.telemetry.samples(pushed);
    wait("the samples", || {
        let answer = service
            .get("/api/v1/label/instance/values?match[]=hits_total")
            .json();
        (answer["data"] == json!(["a", "b"])).then_some(())
    });
    service
}

#[test]
fn queries_are_answered_in_prometheus_shapes() {
    let service = filled();
    let at = START_MS / 1000 + 9;
    let instant = service
        .get(&format!(
            "/api/v1/query?query=hits_total%7Binstance%3D%22b%22%7D&time={at}"
        ))
        .json();
    assert_eq!(
        instant,
        json!({"status": "success", "data": {"resultType": "vector", "result": [{
            "metric": {"__name__": "hits_total", "instance": "b", "job": "web"},
            "value": [at, "90"],
        }]}})
    );
    let form = format!(
        "query=sum(rate(hits_total[4s]))&start={}&end={at}.5&step=2s",
        at - 4
    );
    let range = service.post(
        "/api/v1/query_range",
        "application/x-www-form-urlencoded",
        form.as_bytes(),
    );
    assert_eq!(
        range.json()["data"],
        json!({"resultType": "matrix", "result": [{
            "metric": {},
            "values": [[at - 4, "11"], [at - 2, "11"], [at, "11"]],
        }]})
    );
    let scalar = service.get("/api/v1/query?query=1e30&time=1.5").json();
    assert_eq!(
        scalar["data"],
        json!({"resultType": "scalar", "result": [1.5, "1e+30"]})
    );
    let text = service.get("/api/v1/query?query=%22x%22&time=1").json();
    assert_eq!(
        text["data"],
        json!({"resultType": "string", "result": [1, "x"]})
    );
}

#[test]
fn what_cannot_be_answered_is_said_in_prometheus_words() {
    let service = filled();
    for (path, status, kind, said) in [
        (
            "query?query=a%2B",
            400,
            "bad_data",
            "invalid parameter \"query\": 1:3: parse error: unexpected end of input",
        ),
        (
            "query?query=a&time=x",
            400,
            "bad_data",
            "invalid parameter \"time\": cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query_range?query=a&start=2&end=1&step=1",
            400,
            "bad_data",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "query_range?query=a&start=1&end=2&step=0",
            400,
            "bad_data",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            "query_range?query=a&start=0&end=99999&step=1",
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            "query?query=hits_total%20%2B%20on()%20hits_total&time=1700000009",
            422,
            "execution",
            "found duplicate series",
        ),
        (
            "query?query=hits_total&timeout=0&time=1700000009",
            503,
            "timeout",
            "query timed out in expression evaluation",
        ),
        ("series", 400, "bad_data", "no match[] parameter provided"),
        (
            "series?match[]=%7B%7D",
            400,
            "bad_data",
            "invalid parameter \"match[]\": ",
        ),
    ] {
        let answer = service.get(&format!("/api/v1/{path}"));
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["errorType"]),
            (status, &json!(kind)),
            "{path}: {body}"
        );
        assert_eq!(body["status"], "error");
        let error = body["error"].as_str().unwrap();
        assert!(error.starts_with(said), "{path}: {error}");
    }
}

#[test]
fn names_values_and_series_are_listed_and_cut_where_asked() {
    let service = filled();
    let data = |path: &str| service.get(&format!("/api/v1/{path}")).json()["data"].clone();
    assert_eq!(
        data("labels?match[]=hits_total"),
        json!(["__name__", "instance", "job"])
    );
    assert_eq!(
        data("label/__name__/values?match[]=%7Bjob%3D%22web%22%7D"),
        json!(["hits_total"])
    );
    assert_eq!(
        data("label/job/values?match[]=hits_total%7Binstance%3D%22c%22%7D"),
        json!([])
    );
    assert_eq!(data("labels?start=1&end=2&match[]=hits_total"), json!([]));
    let cut = service
        .get("/api/v1/series?match[]=hits_total&limit=1")
        .json();
    assert_eq!(
        cut,
        json!({
            "status": "success",
            "data": [{"__name__": "hits_total", "instance": "a", "job": "web"}],
            "warnings": ["results truncated due to limit"],
        })
    );
}

#[test]
fn where_most_series_are_is_told() {
    let service = Service::start();
    let status = |what: &str| service.get(&format!("/api/v1/status/{what}")).json()["data"].clone();
    let of = |kind: &str, name: &str| {
        let all = status("tsdb?limit=1000")[kind].clone();
        let one = all.as_array()?.iter().find(|one| one["name"] == name)?;
        one["value"].as_u64()
    };
    let threads = || of("seriesCountByMetricName", "process_threads");
    assert_eq!(wait("what this process says", threads), 1);
    assert!(of("seriesCountByLabelValuePair", "job=ondol") > Some(5));
    assert_eq!(
        status("tsdb?limit=1")["seriesCountByMetricName"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(status("buildinfo")["version"], "3.0.0");
    assert!(status("runtimeinfo")["storageRetention"].is_string());
    assert_eq!(service.get("/api/v1/status/nothing").status, 404);
}

#[test]
fn annotations_go_out_beside_the_data() {
    let service = filled();
    let answer = service.get(
        "/api/v1/query?query=rate(hits_total[5s])%20%2B%20quantile(2,hits_total)&time=1700000009",
    );
    let body = answer.json();
    assert_eq!(body["status"], "success");
    let warning = body["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with("PromQL warning: quantile value should be between 0 and 1"),
        "{body}"
    );
}

#[test]
fn a_large_answer_is_packed_where_the_client_takes_it() {
    let service = filled();
    let path = "/api/v1/query_range?query=hits_total&start=1700000000&end=1700000009&step=0.05";
    let plain = service.get(path);
    let packed = service.ask(&format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: deflate, gzip;q=0.5\r\n\r\n"
    ));
    assert!(
        packed.head.contains("content-encoding: gzip"),
        "{}",
        packed.head
    );
    assert!(packed.body.len() * 4 < plain.body.len());
}
