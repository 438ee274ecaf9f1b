//! Any text as a LogQL query: no panic, no endless loop, what is printed reads back as the same, and lines go through
//! its stages whatever they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_query::Labels;
use ondol_query::logql::{Expr, LogLine, Pipeline, parse, parse_selector};

fuzz_target!(|input: (&str, &str)| {
    let (text, line) = input;
    let _ = parse_selector(text);
    match parse(text) {
        Ok(expr) => {
            let printed = expr.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&expr), "{printed}");
            if let Expr::Log(query) = &expr {
                let _ = Pipeline::of(query, 0).run(&LogLine {
                    stream: &Labels::of(&[("app", "x")]),
                    at_ns: 1,
                    line,
                    metadata: &[("level", "info")],
                    lifted: &[],
                });
            }
        }
        Err(error) => assert!(error.at.line > 0 && error.at.column > 0),
    }
});
