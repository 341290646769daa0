//! Source text to tokens: newlines, delimiters, Ansible's doubled backslashes, and Python's string escapes.

use crate::plan::limits;
use crate::vars::error::{Outcome, TemplateError};
use crate::vars::pytext::is_space;
use minijinja::machinery::{Token, Tokenizer};
use minijinja::syntax::SyntaxConfig;
use std::borrow::Cow;

/// Gaps with blanks beyond ASCII in one template: each costs another run of the tokenizer.
const WIDE_GAPS: usize = 100;

/// Characters that a style gives a meaning. Nearly always Ansible's own, which need no copy.
pub type Mark = Cow<'static, str>;

/// How a template is written: the `template` module's options, or a `#jinja2:` header's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Style {
    /// `{%` and `%}`.
    pub block: (Mark, Mark),
    /// `{{` and `}}`.
    pub variable: (Mark, Mark),
    /// `{#` and `#}`.
    pub comment: (Mark, Mark),
    /// Starts a line that is a statement.
    pub line_statement_prefix: Option<Mark>,
    /// Starts a comment to the end of the line.
    pub line_comment_prefix: Option<Mark>,
    /// Whether the newline after a statement goes.
    pub trim_blocks: bool,
    /// Whether blanks before a statement go.
    pub lstrip_blocks: bool,
    /// Whether one newline at the end is kept.
    pub keep_trailing_newline: bool,
    /// What a newline becomes.
    pub newline_sequence: Mark,
}

impl Default for Style {
    /// Ansible's own.
    fn default() -> Style {
        let pair = |a, b| (Mark::Borrowed(a), Mark::Borrowed(b));
        Style {
            block: pair("{%", "%}"),
            variable: pair("{{", "}}"),
            comment: pair("{#", "#}"),
            line_statement_prefix: None,
            line_comment_prefix: None,
            trim_blocks: true,
            lstrip_blocks: false,
            keep_trailing_newline: false,
            newline_sequence: Mark::Borrowed("\n"),
        }
    }
}

impl Style {
    fn syntax(&self) -> Outcome<SyntaxConfig> {
        let mut builder = SyntaxConfig::builder();
        builder
            .block_delimiters(self.block.0.clone(), self.block.1.clone())
            .variable_delimiters(self.variable.0.clone(), self.variable.1.clone())
            .comment_delimiters(self.comment.0.clone(), self.comment.1.clone())
            .trim_blocks(self.trim_blocks)
            .lstrip_blocks(self.lstrip_blocks)
            .keep_trailing_newline(self.keep_trailing_newline);
        if let Some(prefix) = &self.line_statement_prefix {
            builder.line_statement_prefix(prefix.clone());
        }
        if let Some(prefix) = &self.line_comment_prefix {
            builder.line_comment_prefix(prefix.clone());
        }
        builder.build().map_err(|e| TemplateError::syntax(e.to_string()))
    }
}

