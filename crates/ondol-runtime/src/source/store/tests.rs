use super::*;
use crate::source::SourceErrorKind;

fn store(name: &str) -> Store {
    let dir = std::env::temp_dir().join(format!("ondol-store-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    Store::new(&dir)
}

#[test]
fn a_layer_is_made_once_and_whole_or_not_at_all() {
    let store = store("layer");
    let digest = Digest::of(b"x");
    let failed = store.layer(&digest, |dir| {
        fs::write(dir.join("half"), "").unwrap();
        Err(SourceError::new(SourceErrorKind::Prepare, "no", ""))
    });
    assert!(failed.is_err());
    let made = store.layer(&digest, |dir| {
        fs::write(dir.join("whole"), "").map_err(|e| SourceError::io("", &e))
    });
    let layer = made.unwrap();
    assert!(layer.join("whole").exists() && !layer.join("half").exists());
    assert_eq!(
        store.layer(&digest, |_| panic!("made twice")).unwrap(),
        layer
    );
    fs::remove_dir_all(&store.state_dir).unwrap();
}

#[test]
fn sweeping_keeps_what_a_service_or_a_replica_uses() {
    let store = store("sweep");
    let make = |name: &str| {
        store
            .layer(&Digest::of(name.as_bytes()), |_| Ok(()))
            .unwrap()
    };
    let (wanted, running, left) = (make("wanted"), make("running"), make("left"));
    store
        .remember(&Digest::of(b"service"), &vec![wanted.clone()])
        .unwrap();
    let replica = store.state_dir.join("replicas/shop/web-1");
    fs::create_dir_all(&replica).unwrap();
    fs::write(
        replica.join("spec.json"),
        format!("{{\"layers\":[{running:?}]}}"),
    )
    .unwrap();
    let working = store.at_work().unwrap();
    store.sweep();
    assert!(left.exists(), "somebody is at work");
    drop(working);
    store.sweep();
    assert!(wanted.exists() && running.exists() && !left.exists());
    assert_eq!(store.recall(&Digest::of(b"service")), Some(vec![wanted]));
    fs::remove_dir_all(&store.state_dir).unwrap();
}
