use std::fs;
use std::path::{Path, PathBuf};

use super::{Group, Kind, Limits, Plan};

/// Where this node may make control groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ground {
    bases: Vec<Group>,
}

impl Ground {
    /// The groups for a replica; `None` where none can be made.
    pub(crate) fn plan(&self, name: &str, limits: Limits) -> Option<Plan> {
        if self.bases.is_empty() {
            return None;
        }
        let groups = self.bases.iter().map(|base| Group {
            kind: base.kind,
            dir: base.dir.join(name),
        });
        Some(Plan {
            groups: groups.collect(),
            limits,
        })
    }

    /// Whether memory, CPU and number of processes can be limited.
    pub(crate) fn limits(&self) -> [(&'static str, bool); 3] {
        let has = |v1: Kind, v2: &str| {
            self.bases.iter().any(|base| {
                base.kind == v1 || base.kind == Kind::V2 && controllers(&base.dir).contains(v2)
            })
        };
        [
            ("memory", has(Kind::V1Memory, "memory")),
            ("cpu", has(Kind::V1Cpu, "cpu")),
            ("pids", has(Kind::V1Pids, "pids")),
        ]
    }

    /// Removes what this node made, when it is empty.
    pub(crate) fn remove(&self) {
        for base in &self.bases {
            let _ = fs::remove_dir(&base.dir);
        }
    }
}

/// Finds and makes this node's groups: `ondol/<tag>` below the node's own group in each hierarchy,
/// so that limits set on the node from outside hold for its services too.
pub(crate) fn find(tag: &str) -> Ground {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut bases = v1(&mounts, &own, tag);
    if bases.is_empty() {
        bases.extend(v2(&mounts, &own, tag));
    }
    Ground { bases }
}

fn v1(mounts: &str, own: &str, tag: &str) -> Vec<Group> {
    const WANTED: [(&str, Kind); 4] = [
        ("memory", Kind::V1Memory),
        ("cpu", Kind::V1Cpu),
        ("cpuacct", Kind::V1CpuAcct),
        ("pids", Kind::V1Pids),
    ];
    let mut bases = Vec::new();
    for (controller, kind) in WANTED {
        let Some(mount) = mount_point(mounts, "cgroup", Some(controller)) else {
            continue;
        };
        let path = own_path(own, Some(controller)).unwrap_or("/");
        if let Some(dir) = make(&mount, path, tag) {
            bases.push(Group { kind, dir });
        }
    }
    bases
}

fn v2(mounts: &str, own: &str, tag: &str) -> Option<Group> {
    let mount = mount_point(mounts, "cgroup2", None)?;
    let path = own_path(own, None).unwrap_or("/");
    let here = mount.join(path.trim_start_matches('/'));
    if controllers(&here).is_empty() {
        return None;
    }
    // A group with processes of its own cannot hand controllers down: the node moves into a leaf first.
    if path != "/" {
        let leaf = here.join("ondol-node");
        let _ = fs::create_dir(&leaf);
        let _ = super::write(&leaf.join("cgroup.procs"), "0");
    }
    hand_down(&here);
    let dir = make(&mount, path, tag)?;
    hand_down(dir.parent()?);
    hand_down(&dir);
    Some(Group {
        kind: Kind::V2,
        dir,
    })
}

/// Lets the groups below have the controllers that this one has (cgroups(7)).
fn hand_down(dir: &Path) {
    let own = controllers(dir);
    let wanted = ["memory", "cpu", "pids"].into_iter();
    let given: Vec<String> = wanted
        .filter(|wanted| own.split(' ').any(|own| own == *wanted))
        .map(|wanted| format!("+{wanted}"))
        .collect();
    let _ = super::write(&dir.join("cgroup.subtree_control"), &given.join(" "));
}

fn make(mount: &Path, own: &str, tag: &str) -> Option<PathBuf> {
    // In a container the path may be one of the machine's that is not shown here.
    let below_own = mount.join(own.trim_start_matches('/'));
    [below_own.as_path(), mount].into_iter().find_map(|base| {
        let dir = base.join("ondol").join(tag);
        (base.is_dir() && fs::create_dir_all(&dir).is_ok()).then_some(dir)
    })
}

fn controllers(dir: &Path) -> String {
    fs::read_to_string(dir.join("cgroup.controllers"))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Where a hierarchy is mounted (proc(5), mountinfo: fields, ` - `, type, source, options).
fn mount_point(mounts: &str, kind: &str, controller: Option<&str>) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (fields, rest) = line.split_once(" - ")?;
        let mut rest = rest.split(' ');
        let fits = rest.next() == Some(kind)
            && controller.is_none_or(|controller| {
                rest.nth(1)
                    .is_some_and(|options| options.split(',').any(|option| option == controller))
            });
        fits.then(|| fields.split(' ').nth(4).map(PathBuf::from))?
    })
}

