//! Tests of paths on the node; those beneath the source's root are looked up in the bundle.

use crate::plan::SOURCE_ROOT;
use crate::vars::filters::args::{given, none};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What a path leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    Regular,
    Directory,
    Other,
}

fn path(value: &Value) -> Outcome<String> {
    match value.defined()? {
        Value::Str(text) => Ok(text.as_str().to_owned()),
        Value::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        other => {
            let name = other.type_name();
            Err(TemplateError::other(format!("stat: path should be string, bytes, os.PathLike or integer, not {name}")))
        }
    }
}

/// A path, or the number of an open file, as stat takes it.
fn path_or_file(value: &Value) -> Outcome<String> {
    match value {
        Value::Bool(_) | Value::Int(_) => Ok(format!("/proc/self/fd/{}", value.as_int().unwrap_or(-1))),
        _ => path(value),
    }
}

fn kind(env: &Env, path: &str) -> Kind {
    if path.starts_with(SOURCE_ROOT) {
        return in_bundle(env, path.trim_end_matches('/'));
    }
    match fs::metadata(path) {
        Err(_) => Kind::Missing,
        Ok(meta) if meta.is_file() => Kind::Regular,
        Ok(meta) if meta.is_dir() => Kind::Directory,
        Ok(_) => Kind::Other,
    }
}

fn in_bundle(env: &Env, path: &str) -> Kind {
    if path == SOURCE_ROOT {
        return Kind::Directory;
    }
    let Some((directory, name)) = path.rsplit_once('/') else { return Kind::Missing };
    let Ok(names) = env.files().list(directory) else { return Kind::Missing };
    match names.iter().find(|(n, _)| n == name) {
        None => Kind::Missing,
        Some((_, true)) => Kind::Directory,
        Some((_, false)) => Kind::Regular,
    }
}

pub fn exists(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("exists", args)?;
    Ok(kind(env, &path_or_file(&value)?) != Kind::Missing)
}

pub fn directory(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("isdir", args)?;
    Ok(kind(env, &path_or_file(&value)?) == Kind::Directory)
}

pub fn regular(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("isfile", args)?;
    Ok(kind(env, &path_or_file(&value)?) == Kind::Regular)
}

pub fn link(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("islink", args)?;
    Ok(fs::symlink_metadata(path(&value)?).is_ok_and(|m| m.is_symlink()))
}

pub fn link_exists(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("lexists", args)?;
    let path = path(&value)?;
    Ok(fs::symlink_metadata(&path).is_ok() || kind(env, &path) != Kind::Missing)
}

pub fn absolute(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("isabs", args)?;
    Ok(path(&value)?.starts_with('/'))
}

pub fn same(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [other] = args.bind("samefile", ["f2"], 1)?;
    let identity = |path: String| match fs::metadata(&path) {
        Ok(meta) => Ok((meta.dev(), meta.ino())),
        Err(e) => Err(TemplateError::other(format!("{e}: '{path}'"))),
    };
    Ok(identity(path(&value)?)? == identity(path(&given(other))?)?)
}

/// A directory on another device than its parent, or that is its own parent.
pub fn mount(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("ismount", args)?;
    let path = path(&value)?;
    let Ok(here) = fs::symlink_metadata(&path) else { return Ok(false) };
    if here.is_symlink() {
        return Ok(false);
    }
    let Ok(above) = fs::metadata(Path::new(&path).join("..")) else { return Ok(false) };
    Ok(here.dev() != above.dev() || here.ino() == above.ino())
}
