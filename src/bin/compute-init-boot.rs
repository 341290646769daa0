//! The executor: reads its few flags, boots, exits with the state's code.

use compute_init::boot::options::{HELP, Options, Request, parse};
use compute_init::boot::{World, run};
use compute_init::modules::facts::Facts;
use compute_init::plan::status::EXIT_USAGE;
use compute_init::sys::command::SystemRunner;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::rc::Rc;

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1)) {
        Ok(Request::Boot(options)) => ExitCode::from(boot(&options)),
        Ok(Request::Help) => say(HELP),
        Ok(Request::Version) => say(concat!("compute-init-boot ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(why) => {
            let _ = writeln!(stderr(), "compute-init-boot: {why}; --help shows the options");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn boot(options: &Options) -> u8 {
    let runner = Rc::new(SystemRunner::new());
    let facts = Rc::new(Facts::new(runner.clone()));
    let (mut out, mut err) = (stdout(), stderr());
    let lines: &mut dyn Write = if options.json { &mut err } else { &mut out };
    let finished = run(options, World { runner: &*runner, facts, out: lines });
    if options.json
        && let Some(status) = &finished.status
        && let Ok(text) = serde_json::to_string_pretty(status)
    {
        let _ = writeln!(stdout(), "{text}");
    }
    finished.code
}

fn say(text: &str) -> ExitCode {
    match stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
