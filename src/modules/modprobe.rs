//! `modprobe`: kernel modules, loaded now and at boot.

use super::exec;
use super::params::{Params, change, failure, int, text};
use super::{Context, Failure, Outcome, words};
use crate::spec::Args;
use crate::sys::order;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

const LOAD: &str = "/etc/modules-load.d";
const OPTIONS: &str = "/etc/modprobe.d";

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let module = Module {
        ctx,
        program: exec::program(ctx, "modprobe")?,
        name: args.text("name").unwrap_or_default(),
        params: args.text("params").unwrap_or_default(),
        state: args.text("state").unwrap_or_else(|| "present".to_owned()),
    };
    // The name becomes a file's name.
    if module.name.is_empty() || module.name.contains('/') || module.name.starts_with('.') {
        return Err(Failure::new(format!("{:?} is no name of a kernel module", module.name)));
    }
    let mut outcome = Outcome::default();
    if (module.state == "present") != module.is_loaded()? && module.switch()? {
        outcome.changed = true;
        outcome.changes.push(change(if module.state == "present" { "loaded" } else { "unloaded" }, &module.name));
    }
    let persistent = args.text("persistent").unwrap_or_else(|| "disabled".to_owned());
    if persistent != "disabled" && module.persist(persistent == "present")? {
        outcome.changed = true;
        outcome.changes.push(change("content", format!("{LOAD}/{}.conf", module.name)));
    }
    Ok(outcome.with("name", text(module.name)).with("params", text(module.params)).with("state", text(module.state)))
}

struct Module<'a> {
    ctx: &'a Context<'a>,
    program: OsString,
    name: String,
    params: String,
    state: String,
}

impl Module<'_> {
    fn is_loaded(&self) -> Result<bool, Failure> {
        let failed = |path: &str, e: std::io::Error| Failure::new(format!("reading {path}: {e}"));
        let modules = std::fs::read_to_string("/proc/modules").map_err(|e| failed("/proc/modules", e))?;
        let own = format!("{} ", self.name.replace('-', "_"));
        if modules.lines().any(|l| l.starts_with(&own)) {
            return Ok(true);
        }
        let release =
            nix::sys::utsname::uname().map(|u| u.release().to_string_lossy().into_owned()).unwrap_or_default();
        let list = format!("/lib/modules/{release}/modules.builtin");
        let builtin = std::fs::read_to_string(&list).map_err(|e| failed(&list, e))?;
        let file = format!("/{}.ko", self.name);
        Ok(builtin.lines().any(|l| l.trim_end().ends_with(&file)))
    }

    /// Loads or unloads; modprobe itself is asked in check mode, with `-n`.
    fn switch(&self) -> Result<bool, Failure> {
        let mut argv = vec![self.program.clone()];
        let dry = self.ctx.check.then(|| OsString::from("-n"));
        if self.state == "present" {
            argv.extend(dry);
            argv.push(self.name.clone().into());
            argv.extend(self.parameters()?);
        } else {
            argv.extend(["-r".into(), self.name.clone().into()]);
            argv.extend(dry);
        }
        let ran = if self.ctx.check { exec::look(self.ctx, argv)? } else { exec::change(self.ctx, argv)? };
        if ran.rc != 0 {
            return Err(failure(
                ran.err(),
                [
                    ("rc", int(ran.rc)),
                    ("stdout", text(ran.out())),
                    ("stderr", text(ran.err())),
                    ("name", text(&self.name)),
                    ("params", text(&self.params)),
                    ("state", text(&self.state)),
                ],
            ));
        }
        if self.state != "present" || self.ctx.check || self.is_loaded()? {
            return Ok(true);
        }
        let mut argv = vec![self.program.clone(), "-n".into(), "--first-time".into(), self.name.clone().into()];
        argv.extend(self.parameters()?);
        exec::look(self.ctx, argv)?;
        Ok(false)
    }

    fn parameters(&self) -> Result<Vec<OsString>, Failure> {
        let words = words::split(self.params.as_bytes()).map_err(|e| Failure::new(format!("splitting params: {e}")))?;
        Ok(words.into_iter().map(OsString::from_vec).collect())
    }

    /// Whether a line names this module, a comment after it or not.
    fn names(&self, line: &str) -> bool {
        line.split(['#', ';']).next().unwrap_or_default().trim() == self.name
    }

    /// The option of this module that a line of modprobe.d sets.
    fn option<'l>(&self, line: &'l str) -> Option<&'l str> {
        let rest = line.strip_prefix("options ")?.strip_prefix(self.name.as_str())?.strip_prefix(' ')?;
        let option = rest.split(" #").next().unwrap_or_default().split(" ;").next().unwrap_or_default().trim_end();
        (option.contains('=') && !option.contains(' ')).then_some(option)
    }

    fn persist(&self, wanted: bool) -> Result<bool, Failure> {
        let loaded = files(LOAD).iter().any(|f| content(f).lines().any(|l| self.names(l)));
        let mut set: Vec<String> = Vec::new();
        for file in files(OPTIONS) {
            set.extend(content(&file).lines().filter_map(|l| self.option(l)).map(str::to_owned));
        }
        order::ascending(&mut set);
        set.dedup();
        let mut asked: Vec<String> = self.params.split_whitespace().map(str::to_owned).collect();
        order::ascending(&mut asked);
        asked.dedup();
        let options_differ = if wanted { set != asked } else { !set.is_empty() };
        if loaded == wanted && !options_differ {
            return Ok(false);
        }
        if self.ctx.check {
            return Ok(true);
        }
        if options_differ {
            self.comment_out(OPTIONS, |l| self.option(l).is_some())?;
        }
        if wanted && !loaded {
            write(&format!("{LOAD}/{}.conf", self.name), &format!("{}\n", self.name))?;
        }
        if wanted && options_differ {
            let lines = self.params.split_whitespace().map(|p| format!("options {} {p}\n", self.name));
            write(&format!("{OPTIONS}/{}.conf", self.name), &lines.collect::<String>())?;
        }
        if !wanted && loaded {
            self.comment_out(LOAD, |l| self.names(l))?;
        }
        Ok(true)
    }

    fn comment_out(&self, directory: &str, wanted: impl Fn(&str) -> bool) -> Result<(), Failure> {
        for file in files(directory) {
            let old = content(&file);
            let comment = |line: &str| if wanted(line.trim_end()) { format!("#{line}") } else { line.to_owned() };
            let new: String = old.split_inclusive('\n').map(comment).collect();
            if new != old {
                write(&file.to_string_lossy(), &new)?;
            }
        }
        Ok(())
    }
}

fn files(directory: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
    order::ascending(&mut files);
    files
}

fn content(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

fn write(path: &str, text: &str) -> Result<(), Failure> {
    use crate::sys::file::{Look, replace};
    let target = Path::new(path);
    Look::of_or_fresh(target)
        .and_then(|look| replace(target, text.as_bytes(), &look))
        .map_err(|e| Failure::new(format!("writing {path}: {e}")))
}