/// A token with its place; strings are unescaped as Python does.
#[derive(Clone, Debug, PartialEq)]
pub struct Lexeme {
    /// What it is.
    pub token: Lexed,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// A token that owns its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Lexed {
    /// Text between the tags.
    Data(String),
    /// `{{`
    PrintStart,
    /// `}}`
    PrintEnd,
    /// `{%`
    BlockStart,
    /// `%}`
    BlockEnd,
    /// A name or keyword.
    Name(String),
    /// A string.
    Str(String),
    /// An integer.
    Int(i128),
    /// A float.
    Float(f64),
    /// An operator or bracket, as it is written.
    Op(&'static str),
    /// The end of the source.
    End,
}

impl Lexed {
    /// As Jinja2's messages name it.
    pub fn describe(&self) -> String {
        match self {
            Lexed::Data(_) => "template data / text".to_owned(),
            Lexed::PrintStart => "begin of print statement".to_owned(),
            Lexed::PrintEnd => "end of print statement".to_owned(),
            Lexed::BlockStart => "begin of statement block".to_owned(),
            Lexed::BlockEnd => "end of statement block".to_owned(),
            Lexed::Name(n) => n.clone(),
            Lexed::Str(s) => s.clone(),
            Lexed::Int(i) => i.to_string(),
            Lexed::Float(f) => crate::vars::float_repr(*f),
            Lexed::Op(op) => (*op).to_owned(),
            Lexed::End => "end of template".to_owned(),
        }
    }
}

/// The source with every kind of newline as `\n`.
pub fn normalise(source: &str) -> String {
    if source.contains('\r') { source.replace("\r\n", "\n").replace('\r', "\n") } else { source.to_owned() }
}

/// The tokens of a normalised source, an [`Lexed::End`] last.
pub fn lex(source: &str, style: &Style) -> Outcome<Vec<Lexeme>> {
    if source.len() > limits::RENDERED {
        return Err(TemplateError::syntax("the template is too large"));
    }
    let mut mended = Cow::Borrowed(source);
    for _ in 0..WIDE_GAPS {
        match tokens(&mended, style)? {
            Tokens::All(all) => return Ok(all),
            Tokens::Stopped { at, error } => mended = Cow::Owned(plain_gap(&mended, at).ok_or(error)?),
        }
    }
    Err(TemplateError::syntax("there are too many blanks beyond ASCII between the words of the template"))
}

/// What the tokenizer made of a source.
enum Tokens {
    All(Vec<Lexeme>),
    /// It could not go on after the token that ends at this byte.
    Stopped {
        at: usize,
        error: TemplateError,
    },
}

/// The source with the blanks at `at` as ASCII ones, which the tokenizer knows; `None` where there are no others. What
/// is whitespace in Python's `str` stands between words in Jinja2 too: no-break spaces come with pasted text.
fn plain_gap(source: &str, at: usize) -> Option<String> {
    let rest = source.get(at..)?;
    let gap = &rest[..rest.find(|c| !is_space(c)).unwrap_or(rest.len())];
    let plain: String =
        gap.chars().map(|c| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) }).collect();
    let foreign = |c: char| !matches!(c, ' ' | '\t' | '\r' | '\n');
    gap.contains(foreign).then(|| format!("{}{plain}{}", &source[..at], &rest[gap.len()..]))
}

fn tokens(source: &str, style: &Style) -> Outcome<Tokens> {
    let mut tokenizer = Tokenizer::new(source, "template", false, style.syntax()?);
    let mut out = Vec::new();
    let mut last = (1, 1);
    let mut end = 0;
    loop {
        let (token, span) = match tokenizer.next_token() {
            Ok(Some(next)) => next,
            Ok(None) => break,
            Err(e) => return Ok(Tokens::Stopped { at: end, error: syntax(&e) }),
        };
        end = span.end_offset as usize;
        last = (u32::from(span.start_line), u32::from(span.start_col) + 1);
        let written = source.get(span.start_offset as usize..span.end_offset as usize).unwrap_or("");
        let token = own(token, written, style)?;
        out.push(Lexeme { token, line: last.0, column: last.1 });
    }
    out.push(Lexeme { token: Lexed::End, line: last.0, column: last.1 });
    Ok(Tokens::All(out))
}

fn syntax(e: &minijinja::Error) -> TemplateError {
    let message = e.detail().map_or_else(|| e.to_string(), str::to_owned);
    TemplateError::syntax(message).at(u32::try_from(e.line().unwrap_or(1)).unwrap_or(1), 0)
}

fn own(token: Token, written: &str, style: &Style) -> Outcome<Lexed> {
    Ok(match token {
        Token::TemplateData(text) => Lexed::Data(newlines(text, style)),
        Token::VariableStart => Lexed::PrintStart,
        Token::VariableEnd => Lexed::PrintEnd,
        Token::BlockStart => Lexed::BlockStart,
        Token::BlockEnd => Lexed::BlockEnd,
        Token::Ident(name) => Lexed::Name(name.to_owned()),
        Token::Str(text) => Lexed::Str(newlines(text, style)),
        Token::String(_) => {
            let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or("");
            Lexed::Str(newlines(&unescape(inner)?, style))
        }
        Token::Int(i) => Lexed::Int(i128::from(i)),
        Token::Int128(i) => {
            Lexed::Int(i128::try_from(*i).map_err(|_| TemplateError::syntax("the integer is too large"))?)
        }
        Token::Float(f) => Lexed::Float(f),
        Token::Plus => Lexed::Op("+"),
        Token::Minus => Lexed::Op("-"),
        Token::Mul => Lexed::Op("*"),
        Token::Div => Lexed::Op("/"),
        Token::FloorDiv => Lexed::Op("//"),
        Token::Pow => Lexed::Op("**"),
        Token::Mod => Lexed::Op("%"),
        Token::Dot => Lexed::Op("."),
        Token::Comma => Lexed::Op(","),
        Token::Colon => Lexed::Op(":"),
        Token::Tilde => Lexed::Op("~"),
        Token::Assign => Lexed::Op("="),
        Token::Pipe => Lexed::Op("|"),
        Token::Eq => Lexed::Op("=="),
        Token::Ne => Lexed::Op("!="),
        Token::Gt => Lexed::Op(">"),
        Token::Gte => Lexed::Op(">="),
        Token::Lt => Lexed::Op("<"),
        Token::Lte => Lexed::Op("<="),
        Token::BracketOpen => Lexed::Op("["),
        Token::BracketClose => Lexed::Op("]"),
        Token::ParenOpen => Lexed::Op("("),
        Token::ParenClose => Lexed::Op(")"),
        Token::BraceOpen => Lexed::Op("{"),
        Token::BraceClose => Lexed::Op("}"),
    })
}

