use super::*;

fn lifted(line: &str) -> Vec<String> {
    let text = |(name, value): &Pair| format!("{name}={value}");
    lift(line).iter().map(text).collect()
}

#[test]
fn fields_of_json_are_lifted_with_dots_between_names() {
    let line = r#"{"level":"WARN","msg":"slow","http":{"method":"GET","status":200},"tags":["a",1],"none":null}"#;
    assert_eq!(
        lifted(line),
        [
            "msg=slow",
            "http.method=GET",
            "http.status=200",
            "tags=[\"a\",1]",
            "level=warn"
        ]
    );
}

#[test]
fn fields_of_logfmt_are_lifted_also_among_words() {
    assert_eq!(
        lifted(r#"time=10:00 level=info msg="two \"words\"" took=3ms"#),
        ["time=10:00", "msg=two \"words\"", "took=3ms", "level=info"]
    );
    assert_eq!(lifted("GET /x?a=b&c=d 200"), Vec::<String>::new());
    assert_eq!(lifted("served (user=kim, id=7)"), ["user=kim", "id=7"]);
    assert_eq!(lifted("a=\"open"), ["a=open"]);
}

#[test]
fn the_level_is_found_wherever_libraries_write_it() {
    let level = |line: &str| {
        lift(line)
            .into_iter()
            .find(|(n, _)| n == LEVEL)
            .map(|(_, v)| v)
    };
    let says = |line: &str, word: &str| assert_eq!(level(line).as_deref(), Some(word), "{line}");
    says("2026-01-01 10:00:00 ERROR could not", "error");
    says("[warn] careful", "warn");
    says("INFO:     127.0.0.1 - \"GET / HTTP/1.1\"", "info");
    says(r#"{"level":50,"msg":"x"}"#, "error");
    says("10:00:01.004 [main] DEBUG com.example.App - hi", "debug");
    says("error: no such file", "error");
    says(r#"{"severity":"CRITICAL"}"#, "fatal");
    assert_eq!(level("the errors of others"), None);
    assert_eq!(level("an INFORMAL thing"), None);
}

#[test]
fn ids_of_traces_are_found_in_fields_and_in_text() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let span = "00f067aa0ba902b7";
    let both = [format!("trace_id={trace}"), format!("span_id={span}")];
    let has = |line: &str| {
        let found = lifted(line);
        assert!(
            both.iter().all(|pair| found.contains(pair)),
            "{line}: {found:?}"
        );
    };
    has(&format!(r#"{{"traceId":"{trace}","spanId":"{span}"}}"#));
    has(&format!(
        "[trace_id={trace} span_id={span} resource.service.name=x] hello"
    ));
    has(&format!("x traceparent=00-{trace}-{span}-01 y"));
    has(&format!("INFO [app,{trace},{span}] hello"));
    has(&format!("INFO [app] [nio-1] [{trace}-{span}] hello"));
    let zero = lifted("trace_id=00000000000000000000000000000000 span_id=0000000000000000");
    assert!(
        !zero.iter().any(|pair| pair.starts_with("trace_id=")),
        "{zero:?}"
    );
    assert_eq!(trace_id("4BF92F3577B34DA6"), Some(0x4bf9_2f35_77b3_4da6));
    assert_eq!(
        traceparent("ff-00000000000000000000000000000001-0000000000000001-01"),
        None
    );
}

#[test]
fn what_a_line_has_anyway_is_not_overwritten() {
    let fields = lifted(r#"{"body":"b","service":"s","level":"strange"}"#);
    assert_eq!(
        fields,
        [
            "body_extracted=b",
            "service_extracted=s",
            "level_extracted=strange"
        ]
    );
}

#[test]
fn a_line_is_bounded_whatever_it_is() {
    let wide: Vec<String> = (0..1000).map(|n| format!("\"k{n}\":{n}")).collect();
    assert_eq!(lift(&format!("{{{}}}", wide.join(","))).len(), FIELDS_MAX);
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    assert!(lift(&deep).len() <= 1);
    let _ = lift(&format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000)));
    assert_eq!(lift(&format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20))), []);
    assert!(lift(&format!("a={}", "x".repeat(8 << 10)))[0].1.len() == VALUE_BYTES_MAX);
}

mod lines {
    use super::*;

    fn assembled(pieces: &[(u8, u64, bool, &str)], now_ns: u64) -> Vec<String> {
        let bounds = Bounds {
            wait_ns: 100,
            ..Bounds::default()
        };
        let mut assembler = Assembler::new(bounds);
        for (at, (output, at_ns, partial, text)) in pieces.iter().enumerate() {
            let piece = Piece {
                channel: (*output, 1),
                at_ns: *at_ns,
                partial: *partial,
                text,
            };
            assembler.push(piece, at);
        }
        let lines = assembler.take(now_ns).map(|(lines, _)| lines);
        lines
            .into_iter()
            .flatten()
            .map(|whole| whole.text)
            .collect()
    }

    fn of_one(lines: &[&str]) -> Vec<String> {
        let pieces: Vec<_> = lines.iter().map(|line| (1, 0, false, *line)).collect();
        assembled(&pieces, 1000)
    }

    #[test]
    fn traces_of_java_python_go_and_node_are_one_line_each() {
        let java = [
            "ERROR failed",
            "java.lang.IllegalStateException: no",
            "\tat a.B.c(B.java:1)",
            "Caused by: java.io.IOException: gone",
            "\tat d.E.f(E.java:2)",
            "\t... 12 more",
            "next",
        ];
        let lines = of_one(&java);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[1], java[1..6].join("\n"));
        let python = [
            "ERROR:root:it broke",
            "Traceback (most recent call last):",
            "  File \"a.py\", line 1, in <module>",
            "    f()",
            "ValueError: no",
            "",
            "During handling of the above exception, another exception occurred:",
            "",
            "Traceback (most recent call last):",
            "  File \"a.py\", line 3, in <module>",
            "KeyError: 'x'",
            "next",
        ];
        let lines = of_one(&python);
        assert_eq!(lines, [python[..11].join("\n"), "next".to_owned()]);
        let go = [
            "panic: oh",
            "",
            "goroutine 1 [running]:",
            "main.main()",
            "\t/app/main.go:5 +0x1d",
            "exit status 2",
        ];
        assert_eq!(of_one(&go), [go.join("\n")]);
        let node = [
            "before",
            "Error: x",
            "    at f (/app/a.js:1:2)",
            "    at g (/app/a.js:3:4) {",
            "  code: 'ENOENT'",
            "}",
            "after",
        ];
        let lines = of_one(&node);
        assert_eq!(
            lines,
            [
                "before".to_owned(),
                node[1..6].join("\n"),
                "after".to_owned()
            ]
        );
    }

    #[test]
    fn indented_text_is_no_trace() {
        assert_eq!(of_one(&["a", "  b", "at c"]).len(), 3);
    }

    #[test]
    fn pieces_of_a_long_line_are_put_together_and_cut_at_the_bound() {
        let lines = assembled(
            &[
                (1, 0, true, "ab"),
                (1, 0, true, "cd"),
                (1, 0, false, "e"),
                (1, 0, false, "f"),
            ],
            1000,
        );
        assert_eq!(lines, ["abcde", "f"]);
        let bounds = Bounds {
            line_bytes_max: 5,
            ..Bounds::default()
        };
        let mut assembler = Assembler::new(bounds);
        for text in ["ab\u{e9}", "\u{e9}\u{e9}"] {
            assembler.push(
                Piece {
                    channel: (1, 1),
                    at_ns: 0,
                    partial: true,
                    text,
                },
                0,
            );
        }
        let (lines, _) = assembler.take(u64::MAX).unwrap();
        assert_eq!(
            (lines[0].text.as_str(), lines[0].cut_bytes),
            ("ab\u{e9}", 4)
        );
    }

    #[test]
    fn what_is_late_does_not_join() {
        let late = [(1, 0, false, "x"), (1, 500, false, "\tat a.b(C.java:1)")];
        assert_eq!(assembled(&late, 1000).len(), 2);
    }

    #[test]
    fn a_line_waits_until_nothing_can_go_on_with_it() {
        assert_eq!(
            assembled(&[(1, 0, false, "a"), (1, 10, false, "b")], 50),
            ["a"]
        );
        assert_eq!(
            assembled(&[(1, 0, false, "a"), (1, 10, false, "b")], 200),
            ["a", "b"]
        );
        // The clock was set back by more than is waited.
        assert_eq!(assembled(&[(1, 5000, false, "a")], 200), ["a"]);
    }

    #[test]
    fn what_comes_out_is_all_of_the_log_up_to_a_place() {
        let bounds = Bounds {
            wait_ns: 100,
            ..Bounds::default()
        };
        let mut assembler = Assembler::new(bounds);
        let mut push = |output, at_ns, text, end: u32| {
            assembler.push(
                Piece {
                    channel: (output, 1),
                    at_ns,
                    partial: false,
                    text,
                },
                end,
            );
            assembler.take(at_ns)
        };
        assert_eq!(push(1, 0, "out 1", 1), None);
        assert_eq!(push(2, 0, "Traceback (most recent call last):", 2), None);
        let (lines, end) = push(1, 0, "out 2", 3).unwrap();
        assert_eq!((lines.len(), end), (1, 1));
        // The trace began before `out 2` and goes on after it: both wait for each other.
        assert_eq!(push(2, 0, "  File \"a\"", 4), None);
        assert_eq!(push(1, 0, "out 3", 5), None);
        let (lines, end) = assembler.take(101).unwrap();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "Traceback (most recent call last):\n  File \"a\"",
                "out 2",
                "out 3"
            ]
        );
        assert_eq!(end, 5);
        assert!(assembler.is_empty());
    }
}
