use proptest::prelude::*;

use super::*;

fn printed(text: &str) -> String {
    match parse(text, Features::ALL) {
        Ok(expr) => expr.to_string(),
        Err(error) => format!("! {error}"),
    }
}

#[test]
fn what_is_printed_reads_back() {
    for text in [
        "a + b * c ^ d ^ e - -f",
        "-1 ^ 2",
        "(-1) ^ 2",
        "2 ^ -1 * 3",
        "sum by (job, \"service.name\") (rate(up{job=~\"a|b\"}[5m] offset 1h)) > bool 5",
        "{\"http.requests\",job=\"api\"}[5m:1m] @ 12.345 offset -5m",
        "a and on () b or ignoring (x) c unless d",
        "a * on (x) group_left (y) fill_right (0) b",
        "a / ignoring (x) group_right () fill (1) b",
        "topk(5, quantile(0.9, a @ start()))",
        "rate(a[5m] anchored) + a smoothed offset 5m",
        "a[5m * 2 + step()] offset (range() / 2)",
        "a[max_of(step(), 5m)]",
        "by + sum + offset + start()",
        "time() - 5m",
        "\"a\\nb\"",
        "vector(NaN) + Inf - 0x1f",
        "label_join(a, \"x\", \",\", \"y\", \"z\")",
        "avg without (le) (a </ 5)",
        "info(a, {x=~\".*\"})",
    ] {
        let expr = parse(text, Features::ALL).unwrap_or_else(|error| panic!("{text}: {error}"));
        let again = expr.to_string();
        assert_eq!(
            parse(&again, Features::ALL).as_ref(),
            Ok(&expr),
            "{text} as {again}"
        );
    }
    assert_eq!(printed("-1^2"), "-1 ^ 2");
    assert_eq!(printed("sum(a)by(job)"), "sum by (job) (a)");
    assert_eq!(printed("a offset 1.5"), "a offset 1s500ms");
    assert_eq!(printed("foo and bar + 1"), "foo and bar + 1");
}

#[test]
fn what_is_wrong_is_said_in_the_words_of_prometheus() {
    for (text, error) in [
        ("", "1:1: parse error: no expression found in input"),
        (
            "foo offset",
            "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
        ),
        (
            "foo{a>1}",
            "1:6: parse error: unexpected character inside braces: '>'",
        ),
        (
            "1 == 1",
            "1:3: parse error: comparisons between scalars must use BOOL modifier",
        ),
        (
            "rate(foo)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        (
            "nope(foo)",
            "1:1: parse error: unknown function with name \"nope\"",
        ),
        (
            "{x=~\".*\"}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        (
            "foo[5m] offset 1m offset 2m",
            "1:1: parse error: offset may not be set multiple times",
        ),
        (
            "(foo)[5m]",
            "1:1: parse error: ranges only allowed for vector selectors",
        ),
        ("foo + ", "1:7: parse error: unexpected end of input"),
        ("foo)", "1:4: parse error: unexpected right parenthesis ')'"),
        (
            "sum(a, b)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
        ),
        (
            "pi(1)",
            "1:1: parse error: expected 0 argument(s) in call to \"pi\", got 1",
        ),
    ] {
        assert_eq!(printed(text), format!("! {error}"), "{text}");
    }
}

#[test]
fn what_is_off_is_refused() {
    for text in [
        "limitk(1, a)",
        "mad_over_time(a[1m])",
        "a[1m*2]",
        "a[1m] anchored",
        "a + fill(0) b",
    ] {
        assert!(parse(text, Features::STABLE).is_err(), "{text}");
        assert!(parse(text, Features::ALL).is_ok(), "{text}");
    }
}

#[test]
fn depth_has_an_end() {
    let deep = "(".repeat(5000) + "a" + &")".repeat(5000);
    assert!(parse(&deep, Features::ALL).is_err());
    assert!(parse(&"a+".repeat(5000), Features::ALL).is_err());
    assert!(parse(&"-".repeat(5000), Features::ALL).is_err());
    assert!(parse(&(("a".to_owned()) + &"[1m:]".repeat(5000)), Features::ALL).is_err());
}

#[test]
fn positions_are_those_of_the_text() {
    let Ok(Expr::Binary(binary)) = parse("  a +\n rate( b [5m] )", Features::ALL) else {
        panic!("a sum");
    };
    let text = "  a +\n rate( b [5m] )";
    assert_eq!(binary.right.place().in_text(text).to_string(), "2:2");
    let Expr::Call(call) = &binary.right else {
        panic!("a call");
    };
    let place = call.args[0].place();
    assert_eq!(&text[place.start..place.end], "b [5m]");
}

/// Texts that are mostly queries: words of the language in any order would nearly never be one.
fn query() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("up".to_owned()),
        Just("by{on=\"a\",z!~\"b.*\"}".to_owned()),
        Just("{\"a.b\",'c d'=`e`}".to_owned()),
        Just("offset @ start() offset -5m".to_owned()),
        Just("a[5m] offset step()".to_owned()),
        Just("a[2*range()-1] @ -1.5 anchored".to_owned()),
        Just("a smoothed".to_owned()),
        Just("1e-3".to_owned()),
        Just("0x1f".to_owned()),
        Just("NaN".to_owned()),
        Just("1h30m".to_owned()),
        Just("\"te\\nxt\"".to_owned()),
        Just("time()".to_owned()),
    ];
    leaf.prop_recursive(5, 32, 3, |inner| {
        let op = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "atan2",
            "==",
            "!= bool",
            ">",
            "< bool",
            "and",
            "or on(a)",
            "unless ignoring()",
            "</",
            ">/",
            "* on(a,\"b c\") group_left(d)",
            "+ ignoring(x) group_right fill(2)",
            "- fill_left(-1) fill_right(Inf)",
        ]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("-{a}")),
            inner.clone().prop_map(|a| format!("+ {a}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner
                .clone()
                .prop_map(|a| format!("sum by(a, \"b c\",)({a})")),
            inner
                .clone()
                .prop_map(|a| format!("topk(3, {a}) without (x)")),
            inner.clone().prop_map(|a| format!("rate({a})")),
            inner
                .clone()
                .prop_map(|a| format!("({a})[1h:] offset 1m @ end()")),
            inner.prop_map(|a| format!("max_over_time(({a})[max_of(1h,step()):5m])")),
        ]
    })
}

proptest! {
    #[test]
    fn an_expression_that_is_printed_reads_back_as_the_same(text in query()) {
        if let Ok(expr) = parse(&text, Features::ALL) {
            let printed = expr.to_string();
            let again = parse(&printed, Features::ALL);
            prop_assert_eq!(again, Ok(expr), "{} as {}", text, printed);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        let _ = parse(&text, Features::ALL);
        let _ = crate::promql::describe_series(&text);
    }
}
