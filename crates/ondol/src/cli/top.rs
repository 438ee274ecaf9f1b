use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use ondol_api::Usage;
use ondol_model::Bytes;
use tokio::time::sleep;

use super::args::{ProjectArgs, TopArgs};
use super::failure::Failure;
use super::node;
use super::out::Out;
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
        if out.json {
            usage.iter().try_for_each(|replica| out.object(replica))?;
        } else if again {
            let lines = table(&usage).lines().into_iter();
            let lines: Vec<_> = lines
                .map(|text| vec![Piece { colour: None, text }])
                .collect();
            let height = Terminal::room().height.saturating_sub(1);
            terminal.draw(&lines[..lines.len().min(height)], out);
        } else {
            table(&usage).lines().iter().for_each(|line| out.data(line));
        }
        if !again {
            return Ok(ExitCode::SUCCESS);
        }
        sleep(PACE).await;
    }
}

fn table(usage: &[Usage]) -> Table {
    let mut table = Table::new(&["NAME", "CPU", "MEMORY", "LIMIT", "PIDS"]);
    for replica in usage {
        let limit = replica
            .memory_limit_bytes
            .map(|bytes| Bytes(bytes).to_string());
        table.row(vec![
            replica.replica.clone(),
            format!("{:.1}%", f64::from(replica.cpu_milli) / 10.0),
            Bytes(replica.memory_bytes).to_string(),
            limit.unwrap_or_else(|| "-".into()),
            replica.pids.to_string(),
        ]);
    }
    table
}
