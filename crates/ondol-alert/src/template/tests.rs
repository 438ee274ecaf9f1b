use super::*;
use crate::sample::Sample;
use proptest::prelude::*;

/// Templates and what Prometheus 2.42 makes of them (its own `promtool test rules`), for an element `x{a="b",c="d"}`
/// with the value 1.5 beside `x{a="z",c="y"}` with 1000000.
const FILLED: &[(&str, &str)] = &[
    (r#"{{ $value }}"#, r#"1.5"#),
    (
        r#"{{ $labels.a }}-{{ .Labels.c }}-{{ $labels.none }}."#,
        r#"b-d-."#,
    ),
    (
        r#"{{ with $labels.none }}x{{ else }}none{{ end }}"#,
        r#"none"#,
    ),
    (
        r#"{{ if gt $value 2.0 }}big{{ else if eq $labels.a "b" }}b{{ else }}small{{ end }}"#,
        r#"b"#,
    ),
    (r#"a {{- " b " -}} c"#, r#"a b c"#),
    (r#"{{/* nothing */}}x"#, r#"x"#),
    (
        r#"{{ printf "%.2f|%5.1f|%-6s|%06.2f|%d|%q|%v" $value $value "ab" $value 7 "x" true }}"#,
        r#"1.50|  1.5|ab    |001.50|7|"x"|true"#,
    ),
    (r#"{{ $value | printf "%.1f%%" }}"#, r#"1.5%"#),
    (r#"{{ humanizePercentage 0.12345 }}"#, r#"12.35%"#),
    (
        r#"{{ humanize 0.00012 }} {{ humanize 1234567 }} {{ humanize -1500 }}"#,
        r#"120u 1.235M -1.5k"#,
    ),
    (r#"{{ humanize1024 1048576 }}"#, r#"1Mi"#),
    (
        r#"{{ humanizeDuration 0.0123 }} {{ humanizeDuration 90061 }} {{ humanizeDuration 59.9999 }} {{ humanizeDuration -61 }}"#,
        r#"12.3ms 1d 1h 1m 1s 60s -1m 1s"#,
    ),
    (
        r#"{{ humanizeTimestamp 1435065584.128 }}"#,
        r#"2015-06-23 13:19:44.128 +0000 UTC"#,
    ),
    (
        r#"{{ toTime 1435065584.128 }}"#,
        r#"2015-06-23 13:19:44.128 +0000 UTC"#,
    ),
    (
        r#"{{ title "aa bB c-d" }} {{ toUpper "a" }} {{ toLower "B" }}"#,
        r#"Aa BB C-D A b"#,
    ),
    (
        r#"{{ stripPort "web:80" }} {{ stripPort "[::1]:80" }} {{ stripPort "::1" }}"#,
        r#"web ::1 ::1"#,
    ),
    (
        r#"{{ stripDomain "a.b.c:80" }} {{ stripDomain "10.0.0.1:80" }} {{ stripDomain "a.b" }}"#,
        r#"a:80 10.0.0.1:80 a"#,
    ),
    (r#"{{ match "^b+$" $labels.a }}"#, r#"true"#),
    (
        r#"{{ reReplaceAll "(b)(.*)" "$2-${1}" "abcd" }}"#,
        r#"acd-b"#,
    ),
    (
        r#"{{ graphLink "a{b=\"c\"}" }} {{ tableLink "up" }}"#,
        r#"/graph?g0.expr=a%7Bb%3D%22c%22%7D&g0.tab=0 /graph?g0.expr=up&g0.tab=1"#,
    ),
    (
        r#"{{ range $i, $s := query "x" }}{{ $i }}:{{ $s.Labels.a }}={{ $s.Value }};{{ end }}"#,
        r#"0:b=1.5;1:z=1e+06;"#,
    ),
    (r#"{{ query "x" | first | value }}"#, r#"1.5"#),
    (r#"{{ query "x" | first | label "c" }}"#, r#"d"#),
    (
        r#"{{ range sortByLabel "a" (query "x") }}{{ .Labels.a }},{{ end }}"#,
        r#"b,z,"#,
    ),
    (
        r#"{{ range query "none" }}x{{ else }}nobody{{ end }}"#,
        r#"nobody"#,
    ),
    (r#"{{ len (query "x") }}"#, r#"2"#),
    (r#"{{ $x := 5 }}{{ $x = 6 }}{{ $x }}"#, r#"6"#),
    (
        r#"{{ and 1 0 }} {{ or "" "b" }} {{ not true }}"#,
        r#"0 b false"#,
    ),
    (
        r#"{{ eq 1 2 1 }} {{ ne "a" "b" }} {{ lt 1 2 }} {{ ge 2.5 2.5 }}"#,
        r#"true true true true"#,
    ),
    (
        r#"{{ print 1 2 "a" "b" 3 }}|{{ println "a" 1 }}"#,
        "1 2ab3|a 1\n",
    ),
    (
        r#"{{ html "<a&b>" }} {{ urlquery "a b&c/d" }}"#,
        r#"&lt;a&amp;b&gt; a+b%26c%2Fd"#,
    ),
    (r#"{{ index $labels "a" }}"#, r#"b"#),
    (r#"{{ slice "abcdef" 1 3 }}"#, r#"bc"#),
    (r#"{{ $labels }}"#, r#"map[__name__:x a:b c:d]"#),
    (r#"{{ $externalLabels }}"#, r#"map[]"#),
    (r#"{{ `raw "text"` }}"#, r#"raw "text""#),
    (r#"{{ "\u00e9\t." }}"#, "é\t."),
    (r#"{{ 'a' }}"#, r#"97"#),
    (
        r#"{{ 1e3 }} {{ 0x10 }} {{ .5 }} {{ 1000000.0 }} {{ 1e-7 }}"#,
        r#"1000 16 0.5 1e+06 1e-07"#,
    ),
    (r#"{{ parseDuration "1h30m" }}"#, r#"5400"#),
    (
        r#"{{ printf "%s" 5 }} {{ printf "%d" 1.5 }} {{ printf "%d" }} {{ printf "a" 1 }}"#,
        r#"%!s(int=5) %!d(float64=1.5) %!d(MISSING) a%!(EXTRA int=1)"#,
    ),
    (
        r#"{{ printf "%x %X %o %c %t" 255 255 8 65 true }}"#,
        r#"ff FF 10 A true"#,
    ),
    (
        r#"{{ printf "%e %g %v" 1234.5 1234.5 1e21 }}"#,
        r#"1.234500e+03 1234.5 1e+21"#,
    ),
    (
        r#"{{ with $x := $labels.a }}{{ $x }}{{ . }}{{ end }}"#,
        r#"bb"#,
    ),
    (
        r#"{{ if and (eq $labels.a "b") (gt $value 1.0) }}yes{{ end }}"#,
        r#"yes"#,
    ),
    (r#"{{ ($labels).a }} {{ (index $labels "c") }}"#, r#"b d"#),
    (
        r#"{{ range $l := query "x" }}{{ if eq $l.Labels.a "z" }}{{ break }}{{ end }}{{ $l.Labels.a }}{{ end }}"#,
        r#"b"#,
    ),
    (r#"{{ humanize "1500" }}"#, r#"1.5k"#),
    (r#"{{ strvalue (first (query "x")) }}"#, r#""#),
    (r#"{{ true }} {{ printf "%v" nil }}"#, r#"true <nil>"#),
    (r#"{{ printf "%+d % d %+.1f" 5 5 1.0 }}"#, r#"+5  5 +1.0"#),
    (r#"{{ safeHtml "<b>" }}"#, r#"<b>"#),
    (
        r#"{{ print true false }} {{ print 1.5 2 }}"#,
        r#"true false 1.5 2"#,
    ),
    (r#"{{ len "héé" }}"#, r#"5"#),
];

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn result() -> Vec<Sample> {
    let sample = |a, c, value| Sample {
        labels: labels(&[("__name__", "x"), ("a", a), ("c", c)]),
        value,
    };
    vec![sample("b", "d", 1.5), sample("z", "y", 1e6)]
}

fn filled(text: &str, answers: &dyn Fn(&str) -> Option<QueryResult>) -> Result<String, Unfilled> {
    let first = &result()[0];
    let template = Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    template.expand(&TemplateContext {
        labels: &first.labels,
        value: first.value,
        external_labels: &Labels::new(),
        external_url: "",
        at_ms: 0,
        answers,
    })
}

fn known(expr: &str) -> Option<QueryResult> {
    match expr {
        "x" => Some(Ok(result())),
        "none" => Some(Ok(Vec::new())),
        _ => Some(Err("no such metric".to_owned())),
    }
}

#[test]
fn templates_are_filled_in_as_prometheus_does() {
    for (text, expected) in FILLED {
        assert_eq!(filled(text, &known).as_deref(), Ok(*expected), "{text}");
    }
}

#[test]
fn what_prometheus_cannot_fill_in_is_not_filled_in_here() {
    for text in [
        "{{ gt $value 1 }}",
        "{{ query \"x\" | value }}",
        "{{ first (query \"none\") }}",
        "{{ humanize \"abc\" }}",
        "{{ query \"wrong\" }}",
        "{{ $value.x }}",
        "{{ slice \"abc\" 2 9 }}",
        "{{ reReplaceAll \"(\" \"\" \"\" }}",
    ] {
        assert!(
            matches!(filled(text, &known), Err(Unfilled::Failed(_))),
            "{text}"
        );
    }
}

#[test]
fn a_query_is_asked_and_the_template_filled_in_anew() {
    let text = "{{ with query (printf \"up{job=%q}\" $labels.a) }}{{ . | first | value }}{{ end }}";
    let unknown = filled(text, &|_| None);
    assert_eq!(unknown, Err(Unfilled::Asks("up{job=\"b\"}".to_owned())));
    let answered = filled(text, &|_| Some(Ok(result())));
    assert_eq!(answered.as_deref(), Ok("1.5"));
}

#[test]
fn what_is_wrong_with_a_template_is_told_with_its_place() {
    for (text, at, says) in [
        ("a {{ $value", 2, "not closed"),
        ("{{ humanise $value }}", 3, "did you mean `humanize`"),
        ("{{ $nobody }}", 3, "no variable `$nobody`"),
        ("{{ if true }}x", 0, "no `end`"),
        ("x{{ end }}", 1, "no block"),
        ("{{ template \"a\" }}", 0, "not supported"),
        ("{{ tmpl \"a\" . }}", 3, "not supported"),
        ("{{ humanize }}", 0, "takes 1 arguments"),
        ("{{ \"a }}", 3, "not closed by `\"`"),
        ("{{ 1 | 2 }}", 5, "stands a function"),
        ("{{ $labels.a.b 1 }}", 0, "takes no arguments"),
        ("{{ (1 }}", 3, "not closed"),
        ("{{ }}", 0, "something is missing"),
        ("{{ break }}", 0, "in no `range`"),
        (
            "{{ if true }}{{ else }}{{ else }}{{ end }}",
            23,
            "nothing after `else`",
        ),
        ("{{ 5x }}", 3, "not a number"),
        ("{{ # }}", 3, "means nothing"),
    ] {
        let error = Template::parse(text).unwrap_err();
        assert_eq!(error.at, at, "{text}: {error}");
        assert!(error.message.contains(says), "{text}: {error}");
    }
}

#[test]
fn a_template_that_would_take_forever_or_all_memory_fails() {
    let many = |_: &str| Some(Ok(vec![result()[0].clone(); 300]));
    let inner = "{{ range query \"x\" }}{{ range query \"x\" }}{{ range query \"x\" }}a{{ end }}{{ end }}{{ end }}";
    assert!(matches!(filled(inner, &many), Err(Unfilled::Failed(_))));
    let deep = format!("{}{}", "{{ if true }}".repeat(100), "{{ end }}".repeat(100));
    assert!(Template::parse(&deep).is_err());
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100));
    assert!(Template::parse(&parens).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_a_template_panic(text in "([a-z .]|\\{\\{|\\}\\}|-|\"|\\$labels|\\.|\\(|\\)|\\||if |else |end |range |query |printf |:=|%[a-z0-9.]|[0-9é]){0,40}") {
        if let Ok(template) = Template::parse(&text) {
            let labels = Labels::new();
            let _ = template.expand(&TemplateContext {
                labels: &labels,
                value: 0.5,
                external_labels: &labels,
                external_url: "http://ondol:4318/x",
                at_ms: 1,
                answers: &known,
            });
        }
    }
}
