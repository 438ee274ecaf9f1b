use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use ondol_api::{Reading, Usage};
use ondol_model::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;

use super::alerts;
use super::args::{ProjectArgs, TopArgs};
use super::failure::Failure;
use super::node;
use super::out::Out;
use super::reading::{Readings, words};
use super::screen::Piece;
use super::table::Table;
use super::terminal::Terminal;

const PACE: Duration = Duration::from_secs(1);

pub(crate) async fn top(
    files: &ProjectArgs,
    args: TopArgs,
    out: &Out,
) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    let name = node::project(files, &client, out).await?.name;
    let again = out.redraw && !args.no_stream && std::io::stdout().is_terminal();
    let mut terminal = Terminal::default();
    loop {
        let usage = client.usage(&name).await?;
        let readings = Readings::ask(&client, &name).await?;
        let alerts = alerts::of(name.as_str(), None).await;
        if out.json {
            let rows = usage.iter().map(|usage| Row {
                usage,
                reading: readings.of(&usage.replica),
            });
            rows.into_iter().try_for_each(|row| out.object(&row))?;
        } else if again {
            let lines = lines(&usage, &readings, &alerts).into_iter();
            let lines: Vec<_> = lines
                .map(|text| vec![Piece { colour: None, text }])
                .collect();
            let height = Terminal::room().height.saturating_sub(1);
            terminal.draw(&lines[..lines.len().min(height)], out);
        } else {
            lines(&usage, &readings, &alerts)
                .iter()
                .for_each(|line| out.data(line));
        }
        if !again {
            return Ok(ExitCode::SUCCESS);
        }
        sleep(PACE).await;
    }
}

/// What a replica takes, and what it does for that.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    usage: &'a Usage,
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<&'a Reading>,
}

/// What is taken, and below it what is wrong.
fn lines(usage: &[Usage], readings: &Readings, alerts: &[Value]) -> Vec<String> {
    let mut lines = table(usage, readings).lines();
    if !alerts.is_empty() {
        lines.push(String::new());
        lines.extend(alerts.iter().map(alerts::line));
    }
    lines
}

fn table(usage: &[Usage], readings: &Readings) -> Table {
    let titles = [
        "NAME", "CPU", "MEMORY", "LIMIT", "PIDS", "REQ/S", "ERRORS", "P50", "P99",
    ];
    let mut table = Table::new(&titles);
    for replica in usage {
        let limit = replica
            .memory_limit_bytes
            .map(|bytes| Bytes(bytes).to_string());
        let mut row = vec![
            replica.replica.clone(),
            format!("{:.1}%", f64::from(replica.cpu_milli) / 10.0),
            Bytes(replica.memory_bytes).to_string(),
            limit.unwrap_or_else(|| "-".into()),
            replica.pids.to_string(),
        ];
        row.extend(words(readings.of(&replica.replica)));
        table.row(row);
    }
    table
}
