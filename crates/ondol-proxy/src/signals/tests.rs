use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, Uri, Version};
use ondol_model::{
    Endpoint, EndpointTable, ListenerId, Origin, ProjectName, Red, RedKey, ReplicaId, RunId,
    ServiceName, ServiceRef, SignalRules, Time,
};
use proptest::prelude::*;

use super::{Gathered, Trail, Wrote};
use crate::gate::Gates;
use crate::limits::Limits;
use crate::policy::trace::Hop;
use crate::stream::Activity;
use crate::upstream::{Cluster, Refused};
use crate::worker::{Client, Crew, Serving, Shard, Target};

fn web() -> ServiceRef {
    ServiceRef {
        project: ProjectName::new("shop").unwrap(),
        service: ServiceName::new("web").unwrap(),
    }
}

/// A worker whose project says `rules`, one of its clients, and a service with a replica.
struct World {
    shard: Rc<Shard>,
    client: Rc<Client>,
    cluster: Rc<Cluster>,
    route: Arc<str>,
}

impl World {
    fn new(rules: SignalRules) -> World {
        let (crew, _inboxes) = Crew::new(1, Gates::new(1 << 20));
        let crew = Arc::new(crew);
        let shard = Shard::new(0, crew.clone(), Limits::DEFAULT);
        shard.recorder.configure(&[(web().project, rules)].into());
        let target = Target::Edge {
            edge: Arc::default(),
            ways: Vec::new(),
        };
        let serving = Rc::new(Serving::new(ListenerId(1), target, Arc::default()));
        let permit = crew.permit(&serving.open, 0, 1).unwrap();
        let activity = Activity::new(Arc::default());
        let client = Client::new(
            serving,
            [127, 0, 0, 1].into(),
            activity,
            permit,
            shard.clients.enter(),
        );
        let cluster = shard.cluster(&web());
        let ServiceRef { project, service } = web();
        let endpoint = Endpoint {
            replica: ReplicaId {
                project,
                service,
                number: 1,
            },
            run: RunId(1),
            ip: [127, 0, 0, 1].into(),
            moved_ports: BTreeMap::new(),
            ready: true,
        };
        let table = EndpointTable {
            service: web(),
            version: 1,
            endpoints: vec![endpoint],
        };
        cluster.apply(&table, Time::ZERO);
        World {
            shard,
            client: Rc::new(client),
            cluster,
            route: "shop.example/api".into(),
        }
    }

    /// A request that was answered with this status.
    fn request(&self, wrote: impl FnOnce() -> Wrote, status: StatusCode, sampled: bool) {
        let trail = Trail::begin(&self.shard, &self.client, wrote, || 7).unwrap();
        trail.goes(&self.cluster, Origin::Route(self.route.clone()));
        trail.belongs(Hop::first(9, sampled));
        let endpoint = self.cluster.pick(&Refused::default(), Time::ZERO);
        trail.sent_to(endpoint.unwrap().upstream());
        trail.answered(status);
        trail.gave(100);
        trail.done();
        trail.finish();
    }
}

fn wrote(path: &str) -> Wrote {
    Wrote {
        method: Method::GET,
        uri: path.parse::<Uri>().unwrap(),
        host: Some(HeaderValue::from_static("shop.example")),
        user_agent: Some(HeaderValue::from_static("test/1")),
        version: Version::HTTP_11,
    }
}

#[tokio::test]
async fn a_worker_keeps_so_many_records_and_counts_the_rest() {
    let world = World::new(SignalRules::default());
    for _ in 0..600 {
        world.request(|| wrote("/a"), StatusCode::OK, true);
    }
    world.request(|| wrote("/a"), StatusCode::OK, false);
    let gathered = world.shard.recorder.collect();
    assert_eq!(
        (gathered.records.len(), gathered.records_dropped),
        (512, 88)
    );
    let rows: Vec<_> = gathered.red.values().map(Red::requests).collect();
    assert_eq!(rows, [601]);
    assert!(world.shard.recorder.collect().is_empty());
}

#[tokio::test]
async fn a_long_text_is_cut_at_a_letter() {
    let world = World::new(SignalRules::default());
    let path = format!("/{}", "x".repeat(5000));
    world.request(|| wrote(&path), StatusCode::OK, true);
    let record = &world.shard.recorder.collect().records[0];
    assert_eq!(record.path.len(), ondol_model::Access::TEXT_BYTES_MAX);
}

/// What every request pays that nobody keeps a record of.
#[tokio::test]
#[ignore = "a measurement, for a build with --release"]
async fn noting_a_request_takes_less_than_a_microsecond() {
    let world = World::new(SignalRules::default());
    let bare = wrote("/a");
    let copy = || Wrote {
        method: bare.method.clone(),
        uri: bare.uri.clone(),
        host: bare.host.clone(),
        user_agent: bare.user_agent.clone(),
        version: bare.version,
    };
    const COUNT: u32 = 1_000_000;
    let began = on_cpu();
    for _ in 0..COUNT {
        world.request(copy, StatusCode::OK, false);
    }
    let each = (on_cpu() - began) / COUNT;
    assert!(each < Duration::from_micros(1), "{each:?}");
}

/// How long this thread has been on a core (schedstat in proc(5)): other work on the machine does not matter to it.
fn on_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn key(number: u64) -> RedKey {
    RedKey {
        run: Some(RunId(number)),
        replica: None,
        service: Some(web()),
        origin: Origin::Edge,
        failed: false,
    }
}

#[test]
fn rows_that_nobody_takes_are_bounded_and_what_is_lost_is_counted() {
    let mut kept = Gathered::default();
    for number in 0..5000 {
        let mut red = Red::default();
        red.count(200);
        red.count(404);
        kept.add(Gathered {
            red: [(key(number), red)].into(),
            ..Gathered::default()
        });
    }
    assert_eq!(
        (kept.red.len(), kept.rows_dropped),
        (4096, 2 * (5000 - 4096))
    );
}

proptest! {
    #[test]
    fn what_is_collected_in_parts_is_what_happened(
        requests in prop::collection::vec((0u64..4, 100u16..600, 0u64..5_000, 0usize..3), 0..200),
    ) {
        let (mut parts, mut whole) = (Vec::from([(); 3].map(|()| Gathered::default())), Gathered::default());
        for (run, status, millis, part) in requests {
            for gathered in [&mut parts[part], &mut whole] {
                let row = gathered.red.entry(key(run)).or_default();
                row.count(status);
                row.bytes_out += millis;
                row.latency.observe(Duration::from_millis(millis));
            }
        }
        let mut merged = Gathered::default();
        parts.into_iter().for_each(|part| merged.add(part));
        prop_assert_eq!(merged.red, whole.red);
    }
}
