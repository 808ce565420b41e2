use std::process::ExitCode;

fn main() -> ExitCode {
    bitsmith::cli::main()
}
