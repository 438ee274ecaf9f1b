//! Loading is fast enough not to be noticed.

use std::fmt::Write as _;
use std::time::Duration;

use crate::support::project_of;

fn services(count: usize) -> String {
    let mut text = String::from(
        "x-common: &common {restart: always, logging: {options: {max-size: 1m}}}\nservices:\n",
    );
    for n in 0..count {
        let _ = write!(
            text,
            "  s{n}:\n    <<: *common\n    image: \"registry/app-{n}:${{TAG:-1}}\"\n    ports: [\"{}:80\"]\n    environment:\n      - A={n}\n      - URL=http://s0/\n      - NAME=\"a name\"\n    volumes: [\"./data/{n}:/data\"]\n    depends_on: {}\n    healthcheck: {{test: curl -f localhost, interval: 5s, retries: 3}}\n    deploy: {{replicas: 1, resources: {{limits: {{cpus: 0.5, memory: 64m}}}}}}\n    x-ondol: {{route: /s{n}}}\n",
            1000 + n,
            if n == 0 { "[]" } else { "[s0]" },
        );
    }
    text
}

#[test]
fn a_hundred_services_load_in_fifty_milliseconds_and_many_in_proportion() {
    // Without optimisation, on a busy machine, only a gross mistake is seen: something quadratic.
    let (slack, many) = if cfg!(debug_assertions) {
        (40, 1_000)
    } else {
        (1, 10_000)
    };
    for (count, millis) in [(100, 50), (many, many / 2)] {
        let text = services(count);
        #[expect(
            clippy::disallowed_methods,
            reason = "a speed test asks the machine's clock"
        )]
        let start = std::time::Instant::now();
        assert_eq!(project_of(&text).services.len(), count);
        let took = start.elapsed();
        let limit = Duration::from_millis((millis * slack) as u64);
        assert!(took < limit, "{count} services took {took:?}");
    }
}
