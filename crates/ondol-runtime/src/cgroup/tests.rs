use super::*;

/// A folder like one of the cgroup file system: its files are there already.
fn fake(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("ondol-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    for (file, content) in files {
        fs::write(dir.join(file), content).unwrap();
    }
    dir
}

fn plan(kinds: &[Kind], dir: &Path) -> Plan {
    let group = |kind: &Kind| Group {
        kind: *kind,
        dir: dir.to_owned(),
    };
    Plan {
        groups: kinds.iter().map(group).collect(),
        limits: Limits {
            cpu_milli: Some(1500),
            memory_bytes: Some(64 << 20),
            pids: Some(30),
        },
    }
}

#[test]
fn version_2_is_told_limits_and_tells_what_is_used() {
    let dir = fake(
        "cgroup2-replica",
        &[
            ("cpu.max", ""),
            ("memory.max", ""),
            ("pids.max", ""),
            ("cgroup.procs", "17\n18\n"),
            ("memory.current", "5000000\n"),
            (
                "memory.stat",
                "anon 1\ninactive_file 1000000\nactive_file 7\n",
            ),
            ("memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n"),
            ("cpu.stat", "usage_usec 2500\nuser_usec 2000\n"),
            ("pids.current", "3\n"),
        ],
    );
    let plan = plan(&[Kind::V2], &dir);
    assert_eq!(plan.make(), Vec::<String>::new());
    let text = |file: &str| fs::read_to_string(dir.join(file)).unwrap();
    assert_eq!(text("cpu.max"), "150000 100000");
    assert_eq!(text("memory.max"), "67108864");
    assert_eq!(text("pids.max"), "30");
    assert_eq!(plan.processes(), [17, 18]);
    assert_eq!(plan.oom_kills(), 1);
    let stats = Stats {
        cpu_ns: 2_500_000,
        memory_bytes: 4_000_000,
        memory_bytes_max: Some(64 << 20),
        pids: 3,
        oom_kills: 1,
        ..Stats::default()
    };
    let seen = plan.stats();
    // Its processes are numbers that somebody else may have on this machine.
    let seen = Stats {
        read_bytes: 0,
        written_bytes: 0,
        open_files: 0,
        ..seen
    };
    assert_eq!(seen, stats);
    plan.join().unwrap();
    assert!(text("cgroup.procs").starts_with('0'));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn version_1_is_told_limits_and_tells_what_is_used() {
    let dir = fake(
        "cgroup1-replica",
        &[
            ("cpu.cfs_period_us", ""),
            ("cpu.cfs_quota_us", ""),
            ("memory.limit_in_bytes", ""),
            ("pids.max", ""),
            ("memory.usage_in_bytes", "900\n"),
            ("memory.stat", "total_inactive_file 1000\n"),
            ("memory.oom_control", "under_oom 0\noom_kill 3\n"),
            ("cpuacct.usage", "4711\n"),
            ("pids.current", "2\n"),
        ],
    );
    let kinds = [Kind::V1Memory, Kind::V1Cpu, Kind::V1CpuAcct, Kind::V1Pids];
    let plan = plan(&kinds, &dir);
    assert_eq!(plan.make(), Vec::<String>::new());
    let text = |file: &str| fs::read_to_string(dir.join(file)).unwrap();
    assert_eq!(text("cpu.cfs_period_us"), "100000");
    assert_eq!(text("cpu.cfs_quota_us"), "150000");
    assert_eq!(text("memory.limit_in_bytes"), "67108864");
    assert_eq!(plan.oom_kills(), 3);
    let stats = plan.stats();
    assert_eq!((stats.cpu_ns, stats.pids), (4711, 2));
    assert_eq!(
        stats.memory_bytes, 0,
        "caches may be counted later than use"
    );
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_limit_that_is_refused_is_named_and_the_others_are_set() {
    let dir = fake("cgroup2-partly", &[("memory.max", ""), ("pids.max", "")]);
    let failed = plan(&[Kind::V2], &dir).make();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].starts_with("cpu.max = 150000 100000: "));
    assert_eq!(fs::read_to_string(dir.join("pids.max")).unwrap(), "30");
    fs::remove_dir_all(dir).unwrap();
}
