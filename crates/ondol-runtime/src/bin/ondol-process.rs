//! The processes of this crate without the rest of Ondol: what its own tests start in place of `ondol`.

use std::io::Write as _;

fn main() {
    let mut args = std::env::args_os().skip(1);
    let role = args.next().unwrap_or_default();
    match role.to_str() {
        Some("shim") => ondol_runtime::shim::main(args),
        Some("enter") => ondol_runtime::enter_main(),
        Some("world") => ondol_runtime::world_main(args),
        _ => drop(writeln!(std::io::stderr(), "shim, enter or world")),
    }
}
