//! Which trace a request belongs to: W3C Trace Context, and B3 for those who still speak it.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const B3: HeaderName = HeaderName::from_static("b3");
const B3_TRACE: HeaderName = HeaderName::from_static("x-b3-traceid");
const B3_SPAN: HeaderName = HeaderName::from_static("x-b3-spanid");
const B3_PARENT: HeaderName = HeaderName::from_static("x-b3-parentspanid");
const B3_SAMPLED: HeaderName = HeaderName::from_static("x-b3-sampled");
const B3_FLAGS: HeaderName = HeaderName::from_static("x-b3-flags");
/// What must be passed on of `tracestate` at least (section 3.3.1.5, bytes); longer ones are dropped.
const STATE_BYTES_MAX: usize = 512;

/// One hop of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub trace: u128,
    /// This hop.
    pub span: u64,
    /// Who called; `None` when the trace begins here.
    pub parent: Option<u64>,
    /// Whether it is recorded.
    pub sampled: bool,
}

/// What a request said it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Context {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl Hop {
    /// Goes on with the trace of a request, or begins one; the headers say so to whom it is sent. `random` names
    /// what is new; a zero in it becomes a one, because zero means none. `begins` says whether a trace that begins
    /// here is recorded.
    pub(crate) fn through(
        headers: &mut HeaderMap,
        random: u128,
        begins: impl FnOnce() -> bool,
    ) -> Hop {
        let (trace, span) = named(random);
        if !says_any(headers) {
            let hop = Hop::begun(trace, span, begins());
            set(headers, TRACEPARENT, hop.traceparent());
            return hop;
        }
        let from_w3c = w3c(headers);
        let context = from_w3c
            .or_else(|| b3_single(headers))
            .or_else(|| b3_many(headers));
        let hop = match context {
            Some(context) => Hop {
                trace: context.trace,
                span,
                parent: Some(context.span),
                sampled: context.sampled,
            },
            None => Hop::begun(trace, span, begins()),
        };
        if from_w3c.is_none() || state_bytes(headers) > STATE_BYTES_MAX {
            // What others noted of a trace means nothing without it (section 3.2.2.3).
            headers.remove(&TRACESTATE);
        }
        hop.write(headers);
        hop
    }

    /// One that nobody else hears of.
    pub(crate) fn apart(random: u128) -> Hop {
        Hop {
            trace: random.max(1),
            span: (random as u64).max(1),
            parent: None,
            sampled: false,
        }
    }

    /// The same for a request that says nothing about traces.
    pub(crate) fn first(random: u128, sampled: bool) -> Hop {
        let (trace, span) = named(random);
        Hop::begun(trace, span, sampled)
    }

    fn begun(trace: u128, span: u64, sampled: bool) -> Hop {
        Hop {
            trace,
            span,
            parent: None,
            sampled,
        }
    }

    /// `00-TRACE-SPAN-FLAGS` (section 3.2.2).
    pub(crate) fn traceparent(self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(&digits::<32>(self.trace));
        text[36..52].copy_from_slice(&digits::<16>(u128::from(self.span)));
        text[54] = b'0' + u8::from(self.sampled);
        text
    }

    fn write(self, headers: &mut HeaderMap) {
        let Hop {
            trace,
            span,
            sampled,
            ..
        } = self;
        let sampled = u8::from(sampled);
        set(headers, TRACEPARENT, self.traceparent());
        // Services that read B3 must not see the hop before this one as who called them.
        if headers.contains_key(&B3) {
            set(headers, B3, format!("{trace:032x}-{span:016x}-{sampled}"));
        }
        if headers.contains_key(&B3_TRACE) {
            set(headers, B3_TRACE, digits::<32>(trace));
            set(headers, B3_SPAN, digits::<16>(u128::from(span)));
            headers.remove(&B3_PARENT);
            if let Some(parent) = self.parent {
                set(headers, B3_PARENT, digits::<16>(u128::from(parent)));
            }
        }
    }
}

fn named(random: u128) -> (u128, u64) {
    let span = (random >> 64) as u64 ^ random as u64;
    (random.max(1), span.max(1))
}

/// `traceparent` (section 3.2); `None` when it is not there, more than once, or not as it should be.
fn w3c(headers: &HeaderMap) -> Option<Context> {
    let mut parts = single(headers, &TRACEPARENT)?.split('-');
    let version = hex(parts.next()?, 2)?;
    let (trace, span) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
    let flags = hex(parts.next()?, 2)?;
    // A later version may have more parts; this one must not (section 4.3).
    let well_formed = version != 0xff && (version > 0 || parts.next().is_none());
    context(trace, span, flags & 1 == 1).filter(|_| well_formed)
}

/// `b3: TRACE-SPAN-SAMPLED-PARENT`, the last two left out at will. A lone decision is no context.
fn b3_single(headers: &HeaderMap) -> Option<Context> {
    let mut parts = single(headers, &B3)?.split('-');
    let (trace, span) = (parts.next()?, parts.next()?);
    let sampled = parts.next().is_none_or(|said| said != "0");
    context(b3_trace(trace)?, hex(span, 16)?, sampled)
}

