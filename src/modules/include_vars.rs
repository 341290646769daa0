//! `include_vars`: variables from files, at the precedence that set this apart from set_fact.

use super::params::{Params, list, text};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Key, Map};
use crate::spec::Args;
use crate::sys::order;
use crate::vars::pyre::{Flags, Regex};

/// Deeper directories than this are a mistake.
const DEPTH: i64 = 64;

/// How Ansible ends the message about a file that is not there.
const ELSEWHERE: &str = " on the Ansible Controller.\nIf you are using a module and expect the file to exist on the \
                         remote, see the remote_src option";

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    const OF_DIRECTORY: [&str; 6] =
        ["dir", "depth", "files_matching", "ignore_files", "extensions", "ignore_unknown_extensions"];
    let given = |name: &&str| ctx.raw.contains_key(&Key(name));
    if OF_DIRECTORY.iter().any(given) && ["file", "_raw_params"].iter().any(given) {
        return Err(Failure::new("You are mixing file only and dir only arguments, these are incompatible"));
    }
    let mut load = Load { ctx, included: Vec::new(), vars: Map::default() };
    let loaded = match args.text("dir") {
        Some(directory) => Directory::of(args).and_then(|rules| load.directory(&directory, &rules)),
        None => {
            let name = args.text("file").or_else(|| args.text("_raw_params")).unwrap_or_default();
            load.file(name.trim_end_matches('\n'))
        }
    };
    let included = list(load.included);
    let mut vars = load.vars;
    if let Some(name) = args.text("name") {
        vars = Map::from_iter([(Data::str(name), Data::Map(vars))]);
    }
    if args.text("hash_behaviour").as_deref() == Some("merge") {
        vars = merged_with_present(ctx, vars)?;
    }
    match loaded {
        Ok(()) => Ok(Outcome { include_vars: vars, ..Outcome::default() }.with("ansible_included_var_files", included)),
        // Ansible says `message` here, where every other module says `msg`.
        Err(failure) => Err(Failure {
            result: super::params::map([("message", text(&failure.msg)), ("ansible_included_var_files", included)]),
            ..failure
        }),
    }
}

/// Dictionaries that are there already are merged into, recursively.
fn merged_with_present(ctx: &Context, vars: Map) -> Result<Map, Failure> {
    let mut merged = Map::default();
    for (name, value) in vars {
        let present = name.as_str().and_then(|n| {
            let probe = Data::Str(format!("{{{{ {n} | default({{}}, true) }}}}"));
            ctx.templar.value(&probe).ok()
        });
        let value = match (present, value) {
            (Some(Data::Map(mut old)), Data::Map(new)) => {
                merge(&mut old, new);
                Data::Map(old)
            }
            (_, value) => value,
        };
        merged.insert(name, value);
    }
    Ok(merged)
}

fn merge(old: &mut Map, new: Map) {
    for (key, value) in new {
        match (old.get_mut(&key), value) {
            (Some(Data::Map(inner)), Data::Map(value)) => merge(inner, value),
            (_, value) => drop(old.insert(key, value)),
        }
    }
}

/// Which files of a directory count.
struct Directory {
    depth: i64,
    matching: Option<Regex>,
    ignored: Vec<Regex>,
    extensions: Vec<String>,
    skip_unknown: bool,
}

impl Directory {
    fn of(args: &Args) -> Result<Directory, Failure> {
        let regex = |pattern: &str| {
            Regex::new(pattern, Flags::default())
                .map_err(|_| Failure::new(format!("Invalid regular expression: {pattern}")))
        };
        let ignored = args.texts("ignore_files").unwrap_or_default();
        let extensions =
            args.texts("extensions").unwrap_or_else(|| ["yaml", "yml", "json"].map(str::to_owned).to_vec());
        Ok(Directory {
            depth: args.int("depth").unwrap_or(0),
            matching: args.text("files_matching").as_deref().map(regex).transpose()?,
            ignored: ignored.iter().map(|p| regex(&format!("{p}$"))).collect::<Result<_, _>>()?,
            extensions,
            skip_unknown: args.flag("ignore_unknown_extensions"),
        })
    }

    fn known(&self, name: &str) -> bool {
        let extension = name.trim_start_matches('.').rsplit_once('.').map_or("", |(_, e)| e);
        self.extensions.iter().any(|e| e == extension)
    }

    /// Whether a file is to be loaded; a file of another kind is an error unless the author said otherwise.
    fn wants(&self, name: &str, path: &str) -> Result<bool, Failure> {
        let found = |regex: &Regex| regex.search(name).is_ok_and(|found| found.is_some());
        if self.matching.as_ref().is_some_and(|m| !found(m)) || self.ignored.iter().any(found) {
            return Ok(false);
        }
        match (self.known(name), self.skip_unknown) {
            (true, _) => Ok(true),
            (false, true) => Ok(false),
            (false, false) => {
                Err(Failure::new(format!("{path} does not have a valid extension: {}", self.extensions.join(", "))))
            }
        }
    }
}

struct Load<'a> {
    ctx: &'a Context<'a>,
    included: Vec<String>,
    vars: Map,
}

impl Load<'_> {
    fn file(&mut self, name: &str) -> Result<(), Failure> {
        if name.is_empty() {
            return Err(Failure::new(format!("Could not find file{ELSEWHERE}")));
        }
        let path = self.ctx.files.find("vars", name).map_err(|tried| {
            Failure::new(format!(
                "Could not find or access '{name}'\nSearched in:\n\t{}{ELSEWHERE}",
                tried.join("\n\t")
            ))
        })?;
        self.load(path)
    }

    fn load(&mut self, path: String) -> Result<(), Failure> {
        let reading = |e: std::io::Error| Failure::new(format!("reading {path}: {e}"));
        let vars = self.ctx.files.read_vars(&path).map_err(reading)?;
        match vars {
            Data::Map(vars) => self.vars.extend(vars),
            nothing if !nothing.truthy() => {}
            _ => return Err(Failure::new(format!("{path} must be stored as a dictionary/hash"))),
        }
        self.included.push(path);
        Ok(())
    }

    fn directory(&mut self, name: &str, rules: &Directory) -> Result<(), Failure> {
        let path = self.ctx.files.find("vars", name);
        let path = path.map_err(|_| Failure::new(format!("{name} directory does not exist")))?;
        if self.ctx.files.list(&path).is_err() {
            return Err(Failure::new(format!("{name} is not a directory")));
        }
        // Directories in the order of their paths, and in each the files by name.
        let mut directories = vec![(path.clone(), 1)];
        let mut next = 0;
        while next < directories.len() {
            let (directory, depth) = directories[next].clone();
            next += 1;
            if depth >= DEPTH || (rules.depth != 0 && depth >= rules.depth) {
                continue;
            }
            let entries = self.ctx.files.list(&directory).unwrap_or_default();
            let below = entries.into_iter().filter(|(_, is_directory)| *is_directory);
            directories.extend(below.map(|(name, _)| (format!("{directory}/{name}"), depth + 1)));
        }
        order::ascending(&mut directories);
        for (directory, _) in directories {
            let listed = self.ctx.files.list(&directory);
            let mut entries = listed.map_err(|e| Failure::new(format!("listing {directory}: {e}")))?;
            order::ascending(&mut entries);
            for (name, _) in entries.into_iter().filter(|(_, is_directory)| !is_directory) {
                let file = format!("{directory}/{name}");
                // A role's own main.yml is loaded with the role.
                if file.ends_with("/vars/main.yml") && directory == path {
                    continue;
                }
                if rules.wants(&name, &file)? {
                    self.load(file)?;
                }
            }
        }
        Ok(())
    }
}
