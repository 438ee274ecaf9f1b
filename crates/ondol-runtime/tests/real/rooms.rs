//! Real processes in rooms of their own, as root and inside a world.

use std::time::Duration;

use crate::support::{self, Node, sandboxes, service};
use ondol_model::*;
use ondol_runtime::Sandbox;

#[tokio::test]
async fn a_room_shows_the_machines_programs_and_nothing_of_its_own_is_the_machines() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let script = "id -u; hostname; cat /etc/hosts; ls -a /root /home /var/lib /run; echo mine > /etc/mine; \
                      echo x > /usr/bin/x; cat /etc/shadow | head -1; ls /proc | grep -c '^[0-9]'; \
                      echo t > /tmp/t; ls -la /dev; ls /.old /run/.stage; cat /proc/1/comm; mount | wc -l";
        let run = node.start(service("web", &["sh", "-c", script]), 1);
        let exit = node.exited(&run).await;
        let words = node.lines(&run).join("\n");
        assert_eq!(exit, Exit::Code(0), "{words}");
        assert!(
            words.starts_with("0\nweb-1\n127.0.0.1\tlocalhost"),
            "{words}"
        );
        assert!(
            words.contains("root:*:") && words.contains("ondol-room"),
            "{words}"
        );
        assert!(!std::path::Path::new("/etc/mine").exists());
        assert!(!std::path::Path::new("/usr/bin/x").exists());
        // It keeps what it wrote through restarts.
        let run = node.start(service("web", &["cat", "/etc/mine"]), 2);
        assert_eq!(node.exited(&run).await, Exit::Code(0));
        assert_eq!(node.lines(&run), ["mine"]);
    }
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story: everything that a file can mount"
)]
async fn volumes_secrets_binds_and_memory_are_where_the_file_says() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let host = node.dir.with_extension("bound");
        std::fs::create_dir_all(&host).unwrap();
        std::fs::write(host.join("f"), "from the machine").unwrap();
        let mount = |source, target: &str, read_only| Mount {
            source,
            target: target.into(),
            read_only,
        };
        let volume = || MountSource::Volume {
            name: "data".into(),
            subpath: None,
            nocopy: false,
        };
        let bind = || MountSource::Bind {
            path: host.clone(),
            create: false,
        };
        let script = "cat /bound/f /run/secrets/key /conf/one; stat -c '%a %u %U' /run/secrets/key /data; \
                      echo kept > /data/x; echo no > /bound/g; df /mem | tail -1 | tr -s ' ' | cut -d' ' -f2; id -un";
        let mut web = service("web", &["sh", "-c", script]);
        web.user = Some("daemon".into());
        web.mounts = vec![
            mount(volume(), "/data", false),
            mount(bind(), "/bound", true),
            mount(
                MountSource::Tmpfs {
                    size: Some(Bytes(1 << 20)),
                    mode: None,
                },
                "/mem",
                false,
            ),
        ];
        let granted = |target: &str, mode| GrantedFile {
            source: "key".into(),
            target: target.into(),
            uid: None,
            gid: None,
            mode,
        };
        web.secrets = vec![granted("/run/secrets/key", 0o400)];
        web.configs = vec![granted("/conf/one", 0o444)];
        let mut project = Project::clone(&support::project());
        let stored = |text: &str| StoredFile {
            name: None,
            source: FileSource::Content(text.into()),
            digest: None,
        };
        project.secrets.insert("key".into(), stored("\nsecret\n"));
        project.configs.insert("key".into(), stored("config\n"));
        let run = node.start_in(web, 1, project);
        let exit = node.exited(&run).await;
        let lines = node.lines(&run);
        let expected = [
            "from the machine",
            "secret",
            "config",
            "400 1 daemon",
            "755 1 daemon",
            "sh: 1: cannot create /bound/g: Read-only file system",
            "1024",
            "daemon",
        ];
        let mut sorted: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut wanted = expected.to_vec();
        sorted.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(sorted, wanted, "{sandbox:?}");
        assert_eq!(exit, Exit::Code(0));
        let kept = node.dir.join("volumes/shop_data/x");
        assert_eq!(std::fs::read_to_string(&kept).unwrap(), "kept\n");
        // It goes with its project when that is asked for, and not before.
        node.engine
            .discard_project(run.replica.project.clone(), false)
            .await;
        assert!(!node.dir.join("replicas/shop").exists());
        assert!(kept.exists());
        node.engine
            .discard_project(run.replica.project.clone(), true)
            .await;
        assert!(!kept.exists());
        std::fs::remove_dir_all(host).unwrap();
    }
}

