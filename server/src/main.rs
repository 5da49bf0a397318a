//! `carnelian-server`: see the library of the same name.

mod allocator;

use std::process::ExitCode;

fn main() -> ExitCode {
    carnelian_server::cli::main()
}
