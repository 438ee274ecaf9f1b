use std::process::ExitCode;

use clap::CommandFactory;

use super::args::Cli;
use super::failure::Failure;
use super::out::Out;

pub(crate) fn completions(shell: clap_complete::Shell, out: &Out) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ondol", &mut script);
    out.data(String::from_utf8_lossy(&script).trim_end());
    Ok(ExitCode::SUCCESS)
}