#[tokio::test]
async fn a_link_planted_in_a_volume_does_not_lead_a_mount_to_the_machine() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let mount = |source, target: &str| Mount {
            source,
            target: target.into(),
            read_only: false,
        };
        let volume = || MountSource::Volume {
            name: "data".into(),
            subpath: None,
            nocopy: false,
        };
        let mut web = service(
            "web",
            &[
                "sh",
                "-c",
                "ln -s /etc /data/x; ln -s ../../../../tmp /data/y",
            ],
        );
        web.mounts = vec![mount(volume(), "/data")];
        let run = node.start(web.clone(), 1);
        assert_eq!(node.exited(&run).await, Exit::Code(0));
        web.command = Some(vec![
            "sh".into(),
            "-c".into(),
            "touch /data/x/in; ls -d /etc/ondol-planted/".into(),
        ]);
        web.mounts.push(mount(
            MountSource::Tmpfs {
                size: None,
                mode: None,
            },
            "/data/x/ondol-planted",
        ));
        let run = node.start(web, 2);
        assert_eq!(
            node.exited(&run).await,
            Exit::Code(0),
            "{:?}",
            node.lines(&run)
        );
        assert!(!std::path::Path::new("/etc/ondol-planted").exists());
    }
}

#[tokio::test]
async fn a_killed_shim_ends_everything_in_its_room() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let script = "setsid sh -c 'setsid sleep 300 & sleep 300' & sleep 300";
        let run = node.start(service("web", &["sh", "-c", script]), 1);
        let pid = node.started(&run).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(support::marked(&node, &run.replica).len() >= 3);
        support::kill(support::parent(pid).unwrap());
        assert_eq!(node.exited(&run).await, Exit::Lost);
        support::eventually("nothing is left", || {
            support::marked(&node, &run.replica).is_empty()
        })
        .await;
    }
}

#[tokio::test]
async fn a_service_that_forks_without_end_is_bounded_and_one_that_eats_memory_is_told_so() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let unbounded: Vec<_> = node
            .engine
            .doctor()
            .into_iter()
            .filter(|finding| {
                !finding.enforced
                    && ["memory limits", "process limits"].contains(&finding.what.as_str())
            })
            .collect();
        if !unbounded.is_empty() {
            support::skip(format_args!("{sandbox:?}: {unbounded:?}"));
            continue;
        }
        let mut bomb = service(
            "bomb",
            &["sh", "-c", "f() { f | f & }; f; sleep 1; f; sleep 60"],
        );
        bomb.resources.pids_limit = Some(30);
        let run = node.start(bomb, 1);
        node.started(&run).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(support::marked(&node, &run.replica).len() <= 30);
        node.engine.kill(run.replica.clone(), run.run);
        node.exited(&run).await;
        assert!(support::marked(&node, &run.replica).is_empty());
        let mut hungry = service(
            "hungry",
            &["python3", "-c", "x = 'a' * (300 << 20); print(len(x))"],
        );
        hungry.resources.memory_limit = Some(Bytes(64 << 20));
        let run = node.start(hungry, 2);
        assert_eq!(node.exited(&run).await, Exit::OutOfMemory);
    }
}

