//! Words of the languages that are fuzzed, and what is known to be costly in them.

#[rustfmt::skip]
pub const YAML_WORDS: &[&str] = &[
    "[", "]", "{", "}", "- ", ": ", "? ", "&a ", "*a", "<<: *a\n", "!", "!!", "!!binary ", "!!set ", "!!omap ",
    "!vault |\n", "!unsafe ", "|", ">", "|-2\n", ">+9\n", "'", "\"", "\\", "\\x", "\\u12", "\\U0011FFFF", "#",
    "---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "\t", "\r", "\n", "\r\n", "  ", "\u{85}", "\u{2028}", "\u{feff}",
    "\0", "12:30:45", "0o17", "2001-12-14t21:59:43.10-05:00", "1e3", ".inf", "~", "{{ x }}", "=", "@", "`", ",", "!<",
    ">,",
];
#[rustfmt::skip]
pub const JINJA_WORDS: &[&str] = &[
    "{{ ", " }}", "{% ", " %}", "{%- ", "-%}", "{# ", "#}", "{% for x in l %}", "{% endfor %}", "{% if ",
    "{% endif %}", "{% set x = ", "{% set y %}", "{% endset %}", "{% macro m(a, b=1) %}", "{% endmacro %}",
    "{% raw %}", "{% endraw %}", "{% filter upper %}", "{% endfilter %}", "{% block b %}", "{% call m(1) %}",
    "{% endcall %}", "range(999999999)", "range(5)", " in ", " is defined", " | ", " | join", " | length",
    " | map('upper')", " | list", " | combine(d, recursive=true)", " | to_json", " | to_nice_yaml", " | from_yaml",
    " | regex_replace('(a*)*b', '\\\\1')", " | format(9)", "'%99999999d'", " | indent(99999999)",
    " | center(99999999)", " * 99999999", " ** 99999999", "'x' * 99999", "[0] * 99999999", "l", "d", "n", "s", "x",
    "(", ")", "[", "]", "{", "}", ".", ",", "'", "\"", "\\", "not ", "and ", "or ", "if ", " else ", "==", "//", "%",
    "~", "-", "+", "[::-1]", "[0:9:0]", "lipsum(5)", "cycler(1)", "namespace()", "loop.index", "varargs", "caller()",
    "self.b()", "dict(a=1)", "| batch(0)", "| slice(0)", "| wordwrap(0)", "| truncate(-9)", "| round(400)",
    "| product(l, repeat=9)", "| permutations", "| combinations(9)", "| zip_longest(l)", "| subelements('a')",
    "| flatten", "| random(seed=1)", "| hash('md5')", "| human_readable", "| strftime", "| ipaddr('size')",
    "| json_query('[*].a')", "| b64decode", "| int(base=1)", "| float", "| unique", "| groupby('a')",
    "'{0:>99999999}'.format(1)", "'a'.replace('', 'b')", "'a'.split('')", "'a'.ljust(99999999)",
    "'a'.zfill(99999999)", "l.append(l)", "d.update(d)", "\u{fc}", "\u{1f600}",
];
#[rustfmt::skip]
pub const PATTERN_WORDS: &[&str] = &[
    "(", ")", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?P<a>", "(?P=a)", "(?(1)", "|", "*", "+", "?", "{2}",
    "{0,99999}", "{99999}", "{,}", "*?", "[", "]", "[^", "a-z", "\\d", "\\b", "\\1", "\\99", "\\x41", "\\u00fc",
    "\\Z", "^", "$", ".", "(?i)", "(?x)", "(?s:", "#", "a", "b", "(a*)*", "(a|a)*b", "(.*)(.*)(.*)", "\\",
];
