//! Any text as a query: no panic, no endless loop, and what is printed of an expression is read back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ondol_query::promql::{Features, describe_series, parse, parse_matchers};

fuzz_target!(|text: &str| {
    let _ = describe_series(text);
    let _ = parse_matchers(text);
    match parse(text, Features::ALL) {
        Ok(expr) => {
            let printed = expr.to_string();
            assert_eq!(parse(&printed, Features::ALL).as_ref(), Ok(&expr), "{printed}");
            let _ = expr.pinned_at(0);
        }
        Err(error) => assert!(error.at.line > 0 && error.at.column > 0),
    }
});
