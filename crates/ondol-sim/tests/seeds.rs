//! Seeds that must not fail.

use ondol_sim::{Options, run};

#[test]
fn the_first_seeds_keep_every_promise() {
    let report = run(Options {
        seeds: 200,
        steps: 300,
        start_seed: 1,
        threads: 2,
    });
    for failure in &report.failures {
        panic!("{}", failure.story);
    }
    assert_eq!(report.seeds, 200);
}
