use ondol_alert::Durable;

use crate::story::{BEGIN_MS, Story, grouped, sample, to};

const RULES: &str = "
groups:
- name: g
  interval: 10s
  rules:
  - {alert: Down, expr: down, for: 30s}
";

#[test]
fn a_restart_at_any_moment_tells_nothing_twice_and_forgets_nothing() {
    for until in (0..400).step_by(5) {
        let mut story = Story::of(RULES, to(vec![grouped("ops", "")]));
        story.answer("down", vec![sample("service=web", 1.0)]);
        story.pass(until * 1000);
        let before = story.told();
        let was_firing = story.states() == ["web=firing"];
        let kept: Durable =
            serde_json::from_str(&serde_json::to_string(&story.kept).unwrap()).unwrap();
        let mut story = Story::after(
            kept,
            BEGIN_MS + until * 1000 + 5_000,
            RULES,
            to(vec![grouped("ops", "")]),
        );
        story.answer("down", vec![sample("service=web", 1.0)]);
        assert!(
            !was_firing || story.states() == ["web=firing"],
            "killed after {until} s"
        );
        story.pass(200_000);
        let after = story.told();
        assert_eq!(
            before.len() + after.len(),
            1,
            "killed after {until} s: {before:?}, then {after:?}"
        );
        story.answer("down", vec![]);
        story.pass(400_000);
        assert_eq!(story.told().len(), 1, "its end is told");
    }
}

#[test]
fn time_away_does_not_count_for_what_is_pending() {
    let mut story = Story::of(RULES, to(vec![]));
    story.answer("down", vec![sample("service=web", 1.0)]);
    story.pass(15_000);
    assert_eq!(story.states(), ["web=pending"]);
    let mut story = Story::after(story.kept, BEGIN_MS + 600_000, RULES, to(vec![]));
    story.answer("down", vec![sample("service=web", 1.0)]);
    story.pass(10_000);
    assert_eq!(story.states(), ["web=pending"]);
    story.pass(30_000);
    assert_eq!(story.states(), ["web=firing"]);
}

#[test]
fn alerts_whose_rule_is_gone_are_over_and_those_of_others_stay() {
    let rules = RULES.replace("for: 30s", "for: 0s");
    let mut story = Story::of(&rules, to(vec![grouped("ops", "")]));
    story.answer("down", vec![sample("service=web", 1.0)]);
    story.pass(60_000);
    assert_eq!(story.told().len(), 1);
    let more = rules.clone() + "  - {alert: More, expr: more}\n";
    let set = |text: &str| {
        ondol_alert::Event::Rules(
            ondol_alert::parse_rules("rules.yaml", text, &|_| Ok(())).unwrap(),
        )
    };
    story.handle(set(&more));
    assert_eq!(story.states(), ["web=firing"]);
    story.handle(set("groups: []"));
    assert!(story.states().is_empty());
    assert_eq!(story.written.len(), 2, "its series end");
    story.pass(400_000);
    assert!(story.told()[0].ends_with("web."));
}
