//! An empty scope for unit tests of filters and lookups.

use super::{Env, Files, Var, Variables};

struct Nothing;

impl Variables for Nothing {
    fn get(&self, _: &str) -> Option<Var> {
        None
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Files for Nothing {
    fn find(&self, _: &str, name: &str) -> Result<String, Vec<String>> {
        Err(vec![name.to_owned()])
    }
    fn read(&self, _: &str) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
    fn list(&self, _: &str) -> std::io::Result<Vec<(String, bool)>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// Runs `test` in a scope without variables or files.
pub fn with_env(test: impl FnOnce(&Env)) {
    test(&Env::new(&Nothing, &Nothing));
}
