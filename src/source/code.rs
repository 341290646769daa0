//! The stable codes of diagnostics, each with an explanation for `compute-init explain CODE`.

/// A diagnostic's code. The number never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "CI{:04}", self.0)
    }
}

/// What a code means.
#[derive(Debug)]
pub struct Explanation {
    /// The code.
    pub code: Code,
    /// A few words.
    pub title: &'static str,
    /// What it means, why it is refused, and what to do.
    pub text: &'static str,
}

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $text:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Code = Code($number);)*
        }
        /// Every code.
        pub static CODES: &[Explanation] =
            &[$(Explanation { code: Code($number), title: $title, text: $text }),*];
    };
}

codes! {
    YAML_SYNTAX = 101, "this is not YAML",
        "The file cannot be read as YAML 1.1, as Ansible's loader reads it. A frequent cause: a value that begins with \
         {{ must be quoted as a whole, and a value that holds `: ` or ` #` must be quoted too.";
    UNREADABLE = 102, "a file cannot be read",
        "The file does not exist, is too large, or is not text. Files of the source tree are bounded, so that a bundle \
         stays small enough to be verified at every boot.";
    OUTSIDE = 103, "a path leaves the source tree",
        "Only what lies in the source tree (the directory of the playbook, and --roles-path) goes into a bundle. Links \
         and `..` that lead out of it would make the bundle depend on the machine that builds it.";
    DUPLICATE_KEY = 104, "a key is written twice",
        "YAML takes the last value of a key that is written twice in one dictionary; the first one is lost without a \
         trace. Remove one of them.";
    VAULT_FILE = 105, "a file is encrypted with Ansible Vault",
        "A bundle holds no key, so an encrypted file could not be read on the node. Keep secrets in the control export, \
         from which each node gets only its own. `apply` and `render` open it with --vault-password-file or --vault-id.";
    NOT_A_PLAYBOOK = 106, "this is not a list of plays or tasks",
        "A playbook is a list of plays; a file of tasks or handlers is a list of tasks; a file of variables is a dictionary.";
    UNKNOWN_KEYWORD = 201, "unknown keyword",
        "Ansible 2.16 has no such keyword for a play, block, task or role, and no module has this name.";
    WRONG_TYPE = 202, "a keyword has a value of the wrong type",
        "The keyword takes another kind of value, such as a list, a dictionary or a name.";
    SEVERAL_ACTIONS = 203, "a task with more than one action",
        "A task does one thing. Two keys of this task are names of modules.";
    NO_ACTION = 204, "a task without an action",
        "A task must name a module, an include, or be a block.";
    BAD_ARGUMENTS = 205, "arguments that cannot be parsed",
        "The text of `key=value` pairs has unbalanced quotes or Jinja brackets, or free text for a module that takes none.";
    NOT_HERE = 206, "a keyword that is not allowed here",
        "The keyword exists, but not for this kind of entry: an import cannot loop, an include takes few keywords.";
    UNSUPPORTED_KEYWORD = 207, "a keyword that has no meaning on a node",
        "The keyword asks for something that needs a control machine: a prompt, another connection, several hosts. On a \
         node there is one host and nobody to ask.";
    NO_HOSTS = 208, "a play without hosts",
        "A play needs `hosts`. In a bundle every pattern means this node; `localhost` or `all` says so best.";
    BAD_META = 209, "unknown meta action",
        "meta takes noop, flush_handlers, refresh_inventory, clear_facts, clear_host_errors, end_play, end_batch, \
         end_host or reset_connection.";
    BAD_LOOP = 210, "a loop that cannot be run",
        "A task takes one of `loop` and `with_<lookup>`, and the lookup must exist.";
    BAD_NAME = 211, "not a valid variable name",
        "Variable names are letters, digits and underscores, do not begin with a digit, and are not Python keywords.";
    ROLE_NOT_FOUND = 301, "a role cannot be found",
        "Roles are searched for in roles/ beside the playbook, in each --roles-path, in the directory of the role that \
         asks, and beside the playbook.";
    FILE_NOT_FOUND = 302, "a file or template cannot be found",
        "Files are searched for in files/ (templates/, vars/) of the role, in the role, beside the task file, then \
         beside the playbook. The paths that were tried are listed.";
    TASKS_NOT_FOUND = 303, "a file of tasks cannot be found",
        "Task files are searched for beside the file that includes them, in tasks/ of the role, then beside the playbook.";
    INCLUDE_CYCLE = 304, "an import or role that imports itself",
        "Static imports are expanded when the bundle is built; one that leads back to itself has no end.";
    OPEN_IMPORT = 305, "an import whose name is a template",
        "import_* is expanded when the bundle is built, before any variable has a value. Use include_* instead, or write \
         the name.";
    NO_HANDLER = 306, "a handler that does not exist",
        "No handler that this task can reach has this name or listens to it.";
    COLLECTION_ROLE = 307, "a role of a collection cannot be found",
        "A name with two dots is a collection's role. Copy the role into roles/<namespace>.<collection>.<role>, or give \
         its collection's directory with --roles-path.";
    UNKNOWN_MODULE = 401, "unknown module",
        "There is no such module in compute-init. A module of a site's own, written in Python, cannot run on a node \
         without Python: use command or script, or a module that exists.";
    PACKAGES_AT_BOOT = 402, "packages are not installed at boot",
        "A node that installs packages at boot depends on mirrors and on time. Install them when the image is built; \
         guard the task with a condition that is false on the node if the role serves both.";
    NOT_FOR_NODES = 403, "a module that is not for a node",
        "The module changes an inventory, a cloud or another machine. None of them is a node's business at boot.";
    UNKNOWN_PARAMETER = 404, "unknown parameter",
        "The module has no such parameter.";
    BAD_PARAMETER = 405, "a parameter has a wrong value",
        "The value has the wrong type, is not among the choices, or contradicts another parameter.";
    MISSING_PARAMETER = 406, "a required parameter is missing",
        "The module cannot do without this parameter.";
    OWN_PLUGIN = 407, "a plugin of the site's own, in Python",
        "Beside the playbook, in a role or in a collection there is a module, filter, test or lookup written in Python. A node \
         has no Python, so what uses it is refused, where it is used; what nothing uses is left out, and noted. Where \
         compute-init has one of that name itself, that one is taken (filter_user_params, terminate_user_sessions). \
         Otherwise: use modules and filters that exist, a macro, `script` with a shell script, `command` or lookup('pipe') \
         with a program of the image, or evaluate it in the inventory, which the control export carries.";
    TEMPLATE_SYNTAX = 501, "this is not Jinja2",
        "The template cannot be parsed, so it would fail at boot.";
    UNKNOWN_FILTER = 502, "unknown filter",
        "There is no such filter. A site's own filter, written in Python, cannot run on a node.";
    UNKNOWN_TEST = 503, "unknown test",
        "There is no such test.";
    UNKNOWN_LOOKUP = 504, "unknown lookup",
        "There is no such lookup plugin.";
    UNDEFINED_VARIABLE = 505, "a variable that nothing defines",
        "No vars, defaults, register, set_fact or file of variables of the source defines this variable, but one with \
         nearly the same name. The control export may still define it: then a default() or `is defined` says that this is \
         meant.";
    DELEGATED = 601, "a task for another host",
        "On a node only what would run on it runs. A task that is delegated elsewhere is refused, unless its condition \
         is always false here.";
    VAULT_VALUE = 602, "an encrypted value",
        "The value is encrypted with Ansible Vault and a bundle holds no key. Move it into the inventory: the control export \
         gives each node its own secrets. `apply` and `render` open it with --vault-password-file or --vault-id.";
    OCTAL_MODE = 701, "a mode that YAML reads as another number",
        "Without quotes, `mode: 644` is the decimal number 644, which is octal 1204. With a leading zero it is octal and \
         works, but quotes are safer: \"0644\".";
    OR_OF_TEXTS = 702, "`or` between texts",
        "`x in ['a' or 'b']` is `x in ['a']`: `or` gives its first true operand. Write `x in ['a', 'b']`.";
    BARE_JINJA = 703, "braces in a condition",
        "Conditions are expressions already; `{{ }}` in them is evaluated twice, which is wrong for text that looks like \
         code.";
    EMPTY_FILE = 704, "a file of tasks without tasks",
        "The file is empty: nothing is done.";
    SECRET_METADATA = 705, "a secret in plain sight",
        "A password, key or token comes by the instance's metadata, which every process of the node can read and the cloud \
         keeps. Keep secrets in the inventory: the control export gives each node its own, sealed for it alone.";
    SELF_CONTAINED = 706, "a playbook that fetches its export itself",
        "The play mounts an export and loads variables from it, and uses none of the variables that a boot gives it. On \
         the node the stages mount, stage and overlay stand aside, and the playbook is run for `localhost` as it is. \
         With these stages the export is mounted where only they see it, under a deadline, with retries; a node gets \
         only what is its own; and a staged copy can stand in for a control node that is away. To use them, take the \
         variables compute_init_metadata, compute_init_staged and compute_init_host. `compute_init_self_contained: \
         false` (or true) among a play's vars says it outright.";
}

/// The explanation of a code, written as `CI0101`, `ci101` or `101`.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    let digits = code.trim().trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let number: u16 = digits.parse().ok()?;
    CODES.iter().find(|e| e.code.0 == number)
}

#[cfg(test)]
mod tests {
    use super::{CODES, Code, explain};

    #[test]
    fn codes_are_unique_and_explained() {
        assert!(CODES.windows(2).all(|w| w[0].code < w[1].code));
        assert!(CODES.iter().all(|e| e.title.len() > 10 && e.text.len() > 20));
        assert_eq!(explain("CI0101").map(|e| e.code), Some(Code::YAML_SYNTAX));
        assert_eq!(explain("ci302").map(|e| e.code), Some(Code::FILE_NOT_FOUND));
        assert!(explain("CI9999").is_none() && explain("nonsense").is_none());
    }
}
