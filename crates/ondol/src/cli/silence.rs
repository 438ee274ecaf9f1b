//! `ondol silence`: alerts that nobody is told of for a while.

use std::process::ExitCode;

use serde_json::Value;

use super::args::{SilenceArgs, SilenceVerb};
use super::ask;
use super::failure::Failure;
use super::out::Out;
use super::table::Table;

pub(crate) async fn silence(args: SilenceArgs, out: &Out) -> Result<ExitCode, Failure> {
    match args.what {
        SilenceVerb::Add {
            matchers,
            span,
            comment,
            by,
        } => {
            let by = by
                .or_else(|| std::env::var("USER").ok())
                .unwrap_or_else(|| "somebody".to_owned());
            let mut pairs: Vec<(&str, String)> = matchers
                .into_iter()
                .map(|matcher| ("matcher", matcher))
                .collect();
            pairs.push(("seconds", span.as_secs().to_string()));
            pairs.push(("comment", comment));
            pairs.push(("by", by));
            let added = done(ask::post("/ondol/alerts/silence", &pairs).await?)?;
            match out.json {
                true => out.object(&added)?,
                false => out.data(added["silenceID"].as_str().unwrap_or_default()),
            }
        }
        SilenceVerb::List { expired } => list(expired, out).await?,
        SilenceVerb::Expire { ids } => {
            for id in ids {
                done(ask::post("/ondol/alerts/expire", &[("id", id)]).await?)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What was answered, unless it is why not.
fn done(answer: Value) -> Result<Value, Failure> {
    match answer.as_str() {
        Some(why) => Err(Failure::error(why)),
        None => Ok(answer),
    }
}

async fn list(expired: bool, out: &Out) -> Result<(), Failure> {
    let all = ask::get("/api/v2/silences", &[]).await?;
    let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
    let listed = all
        .iter()
        .filter(|silence| expired || silence["status"]["state"] != "expired");
    if out.json {
        return listed
            .into_iter()
            .try_for_each(|silence| out.object(silence));
    }
    let mut table = Table::new(&["ID", "STATE", "UNTIL", "MATCHES", "BY", "COMMENT"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for silence in listed {
        table.row(vec![
            text(&silence["id"]),
            text(&silence["status"]["state"]),
            text(&silence["endsAt"]),
            matchers(&silence["matchers"]),
            text(&silence["createdBy"]),
            text(&silence["comment"]),
        ]);
    }
    table.lines().iter().for_each(|line| out.data(line));
    Ok(())
}

fn matchers(value: &Value) -> String {
    let one = |matcher: &Value| {
        let sign = match (matcher["isEqual"].as_bool(), matcher["isRegex"].as_bool()) {
            (Some(false), Some(true)) => "!~",
            (Some(false), _) => "!=",
            (_, Some(true)) => "=~",
            _ => "=",
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!(
            "{}{sign}{}",
            text(&matcher["name"]),
            text(&matcher["value"])
        )
    };
    let all = value.as_array().into_iter().flatten().map(one);
    all.collect::<Vec<_>>().join(" ")
}
