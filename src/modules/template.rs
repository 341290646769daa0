//! `ansible.builtin.template`: renders a template of the role, then does what copy does.

use super::copy::{Copy, Source, not_found, unreadable};
use super::params::{Params, map, text};
use super::{Context, Failure, Outcome, paths};
use crate::plan::{Clock, Data, Map, Timestamp};
use crate::spec::Args;
use crate::sys::clock;
use crate::sys::identity::as_ourselves;
use crate::vars::jinja::Style;
use crate::vars::{Conversion, Rendering};
use std::path::{Path, PathBuf};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let src = args.text("src").unwrap_or_default();
    let dest = PathBuf::from(args.os("dest").unwrap_or_default());
    let path = ctx.files.find("templates", &src).map_err(|tried| not_found(&src, &tried))?;
    let template = ctx.files.read_plain(&path).map_err(|e| unreadable(&path, &e))?;
    if std::str::from_utf8(&template).is_err() {
        return Err(Failure::new("Template source files must be utf-8 encoded"));
    }
    let how = Rendering { name: &path, style: style(args)?, conversion: Conversion::Text, playbook: false };
    let variables = variables(ctx, &src, &path, &dest);
    // Lookups in it read what the executor may read, as on Ansible's controller.
    let rendered = as_ourselves(|| ctx.templar.file(&template, &how, &variables));
    let rendered = rendered.map_err(|e| Failure::new(format!("{}: {e}", class(&e))))?;
    let source = Source {
        bytes: encode(rendered, &args.text("output_encoding").unwrap_or_default())?,
        name: paths::basename(Path::new(&path)).into(),
        mode: ctx.files.mode(&path).unwrap_or(0o644),
        path,
        inline: false,
    };
    Copy { args, dest, follow: args.flag("follow") }.single(ctx, source)
}

/// The exception that Ansible would name.
fn class(error: &crate::vars::TemplateError) -> &'static str {
    match error.kind {
        crate::vars::ErrorKind::Undefined => "AnsibleUndefinedVariable",
        // A plugin is named by a value, and can have no such name.
        crate::vars::ErrorKind::Syntax if error.message.starts_with("Could not load ") => "TemplateSyntaxError",
        crate::vars::ErrorKind::Syntax
        | crate::vars::ErrorKind::Recursion
        | crate::vars::ErrorKind::NotFound
        | crate::vars::ErrorKind::Other => "AnsibleError",
    }
}

fn style(args: &Args) -> Result<Style, Failure> {
    let mut style = Style {
        lstrip_blocks: args.flag("lstrip_blocks"),
        trim_blocks: args.choice("trim_blocks").unwrap_or(true),
        ..Style::default()
    };
    let pairs = [("block", &mut style.block), ("variable", &mut style.variable), ("comment", &mut style.comment)];
    for (name, pair) in pairs {
        if let Some(start) = args.text(&format!("{name}_start_string")) {
            pair.0 = start.into();
        }
        if let Some(end) = args.text(&format!("{name}_end_string")) {
            pair.1 = end.into();
        }
    }
    style.newline_sequence = match args.text("newline_sequence").as_deref() {
        None | Some("\\n" | "\n") => "\n",
        Some("\\r" | "\r") => "\r",
        Some("\\r\\n" | "\r\n") => "\r\n",
        Some(_) => return Err(Failure::new("newline_sequence needs to be one of: \n, \r or \r\n")),
    }
    .into();
    Ok(style)
}

/// What a template knows of itself.
fn variables(ctx: &Context, src: &str, path: &str, dest: &Path) -> Map {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (seconds, micros) = clock::now();
    // Where the bundle's file came from is no business of the node: its owner is root, its time the epoch.
    let modified = ctx.files.modified(path).unwrap_or(0);
    map([
        ("ansible_managed", text("Ansible managed")),
        ("template_host", text(host.trim())),
        ("template_path", text(src)),
        ("template_fullpath", text(path)),
        ("template_mtime", time(modified, 0)),
        ("template_uid", text("root")),
        ("template_run_date", time(seconds, micros)),
        ("template_destpath", paths::shown(dest)),
    ])
}

fn time(seconds: i64, micro: u32) -> Data {
    let local = clock::local(seconds);
    let clock = Clock { hour: local.hour, minute: local.minute, second: local.second, micro, offset: None };
    Data::Time(Timestamp { year: local.year, month: local.month, day: local.day, clock: Some(clock) })
}

/// The rendered text in the encoding that the file shall have.
fn encode(rendered: Vec<u8>, encoding: &str) -> Result<Vec<u8>, Failure> {
    let name = encoding.to_ascii_lowercase().replace('_', "-");
    let highest = match name.as_str() {
        "" | "utf-8" | "utf8" => return Ok(rendered),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => 0xff,
        "ascii" | "us-ascii" => 0x7f,
        _ => {
            return Err(Failure::new(format!("unknown encoding: {encoding}; utf-8, latin-1 and ascii are known here")));
        }
    };
    let cannot = |c: char| Failure::new(format!("'{encoding}' codec can't encode character {c:?}"));
    let text = String::from_utf8(rendered).map_err(|_| Failure::new(format!("the text is no {encoding}")))?;
    text.chars().map(|c| u8::try_from(u32::from(c)).ok().filter(|b| *b <= highest).ok_or_else(|| cannot(c))).collect()
}
