//! What holds for any text.

use ondol_compose::load;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::support::{assert_round_trip, env, load_text, request, source};

/// A file that uses much; mutations start from it.
const RICH: &str = "name: shop\nx-a: &a {image: \"x:${TAG:-1}\", restart: always}\nservices:\n  web:\n    <<: *a\n    ports: [\"8080:80\", {target: 81}]\n    volumes: [\"./d:/d:ro\", v:/v]\n    environment: [A=1, B]\n    depends_on: {db: {condition: service_healthy}}\n    deploy: {replicas: 2, resources: {limits: {memory: 1g, cpus: 0.5}}}\n    healthcheck: {test: curl -f x, interval: 5s}\n    x-ondol: {route: /, probes: {ready: {http: /h}}}\n  db:\n    extends: web\n    command: !override run 'a b' \"c\"\n    depends_on: !reset {}\n    ports: !reset []\n    profiles: []\nvolumes: {v: }\n";

/// Characters that mean something somewhere in a Compose file.
fn yaml_soup() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "services",
        ": ",
        ":\n",
        "\n",
        "  ",
        "    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "<<: ",
        "!reset ",
        "!override ",
        "image",
        "x",
        "\"",
        "'",
        "${",
        "$",
        "}",
        ":-",
        "#",
        "|\n",
        ">\n",
        "---\n",
        "ports",
        "\"80:80\"",
        "null",
        "~",
        "\t",
        "환",
        "\u{feff}",
        "\r\n",
        "extends",
        "include",
        "deploy",
        "0",
        "x-ondol",
        "? ",
        "%YAML",
        "@",
        "`",
        "\0",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

/// A template with the value that it has when A is `va`, E is empty and N is not set.
fn template() -> impl Strategy<Value = (String, String)> {
    let leaf = prop_oneof![
        "[a-z:/. -]{0,5}".prop_map(|text| (text.clone(), text)),
        Just(("$$".to_owned(), "$".to_owned())),
        Just(("${A}".to_owned(), "va".to_owned())),
        Just(("${E}".to_owned(), String::new())),
        Just(("${N}".to_owned(), String::new())),
    ];
    leaf.prop_recursive(4, 32, 3, |inner| {
        let operator = prop::sample::select(vec![":-", "-", ":+", "+", ":?", "?"]);
        let name = prop::sample::select(vec!["A", "E", "N"]);
        let braced = (name, operator, inner.clone()).prop_filter_map(
            "would fail",
            |(name, operator, (word, value))| {
                let own = match name {
                    "A" => Some("va"),
                    "E" => Some(""),
                    _ => None,
                };
                let counted = if operator.starts_with(':') {
                    own.filter(|own| !own.is_empty())
                } else {
                    own
                };
                let result = match (operator.trim_start_matches(':'), counted) {
                    ("-", Some(own)) | ("?", Some(own)) => own.to_owned(),
                    ("-", None) | ("+", Some(_)) => value,
                    ("+", None) => String::new(),
                    _ => return None,
                };
                Some((format!("${{{name}{operator}{word}}}"), result))
            },
        );
        prop_oneof![
            braced,
            (inner.clone(), inner).prop_map(|(a, b)| (a.0 + &b.0, a.1 + &b.1)),
        ]
    })
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        "[ -~]{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map("[ -~]{1,8}|\\PC{1,4}", inner, 0..5)
                .prop_filter("`<<` merges", |map| !map.contains_key("<<"))
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// A service in which every key is well formed.
fn service() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "[a-z]{1,8}".prop_map(|text| format!("hostname: {text}")),
        prop::collection::btree_map("[A-C]", "[a-z0-9]{0,4}", 0..3)
            .prop_map(|map| format!("environment: {map:?}")),
        prop::collection::vec(1..9_u16, 0..4).prop_map(|ports| format!("expose: {ports:?}")),
        prop::collection::vec("[a-c]", 0..3).prop_map(|words| format!("command: {words:?}")),
        prop::collection::vec("[a-c]", 0..3).prop_map(|words| format!("dns: {words:?}")),
        prop::collection::vec(("[a-c]", "[a-c]"), 0..3).prop_map(|mounts| {
            let mounts: Vec<String> = mounts.iter().map(|(a, b)| format!("./{a}:/{b}")).collect();
            format!("volumes: {mounts:?}")
        }),
        (1..9_u8).prop_map(|count| format!("deploy: {{replicas: {count}}}")),
    ];
    prop::collection::vec(key, 0..6).prop_map(|keys| {
        let mut seen = std::collections::BTreeSet::new();
        let keys = keys
            .into_iter()
            .filter(|key| seen.insert(key.split(':').next().map(String::from)));
        format!(
            "services: {{a: {{image: x, {}}}}}\n",
            keys.collect::<Vec<_>>().join(", ")
        )
    })
}

