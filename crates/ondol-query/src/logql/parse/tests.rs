use proptest::prelude::*;

use super::*;

fn printed(text: &str) -> String {
    match parse(text) {
        Ok(expr) => expr.to_string(),
        Err(error) => format!("! {error}"),
    }
}

/// As it is written, and as it is printed.
const PRINTED: &[(&str, &str)] = &[
    (r#"{app="x",env!~"a|b"}"#, r#"{app="x", env!~"a|b"}"#),
    (
        r#"{app="x"}|="a"!="b"|~`\d`!~"c" |> "<_>d" !> "e<_>""#,
        r#"{app="x"} |= "a" != "b" |~ "\\d" !~ "c" |> "<_>d" !> "e<_>""#,
    ),
    (
        r#"{app="x"} |= "a" or "b" or ip("10.0.0.0/8")"#,
        r#"{app="x"} |= "a" or "b" or ip("10.0.0.0/8")"#,
    ),
    (
        r#"{a="x"} | json | logfmt --keep-empty --strict a,b="c""#,
        r#"{a="x"} | json | logfmt --strict --keep-empty a="a", b="c""#,
    ),
    (
        r#"{a="x"} | json ua="h[\"User-Agent\"]", servers"#,
        r#"{a="x"} | json ua="h[\"User-Agent\"]", servers="servers""#,
    ),
    (
        r#"{a="x"} | pattern "<ip> <_>" | regexp "(?P<n>a)" | unpack | decolorize"#,
        r#"{a="x"} | pattern "<ip> <_>" | regexp "(?P<n>a)" | unpack | decolorize"#,
    ),
    (
        r#"{a="x"} | b=1 or c="y" and d>2m, e<=20KB  f!=ip("::1")"#,
        r#"{a="x"} | b == 1 or c="y" and d > 2m and e <= 20KB and f!=ip("::1")"#,
    ),
    (
        r#"{a="x"} | b>=1 or (c="y" and d<-2.5)"#,
        r#"{a="x"} | b >= 1 or (c="y" and d < -2.5)"#,
    ),
    (
        r#"{a="x"} | line_format "{{.b}}" | label_format c=d, e="{{.f}}""#,
        r#"{a="x"} | line_format "{{.b}}" | label_format c=d, e="{{.f}}""#,
    ),
    (
        r#"{a="x"} | drop b, c="d" | keep e, f=~"g""#,
        r#"{a="x"} | drop b, c="d" | keep e, f=~"g""#,
    ),
    (r#"{a="x"} | json != "b""#, r#"{a="x"} | json != "b""#),
    (r#"{a="x"} | json="b""#, r#"{a="x"} | json="b""#),
    (r#"rate({a="x"}[5m])"#, r#"rate({a="x"} [5m])"#),
    (
        r#"rate({a="x"}[5m] offset -1h |= "b")"#,
        r#"rate({a="x"} |= "b" [5m] offset -1h)"#,
    ),
    (
        r#"count_over_time(({a="x"} | json)[90s])"#,
        r#"count_over_time({a="x"} | json [1m30s])"#,
    ),
    (
        r#"bytes_rate(({a="x"}[1.5h]))"#,
        r#"bytes_rate({a="x"} [1h30m])"#,
    ),
    (
        r#"quantile_over_time(.99, {a="x"} | unwrap duration(t) | __error__="" [1m]) by (b)"#,
        r#"quantile_over_time(0.99, {a="x"} | unwrap duration(t) | __error__="" [1m]) by (b)"#,
    ),
    (
        r#"sum_over_time({a="x"}[1m] | json | unwrap bytes(n))"#,
        r#"sum_over_time({a="x"} | json | unwrap bytes(n) [1m])"#,
    ),
    (
        r#"sum(rate({a="x"}[1m]))by(b)"#,
        r#"sum by (b) (rate({a="x"} [1m]))"#,
    ),
    (
        r#"topk without(b)(3,rate({a="x"}[1m]))"#,
        r#"topk without (b) (3, rate({a="x"} [1m]))"#,
    ),
    (
        r#"approx_topk(3,sort_desc(rate({a="x"}[1m])))"#,
        r#"approx_topk(3, sort_desc(rate({a="x"} [1m])))"#,
    ),
    ("1+2*3^2^-1", "1 + 2 * 3 ^ 2 ^ -1"),
    ("vector(1)+vector(1)", "vector(1) + vector(1)"),
    (
        r#"rate({a="x"}[1m])/on(b)group_left(c)rate({a="y"}[1m])>bool 1 or vector(0)"#,
        r#"rate({a="x"} [1m]) / on (b) group_left (c) rate({a="y"} [1m]) > bool 1 or vector(0)"#,
    ),
    (
        r#"label_replace(rate({a="x"}[1m]),"b","$1","c","(.*):.*")"#,
        r#"label_replace(rate({a="x"} [1m]), "b", "$1", "c", "(.*):.*")"#,
    ),
    (
        "# said\n{a=\"x\"} # more\n| json # and more",
        r#"{a="x"} | json"#,
    ),
    (r#"({a="x"} | json)"#, r#"{a="x"} | json"#),
    (
        r#"absent_over_time({a="x"}[1m]) unless (vector(1))"#,
        r#"absent_over_time({a="x"} [1m]) unless (vector(1))"#,
    ),
];

#[test]
fn queries_are_printed_in_one_form() {
    for (text, expected) in PRINTED {
        assert_eq!(printed(text), *expected, "{text}");
        let expr = parse(text).unwrap();
        assert_eq!(parse(expected), Ok(expr), "{expected}");
    }
}

/// What is wrong, and what is said of it.
const WRONG: &[(&str, &str)] = &[
    (
        "",
        "line 1, col 1: the query is empty; expected such as {app=\"x\"}",
    ),
    ("{", "line 1, col 2: the query ends here; expected a label"),
    (
        "{a=\"x\"",
        "line 1, col 7: the query ends here; expected , or }",
    ),
    (
        "{a>\"x\"}",
        "line 1, col 3: unexpected >; expected =, !=, =~ or !~",
    ),
    (
        "{a=x}",
        "line 1, col 4: unexpected x; expected a value in quotes",
    ),
    (
        "{}",
        "line 1, col 1: {} also matches streams without any of its labels; expected at least one label that must have a value, such as app=\"x\"",
    ),
    (
        "{a=~\".*\"}",
        "line 1, col 1: {a=~\".*\"} also matches streams without any of its labels; expected at least one label that must have a value, such as a=~\".+\"",
    ),
    (
        "{a=~\"(\"}",
        "line 1, col 5: error parsing regexp: error: unclosed group",
    ),
    (
        "{a=\"x\"} | nope",
        "line 1, col 11: unexpected nope; expected a stage (json, logfmt, pattern, regexp, unpack, decolorize, line_format, label_format, drop, keep) or a condition on a label",
    ),
    (
        "{a=\"x\"} |= 5",
        "line 1, col 12: unexpected 5; expected a text in quotes, or ip(\"...\")",
    ),
    (
        "{a=\"x\"}\n |~ \"a(\"",
        "line 2, col 5: error parsing regexp: error: unclosed group",
    ),
    (
        "{a=\"x\"} |~ ip(\"1.2.3.4\")",
        "line 1, col 12: ip() cannot follow |~; expected |= or !=",
    ),
    (
        "{a=\"x\"} |= ip(\"1.2.3\")",
        "line 1, col 15: \"1.2.3\" is no address; expected one, a range such as 10.0.0.1-10.0.0.9, or a network such as 10.0.0.0/8",
    ),
    (
        "{a=\"x\"} | b > \"c\"",
        "line 1, col 15: unexpected \"c\"; expected a number, a duration or a size after this comparison",
    ),
    (
        "{a=\"x\"} | b =~ 5",
        "line 1, col 16: unexpected 5; expected a pattern in quotes",
    ),
    (
        "{a=\"x\"} | b > 5parsecs",
        "line 1, col 15: 5parsecs is neither a number, nor a duration such as 1h30m, nor a size such as 20MB",
    ),
    (
        "{a=\"x\"} | json b=\"c[\"",
        "line 1, col 16: \"c[\" is no way to a value, from \"[\" on; expected such as servers[0] or request.headers[\"User-Agent\"]",
    ),
    (
        "{a=\"x\"} | regexp \"a\"",
        "line 1, col 18: the expression has no named group; expected at least one such as (?P<status>\\d+)",
    ),
    (
        "{a=\"x\"} | pattern \"<a><b>\"",
        "line 1, col 19: <b> follows another capture; expected a literal between them",
    ),
    (
        "{a=\"x\"} | line_format \"{{.b\"",
        "line 1, col 23: in the template: an action has no end; expected }}",
    ),
    (
        "{a=\"x\"} | label_format b=c,b=d",
        "line 1, col 28: b is set twice; expected once, or a second label_format",
    ),
    (
        "{a=\"x\"} | label_format b=__error__",
        "line 1, col 26: __error__ cannot be renamed or set; expected another label",
    ),
    (
        "{a=\"x\"} | logfmt --loose",
        "line 1, col 18: unexpected --loose; expected --strict or --keep-empty",
    ),
    (
        "rate({a=\"x\"})",
        "line 1, col 13: unexpected ); expected a range of time such as [5m]",
    ),
    (
        "rate({a=\"x\"}[5])",
        "line 1, col 14: unexpected 5; expected a duration such as 5m",
    ),
    (
        "rate({a=\"x\"}[5m][5m])",
        "line 1, col 17: the range of time is there twice; expected once",
    ),
    (
        "rate({a=\"x\"}[5m]) offset 5m",
        "line 1, col 19: unexpected offset; expected an operator, another stage after |, or the end",
    ),
    (
        "sum_over_time({a=\"x\"}[5m])",
        "line 1, col 1: sum_over_time needs values; expected such as | unwrap duration(took) before the range",
    ),
    (
        "count_over_time({a=\"x\"} | unwrap b [5m])",
        "line 1, col 1: count_over_time counts lines and takes no unwrap; expected it without one",
    ),
    (
        "rate({a=\"x\"}[5m]) by (b)",
        "line 1, col 1: rate takes no by or without; expected sum by (...) (rate(...))",
    ),
    (
        "avg_over_time({a=\"x\"} | unwrap b | json [5m])",
        "line 1, col 34: after unwrap come only conditions on labels; expected this stage before it",
    ),
    (
        "avg_over_time({a=\"x\"} | unwrap weight(b) [5m])",
        "line 1, col 23: weight converts nothing; expected bytes, duration or duration_seconds",
    ),
    (
        "sum({a=\"x\"})",
        "line 1, col 5: lines stand where values are expected; expected such as count_over_time({app=\"x\"}[5m])",
    ),
    (
        "topk(rate({a=\"x\"}[5m]))",
        "line 1, col 6: unexpected rate; expected how many, a number",
    ),
    (
        "topk(0, rate({a=\"x\"}[5m]))",
        "line 1, col 6: topk of 0; expected a whole number from 1 on",
    ),
    (
        "sum(1)",
        "line 1, col 1: sum of a number; expected a vector",
    ),
    (
        "1 and vector(1)",
        "line 1, col 3: and stands between a number and something else; expected two vectors",
    ),
    (
        "vector(1) + bool vector(1)",
        "line 1, col 11: bool follows +; expected it after a comparison",
    ),
    (
        "vector(1) and on (a) group_left vector(1)",
        "line 1, col 22: and takes no group_left or group_right; expected none",
    ),
    (
        "irate({a=\"x\"}[5m])",
        "line 1, col 1: there is no function irate; expected such as rate, count_over_time or sum",
    ),
    (
        "label_replace(vector(1), \"a\", \"b\", \"c\", \"(\")",
        "line 1, col 41: error parsing regexp: error: unclosed group",
    ),
    (
        "{a=\"x\"} extra",
        "line 1, col 9: unexpected extra; expected an operator, another stage after |, or the end",
    ),
    (
        "{a=\"x",
        "line 1, col 4: a text begins with \" and does not end",
    ),
    (
        "{a=\"\\y\"}",
        "line 1, col 4: \"\\y\" has an escape that means nothing; expected one of Go's, or the text in `backticks`",
    ),
];

#[test]
fn what_is_wrong_says_where_and_what_was_expected() {
    for (text, error) in WRONG {
        assert_eq!(printed(text), format!("! parse error at {error}"), "{text}");
    }
}

#[test]
fn depth_and_length_have_an_end() {
    for text in [
        "(".repeat(5000) + "1" + &")".repeat(5000),
        "1+".repeat(5000) + "1",
        "{a=\"x\"} | ".to_owned() + &"(".repeat(5000),
        "{a=\"x\"} | a=1".to_owned() + &" or a=1".repeat(5000),
        "{a=\"x\"}".to_owned() + &"|=\"y\"".repeat(5000),
        "sum(".repeat(5000),
        "{a=\"".to_owned() + &"x".repeat(200_000) + "\"}",
    ] {
        assert!(parse(&text).is_err(), "{}", &text[..20]);
    }
}

#[test]
fn a_selector_alone_is_read() {
    assert_eq!(parse_selector("{}"), Ok(Vec::new()));
    assert_eq!(
        parse_selector("{a=\"x\"}"),
        Ok(vec![Matcher::equal("a", "x")])
    );
    assert!(parse_selector("{a=\"x\"} |= \"y\"").is_err());
}

/// Words of the language in any order, of which some make sense.
fn any_query() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "{a=\"x\"}",
        "{a=~\"x.*\",b!=\"y\"}",
        "|= \"t\"",
        "!= `u`",
        "|~ \"v+\"",
        "|> \"<_>w\"",
        "| json",
        "| json c=\"d[0]\"",
        "| logfmt --strict",
        "| pattern \"<p> <_>\"",
        "| regexp \"(?P<r>.)\"",
        "| unpack",
        "| decolorize",
        "| c > 5",
        "| d >= 1h2ms or e=\"f\"",
        "and g<=3KB",
        ", h=ip(\"::1\")",
        "| line_format \"{{.c | upper}}\"",
        "| label_format i=j",
        "| drop k, l=\"m\"",
        "| keep n",
        "[5m]",
        "offset 1m",
        "| unwrap o",
        "| unwrap bytes(q)",
        "rate(",
        "sum by (s) (",
        "avg_over_time(",
        "topk(2, ",
        ")",
        ")",
        ") by (t)",
        "+",
        "> bool",
        "/ on (u) group_left (v)",
        "unless",
        "1.5",
        "-2",
        "vector(3)",
    ]);
    prop::collection::vec(word, 1..8).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_printed_reads_back_as_the_same(text in any_query()) {
        if let Ok(expr) = parse(&text) {
            let printed = expr.to_string();
            prop_assert_eq!(parse(&printed), Ok(expr), "{}", printed);
        }
    }

    #[test]
    fn no_text_is_too_much(text in "\\PC*") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.at.line > 0 && error.at.column > 0);
        }
    }
}
