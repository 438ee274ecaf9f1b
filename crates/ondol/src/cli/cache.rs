use std::process::ExitCode;

use ondol_api::{CacheState, PurgeBody};
use ondol_model::Bytes;

use super::args::{CacheArgs, CacheWhat};
use super::failure::Failure;
use super::node;
use super::out::Out;
use super::table::Table;

pub(crate) async fn cache(args: CacheArgs, out: &Out) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    match args.what {
        None => show(&client.cache().await?, out)?,
        Some(CacheWhat::Purge(args)) => {
            let body = PurgeBody {
                urls: args.urls,
                tags: args.tags,
                all: args.all,
            };
            let purged = client.purge(&body).await?;
            match out.json {
                true => out.object(&purged)?,
                false => out.data(&match purged.purged {
                    1 => "1 answer is forgotten".to_owned(),
                    count => format!("{count} answers are forgotten"),
                }),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(cache: &CacheState, out: &Out) -> Result<(), Failure> {
    if out.json {
        return out.object(cache);
    }
    let mut table = Table::new(&["SIZE", "HITS", "STALE", "MISSES", "STORED", "PURGED"]);
    let counters = [
        cache.hits,
        cache.stale,
        cache.misses,
        cache.stored,
        cache.purged,
    ];
    let row = std::iter::once(Bytes(cache.bytes).to_string());
    table.row(row.chain(counters.iter().map(u64::to_string)).collect());
    table.lines().iter().for_each(|line| out.data(line));
    Ok(())
}