fn newlines(text: &str, style: &Style) -> String {
    if style.newline_sequence == "\n" { text.to_owned() } else { text.replace('\n', &style.newline_sequence) }
}

/// A string's contents with Python's escapes (`unicode-escape`) replaced; unknown ones stay.
fn unescape(text: &str) -> Outcome<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            return Err(TemplateError::syntax("'\\' at the end of a string"));
        };
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(c),
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            'x' => rest = push_code(&mut out, rest, (2, 16))?,
            'u' => rest = push_code(&mut out, rest, (4, 16))?,
            'U' => rest = push_code(&mut out, rest, (8, 16))?,
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let digits = format!("{c}{}", &rest[..more]);
                push_code(&mut out, &digits, (digits.len(), 8))?;
                rest = &rest[more..];
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Appends the character of `count` digits in `radix`; gives what follows them.
fn push_code<'a>(out: &mut String, text: &'a str, (count, radix): (usize, u32)) -> Outcome<&'a str> {
    let bad = || TemplateError::syntax("a truncated escape in a string");
    let digits = text.get(..count).filter(|d| d.bytes().all(|b| b.is_ascii_alphanumeric())).ok_or_else(bad)?;
    let code = u32::from_str_radix(digits, radix).map_err(|_| bad())?;
    match char::from_u32(code) {
        Some(c) => out.push(c),
        None if (0xDC80..=0xDCFF).contains(&code) => {
            out.push(char::from_u32(0x10_FF00 + (code & 0xFF)).ok_or_else(bad)?);
        }
        None => return Err(TemplateError::syntax("a lone surrogate in a string")),
    }
    Ok(&text[count..])
}

/// The source with backslashes doubled in the strings inside `{{ }}`, as Ansible does to playbooks' strings.
pub fn double_backslashes(source: &str, style: &Style) -> Outcome<String> {
    if !source.contains('\\') || !source.contains(&*style.variable.0) {
        return Ok(source.to_owned());
    }
    // The last newline is Ansible's to count; the lexer must not take it off here.
    let style = Style { keep_trailing_newline: true, ..style.clone() };
    let mut tokenizer = Tokenizer::new(source, "template", false, style.syntax()?);
    let mut out = String::with_capacity(source.len() + 8);
    let (mut copied, mut in_print) = (0, false);
    loop {
        let (token, span) = match tokenizer.next_token() {
            Ok(Some(next)) => next,
            Ok(None) => break,
            Err(e) => return Err(syntax(&e)),
        };
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        match token {
            Token::VariableStart => in_print = true,
            Token::VariableEnd => in_print = false,
            Token::String(_) if in_print => {
                out.push_str(source.get(copied..start).unwrap_or(""));
                out.push_str(&source.get(start..end).unwrap_or("").replace('\\', "\\\\"));
                copied = end;
            }
            _ => {}
        }
    }
    out.push_str(source.get(copied..).unwrap_or(""));
    Ok(out)
}

/// Whether there is a complete tag in the text (Ansible's `is_template`).
pub fn looks_like_template(source: &str, style: &Style) -> bool {
    let starts = [&style.variable.0, &style.block.0, &style.comment.0];
    if !starts.iter().any(|s| source.contains(s.as_ref())) {
        return false;
    }
    let Ok(tokens) = lex(&normalise(source), style) else { return false };
    let comment = source.find(&*style.comment.0).is_some_and(|at| source[at..].contains(&*style.comment.1));
    comment || tokens.iter().any(|t| matches!(t.token, Lexed::PrintEnd | Lexed::BlockEnd))
}
