use clap::CommandFactory;

use super::*;

fn typed(line: &str) -> Result<Cli, String> {
    let words = std::iter::once("ondol").chain(line.split_whitespace());
    Cli::try_parse_from(words).map_err(|error| error.kind().to_string())
}

#[test]
fn the_table_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn what_composes_users_type_is_understood() {
    for line in [
        "up -d --build --force-recreate web",
        "-f a.yaml -f b.yaml -p shop --profile dev --env-file .env up -d",
        "up --wait --wait-timeout 60",
        "up --scale web=3 --watch",
        "down -v -t 5",
        "ps -a -q",
        "logs -f --tail 100 -t --since 10m web",
        "exec -T -u root -w /app -e A=b web sh -c true",
        "exec web ls -la --color",
        "run --rm web npm test --verbose",
        "restart web",
        "stop -t 1",
        "start",
        "scale web=3 api=auto",
        "scale --explain web",
        "top",
        "events -f --json",
        "port web 80 --protocol udp",
        "config --services",
        "config -q",
        "--no-color --progress plain up",
    ] {
        assert!(typed(line).is_ok(), "{line}: {:?}", typed(line).err());
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for line in [
        "",
        "upp",
        "scale web",
        "scale web=many",
        "scale web=-1",
        "scale",
        "scale web=2 --explain web",
        "logs --tail some",
        "logs --since yesterday",
        "exec web",
        "port web 70000",
        "port web 80 --protocol sctp",
        "up --wait-timeout 5",
    ] {
        assert!(typed(line).is_err(), "{line}");
    }
}
