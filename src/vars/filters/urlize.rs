//! Jinja's `urlize`: links around what looks like a URL or an e-mail address.

use super::args::{flag, integer, like, soft, unless_none};
use super::markup::escaped;
use crate::sys::order;
use crate::vars::pyre::{Flags, Regex};
use crate::vars::pytext::{is_space, words};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Text, Value};
use std::fmt::Write;

/// What a word must look like to be linked: a scheme or `www.` and a name, a name under a well-known domain, or a
/// scheme and an address.
const HTTP: &str = concat!(
    r"^((https?://|www\.)(([\w%-]+\.)+)?([a-z]{2,63}|xn--[\w%]{2,59})",
    r"|([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)",
    r"|(https?://)((([\d]{1,3})(\.[\d]{1,3}){3})|(\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}])))",
    r"(?::[\d]{1,5})?(?:[/?#]\S*)?$"
);
const EMAIL: &str = r"^\S+@\w[\w.-]*\.\w+$";

struct Links {
    http: Regex,
    email: Regex,
    limit: Option<usize>,
    attributes: String,
    schemes: Vec<String>,
}

pub fn urlize(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let names = ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"];
    let [limit, nofollow, target, rel, schemes] = args.bind("do_urlize", names, 0)?;
    let source = Text::new(value.defined()?.text()?);
    let limit = unless_none(limit).map(|l| integer(Some(l), 0)).transpose()?;
    let rel = unless_none(rel).map_or(Ok(String::new()), |r| r.text())?;
    let mut relations: Vec<&str> = words(&rel).chain(["noopener"]).collect();
    if flag(nofollow)? {
        relations.push("nofollow");
    }
    order::ascending(&mut relations);
    relations.dedup();
    let mut attributes = format!(" rel=\"{}\"", escaped(&relations.join(" ")));
    if let Some(target) = unless_none(target) {
        let _ = write!(attributes, " target=\"{}\"", escaped(&target.text()?));
    }
    let schemes = match unless_none(schemes) {
        None => Vec::new(),
        Some(list) => list.iterate(env)?.iter().map(Value::text).collect::<Outcome<_>>()?,
    };
    let scheme = Regex::new(r"^([\w.+-]{2,}:(/){0,2})$", Flags::default()).map_err(TemplateError::other)?;
    for name in &schemes {
        if scheme.match_start(name).map_err(TemplateError::other)?.is_none() {
            let shown = Value::from(name.as_str()).repr()?;
            return Err(TemplateError::other(format!("{shown} is not a valid URI scheme prefix.")));
        }
    }
    // Letters beyond ASCII would make the names' bounded repetitions megabytes of automaton.
    let flags = Flags { ignore_case: true, ascii: true, ..Flags::default() };
    let links = Links {
        http: Regex::new(HTTP, flags).map_err(TemplateError::other)?,
        email: Regex::new(EMAIL, Flags::default()).map_err(TemplateError::other)?,
        limit: limit.map(super::args::count),
        attributes,
        schemes,
    };
    let markup = escaped(soft(&value)?.as_str());
    env.charge(markup.len() as u64)?;
    let mut out = String::with_capacity(markup.len());
    for piece in markup.split_inclusive(is_space) {
        let word = piece.trim_end_matches(is_space);
        out.push_str(&links.word(word)?);
        out.push_str(&piece[word.len()..]);
    }
    env.check_size(out.len())?;
    Ok(like(&source, out))
}

impl Links {
    fn word(&self, word: &str) -> Outcome<String> {
        let mut middle = word;
        while let Some(rest) = ["(", "<", "&lt;"].iter().find_map(|open| middle.strip_prefix(open)) {
            middle = rest;
        }
        let head = &word[..word.len() - middle.len()];
        let whole = middle;
        while let Some(rest) = [")", ">", ".", ",", "&gt;"].iter().find_map(|close| middle.strip_suffix(close)) {
            middle = rest;
        }
        let mut tail = &whole[middle.len()..];
        // A bracket that opens within the word closes within it.
        for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
            let opened = middle.matches(open).count();
            if opened <= middle.matches(close).count() {
                continue;
            }
            for _ in 0..opened.min(tail.matches(close).count()) {
                let Some(at) = tail.find(close) else { break };
                middle = &whole[..middle.len() + at + close.len()];
                tail = &whole[middle.len()..];
            }
        }
        Ok(format!("{head}{}{tail}", self.link(middle)?))
    }

    fn link(&self, word: &str) -> Outcome<String> {
        let is = |regex: &Regex, text: &str| regex.match_start(text).map(|m| m.is_some()).map_err(TemplateError::other);
        let attributes = &self.attributes;
        if is(&self.http, word)? {
            let scheme = if word.starts_with("https://") || word.starts_with("http://") { "" } else { "https://" };
            return Ok(format!("<a href=\"{scheme}{word}\"{attributes}>{}</a>", self.trimmed(word)));
        }
        if let Some(address) = word.strip_prefix("mailto:") {
            if is(&self.email, address)? {
                return Ok(format!("<a href=\"{word}\">{address}</a>"));
            }
        } else if word.contains('@') && !word.starts_with("www.") && !word.contains(':') && is(&self.email, word)? {
            return Ok(format!("<a href=\"mailto:{word}\">{word}</a>"));
        }
        let known = self.schemes.iter().any(|s| word != s && word.starts_with(s.as_str()));
        Ok(if known { format!("<a href=\"{word}\"{attributes}>{word}</a>") } else { word.to_owned() })
    }

    fn trimmed(&self, word: &str) -> String {
        match self.limit {
            Some(limit) if word.chars().count() > limit => word.chars().take(limit).chain("...".chars()).collect(),
            _ => word.to_owned(),
        }
    }
}
