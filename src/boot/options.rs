//! The executor's flags. Every ambient input is here with its default; of the environment nothing is read but where the
//! service manager put credentials, and that by `main`.

use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the node's own configuration is.
pub const CONFIG: &str = "/etc/compute-init/config.yaml";
/// Where the keys are that may sign a bundle.
pub const TRUST: &str = "/etc/compute-init/trust.d";

/// Where bundles are.
pub const BUNDLES: &str = "/var/lib/compute-init/bundles";

/// Shown by `--help`.
pub const HELP: &str = "\
compute-init-boot: make this compute node what its signed bundle says

Usage: compute-init-boot [OPTIONS]

  --check            change nothing; say what would change
  --diff             show differences of files (secrets masked)
  --root DIR         work on the root file system in DIR (chroot)
  --metadata SOURCE  instance metadata from a FILE or an http:// URL
  --export SOURCE    control export: DIR, file:///DIR, nfs://HOST/PATH, http(s)://...
  --config FILE      configuration [/etc/compute-init/config.yaml]
  --trust DIR        public keys that may sign [/etc/compute-init/trust.d]
  --bundle DIR|FILE  bundle [/var/lib/compute-init/bundles/current]
  --host NAME        short host name of this node [the kernel's]
  --no-resume        leave the node's state in Slurm alone
  --json             print the final status as JSON
  --receive          take a bundle from standard input; verified, it is current
  --undo             make the previous bundle current again
  --carry TREE       in an initramfs: put TREE (executor, bundle, units) into --root
  --verify TREE      say whether the keys in TREE vouch for the bundle in TREE
  --early            in an initramfs: apply what is tagged stage:initramfs to --root
  -v, --verbose      say more (may be repeated)
  -h, --help         this text
  -V, --version      the version

Paths given here are outside --root; defaults are inside it.
Exit codes: 0 ready, disabled, not-compute or unconfigured; 1 machine error; 2 usage;
3 failed; 4 unreachable; 5 refused; 6 another executor is running. See docs/boot.md.
";

/// What the command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--check`.
    pub check: bool,
    /// `--diff`.
    pub diff: bool,
    /// `--root`.
    pub root: Option<PathBuf>,
    /// `--metadata`.
    pub metadata: Option<String>,
    /// `--export`.
    pub export: Option<String>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--trust`.
    pub trust: Option<PathBuf>,
    /// `--bundle`.
    pub bundle: Option<PathBuf>,
    /// `--host`.
    pub host: Option<String>,
    /// `--no-resume`.
    pub no_resume: bool,
    /// `--json`.
    pub json: bool,
    /// `-v`, counted.
    pub verbose: u8,
    /// `--early`.
    pub early: bool,
    /// The service manager's directory of credentials: `CREDENTIALS_DIRECTORY`.
    pub credentials: Option<PathBuf>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Boot.
    Boot(Box<Options>),
    /// Take a bundle from standard input.
    Receive,
    /// Go back to the previous bundle.
    Undo,
    /// Verify a tree's bundle with its own keys.
    Verify(PathBuf),
    /// Carry a tree into a root.
    Carry(PathBuf, PathBuf),
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// Reads the arguments, without the program's name.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    read(&mut Parser::from_args(arguments)).map_err(|e| e.to_string())
}

fn read(parser: &mut Parser) -> Result<Request, lexopt::Error> {
    let (mut options, mut carry) = (Options::default(), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("check") => options.check = true,
            Arg::Long("diff") => options.diff = true,
            Arg::Long("root") => options.root = Some(parser.value()?.into()),
            Arg::Long("metadata") => options.metadata = Some(parser.value()?.string()?),
            Arg::Long("export") => options.export = Some(parser.value()?.string()?),
            Arg::Long("config") => options.config = Some(parser.value()?.into()),
            Arg::Long("trust") => options.trust = Some(parser.value()?.into()),
            Arg::Long("bundle") => options.bundle = Some(parser.value()?.into()),
            Arg::Long("host") => options.host = Some(parser.value()?.string()?),
            Arg::Long("no-resume") => options.no_resume = true,
            Arg::Long("json") => options.json = true,
            Arg::Short('v') | Arg::Long("verbose") => options.verbose = options.verbose.saturating_add(1),
            Arg::Long("carry") => carry = Some(PathBuf::from(parser.value()?)),
            Arg::Long("verify") => {
                let tree = parser.value()?.into();
                return alone(parser, Request::Verify(tree));
            }
            Arg::Long("early") => options.early = true,
            Arg::Long("receive") => return alone(parser, Request::Receive),
            Arg::Long("undo") => return alone(parser, Request::Undo),
            Arg::Short('h') | Arg::Long("help") => return Ok(Request::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Request::Version),
            other => return Err(other.unexpected()),
        }
    }
    match (carry, &options.root) {
        (None, None) if options.early => Err("--early needs --root".into()),
        (None, _) => Ok(Request::Boot(Box::new(options))),
        (Some(tree), Some(root)) => Ok(Request::Carry(tree, root.clone())),
        (Some(_), None) => Err("--carry needs --root".into()),
    }
}

/// These take nothing else: whoever gives them more expects more of them.
fn alone(parser: &mut Parser, request: Request) -> Result<Request, lexopt::Error> {
    match parser.next()? {
        None => Ok(request),
        Some(other) => Err(other.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Request, parse};

    fn boot(arguments: &[&str]) -> Result<Options, String> {
        match parse(arguments.iter().map(Into::into))? {
            Request::Boot(options) => Ok(*options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_are_read() {
        let options = boot(&["--check", "-vv", "--export=/srv/x", "--root", "/r"]).unwrap();
        assert!(options.check && !options.diff);
        assert_eq!(options.verbose, 2);
        assert_eq!(options.export.as_deref(), Some("/srv/x"));
        assert_eq!(options.root.as_deref(), Some(std::path::Path::new("/r")));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(boot(&["--chek"]).unwrap_err().contains("--chek"));
        assert!(boot(&["--root"]).unwrap_err().contains("--root"));
        assert!(boot(&["--check=yes"]).unwrap_err().contains("--check"));
        assert!(boot(&["--receive", "--check"]).unwrap_err().contains("--check"));
        assert!(boot(&["--carry", "/t"]).unwrap_err().contains("--root"));
        assert!(boot(&["--verify"]).unwrap_err().contains("--verify"));
        assert!(boot(&["--verify", "/t", "--check"]).unwrap_err().contains("--check"));
        assert!(boot(&["--early"]).unwrap_err().contains("--root"));
        assert!(boot(&["extra"]).unwrap_err().contains("extra"));
    }
}
