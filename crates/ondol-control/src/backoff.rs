use std::time::Duration;

use ondol_model::ReplicaId;

/// The longest pause between two starts.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A replica that was ready for so long has proved itself: its crashes before are forgotten.
pub(crate) const HEALTHY_AFTER: Duration = Duration::from_secs(30);

const PAUSE_FIRST_MS: u64 = 100;
/// The first pause after a failed preparation, which usually means the network: 100 ms would only be noise.
const PREPARE_DOUBLINGS: u32 = 4;

/// The pause before the start that follows `crashes` crashes in a row: none after the first, then 100 ms, doubled
/// each time up to [`PAUSE_MAX`], with +-20 % that depend on the replica, so that many that crash together do not
/// come back together.
pub(crate) fn pause(replica: &ReplicaId, crashes: u32) -> Duration {
    match crashes {
        0 | 1 => Duration::ZERO,
        _ => doubled(
            crashes - 2,
            hash(replica.service.as_str(), replica.number, crashes),
        ),
    }
}

/// The pause before a preparation is tried again after `failures` failures in a row.
pub(crate) fn prepare_pause(service: &str, failures: u32) -> Duration {
    doubled(
        failures.saturating_sub(1).saturating_add(PREPARE_DOUBLINGS),
        hash(service, 0, failures),
    )
}

fn doubled(doublings: u32, seed: u64) -> Duration {
    let millis = PAUSE_FIRST_MS.saturating_mul(1 << doublings.min(20));
    let per_mille = 800 + seed % 401;
    Duration::from_millis(millis.saturating_mul(per_mille) / 1000).min(PAUSE_MAX)
}

/// FNV-1a: stable across builds and machines, unlike the standard library's hasher.
fn hash(name: &str, number: u32, attempt: u32) -> u64 {
    let numbers = number
        .to_le_bytes()
        .into_iter()
        .chain(attempt.to_le_bytes());
    name.bytes()
        .chain(numbers)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replica(number: u32) -> ReplicaId {
        ReplicaId {
            project: "shop".parse().unwrap(),
            service: "web".parse().unwrap(),
            number,
        }
    }

    #[test]
    fn the_first_restart_is_immediate_and_the_cap_is_reached() {
        assert_eq!(pause(&replica(1), 1), Duration::ZERO);
        assert_eq!(pause(&replica(1), 40), PAUSE_MAX);
        assert_eq!(pause(&replica(1), u32::MAX), PAUSE_MAX);
    }

    #[test]
    fn replicas_that_crash_together_come_back_apart() {
        assert_ne!(pause(&replica(1), 5), pause(&replica(2), 5));
    }

    proptest! {
        #[test]
        fn each_pause_is_within_a_fifth_of_the_doubled_one(number in 1u32..100, crashes in 2u32..9) {
            let nominal = 100.0 * f64::from(1 << (crashes - 2));
            let pause = pause(&replica(number), crashes).as_millis() as f64;
            prop_assert!((nominal * 0.8 - 1.0..=nominal * 1.2).contains(&pause), "{pause} for {nominal}");
        }
    }
}
