//! Words about the files that others have to say: what only the machine shows to be wrong with them.

use super::Loaded;
use crate::diagnostic::{Diagnostic, Place};
use crate::findings::place;
use crate::render;
use crate::tree::{Node, Span};

impl Loaded {
    /// Where the files say what is at `path`, such as `services`, `web`, `ports`, `8080`: the deepest part of it that
    /// is written somewhere. An entry of a list goes by its own text, or by its `target`, `source` or `published`.
    pub fn place(&self, path: &[String]) -> Option<Place> {
        let (mut node, mut span) = (&self.resolved.0, None);
        for part in path {
            let Some((key, below)) = step(node, part) else {
                break;
            };
            // A mapping is best shown by its key, everything else by itself.
            span = Some(if below.map().is_some() {
                key
            } else {
                below.span
            });
            node = below;
        }
        place(&self.texts, span?)
    }

    /// Diagnostics of others as text, drawn as those of the load are.
    pub fn draw(&self, diagnostics: &[Diagnostic], colour: bool) -> String {
        render::render(diagnostics, 0, &self.texts, colour)
    }
}

fn step<'a>(node: &'a Node, part: &str) -> Option<(Span, &'a Node)> {
    if let Some(entry) = node.map().and_then(|map| map.get(part)) {
        return Some((entry.key, &entry.node));
    }
    let named = |item: &&Node| {
        let own = item.text().is_some_and(|text| text == part);
        let keyed = ["target", "source", "published"]
            .into_iter()
            .any(|key| item.get(key).is_some_and(|node| is(node, key, part)));
        own || keyed
    };
    let item = node.items().iter().find(named)?;
    Some((item.span, item))
}

fn is(node: &Node, key: &str, part: &str) -> bool {
    let Some(text) = node.text() else {
        return false;
    };
    let within = || {
        let (first, last) = text.split_once('-')?;
        let port: u16 = part.parse().ok()?;
        Some((first.parse::<u16>().ok()?..=last.parse().ok()?).contains(&port))
    };
    text == part || (key == "published" && within().unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use crate::{MemorySource, Request, Severity, load};

    use super::*;

    const FILE: &str = "services:
  web:
    build: ./web
    command: serve --fast
    ports: ['9000-9010:9000-9010', '8080:80']
    volumes:
      - ./data:/data
      - {type: bind, source: ./more, target: /more}
  api: {image: redis}
";

    fn loaded() -> Loaded {
        let request = Request {
            dir: "/shop".into(),
            ..Request::default()
        };
        load(&request, &MemorySource::of("/shop/compose.yaml", FILE))
    }

    fn found(path: &[&str]) -> Option<(u32, String)> {
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        let place = loaded().place(&path)?;
        let text = &FILE[place.start as usize..place.end as usize];
        Some((place.line, text.to_owned()))
    }

    #[test]
    fn what_is_written_is_found_as_deep_as_it_goes() {
        for (path, line, text) in [
            (&["services", "web", "command"][..], 4, "serve --fast"),
            (&["services", "web", "ports", "8080"], 5, "'8080:80'"),
            (
                &["services", "web", "ports", "9004"],
                5,
                "'9000-9010:9000-9010'",
            ),
            (&["services", "web", "volumes", "/data"], 7, "./data:/data"),
            (&["services", "web", "build", "context"], 3, "./web"),
            (&["services", "web", "entrypoint"], 2, "web"),
            (&["services", "api", "image"], 9, "redis"),
        ] {
            assert_eq!(found(path), Some((line, text.to_owned())), "{path:?}");
        }
        assert_eq!(
            found(&["services", "web", "volumes", "/more"]).unwrap().0,
            8
        );
        assert_eq!(found(&["networks"]), None);
    }

    #[test]
    fn what_others_say_is_drawn_with_its_line() {
        let loaded = loaded();
        let path = ["services", "web", "volumes", "/data"].map(str::to_owned);
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            code: "bad-mount",
            message: "./data cannot be read".into(),
            place: loaded.place(&path),
            label: None,
            related: Vec::new(),
            help: Some("let its owner open it".into()),
        };
        expect_test::expect![[r#"
            error[bad-mount]: ./data cannot be read
             --> /shop/compose.yaml:7:9
              |
            7 |       - ./data:/data
              |         ^^^^^^^^^^^^
              |
              = help: let its owner open it

        "#]]
        .assert_eq(&loaded.draw(&[diagnostic], false));
    }
}
