//! What a person reads. The words are part of the product, so they are kept as snapshots.

use expect_test::{Expect, expect};
use ondol_compose::load;

use crate::support::{load_text, request, source};

#[track_caller]
fn told(compose: &str, expected: Expect) {
    expected.assert_eq(&load_text(compose).render(false));
}

#[test]
fn a_misspelt_key() {
    told(
        "services:\n  web:\n    image: nginx\n    healtcheck:\n      test: curl -f localhost\n",
        expect![[r#"
            error[unknown-key]: unknown key `services.web.healtcheck`
             --> /app/compose.yaml:4:5
              |
            4 |     healtcheck:
              |     ^^^^^^^^^^ no such key here
              |
              = help: did you mean `healthcheck`?

        "#]],
    );
}

#[test]
fn all_problems_of_a_file_at_once() {
    told(
        "services:\n  web:\n    image: nginx\n    ports: \"8080:80\"\n    restart: allways\n    stop_grace_period: 30\n    depends_on: [dbb]\n    volumes: [\"data:/data\", \"x:y:z:w\"]\n  db:\n    deploy: {resources: {limits: {memory: lots}}}\n",
        expect![[r#"
            error[wrong-type]: `services.web.ports` must be a list, but this is a single value
             --> /app/compose.yaml:4:12
              |
            4 |     ports: "8080:80"
              |            ^^^^^^^^^
              |
              = help: write it as a list: ["8080:80"]

            error[bad-value]: `services.web.restart` cannot be `allways`
             --> /app/compose.yaml:5:14
              |
            5 |     restart: allways
              |              ^^^^^^^
              |
              = help: did you mean `always`?

            error[bad-value]: `services.web.stop_grace_period` must be a length of time, such as 1m30s, but this is `30`
             --> /app/compose.yaml:6:24
              |
            6 |     stop_grace_period: 30
              |                        ^^
              |
              = help: add a unit: `30s`

            error[undefined]: `services.web` depends on `dbb`, which is not a service
             --> /app/compose.yaml:7:18
              |
            7 |     depends_on: [dbb]
              |                  ^^^
              |
              = help: did you mean `db`?

            error[undefined]: `services.web` uses the volume `data`, which is not defined
             --> /app/compose.yaml:8:15
              |
            8 |     volumes: ["data:/data", "x:y:z:w"]
              |               ^^^^^^^^^^^^
              |
              = help: add it at the top of the file, `volumes: {data: {}}`, or write ./data for a folder

            error[bad-value]: `services.web.volumes[1]`: there are too many colons
             --> /app/compose.yaml:8:29
              |
            8 |     volumes: ["data:/data", "x:y:z:w"]
              |                             ^^^^^^^^^
              |
              = help: write "volume:/path", "./folder:/path" or "./folder:/path:ro"

            error[nothing-to-run]: `services.db` has neither `image`, `build` nor `command`
             --> /app/compose.yaml:9:3
              |
            9 |   db:
              |   ^^
              |
              = help: add `build: ./folder` with a Dockerfile, an `image`, or a `command` to run

            error[bad-value]: `services.db.deploy.resources.limits.memory` must be an amount of memory, such as 512m, but this is `lots`
              --> /app/compose.yaml:10:43
               |
            10 |     deploy: {resources: {limits: {memory: lots}}}
               |                                           ^^^^
               |
               = help: write an amount of memory, such as 512m

        "#]],
    );
}

#[test]
fn text_that_is_not_yaml() {
    told(
        "services:\n  web:\n    image: nginx\n   command: x\n",
        expect![[r#"
        error[yaml-syntax]: this is not YAML: while parsing a block mapping, did not find expected key
         --> /app/compose.yaml:4:4
          |
        4 |    command: x
          |    ^
          |
         ::: /app/compose.yaml:2:3
          |
        2 |   web:
          |   - inside what begins here
          |
          = help: look at the indentation of this line and the one above; text with `: `, `#` or a leading `*`, `&`, `!`, `%`, `@` needs quotes

    "#]],
    );
}

#[test]
fn a_key_that_is_written_twice() {
    told(
        "services:\n  web:\n    image: a\n    image: b\n",
        expect![[r#"
        error[duplicate-key]: `image` is written twice
         --> /app/compose.yaml:4:5
          |
        4 |     image: b
          |     ^^^^^ again here
          |
         ::: /app/compose.yaml:3:5
          |
        3 |     image: a
          |     ----- first here
          |
          = help: keep one, or put the contents of both under one key

    "#]],
    );
}

#[test]
fn a_variable_that_is_required_and_one_that_is_merely_not_set() {
    told(
        "services:\n  web:\n    image: \"app:${TAG}\"\n    environment:\n      URL: http://${HOST_NAME:?the address of the shop}/\n      PRICE: 5$\n",
        expect![[r#"
        warning[unset-variable]: the variable `TAG` is not set; nothing stands in its place
         --> /app/compose.yaml:3:17
          |
        3 |     image: "app:${TAG}"
          |                 ^^^^^^
          |
          = help: set it in `.env` or in the shell, or give a default: `${TAG:-value}`

        error[missing-variable]: the variable `HOST_NAME` is not set: the address of the shop
         --> /app/compose.yaml:5:19
          |
        5 |       URL: http://${HOST_NAME:?the address of the shop}/
          |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          |
          = help: set it in the shell or in `.env`: HOST_NAME=value

        error[bad-variable]: this `$` begins no variable
         --> /app/compose.yaml:6:15
          |
        6 |       PRICE: 5$
          |               ^
          |
          = help: write `$$` for a dollar sign itself; variables are `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}` or `${NAME:+replacement}`

    "#]],
    );
}

#[test]
fn an_unknown_key_of_our_own_is_an_error() {
    told(
        "services:\n  web:\n    image: nginx\n    x-ondol:\n      rout: /\n      probes:\n        ready: {http: health, tcp: 80}\n",
        expect![[r#"
            error[unknown-key]: unknown key `services.web.x-ondol.rout`
             --> /app/compose.yaml:5:7
              |
            5 |       rout: /
              |       ^^^^ no such key here
              |
              = help: did you mean `route`?

            error[bad-value]: the probe `services.web.x-ondol.probes.ready` asks several things at once
             --> /app/compose.yaml:7:16
              |
            7 |         ready: {http: health, tcp: 80}
              |                ^^^^^^^^^^^^^^^^^^^^^^^
              |
              = help: give it one of `http`, `tcp`, `exec` or `log`

        "#]],
    );
}

#[test]
fn services_that_wait_for_each_other() {
    told(
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n",
        expect![[r#"
        error[dependency-cycle]: services wait for each other: a -> b -> c -> a
         --> /app/compose.yaml:2:30
          |
        2 |   a: {image: x, depends_on: [b]}
          |                              ^ `a` waits for `b`
          |
         ::: /app/compose.yaml:3:30
          |
        3 |   b: {image: x, depends_on: [c]}
          |                              - `b` waits for `c`
          |
         ::: /app/compose.yaml:4:30
          |
        4 |   c: {image: x, depends_on: [a]}
          |                              - `c` waits for `a`
          |
          = help: remove one of these dependencies; a service can also retry until the other is there

    "#]],
    );
}

#[test]
fn two_services_on_one_port() {
    told(
        "services:\n  a:\n    image: x\n    ports: [\"8080:80\"]\n  b:\n    image: x\n    ports: [\"127.0.0.1:8080:80\"]\n",
        expect![[r#"
        error[port-conflict]: `services.a` and `services.b` both publish port 8080
         --> /app/compose.yaml:7:13
          |
        7 |     ports: ["127.0.0.1:8080:80"]
          |             ^^^^^^^^^^^^^^^^^^^
          |
         ::: /app/compose.yaml:4:13
          |
        4 |     ports: ["8080:80"]
          |             --------- taken here
          |
          = help: publish one of them on another port, such as "8081:80"

    "#]],
    );
}

#[test]
fn old_and_new_words_that_differ() {
    told(
        "services:\n  a:\n    image: x\n    mem_limit: 1g\n    deploy:\n      resources:\n        limits:\n          memory: 512m\n",
        expect![[r#"
        error[conflict]: `services.a`: `mem_limit` and `deploy.resources.limits.memory` mean the same, but differ
         --> /app/compose.yaml:4:16
          |
        4 |     mem_limit: 1g
          |                ^^
          |
         ::: /app/compose.yaml:8:19
          |
        8 |           memory: 512m
          |                   ---- and here
          |
          = help: keep `deploy.resources.limits.memory`

    "#]],
    );
}

#[test]
fn a_file_that_is_included_by_itself() {
    let source = source(
        "include: [b.yaml]\nservices: {a: {image: x}}\n",
        &[("b.yaml", "include:\n  - compose.yaml\n")],
    );
    expect![[r#"
        error[include-cycle]: files include each other: /app/compose.yaml -> /app/b.yaml -> /app/compose.yaml
         --> /app/b.yaml:2:5
          |
        2 |   - compose.yaml
          |     ^^^^^^^^^^^^ and so around
          |
          = help: move what both need into a file of its own

    "#]].assert_eq(&load(&request(), &source).render(false));
}

#[test]
fn nothing_to_run() {
    told(
        "services:\n  web:\n    environment: {A: b}\n",
        expect![[r#"
        error[nothing-to-run]: `services.web` has neither `image`, `build` nor `command`
         --> /app/compose.yaml:2:3
          |
        2 |   web:
          |   ^^^
          |
          = help: add `build: ./folder` with a Dockerfile, an `image`, or a `command` to run

    "#]],
    );
    told(
        "services:\n  web:\n    command: node app.js\n",
        expect![[r#"
        warning[no-image]: `services.web` has neither `image` nor `build`; only Ondol can run it
         --> /app/compose.yaml:2:3
          |
        2 |   web:
          |   ^^^
          |
          = help: add `build: ./folder` to keep the file valid for other Compose tools

    "#]],
    );
    told(
        "",
        expect![[r#"
        error[no-services]: there is no service to run
         |
         = help: add one below `services:`, or choose a profile with --profile

    "#]],
    );
}

#[test]
fn no_file_at_all() {
    expect![[r#"
        error[no-file]: there is no compose.yaml in /app or any folder above it
         |
         = help: name the file with --file, go to the folder that has it, or let `ondol init` write one

    "#]].assert_eq(&load(&request(), &ondol_compose::MemorySource::default()).render(false));
}

#[test]
fn the_place_is_counted_in_characters_also_behind_other_scripts() {
    told(
        "services:\n  # 온돌은 한국의 바닥 난방이다\n  web:\n    image: \"온돌\"\n    labels: {가: 나}\n    prots: []\n",
        expect![[r#"
            error[unknown-key]: unknown key `services.web.prots`
             --> /app/compose.yaml:6:5
              |
            6 |     prots: []
              |     ^^^^^ no such key here
              |
              = help: did you mean `ports`?

        "#]],
    );
}

#[test]
fn text_that_is_not_yaml_in_several_places() {
    told(
        "services:
  web:
    image: nginx
   command: x
  api:
    image: nginx
    labels: *unknown
  db:
    image: \"postgres
    ports: [5432
  # nothing is wrong here
  cache:
    image: redis
volumes:
  data: a: b
",
        expect![[r#"
            error[yaml-syntax]: this is not YAML: while parsing a block mapping, did not find expected key
             --> /app/compose.yaml:4:4
              |
            4 |    command: x
              |    ^
              |
             ::: /app/compose.yaml:2:3
              |
            2 |   web:
              |   - inside what begins here
              |
              = help: look at the indentation of this line and the one above; text with `: `, `#` or a leading `*`, `&`, `!`, `%`, `@` needs quotes

            error[yaml-syntax]: this is not YAML: invalid indentation in quoted scalar
             --> /app/compose.yaml:9:12
              |
            9 |     image: "postgres
              |            ^
              |
              = help: look at the indentation of this line and the one above; text with `: `, `#` or a leading `*`, `&`, `!`, `%`, `@` needs quotes

            error[yaml-syntax]: this is not YAML: mapping values are not allowed in this context
              --> /app/compose.yaml:15:10
               |
            15 |   data: a: b
               |          ^
               |
               = help: look at the indentation of this line and the one above; text with `: `, `#` or a leading `*`, `&`, `!`, `%`, `@` needs quotes

        "#]],
    );
}

#[test]
fn a_repository_is_not_built_and_says_what_to_do() {
    told(
        "services:\n  web:\n    build: https://github.com/me/shop.git#main\n",
        expect![[r#"
            error[remote-context]: `services.web.build` is at https://github.com/me/shop.git#main, which is not on this machine
             --> /app/compose.yaml:3:12
              |
            3 |     build: https://github.com/me/shop.git#main
              |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected: a folder
              |
              = help: `git clone https://github.com/me/shop.git web`, and then `build: ./web`

        "#]],
    );
}

#[test]
fn a_line_of_a_megabyte_is_cut() {
    let long = "x".repeat(1 << 20);
    let loaded = load_text(&format!(
        "services: {{web: {{image: nginx, '{long}': 1, restart: often, y: '{long}'}}}}\n"
    ));
    let text = loaded.render(false);
    assert!(text.len() < 4_000, "{} bytes", text.len());
    assert!(text.contains("restart: often"), "{text}");
}

#[test]
fn marks_fall_between_characters() {
    told(
        "온돌: : x\n",
        expect![[r#"
        error[yaml-syntax]: this is not YAML: mapping values are not allowed in this context
         --> /app/compose.yaml:1:5
          |
        1 | 온돌: : x
          |       ^
          |
         ::: /app/compose.yaml:1:1
          |
        1 | 온돌: : x
          | -- inside what begins here
          |
          = help: look at the indentation of this line and the one above; text with `: `, `#` or a leading `*`, `&`, `!`, `%`, `@` needs quotes

    "#]],
    );
}