/// The node's own group (cgroups(7): `hierarchy:controllers:path`).
fn own_path<'a>(own: &'a str, controller: Option<&str>) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, names, path) = (fields.next()?, fields.next()?, fields.next()?);
        let fits = match controller {
            Some(controller) => names.split(',').any(|name| name == controller),
            None => names.is_empty(),
        };
        fits.then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
24 22 0:20 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct
25 22 0:21 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
26 22 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";

    #[test]
    fn hierarchies_are_found_by_controller() {
        let at = |kind, controller| mount_point(MOUNTS, kind, controller);
        assert_eq!(
            at("cgroup", Some("cpuacct")),
            Some("/sys/fs/cgroup/cpu,cpuacct".into())
        );
        assert_eq!(
            at("cgroup", Some("memory")),
            Some("/sys/fs/cgroup/memory".into())
        );
        assert_eq!(at("cgroup", Some("pids")), None);
        assert_eq!(at("cgroup2", None), Some("/sys/fs/cgroup/unified".into()));
    }

    #[test]
    fn controllers_of_version_2_are_handed_down_to_where_replicas_are() {
        let root = std::env::temp_dir().join(format!("ondol-cgroup2-{}", std::process::id()));
        let own = root.join("user.slice/ondol.service");
        let node = own.join("ondol-node");
        let all = own.join("ondol");
        let tagged = all.join("tag");
        fs::create_dir_all(&tagged).unwrap();
        fs::create_dir_all(&node).unwrap();
        fs::write(node.join("cgroup.procs"), "").unwrap();
        for (dir, has) in [
            (&own, "cpu io memory pids\n"),
            (&all, "cpu memory pids\n"),
            (&tagged, "memory pids\n"),
        ] {
            fs::write(dir.join("cgroup.controllers"), has).unwrap();
            fs::write(dir.join("cgroup.subtree_control"), "").unwrap();
        }
        let mounts = format!("26 22 0:22 / {} rw - cgroup2 cgroup2 rw\n", root.display());
        let group = v2(&mounts, "0::/user.slice/ondol.service\n", "tag").unwrap();
        let kind = Kind::V2;
        let dir = tagged.clone();
        assert_eq!(group, Group { kind, dir });
        let text = |dir: &Path, file: &str| fs::read_to_string(dir.join(file)).unwrap();
        // The kernel refuses controllers to groups below one that has processes of its own.
        assert_eq!(text(&node, "cgroup.procs"), "0");
        let handed = |dir| text(dir, "cgroup.subtree_control");
        assert_eq!(handed(&own), "+memory +cpu +pids");
        assert_eq!(handed(&all), "+memory +cpu +pids");
        assert_eq!(handed(&tagged), "+memory +pids");
        let ground = Ground { bases: vec![group] };
        let limits = [("memory", true), ("cpu", false), ("pids", true)];
        assert_eq!(ground.limits(), limits);
        fs::write(own.join("cgroup.controllers"), "\n").unwrap();
        assert_eq!(
            v2(&mounts, "0::/user.slice/ondol.service\n", "tag"),
            None,
            "a group without controllers limits nothing"
        );
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn the_own_group_is_found_by_controller() {
        let own = "4:memory:/box/1\n1:cpu,cpuacct:/\n0::/user.slice/a:b\n";
        assert_eq!(own_path(own, Some("memory")), Some("/box/1"));
        assert_eq!(own_path(own, Some("cpu")), Some("/"));
        assert_eq!(own_path(own, None), Some("/user.slice/a:b"));
    }
}
