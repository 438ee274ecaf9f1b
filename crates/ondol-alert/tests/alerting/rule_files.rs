use expect_test::{Expect, expect};
use ondol_alert::{Group, RuleKind, parse_rules};

fn check(expr: &str) -> Result<(), (String, std::ops::Range<usize>)> {
    match expr.find('#') {
        Some(at) => Err(("`#` means nothing here".to_owned(), at..at + 1)),
        None => Ok(()),
    }
}

fn read(text: &str) -> Vec<Group> {
    parse_rules("rules.yaml", text, &check).unwrap()
}

fn wrong(text: &str, expected: &Expect) {
    let problems = parse_rules("rules.yaml", text, &check).unwrap_err();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn a_rule_file_is_read_whole() {
    let groups = read(
        "groups:
- name: shop
  interval: 15s
  limit: 10
  query_offset: 30s
  labels: {team: shop, severity: none}
  rules:
  - record: service:requests:rate5m
    expr: sum by (service) (rate(requests_total[5m]))
    labels: {from: \"{{ literally }}\"}
  - alert: ManyErrors
    expr: |
      error_ratio > 0.05
    for: 1m30s
    keep_firing_for: 5m
    labels: {severity: page}
    annotations:
      summary: 'Errors of {{ $labels.service }}'
- name: empty
",
    );
    assert_eq!(groups.len(), 2);
    let shop = &groups[0];
    assert_eq!(
        (shop.interval_ms, shop.limit, shop.query_offset_ms),
        (15_000, 10, 30_000)
    );
    assert_eq!(groups[1].interval_ms, 60_000);
    let [record, alert] = &shop.rules[..] else {
        panic!("{shop:?}");
    };
    assert_eq!(record.kind, RuleKind::Recording);
    assert_eq!(record.labels["from"].text(), "{{ literally }}");
    let alerting = alert.alerting().unwrap();
    assert_eq!(
        (alerting.hold_ms, alerting.keep_firing_ms),
        (90_000, 300_000)
    );
    assert_eq!(alert.labels["team"].text(), "shop");
    assert_eq!(alert.labels["severity"].text(), "page");
    assert_eq!(alert.expr, "error_ratio > 0.05\n");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    wrong(
        "groups:
- name: a
  intervall: 15s
  rules:
  - alert: A
    exprs: up
  - record: 'a b'
    expr: 'up # '
    for: 1m
  - alert: B
    record: B
    expr: up
  - alert: C
    expr: up
    for: soon
    labels: {1a: x}
    annotations: {summary: '{{ humanise $value }}', broken: '{{ $value'}
- name: a
  interval: 0s
  limit: many
  rules: {}
more: 1
",
        &expect![[r#"
            3:3: a group has no key `intervall`; did you mean `interval`?
            5:5: a rule needs `expr`
            6:5: a rule has no key `exprs`; did you mean `expr`?
            7:13: `a b` cannot be the name of a series: letters, digits, `_` and `:`, not beginning with a digit
            8:15: `#` means nothing here
            9:10: a recording rule has no `for`
            11:13: a rule is either `alert` or `record`, and this one is both
            15:10: `soon` is not a length of time such as 1m30s
            16:14: `1a` cannot be the name of a label: letters, digits and `_`, not beginning with a digit
            17:28: template: there is no function `humanise`; did you mean `humanize`? (at its byte 3)
            17:61: template: this action is not closed by `}}` (at its byte 0)
            18:3: the group `a` is there twice in this file
            19:13: a group cannot be evaluated every 0 s
            20:10: `limit` is a whole number, 0 or more
            21:10: this is a mapping; expected a list
            22:1: a rule file has no key `more`; it has groups
        "#]],
    );
}

#[test]
fn what_is_no_rule_file_is_told() {
    for text in [
        "[1, 2]",
        "groups: 5",
        "groups:\n  - 5",
        "a: [",
        "groups: []\n---\ngroups: []",
        "text",
    ] {
        assert!(parse_rules("r", text, &check).is_err(), "{text}");
    }
    assert_eq!(parse_rules("r", "", &check), Ok(Vec::new()));
    let bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n".to_owned()
        + &('b'..='i')
            .map(|c| {
                format!(
                    "{c}: &{c} [{}]\n",
                    vec![format!("*{}", (c as u8 - 1) as char); 9].join(",")
                )
            })
            .collect::<String>();
    let problems = parse_rules("r", &bomb, &check).unwrap_err();
    assert!(problems[0].message.contains("aliases"), "{problems:?}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(groups|name|rules|alert|expr|for|labels|- |: |\n|  |\\{|\\}|\\[|\\]|é|'|\"|[a-z0-9&*!#|>]){0,60}") {
        let _ = parse_rules("r", &text, &check);
    }
}
