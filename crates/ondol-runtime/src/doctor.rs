//! What this machine lets Ondol enforce, and what to do about the rest.

use serde::{Deserialize, Serialize};

use crate::cgroup::Ground;
use crate::sandbox::{Sandbox, Subnets, machine};
use crate::world::Way;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is: `memory limits`.
    pub what: String,
    /// It works here.
    pub enforced: bool,
    /// What was seen, and what follows for services.
    pub why: String,
    /// What a person can do about it; empty when there is nothing to do.
    pub fix: String,
}

/// Looks at everything for a node in this sandbox; `world` is the way out of its world when it has one.
pub(crate) fn look(
    sandbox: Sandbox,
    subnets: Subnets,
    ground: &Ground,
    world: Option<Way>,
) -> Vec<Finding> {
    let mut findings = vec![isolation(sandbox), addresses(sandbox), files(sandbox)];
    findings.push(match world {
        Some(way) => way_out_of_world(way),
        None => way_out(sandbox, subnets),
    });
    findings.extend(limits(ground));
    findings.push(low_ports());
    findings.push(packages(sandbox));
    findings
}

fn finding(what: &str, enforced: bool, why: impl Into<String>, fix: &str) -> Finding {
    Finding {
        what: what.to_owned(),
        enforced,
        why: why.into(),
        fix: if enforced {
            String::new()
        } else {
            fix.to_owned()
        },
    }
}

fn isolation(sandbox: Sandbox) -> Finding {
    let refused = Sandbox::User.works().err().unwrap_or_default();
    let (enforced, why) = match sandbox {
        Sandbox::Root => (
            true,
            "each replica has namespaces of its own, made by root".to_owned(),
        ),
        Sandbox::User => (
            true,
            "each replica has namespaces of its own, inside a user namespace with one user"
                .to_owned(),
        ),
        Sandbox::None => (
            false,
            format!(
                "replicas are plain processes that see each other and all of the machine ({refused})"
            ),
        ),
    };
    let fix = "run Ondol as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, \
               kernel.apparmor_restrict_unprivileged_userns=0";
    finding("isolation", enforced, why, fix)
}

fn addresses(sandbox: Sandbox) -> Finding {
    let why = match sandbox {
        Sandbox::None => {
            "services must listen on $PORT and call each other by <NAME>_HOST and <NAME>_PORT, because two of them \
             cannot have the same port"
        }
        _ => "each replica has an address of its own, and services are called by name on any port",
    };
    finding("addresses", sandbox != Sandbox::None, why, "see isolation")
}

fn files(sandbox: Sandbox) -> Finding {
    let why = match sandbox {
        Sandbox::None => {
            "services see the machine's files; volumes are named in $ONDOL_VOLUME_<NAME>, and paths of mounts are \
             rewritten in commands and variables only"
        }
        _ => {
            "services see the machine's programs read-only in effect, and mounts where the file says"
        }
    };
    finding("files", sandbox != Sandbox::None, why, "see isolation")
}

const WAY_OUT: &str = "outgoing traffic";

fn way_out(sandbox: Sandbox, subnets: Subnets) -> Finding {
    let why = match sandbox {
        Sandbox::Root => match machine::make_way_out(subnets) {
            Ok(()) => "replicas reach the outside by address translation",
            Err(why) => {
                let why = format!("services cannot call the outside: {why}");
                return finding(
                    WAY_OUT,
                    false,
                    why,
                    "install nftables: apt install nftables",
                );
            }
        },
        Sandbox::User | Sandbox::None => {
            "services use the machine's network, those of internal networks too"
        }
    };
    finding(WAY_OUT, true, why, "")
}

fn way_out_of_world(way: Way) -> Finding {
    match way {
        Way::Open(program) => {
            let why = format!("replicas reach the outside by {}", program.display());
            finding(WAY_OUT, true, why, "")
        }
        Way::Looking => finding(
            WAY_OUT,
            false,
            "a program that carries it is being fetched or started: services cannot call the outside yet",
            "ask again in a moment",
        ),
        Way::Closed { why, fix } => {
            let why = format!("services cannot call the outside, only each other: {why}");
            finding(WAY_OUT, false, why, &fix)
        }
    }
}

fn limits(ground: &Ground) -> Vec<Finding> {
    let [memory, cpu, pids] = ground.limits();
    let names = [
        ("memory limits", memory.1),
        ("cpu limits", cpu.1),
        ("process limits", pids.1),
    ];
    let fix = "run Ondol as root, or as a systemd user service with Delegate=yes";
    names
        .into_iter()
        .map(|(what, enforced)| {
            let why = match enforced {
                true => "control groups hold replicas to what their file says",
                false => "this user may make no control group with that controller: the file's limits are not in force",
            };
            finding(what, enforced, why, fix)
        })
        .collect()
}

fn low_ports() -> Finding {
    let first = crate::net::first_port();
    let why = match first == 0 {
        true => "any port can be published".to_owned(),
        false => format!("ports below {first} cannot be published on the machine"),
    };
    let fix = "publish a higher port (`8080:80`), or sysctl net.ipv4.ip_unprivileged_port_start=0";
    finding("ports below 1024", first == 0, why, fix)
}

fn packages(sandbox: Sandbox) -> Finding {
    let apt = std::path::Path::new("/usr/bin/apt-get").exists();
    let (enforced, why) = match (apt, sandbox) {
        (true, Sandbox::Root | Sandbox::User) => (
            true,
            "missing programs are fetched as Debian packages and shown to their service only",
        ),
        (true, Sandbox::None) => (
            false,
            "fetched packages cannot be shown where their programs look for them",
        ),
        (false, _) => (
            false,
            "there is no apt-get here: programs that services need must be installed already",
        ),
    };
    finding(
        "packages",
        enforced,
        why,
        "install the programs yourself, or use Debian or Ubuntu",
    )
}