fn resolved(files: &[&String]) -> Json {
    let rest: Vec<(String, &str)> = files
        .iter()
        .enumerate()
        .skip(1)
        .map(|(at, text)| (format!("{at}.yaml"), text.as_str()))
        .collect();
    let rest: Vec<(&str, &str)> = rest
        .iter()
        .map(|(path, text)| (path.as_str(), *text))
        .collect();
    let names = rest.iter().map(|(path, _)| (*path).into());
    let request = ondol_compose::Request {
        files: std::iter::once("compose.yaml".into())
            .chain(names)
            .collect(),
        ..request()
    };
    let loaded = load(&request, &source(files[0], &rest));
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.render(false));
    loaded.resolved.to_json()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        load_text(&text).render(true);
    }

    #[test]
    fn no_soup_of_yaml_makes_it_panic(text in yaml_soup()) {
        load_text(&text).render(false);
    }

    #[test]
    fn no_change_to_a_good_file_makes_it_panic(at in 0..RICH.len(), length in 0..20_usize, with in yaml_soup()) {
        let end = (at + length).min(RICH.len());
        let loaded = load_text(&format!("{}{with}{}", &RICH[..at], &RICH[end..]));
        loaded.render(false);
        if let Some(project) = &loaded.project {
            let request = request();
            assert_round_trip(project, &loaded, &request.env);
        }
    }

    #[test]
    fn variables_are_what_the_oracle_says((template, value) in template()) {
        let text = format!("services: {{a: {{image: x, labels: [\"l={template}\"]}}}}\n");
        let request = ondol_compose::Request { env: env(&[("A", "va"), ("E", "")]), ..request() };
        let loaded = load(&request, &source(&text, &[]));
        prop_assert!(loaded.project.is_some(), "{}", loaded.render(false));
        let json = loaded.resolved.to_json();
        prop_assert_eq!(json["services"]["a"]["labels"]["l"].as_str(), Some(value.as_str()));
    }

    #[test]
    fn any_tree_is_printed_so_that_it_reads_back(tree in json()) {
        let text = format!("services: {{a: {{image: x}}}}\nx-tree: {tree}\n").replace('$', "$$");
        let loaded = load_text(&text);
        prop_assert!(loaded.project.is_some(), "{}", loaded.render(false));
        let again = load_text(&loaded.resolved.to_yaml());
        prop_assert!(again.project.is_some(), "{}\n{}", loaded.resolved.to_yaml(), again.render(false));
        prop_assert_eq!(loaded.resolved.to_json(), again.resolved.to_json());
    }

    #[test]
    fn merging_with_nothing_changes_nothing(a in service()) {
        let nothing = "services: {a: }\n".to_owned();
        let alone = resolved(&[&a]);
        prop_assert_eq!(&resolved(&[&a, &nothing]), &alone);
    }

    #[test]
    fn merging_is_associative(a in service(), b in service(), c in service()) {
        let both = resolved(&[&a, &b]);
        let left = both.to_string().replace('$', "$$");
        prop_assert_eq!(resolved(&[&left, &c]), resolved(&[&a, &b, &c]));
    }
}
