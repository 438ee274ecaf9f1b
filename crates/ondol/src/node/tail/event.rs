//! A line as an event.

use ondol_control::Note;
use ondol_ingest::line::{self, Whole};
use ondol_model::ReplicaId;
use ondol_observe::OwnedEvent;
use ondol_runtime::logs::Stream;
use ondol_telemetry::BODY;

/// Labels of what a replica writes, sorted.
pub(super) fn labels(id: &ReplicaId, stream: Stream) -> Vec<(String, String)> {
    let stream = match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
        Stream::Ondol => "ondol",
    };
    [
        ("project", id.project.to_string()),
        ("replica", format!("{}-{}", id.service, id.number)),
        ("service", id.service.to_string()),
        ("stream", stream.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// A decision of the node, beside what services write.
pub(in crate::node) fn decision(note: &Note, at_unix_ms: u64) -> OwnedEvent {
    let mut stream = vec![("project".to_owned(), note.service.project.to_string())];
    if let Some(id) = &note.replica {
        stream.push((
            "replica".to_owned(),
            format!("{}-{}", id.service, id.number),
        ));
    }
    stream.push(("service".to_owned(), note.service.service.to_string()));
    stream.push(("stream".to_owned(), "decision".to_owned()));
    let kind = format!("{:?}", note.kind).to_lowercase();
    OwnedEvent {
        stream,
        at_ns: i64::try_from(at_unix_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000),
        fields: vec![
            ("kind".to_owned(), kind),
            (BODY.to_owned(), note.why.clone()),
        ],
    }
}

/// The event of a line.
pub(super) fn of(line: Whole, labels: Vec<(String, String)>) -> OwnedEvent {
    let (_, run) = line.channel;
    let mut fields = line::lift(&line.text);
    let mut put = |name: &str, value: String| {
        // What the line itself has under this name is of no use to those who look for ours.
        fields.retain(|(known, _)| known != name);
        fields.push((name.to_owned(), value));
    };
    put("run", run.to_string());
    if line.cut_bytes > 0 {
        put("cut_bytes", line.cut_bytes.to_string());
    }
    put(BODY, line.text);
    OwnedEvent {
        stream: labels,
        at_ns: i64::try_from(line.at_ns).unwrap_or(i64::MAX),
        fields,
    }
}
