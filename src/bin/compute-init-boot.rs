//! The executor: reads its few flags, boots, exits with the state's code.

use compute_init::boot::options::{CONFIG, HELP, Options, Request, TRUST, parse};
use compute_init::boot::{Stop, World, carry, receive, run};
use compute_init::bundle::Digest;
use compute_init::modules::facts::Facts;
use compute_init::plan::status::EXIT_USAGE;
use compute_init::sys::command::SystemRunner;
use std::io::{Write, stderr, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1)) {
        Ok(Request::Boot(mut options)) => {
            options.credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(Into::into);
            ExitCode::from(boot(&options))
        }
        Ok(Request::Receive) => taken(
            receive::bundles(Path::new(CONFIG))
                .and_then(|bundles| receive::receive(&mut stdin().lock(), &bundles, Path::new(TRUST))),
        ),
        Ok(Request::Undo) => {
            taken(receive::bundles(Path::new(CONFIG)).and_then(|bundles| receive::undo(&bundles, Path::new(TRUST))))
        }
        Ok(Request::Verify(tree)) => taken(carry::verify(&tree)),
        Ok(Request::Carry(tree, root)) => taken(carry::carry(&tree, &root)),
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

/// Says which bundle is current now, or why not the one that was to be.
fn taken(result: Result<Digest, Stop>) -> ExitCode {
    match result {
        Ok(digest) => {
            let _ = writeln!(stderr(), "bundle      {digest}");
            ExitCode::SUCCESS
        }
        Err(stop) => {
            let hint = stop.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            let _ = writeln!(stderr(), "{}: {}{hint}", stop.state, stop.message);
            ExitCode::from(stop.state.exit_code())
        }
    }
}

fn say(text: &str) -> ExitCode {
    match stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
