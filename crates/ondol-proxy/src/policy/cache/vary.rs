use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, HeaderName, VARY};

/// More fields than that make each request its own, and nothing would ever be found again.
const FIELDS_MAX: usize = 8;

/// What a request must have in common with the one a response was stored for (RFC 9111, section 4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Vary {
    fields: Vec<(HeaderName, String)>,
}

impl Vary {
    /// From a response's `Vary` and the request it answered; `None` when no other request can match.
    pub(super) fn of(response: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        for value in response.get_all(VARY) {
            for name in value.to_str().ok()?.split(',') {
                match name.trim() {
                    "" => {}
                    "*" => return None,
                    name => names.push(HeaderName::from_bytes(name.as_bytes()).ok()?),
                }
            }
        }
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        (names.len() <= FIELDS_MAX).then(|| Vary {
            fields: names
                .into_iter()
                .map(|name| {
                    let said = said(request, &name);
                    (name, said)
                })
                .collect(),
        })
    }

    pub(super) fn fits(&self, request: &HeaderMap) -> bool {
        self.fields
            .iter()
            .all(|(name, before)| said(request, name) == *before)
    }
}

/// What a request says in a field: its lines joined, without the differences that mean nothing.
fn said(request: &HeaderMap, name: &HeaderName) -> String {
    let mut parts = Vec::new();
    for value in request.get_all(name) {
        for part in String::from_utf8_lossy(value.as_bytes()).split(',') {
            let part = part.trim();
            if !part.is_empty() {
                parts.push(part.to_owned());
            }
        }
    }
    if name == ACCEPT_ENCODING {
        // Browsers list the same codings in different orders, and case does not matter to any of them.
        parts
            .iter_mut()
            .for_each(|part| part.make_ascii_lowercase());
        parts.sort_unstable();
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_response_fits_only_requests_that_agree_in_the_fields_it_names() {
        let asked = headers(&[("accept-language", "ko"), ("accept", "text/html")]);
        let vary = Vary::of(&headers(&[("vary", "Accept-Language")]), &asked).unwrap();
        assert!(vary.fits(&headers(&[("accept-language", "ko")])));
        assert!(!vary.fits(&headers(&[("accept-language", "en")])));
        assert!(!vary.fits(&headers(&[])));
    }

    #[test]
    fn lines_and_blanks_and_the_order_of_codings_do_not_matter() {
        let vary = headers(&[("vary", "accept-encoding"), ("vary", "x-a")]);
        let asked = headers(&[("accept-encoding", "gzip, br"), ("x-a", "1,2")]);
        let vary = Vary::of(&vary, &asked).unwrap();
        let same = [("accept-encoding", "BR,gzip"), ("x-a", "1"), ("x-a", " 2")];
        assert!(vary.fits(&headers(&same)));
        assert!(!vary.fits(&headers(&[("accept-encoding", "gzip, br"), ("x-a", "2,1")])));
    }

    #[test]
    fn a_star_or_nonsense_fits_nothing() {
        let none = headers(&[]);
        assert!(Vary::of(&headers(&[("vary", "accept, *")]), &none).is_none());
        assert!(Vary::of(&headers(&[("vary", "a b")]), &none).is_none());
        assert!(Vary::of(&headers(&[("vary", "a,b,c,d,e,f,g,h,i")]), &none).is_none());
        assert!(
            Vary::of(&none, &none)
                .unwrap()
                .fits(&headers(&[("a", "b")]))
        );
    }
}