fn b3_many(headers: &HeaderMap) -> Option<Context> {
    let trace = b3_trace(single(headers, &B3_TRACE)?)?;
    let span = hex(single(headers, &B3_SPAN)?, 16)?;
    let debug = single(headers, &B3_FLAGS) == Some("1");
    let sampled = debug || !matches!(single(headers, &B3_SAMPLED), Some("0" | "false"));
    context(trace, span, sampled)
}

/// B3 has traces of 64 bits too.
fn b3_trace(text: &str) -> Option<u128> {
    hex(text, 32).or_else(|| hex(text, 16))
}

fn context(trace: u128, span: u128, sampled: bool) -> Option<Context> {
    let span = u64::try_from(span).ok()?;
    (trace != 0 && span != 0).then_some(Context {
        trace,
        span,
        sampled,
    })
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value.trim())
}

/// Exactly so many digits, in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let right = text.len() == digits && text.bytes().all(lower);
    right.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn state_bytes(headers: &HeaderMap) -> usize {
    headers
        .get_all(&TRACESTATE)
        .iter()
        .map(HeaderValue::len)
        .sum()
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: impl AsRef<[u8]>) {
    // Hex digits and dashes are always a value.
    if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
        headers.insert(name, value);
    }
}

/// Whether a request says anything about traces. Most do not: one look at their names is cheaper than a search for
/// each of these.
fn says_any(headers: &HeaderMap) -> bool {
    let is_one = |name: &HeaderName| {
        let name = name.as_str();
        matches!(name, "traceparent" | "tracestate" | "b3") || name.starts_with("x-b3-")
    };
    headers.keys().any(is_one)
}

/// The last `N` digits of a number in hexadecimal.
pub(crate) fn digits<const N: usize>(number: u128) -> [u8; N] {
    std::array::from_fn(|at| b"0123456789abcdef"[(number >> (4 * (N - 1 - at))) as usize & 0xf])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const RANDOM: u128 = 9;

    fn through(lines: &[(&'static str, &str)]) -> (Hop, HeaderMap) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let hop = Hop::through(&mut headers, RANDOM, || true);
        (hop, headers)
    }

    #[test]
    fn a_trace_is_continued_with_what_others_noted_of_it() {
        let parent = format!("00-{TRACE}-b7ad6b7169203331-00");
        let (hop, headers) = through(&[("traceparent", &parent), ("tracestate", "a=1,b=2")]);
        assert_eq!(digits::<4>(0x1_0abc), *b"0abc");
        assert_eq!(hop.parent, Some(0xb7ad_6b71_6920_3331));
        assert!(!hop.sampled);
        assert_eq!(
            headers["traceparent"],
            format!("00-{TRACE}-0000000000000009-00")
        );
        assert_eq!(headers["tracestate"], "a=1,b=2");
        let later = format!("cc-{TRACE}-b7ad6b7169203331-01-what-comes-later");
        assert!(through(&[("traceparent", &later)]).0.parent.is_some());
    }

    #[test]
    fn what_is_no_context_begins_a_new_trace() {
        for bad in [
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-b7ad6b716920333-01"),
            String::new(),
        ] {
            let (hop, headers) = through(&[("traceparent", &bad), ("tracestate", "a=1")]);
            assert_eq!(
                (hop.trace, hop.parent, hop.sampled),
                (9, None, true),
                "{bad}"
            );
            assert!(!headers.contains_key("tracestate"));
        }
        let good = format!("00-{TRACE}-b7ad6b7169203331-01");
        assert_eq!(
            through(&[("traceparent", &good), ("traceparent", &good)])
                .0
                .parent,
            None
        );
    }

    #[test]
    fn b3_is_understood_in_both_forms_and_answered_in_the_same() {
        let (hop, headers) = through(&[("b3", &format!("{TRACE}-b7ad6b7169203331-0"))]);
        assert!(!hop.sampled && hop.parent.is_some());
        assert_eq!(headers["b3"], format!("{TRACE}-0000000000000009-0"));
        assert_eq!(
            headers["traceparent"],
            format!("00-{TRACE}-0000000000000009-00")
        );

        let (hop, headers) = through(&[
            ("x-b3-traceid", "8448eb211c80319c"),
            ("x-b3-spanid", "b7ad6b7169203331"),
        ]);
        assert_eq!(hop.trace, 0x8448_eb21_1c80_319c);
        assert_eq!(headers["x-b3-spanid"], "0000000000000009");
        assert_eq!(headers["x-b3-parentspanid"], "b7ad6b7169203331");
        assert_eq!(through(&[("b3", "0")]).0.parent, None);
    }

    #[test]
    fn too_much_state_is_dropped() {
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        let long = "a=".to_owned() + &"x".repeat(600);
        let (_, headers) = through(&[("traceparent", &parent), ("tracestate", &long)]);
        assert!(!headers.contains_key("tracestate"));
    }

    proptest! {
        #[test]
        fn no_header_panics_and_each_result_is_well_formed(value in "[0-9a-fA-F-]{0,70}") {
            let (hop, headers) = through(&[("traceparent", &value), ("b3", &value)]);
            prop_assert!(hop.trace != 0);
            prop_assert_eq!(w3c(&headers).map(|context| context.span), Some(9));
        }
    }
}
