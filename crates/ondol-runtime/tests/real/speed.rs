//! Measured, not judged: `cargo test --release -p ondol-runtime --test real speed -- --ignored --nocapture`.

use std::time::Duration;

use ondol_model::Observation;
use ondol_runtime::Sandbox;

use crate::support::{self, Node, service};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn starts_kills_and_memory() {
    for sandbox in [Sandbox::None, Sandbox::Root, Sandbox::User] {
        if let Err(why) = sandbox.works() {
            support::skip(format_args!("{sandbox:?}: {why}"));
            continue;
        }
        let mut node = Node::new(sandbox).await;
        let warm = node.start(service("warm", &["sleep", "600"]), 1);
        node.started(&warm).await;
        for count in [20, 100] {
            let begun = support::now();
            let runs: Vec<_> = (0..count)
                .map(|at| {
                    let name = format!("s{count}-{at}");
                    node.start(service(&name, &["sleep", "600"]), 1000 * count + at)
                })
                .collect();
            for run in &runs {
                node.started(run).await;
            }
            let took = begun.elapsed();
            tokio::time::sleep(Duration::from_secs(1)).await;
            let [shims, rooms] = node.pss_kib();
            let mut ends = Vec::new();
            for run in &runs {
                let begun = support::now();
                node.engine.kill(run.replica.clone(), run.run);
                node.exited(run).await;
                ends.push(begun.elapsed());
            }
            ends.sort_unstable();
            let (half, most) = (ends[ends.len() / 2], ends[ends.len() * 99 / 100]);
            support::skip(format_args!(
                "nothing; measured {sandbox:?}: {count} started in {took:?}; shim {} KiB, room {} KiB each; \
                 kill to Exited p50 {half:?} p99 {most:?}",
                shims / (count + 1),
                rooms / (count + 1),
            ));
            for run in runs {
                node.engine.discard(run.replica, true);
            }
        }
        node.until(|said| matches!(said, Observation::Started { .. }).then_some(()))
            .await;
    }
}
