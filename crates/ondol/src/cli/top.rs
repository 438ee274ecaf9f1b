use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use ondol_api::{Reading, Usage};
use ondol_model::Bytes;
use serde::Serialize;
use tokio::time::sleep;

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
        if out.json {
            let rows = usage.iter().map(|usage| Row {
                usage,
                reading: readings.of(&usage.replica),
            });
            rows.into_iter().try_for_each(|row| out.object(&row))?;
        } else if again {
            let lines = table(&usage, &readings).lines().into_iter();
            let lines: Vec<_> = lines
                .map(|text| vec![Piece { colour: None, text }])
                .collect();
            let height = Terminal::room().height.saturating_sub(1);
            terminal.draw(&lines[..lines.len().min(height)], out);
        } else {
            table(&usage, &readings)
                .lines()
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
