use super::*;

fn render(text: &str) -> Result<String, String> {
    let labels: BTreeMap<String, String> = [
        ("path", "/a b/c d"),
        ("status", "200"),
        ("duration", "3000"),
        ("queries", r#"[{"query": "a"}, {"query": "b", "n": 1.5}]"#),
        ("from", "1679577215"),
        ("took", "1m30s"),
        ("size", "2KiB"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    Template::parse(text)?.render(&Scope {
        line: "GET /XYZ XYZ",
        at_ns: 1_704_164_645_123_000_000,
        now_ns: 1_704_164_700_000_000_000,
        label: &|name| labels.get(name).cloned().unwrap_or_default(),
        labels: &|| labels.clone(),
    })
}

/// A template, and what it gives.
const DOCUMENTED: &[(&str, &str)] = &[
    (
        r#"{{ .path | replace " " "_" | trunc 5 | upper }}"#,
        "/A_B/",
    ),
    (
        r#"{{ if and (contains "he" "hello") (contains "llo" "hello") }} yes {{end}}"#,
        " yes ",
    ),
    (
        r#"{{ if contains .err "ErrTimeout" }} timeout {{else if contains "he" "hello"}} yes {{else}} no {{end}}"#,
        " timeout ",
    ),
    ("{{ __line__ | lower }}", "get /xyz xyz"),
    (
        r#"{{ __timestamp__ | date "2006-01-02T15:04:05.00Z-07:00" }}"#,
        "2024-01-02T03:04:05.12Z+00:00",
    ),
    ("{{ __timestamp__ | unixEpoch }}", "1704164645"),
    (r#"{{ date "2006-01-02" now }}"#, "2024-01-02"),
    (r#"{{date "2006-01-02" (unixToTime .from)}}"#, "2023-03-23"),
    (
        "{{ .took | duration }} {{ duration_seconds .took }}",
        "90 90",
    ),
    (
        r#"{{ unixEpoch (toDate "2006-01-02" "2021-11-02") }}"#,
        "1635811200",
    ),
    (
        r#"{{ "2021-11-02T01:02:03.5Z" | toDateInZone "2006-01-02T15:04:05.999999999Z" "UTC" | unixEpochMillis }}"#,
        "1635814923500",
    ),
    (
        r#"{{ alignLeft 5 "hello world"}}|{{ alignLeft 5 "hi"}}|"#,
        "hello|hi   |",
    ),
    (
        r#"{{ alignRight 5 "hello world"}}|{{ alignRight 5 "hi"}}|"#,
        "world|   hi|",
    ),
    (
        r#"{{ b64enc "foo!" }} {{ b64dec "Zm9vIQ==" }}"#,
        "Zm9vIQ== foo!",
    ),
    ("{{ bytes .size }}", "2048"),
    (
        r#"{{ default "-" "" }}{{ default "-" "foo" }}{{ .none | default "x" }}"#,
        "-foox",
    ),
    (
        "{{ range $q := fromJson .queries }} {{ $q.query }} {{ end }}",
        " a  b ",
    ),
    (r#"{{fromJson "{\"foo\": 55}"}}"#, "map[foo:55]"),
    (
        r#"{{ indent 2 "a\nb" }}{{ nindent 1 "c" }}"#,
        "  a\n  b\n c",
    ),
    (r#"{{ repeat 3 "hello" }}"#, "hellohellohello"),
    (r#"{{ printf "%-10.10s|" .path }}"#, "/a b/c d  |"),
    (
        r#"{{ replace "hello" "world" "hello world" }}"#,
        "world world",
    ),
    (
        r#"{{ substr 0 5 "hello world"}} {{ substr 6 11 "hello world"}}"#,
        "hello world",
    ),
    (
        r#"{{ title "hello world"}} {{ trim "  x  " }}"#,
        "Hello World x",
    ),
    (
        r#"{{ trimAll "$" "$5.00" }} {{ trimPrefix "-" "-hello" }} {{ trimSuffix "-" "hello-" }}"#,
        "5.00 hello hello",
    ),
    (
        r#"{{ trunc 5 "hello world"}} {{ trunc -5 "hello world"}}"#,
        "hello world",
    ),
    (
        r#"{{ urlencode "a b&c" }} {{ urldecode "a+b%26c" }}"#,
        "a+b%26c a b&c",
    ),
    (
        r#"{{ if hasPrefix "he" "hello" }}yes{{end}}{{ if eq "a" "b" }}no{{end}}"#,
        "yes",
    ),
    (
        "{{ add 3 2 5 }} {{ addf 3.5 2 5 }} {{ sub 5 2 }} {{ subf 5.5 2 1.5 }}",
        "10 10.5 3 2",
    ),
    (
        "{{ mul 5 2 3}} {{ mulf 5.5 2 2.5 }} {{ div 10 2}} {{ divf 10 2 4}} {{ mod 10 3}}",
        "30 27.5 5 1.25 1",
    ),
    (
        "{{ ceil 123.001 }} {{ floor 123.9999 }} {{ round 123.555555 3 }}",
        "124 123 123.556",
    ),
    ("{{ round 123.88571428571 5 .2 }}", "123.88572"),
    (r#"{{ "3.5" | float64 }} {{ "3" | int }}"#, "3.5 3"),
    (
        "{{ max 1 2 3 }} {{ min 1 2 3 }} {{ maxf 1 2.5 3 }} {{ minf 1 2.5 3 }}",
        "3 1 3 1",
    ),
    (
        r#"{{ count "a|b" "abab" }} {{ __line__ | count "XYZ"}}"#,
        "4 2",
    ),
    (r#"{{ regexReplaceAll "(a*)bc" "xaabc" "${1}a" }}"#, "xaaa"),
    (
        r#"{{ regexReplaceAllLiteral "(ts=)" "ts=1" "$1=" }}"#,
        "$1=1",
    ),
    ("{{.ip}} {{.status}} {{div .duration 1000}}", " 200 3"),
];

#[test]
fn the_examples_of_the_documentation_give_what_it_says() {
    for (template, expected) in DOCUMENTED {
        assert_eq!(render(template).as_deref(), Ok(*expected), "{template}");
    }
}

#[test]
fn the_language_of_templates_has_its_blocks_and_variables() {
    for (template, expected) in [
        ("a {{- .status -}}  b {{/* said */}}c", "a200b c"),
        (
            "{{ $x := .status }}{{ if eq $x \"200\" }}{{ $x = \"ok\" }}{{ end }}{{ $x }}",
            "ok",
        ),
        (
            "{{ with .none }}a{{ else }}b{{ end }}{{ with .status }}{{ . }}{{ end }}",
            "b200",
        ),
        (
            "{{ range $i, $q := fromJson .queries }}{{ $i }}{{ .query }}{{ end }}",
            "0a1b",
        ),
        (
            "{{ range fromJson \"[1,2,3]\" }}{{ if eq . 2.0 }}{{ continue }}{{ end }}{{ . }}{{ end }}",
            "13",
        ),
        (
            "{{ range fromJson \"[]\" }}x{{ else }}none{{ end }}",
            "none",
        ),
        (
            "{{ index (fromJson .queries) 1 \"n\" }} {{ len .status }} {{ (index (fromJson .queries) 0).query }}",
            "1.5 3 a",
        ),
        ("{{ $.status }} {{ index . \"from\" }}", "200 1679577215"),
        (
            "{{ not true }} {{ or \"\" \"b\" }} {{ and 1 2 }} {{ print 1 2 \"a\" }}",
            "false b 2 1 2a",
        ),
        (
            "{{ slice \"hello\" 1 3 }} {{ html \"<a>\" }}",
            "el &lt;a&gt;",
        ),
        ("no action at all", "no action at all"),
    ] {
        assert_eq!(render(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn what_is_no_template_is_refused_when_it_is_read() {
    for template in [
        "{{ .a",
        "{{ if .a }}",
        "{{ end }}",
        "{{ else }}",
        "{{ nope .a }}",
        "{{ \"a }}",
        "{{ ) }}",
        "{{ ( .a }}",
        "{{ }}",
        "{{ break }}",
        "{{ template \"x\" }}",
        "{{ count \"(\" .a }}",
        "{{/* a",
        "{{ .a | }}",
        "{{ 1x }}",
    ] {
        assert!(Template::parse(template).is_err(), "{template}");
    }
    assert!(Template::parse(&"{{if .a}}".repeat(1000)).is_err());
    assert!(Template::parse(&format!("{{{{ {} }}}}", "(".repeat(1000))).is_err());
}

#[test]
fn what_cannot_be_done_is_said_when_it_is_done() {
    for template in [
        "{{ div 1 0 }}",
        "{{ mod 1 0 }}",
        "{{ .status .path }}",
        "{{ upper }}",
        "{{ b64dec \"!\" }}",
        "{{ urldecode \"%zz\" }}",
        "{{ toDateInZone \"2006\" \"Mars/Base\" \"2021\" }}",
        "{{ unixEpoch \"x\" }}",
        "{{ $x }}",
        "{{ repeat 10000000 \"hello\" }}",
        "{{ range $a := fromJson \"[1,2]\" }}{{ .b }}{{ end }}",
        "{{ range 100000 }}{{ range 100000 }}x{{ end }}{{ end }}",
        "{{ mul 9223372036854775807 2 }}",
    ] {
        assert!(render(template).is_err(), "{template}");
    }
}
