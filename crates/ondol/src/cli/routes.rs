use std::process::ExitCode;

use ondol_api::{RouteAsk, RouteOutcome, RouteState};

use super::args::{ExplainArgs, RoutesArgs, RoutesWhat};
use super::failure::Failure;
use super::node;
use super::out::{Colour, Out};
use super::table::Table;

pub(crate) async fn routes(args: RoutesArgs, out: &Out) -> Result<ExitCode, Failure> {
    let client = node::in_charge(out).await?;
    match args.what {
        None => show(&client.routes(None).await?, out),
        Some(RoutesWhat::Explain(args)) => {
            let ask = ask(args);
            explain(&client.routes(Some(&ask)).await?, &ask, out)
        }
    }
}

fn ask(args: ExplainArgs) -> RouteAsk {
    RouteAsk {
        url: args.url,
        method: args.request,
        headers: args.header.join("\n"),
    }
}

fn show(routes: &[RouteState], out: &Out) -> Result<ExitCode, Failure> {
    let mut table = Table::new(&["PORT", "MATCHES", "WANTS", "SERVICE", "DOES"]);
    for route in routes {
        match out.json {
            true => out.object(route)?,
            false => table.row(vec![
                route.port.to_string(),
                route.matches.clone(),
                route.wants.join(", "),
                name(route),
                route.does.join(", "),
            ]),
        }
    }
    if !out.json {
        table.lines().iter().for_each(|line| out.data(line));
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(routes: &[RouteState], ask: &RouteAsk, out: &Out) -> Result<ExitCode, Failure> {
    if out.json {
        routes.iter().try_for_each(|route| out.object(route))?;
    } else {
        lines(routes, ask, out)
            .iter()
            .for_each(|line| out.data(line));
    }
    let won = routes
        .iter()
        .any(|route| route.outcome == Some(RouteOutcome::Wins));
    Ok(if won {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn lines(routes: &[RouteState], ask: &RouteAsk, out: &Out) -> Vec<String> {
    let (winner, others): (Vec<_>, Vec<_>) = routes
        .iter()
        .partition(|route| route.outcome == Some(RouteOutcome::Wins));
    let mut lines = vec![match winner.first() {
        Some(route) => {
            let name = name(route);
            let to = out.paint(Colour::Bold, &name);
            format!(
                "{} {} goes to {to}, by {}",
                ask.method,
                ask.url,
                title(route)
            )
        }
        None => format!("{} {} is answered 404: no route fits", ask.method, ask.url),
    }];
    let done = winner.iter().flat_map(|route| &route.does);
    lines.extend(done.map(|what| format!("  {what}")));
    for route in others {
        let why = route.why.as_deref().unwrap_or_default();
        lines.push(format!("not {} by {}: {why}", name(route), title(route)));
    }
    lines
}

fn title(route: &RouteState) -> String {
    match route.wants.is_empty() {
        true => route.matches.clone(),
        false => format!("{} ({})", route.matches, route.wants.join(", ")),
    }
}

fn name(route: &RouteState) -> String {
    format!("{}/{}", route.project, route.service)
}