#[tokio::test]
async fn a_program_can_be_run_inside() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let mut web = service("web", &["sleep", "60"]);
        web.user = Some("daemon".into());
        web.environment.insert("COLOR".into(), "blue".into());
        let run = node.start(web, 1);
        node.started(&run).await;
        let hook = |command: &str, user: Option<&str>| Hook {
            privileged: false,
            command: ["sh", "-c", command].map(str::to_owned).into(),
            user: user.map(str::to_owned),
            working_dir: Some("/var/tmp".into()),
            environment: [("SIZE".to_owned(), "9".to_owned())].into(),
        };
        let limit = Duration::from_secs(5);
        let id = &run.replica;
        node.engine.hook(
            id.clone(),
            run.run,
            hook("echo $COLOR $SIZE $(id -un) $PWD", None),
            limit,
        );
        let first = node.hooked().await;
        assert_eq!(first.saw, "exit 0: blue 9 daemon /var/tmp");
        node.engine.hook(
            id.clone(),
            run.run,
            hook("echo $(id -un); exit 7", Some("root")),
            limit,
        );
        let second = node.hooked().await;
        assert_eq!((second.ok, second.saw.as_str()), (false, "exit 7: root"));
        let stats = node.engine.stats(id).await.unwrap();
        assert!(stats.pids <= 2, "{stats:?}");
    }
}

/// Root can do what an ordinary user cannot: the same tests once more as one.
#[test]
fn the_same_works_for_an_ordinary_user() {
    const NOBODY: &str = "65534";
    if std::env::var_os("ONDOL_TEST_AS_NOBODY").is_some() {
        return;
    }
    if Sandbox::Root.works().is_err() {
        support::skip(format_args!("these tests run as an ordinary user already"));
        return;
    }
    // On a desktop everybody may open it; here perhaps only root.
    const TUN: &str =
        "mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200; exec setpriv \"$@\"";
    let output = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", TUN, "sh"])
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(["--nocapture"])
        .current_dir("/")
        .env("ONDOL_TEST_AS_NOBODY", "1")
        .env("HOME", "/nonexistent")
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(126) && output.status.code() != Some(127) => {
            output
        }
        other => {
            support::skip(format_args!(
                "an ordinary user cannot run this test's program: {other:?}"
            ));
            return;
        }
    };
    let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
}

#[tokio::test]
async fn what_prepare_makes_is_seen_by_the_service_and_not_by_the_machine() {
    for sandbox in sandboxes() {
        let mut node = Node::new(sandbox).await;
        let context = node.dir.with_extension("context");
        std::fs::create_dir_all(&context).unwrap();
        std::fs::write(context.join("name"), "source").unwrap();
        let mut web = service("web", &["cat", "made", "/usr/local/bin/tool"]);
        web.build = Some(Build {
            context: context.clone(),
            dockerfile: None,
            dockerfile_inline: None,
            target: None,
            args: Default::default(),
        });
        web.prepare = Some(vec![
            "cat name > made; echo tool > /usr/local/bin/tool; echo done".into(),
        ]);
        let mut project = Project::clone(&support::project());
        project
            .services
            .insert(web.name.clone(), web.clone().into());
        let definition = Digest::of(b"1");
        let of = project.clone().into();
        node.engine.prepare(of, web.name.clone(), definition, false);
        node.until(|said| match said {
            Observation::Prepared { .. } => Some(()),
            Observation::PrepareFailed { why, .. } => panic!("{sandbox:?}: {why}"),
            _ => None,
        })
        .await;
        let run = node.start_in(web, 1, project);
        let exit = node.exited(&run).await;
        assert_eq!(node.lines(&run), ["sourcetool"], "{sandbox:?}");
        assert_eq!(exit, Exit::Code(0));
        assert!(!context.join("made").exists());
        assert!(!std::path::Path::new("/usr/local/bin/tool").exists());
        std::fs::remove_dir_all(context).unwrap();
    }
}

#[tokio::test]
async fn a_replica_can_start_again_the_moment_it_ended() {
    for sandbox in sandboxes().into_iter().chain([Sandbox::None]) {
        let mut node = Node::new(sandbox).await;
        for number in 1..=15 {
            let run = node.start(service("web", &["sh", "-c", "echo here; exit 5"]), number);
            assert_eq!(
                node.exited(&run).await,
                Exit::Code(5),
                "{sandbox:?} {number}"
            );
            assert_eq!(node.lines(&run), ["here"]);
        }
    }
}
