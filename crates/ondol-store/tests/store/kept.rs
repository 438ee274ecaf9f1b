use ondol_control::{Memory, Refused};
use ondol_model::{Digest, EventQuery, ReplicaId, RunId, Transport};
use ondol_store::{AuditEntry, EVENTS_MAX, Kept, PortKey, REVISIONS_MAX, Store};

use crate::setup::{Folder, note, scaled, service, wish};

#[test]
fn a_wish_is_there_again_after_the_node_restarts() {
    let folder = Folder::new();
    let mut wanted = scaled("shop", 3);
    wanted.stopped.insert("mail".parse().unwrap());
    Store::open(folder.path())
        .unwrap()
        .keep(&wanted, "user 0", 1)
        .unwrap();

    let store = Store::open(folder.path()).unwrap();

    let kept = Kept {
        wish: wanted,
        revision: 1,
    };
    assert_eq!(store.wishes().unwrap(), [kept]);
}

#[test]
fn only_a_changed_definition_is_a_new_revision() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    let shop = "shop".parse().unwrap();

    assert_eq!(store.keep(&wish("shop", 80), "user 0", 10).unwrap(), 1);
    assert_eq!(store.keep(&wish("shop", 80), "user 1", 11).unwrap(), 1);
    assert_eq!(store.keep(&wish("shop", 81), "user 2", 12).unwrap(), 2);
    assert_eq!(store.keep(&scaled("shop", 3), "user 3", 13).unwrap(), 3);
    assert_eq!(store.keep(&scaled("shop", 4), "user 3", 14).unwrap(), 3);
    assert_eq!(store.keep(&wish("shop", 80), "user 4", 15).unwrap(), 4);

    let said: Vec<_> = store.revisions(&shop).unwrap();
    let said: Vec<_> = said
        .iter()
        .map(|r| (r.number, r.made_by.as_str(), r.current))
        .collect();
    assert_eq!(
        said,
        [
            (4, "user 4", true),
            (3, "user 3", false),
            (2, "user 2", false),
            (1, "user 0", false)
        ]
    );
    let second = store.definition(&shop, 2).unwrap().unwrap();
    assert_eq!(second.edge_port, 81);
    assert_eq!(store.definition(&shop, 9).unwrap(), None);
}

#[test]
fn the_oldest_revisions_leave_first() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    for port in 1..=30 {
        store.keep(&wish("shop", port), "user 0", 0).unwrap();
    }

    let kept = store.revisions(&"shop".parse().unwrap()).unwrap();

    assert_eq!(kept.len() as u64, REVISIONS_MAX);
    assert_eq!((kept[0].number, kept[19].number), (30, 11));
}

#[test]
fn a_discarded_project_leaves_only_its_events() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    let (shop, web) = ("shop".parse().unwrap(), service("shop", "web"));
    store.keep(&wish("shop", 80), "user 0", 0).unwrap();
    store.keep(&wish("other", 80), "user 0", 0).unwrap();
    store.address(&web).unwrap();
    store.add_events(&[note(web.clone(), "why")], 5).unwrap();

    assert!(store.discard(&shop).unwrap());
    assert!(!store.discard(&shop).unwrap());

    let names: Vec<_> = store.wishes().unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(store.revisions(&shop).unwrap(), []);
    assert_eq!(store.addresses().unwrap(), []);
    assert_eq!(store.events(&everything()).unwrap().len(), 1);
}

#[test]
fn what_was_decided_is_there_again_until_its_service_is_not_wanted() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    let (web, other) = (service("shop", "web"), service("other", "web"));
    let memory = |run| Memory {
        renewed: RunId(run),
        refused: Some(Refused {
            definition: Digest::of(b"bad"),
            why: "exit 1".to_owned(),
            back_to: wish("shop", 80).project,
        }),
        replicas: Some(3),
        ports_asleep: vec![80],
    };
    store.keep(&wish("shop", 80), "user 0", 0).unwrap();
    for (service, run) in [(&web, 1), (&other, 2), (&web, 3)] {
        store.remember(service, &memory(run)).unwrap();
    }
    drop(store);

    let mut store = Store::open(folder.path()).unwrap();
    let kept = store.memories().unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!((&kept[&web], &kept[&other]), (&memory(3), &memory(2)));

    // This project has no services at all.
    store.keep(&wish("shop", 81), "user 0", 0).unwrap();
    let left: Vec<_> = store.memories().unwrap().into_keys().collect();
    assert_eq!(left, [other]);
    store.discard(&"other".parse().unwrap()).unwrap();
    assert!(store.memories().unwrap().is_empty());
}

