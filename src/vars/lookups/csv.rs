//! The csvfile lookup: rows as Python's `csv` reads them.

use super::keyvalue::parse;
use super::options::{Options, term};
use crate::vars::filters::number::parse_int;
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Text, Value};

/// What the options say, each of which a term may override.
#[derive(Clone)]
struct Table {
    column: String,
    default: Option<Value>,
    delimiter: String,
    file: String,
}

pub fn csvfile(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "csvfile");
    let mut table = Table {
        column: options.text("col", "1")?,
        default: options.take("default"),
        delimiter: options.text("delimiter", "TAB")?,
        file: options.text("file", "ansible.csv")?,
    };
    let no_key = || TemplateError::other("Search key is required but was not found");
    if terms.is_empty() {
        return Err(no_key());
    }
    let mut out = Vec::new();
    for value in &terms {
        let parsed = parse(&term(value)?).map_err(TemplateError::other)?;
        let key = parsed.raw.ok_or_else(no_key)?;
        for (name, value) in parsed.options {
            match &*name {
                "col" => table.column = value,
                "default" => table.default = Some(Value::from(value)),
                "delimiter" => table.delimiter = value,
                "file" => table.file = value,
                "encoding" => {}
                _ => return Err(TemplateError::other(format!("{name} is not a valid option"))),
            }
        }
        out.extend(table.find(env, &key)?);
    }
    Ok(out)
}

impl Table {
    fn find(&self, env: &Env, key: &str) -> Outcome<Option<Value>> {
        let failed = |why: &str| TemplateError::other(format!("csvfile: {why}"));
        let delimiter = if self.delimiter == "TAB" { "\t" } else { &self.delimiter };
        let mut chars = delimiter.chars();
        let (Some(delimiter), None) = (chars.next(), chars.next()) else {
            return Err(failed("\"delimiter\" must be a 1-character string"));
        };
        let found = env.files().find("files", &self.file);
        let path = found.map_err(|_| failed(&format!("[Errno 2] No such file or directory: '{}'", self.file)))?;
        let text = Text::from_bytes(&super::file::read(env, &path)?);
        for row in rows(text.as_str(), delimiter) {
            if row.first().is_some_and(|first| first == key) {
                let column = parse_int(&self.column, 10)
                    .ok_or_else(|| failed(&format!("invalid literal for int() with base 10: '{}'", self.column)))?;
                let at = if column < 0 { column + row.len() as i128 } else { column };
                let cell = usize::try_from(at).ok().and_then(|at| row.get(at));
                return cell.map(|c| Some(Value::from(c.as_str()))).ok_or_else(|| failed("list index out of range"));
            }
        }
        Ok(self.default.clone())
    }
}

/// Rows of cells; quotes hold delimiters and line ends, and are doubled to stand for themselves.
fn rows(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    let mut started = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            c if quoted => cell.push(c),
            '\r' | '\n' => {
                if c == '\r' && chars.peek() == Some(&'\n') {
                    chars.next();
                }
                if started {
                    row.push(std::mem::take(&mut cell));
                }
                rows.push(std::mem::take(&mut row));
                started = false;
                continue;
            }
            c if c == delimiter => row.push(std::mem::take(&mut cell)),
            c => cell.push(c),
        }
        started = true;
    }
    if started {
        row.push(cell);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn reads_rows_as_python_does() {
        // list(csv.reader(io.StringIO(text), delimiter=','))
        let read = rows("a,\"b,\"\"c\",d\r\n\ne,\"f\ng\"h,\n\"\",x\"y", ',');
        let expected: [&[&str]; 4] = [&["a", "b,\"c", "d"], &[], &["e", "f\ngh", ""], &["", "x\"y"]];
        assert_eq!(read, expected);
        assert!(rows("", ',').is_empty());
    }
}
