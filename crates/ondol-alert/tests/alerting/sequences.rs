//! All short sequences, against a model that is as plain as can be; and random long ones, for what must always hold.

use std::collections::BTreeMap;

use ondol_alert::Message;
use proptest::prelude::*;

use crate::story::{Story, grouped, sample, to};

/// What an alert must be after each evaluation, from the whole sequence: `for` and `keep_firing_for` in evaluations.
fn expected(holds: &[bool], hold: usize, keep: usize) -> Vec<&'static str> {
    let (mut states, mut since, mut gone, mut state) = (Vec::new(), 0, 0, "");
    for (at, holds) in holds.iter().enumerate() {
        state = match (state, holds) {
            ("" | "inactive", true) => {
                since = at;
                if hold == 0 { "firing" } else { "pending" }
            }
            ("pending", true) if at - since >= hold => "firing",
            ("pending", false) => "",
            ("firing", true) => {
                gone = 0;
                "firing"
            }
            ("firing", false) => {
                gone += 1;
                if gone > keep { "inactive" } else { "firing" }
            }
            (other, _) => other,
        };
        if state != "firing" {
            gone = 0;
        }
        states.push(state);
    }
    states
}

#[test]
fn every_short_sequence_of_results_comes_to_what_the_rule_says() {
    for hold in 0..3 {
        for keep in 0..3 {
            let rules = format!(
                "groups: [{{name: g, interval: 10s, rules: [{{alert: A, expr: x, for: {}s, keep_firing_for: {}s}}]}}]",
                hold * 10,
                keep * 10
            );
            for bits in 0_u32..1 << 8 {
                let holds: Vec<bool> = (0..8).map(|bit| bits >> bit & 1 == 1).collect();
                let mut story = Story::of(&rules, to(vec![]));
                let mut states = Vec::new();
                for holds in &holds {
                    let result = if *holds {
                        vec![sample("service=web", 1.0)]
                    } else {
                        vec![]
                    };
                    story.answer("x", result);
                    story.pass(10_000);
                    let state = story
                        .machine
                        .alerts()
                        .next()
                        .map(|(_, alert)| alert.state.name());
                    states.push(state.unwrap_or(""));
                }
                assert_eq!(
                    states,
                    expected(&holds, hold, keep),
                    "for {hold}, keep {keep}: {holds:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn receivers_hear_of_every_end_of_what_they_heard_and_of_nothing_twice(
        steps in prop::collection::vec((0_u8..8, 1_i64..40, any::<bool>()), 1..60)
    ) {
        let rules = "groups: [{name: g, interval: 10s, rules: [{alert: A, expr: x}]}]";
        let mut story = Story::of(rules, to(vec![grouped("ops", "")]));
        for (services, seconds, fails) in steps {
            let services = ["a", "b", "c"].iter().enumerate().filter(|(bit, _)| services >> bit & 1 == 1);
            story.answer("x", services.map(|(_, s)| sample(&format!("service={s}"), 1.0)).collect());
            story.outcome = match fails {
                true => Err(ondol_alert::DeliveryError { is_passing: true, message: String::new() }),
                false => Ok(()),
            };
            let arrived_before = story.sent.len();
            story.pass(seconds * 1000);
            if fails {
                story.sent.truncate(arrived_before);
            }
        }
        story.outcome = Ok(());
        story.answer("x", vec![]);
        story.pass(1_000_000);
        let mut firing: BTreeMap<String, bool> = BTreeMap::new();
        let mut last = None;
        for (at, delivery) in &story.sent {
            let Message::Group(group) = &delivery.message else { continue };
            prop_assert!(!group.alerts.is_empty());
            let now: Vec<(String, bool, i64)> = group.alerts.iter()
                .map(|alert| (alert.labels["service"].clone(), alert.is_resolved(), alert.starts_at_ms))
                .collect();
            prop_assert!(last.as_ref() != Some(&now) || *at - story.sent[0].0 > 4 * 3_600_000, "the same twice: {now:?}");
            for (service, is_over, _) in &now {
                firing.insert(service.clone(), !is_over);
            }
            last = Some(now);
        }
        prop_assert!(firing.values().all(|fires| !fires), "never told to be over: {firing:?}");
    }
}