#[test]
fn a_service_keeps_its_address_and_a_free_one_is_given_again() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    let [a, b, c] = [("x", "a"), ("shop", "b"), ("shop", "c")].map(|(p, s)| service(p, s));
    let given = [&a, &b, &c, &b].map(|of| store.address(of).unwrap());
    assert_eq!(given, [1, 2, 3, 2]);

    store.discard(&"x".parse().unwrap()).unwrap();
    drop(store);
    let mut store = Store::open(folder.path()).unwrap();

    assert_eq!(store.address(&c).unwrap(), 3);
    assert_eq!(store.address(&service("new", "d")).unwrap(), 1);
    assert_eq!(store.address(&service("new", "e")).unwrap(), 4);
    assert_eq!(
        store.addresses().unwrap(),
        [
            (service("new", "d"), 1),
            (b, 2),
            (c, 3),
            (service("new", "e"), 4)
        ]
    );
}

#[test]
fn a_chosen_port_is_remembered_for_its_transport() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    let tcp = PortKey {
        service: service("shop", "web"),
        target: 80,
        transport: Transport::Tcp,
    };
    let udp = PortKey {
        transport: Transport::Udp,
        ..tcp.clone()
    };
    store.keep_port(&tcp, 40001).unwrap();
    store.keep_port(&tcp, 40002).unwrap();

    assert_eq!(store.port(&tcp).unwrap(), Some(40002));
    assert_eq!(store.port(&udp).unwrap(), None);
}

#[test]
fn events_come_back_as_they_were_and_in_order() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    let web = service("shop", "web");
    let mut about_replica = note(web.clone(), "exit 1 after 0.3 s");
    about_replica.replica = Some(ReplicaId {
        project: web.project.clone(),
        service: web.service.clone(),
        number: 2,
    });
    let notes = [about_replica, note(service("shop", "db"), "b")];
    store.add_events(&notes, 5).unwrap();
    let newest = store.add_events(&[note(web.clone(), "c")], 7).unwrap();

    let all = store.events(&everything()).unwrap();
    assert_eq!(newest, 3);
    assert_eq!(store.newest_event().unwrap(), 3);
    assert_eq!([&all[0].note, &all[1].note], [&notes[0], &notes[1]]);
    assert_eq!((all[2].id, all[2].at_unix_ms), (3, 7));

    let asked = |query: EventQuery| -> Vec<u64> {
        let found = store.events(&query).unwrap();
        found.iter().map(|event| event.id).collect()
    };
    let of_web = EventQuery {
        project: Some(web.project.clone()),
        service: Some(web.service.clone()),
        ..everything()
    };
    assert_eq!(asked(of_web), [1, 3]);
    let after = EventQuery {
        after_id: 1,
        ..everything()
    };
    assert_eq!(asked(after), [2, 3]);
    let since = EventQuery {
        since_unix_ms: 6,
        ..everything()
    };
    assert_eq!(asked(since), [3]);
    let newest_two = EventQuery {
        limit: 2,
        ..everything()
    };
    assert_eq!(asked(newest_two.clone()), [2, 3]);
    let oldest_two = EventQuery {
        oldest_first: true,
        ..newest_two
    };
    assert_eq!(asked(oldest_two), [1, 2]);
}

#[test]
fn events_are_a_ring() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    let batch: Vec<_> = (0..700)
        .map(|_| note(service("shop", "web"), "again"))
        .collect();
    for _ in 0..80 {
        store.add_events(&batch, 0).unwrap();
    }

    let kept = store.events(&everything()).unwrap();

    assert_eq!(kept.last().unwrap().id, 56_000);
    let count = kept.len() as u64;
    assert!(
        (EVENTS_MAX..EVENTS_MAX + 1_000).contains(&count),
        "{count} kept"
    );
}

#[test]
fn what_people_asked_for_is_recorded() {
    let folder = Folder::new();
    let mut store = Store::open(folder.path()).unwrap();
    let entry = |did: &str| AuditEntry {
        at_unix_ms: 3,
        who: "user 1000".into(),
        did: did.into(),
        project: Some("shop".parse().unwrap()),
    };
    store.record(&entry("up")).unwrap();
    store.record(&entry("scale web to 3")).unwrap();

    assert_eq!(
        store.audit(10).unwrap(),
        [entry("scale web to 3"), entry("up")]
    );
    assert_eq!(store.audit(1).unwrap().len(), 1);
}

fn everything() -> EventQuery {
    EventQuery {
        limit: u32::MAX,
        ..EventQuery::default()
    }
}
