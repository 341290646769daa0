//! Lets the compute network mount the export over NFS: one file in `/etc/exports.d`, read by `exportfs`. Read-only,
//! root squashed, from privileged ports only, and to nobody but the networks that are named.

use crate::sys::command::{Command, Runner};
use crate::sys::file::{self, Look};
use std::fmt;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file of our own. Others in the directory are none of our business.
const FILE: &str = "compute-init.exports";
/// Time for exportfs, which may wait for names to be resolved.
const EXPORTFS: Duration = Duration::from_secs(30);

/// A network in CIDR form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network(String);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The file that was written.
    pub file: PathBuf,
    /// Whether it was another before.
    pub changed: bool,
    /// What exportfs said; `None` where there is no such program.
    pub exportfs: Option<String>,
}

/// Why it is not served.
#[derive(Debug)]
pub struct ServeError(String);

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ServeError {}

impl Network {
    /// Reads `10.20.0.0/16`, `fd00::/64` or a single address. A network of everybody is refused.
    pub fn parse(text: &str) -> Result<Network, ServeError> {
        let bad = |why: &str| ServeError(format!("{text:?} is not a network: {why}"));
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad("wanted is ADDRESS/LENGTH"))?;
        let (bits, value) = match address {
            IpAddr::V4(v4) => (32, u128::from(u32::from(v4)) << 96),
            IpAddr::V6(v6) => (128, u128::from(v6)),
        };
        let length = match length {
            Some(length) => length.parse::<u32>().ok().filter(|l| l.to_string() == length && *l <= bits),
            None => Some(bits),
        };
        let length = length.ok_or_else(|| bad("its length is not one of the address's"))?;
        if length < 8 {
            return Err(bad("it lets in nearly everybody; name the compute network"));
        }
        if value.checked_shl(length).unwrap_or(0) != 0 {
            return Err(bad("its address has bits beyond its length"));
        }
        Ok(Network(format!("{address}/{length}")))
    }
}

/// The line of `/etc/exports.d`.
pub fn line(dir: &Path, networks: &[Network]) -> Result<String, ServeError> {
    let path = dir
        .to_str()
        .filter(|p| p.starts_with('/') && p.bytes().all(|b| b > b' ' && b != b'"' && b != b'\\' && b != b'#'));
    let path = path.ok_or_else(|| {
        ServeError(format!("{} cannot be exported: an absolute path of plain characters is wanted", dir.display()))
    })?;
    if networks.is_empty() {
        return Err(ServeError("no network is named that may mount the export".to_owned()));
    }
    let clients: Vec<String> =
        networks.iter().map(|n| format!("{}(ro,root_squash,secure,sync,no_subtree_check)", n.0)).collect();
    Ok(format!("# Written by compute-init, which replaces this file.\n{path} {}\n", clients.join(" ")))
}

/// Writes the file, and has the server read it.
pub fn serve(dir: &Path, networks: &[Network], folder: &Path, runner: &dyn Runner) -> Result<Served, ServeError> {
    let text = line(dir, networks)?;
    check(dir)?;
    let file = folder.join(FILE);
    let failed = |e: std::io::Error| ServeError(format!("writing {}: {e}", file.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let look = Look { mode: 0o644, ..Look::default() };
    let changed = file::replace_if_different(&file, text.as_bytes(), &look).map_err(failed)?;
    if runner.which("exportfs").is_none() {
        return Ok(Served { file, changed, exportfs: None });
    }
    let command = Command { timeout: Some(EXPORTFS), ..Command::new(["exportfs", "-r"]) };
    let output = runner.run(&command).map_err(|e| ServeError(format!("{} is written, but {e}", file.display())))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.rc != 0 {
        return Err(ServeError(format!("{} is written, but exportfs -r failed: {said}", file.display())));
    }
    Ok(Served { file, changed, exportfs: Some(said) })
}

/// Who may change what nodes believe: nobody but root.
fn check(dir: &Path) -> Result<(), ServeError> {
    for path in dir.ancestors() {
        let meta = path.symlink_metadata().map_err(|e| ServeError(format!("looking at {}: {e}", path.display())))?;
        let mode = meta.mode();
        let sticky = mode & 0o1000 != 0 && path != dir;
        if !meta.is_dir() || (mode & 0o002 != 0 && !sticky) {
            return Err(ServeError(format!(
                "{} is not a directory that only its owner and group can write (mode {:04o})",
                path.display(),
                mode & 0o7777
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Network, line, serve};
    use crate::sys::command::{Command, CommandError, Output, Runner};
    use std::cell::RefCell;
    use std::path::{Path, PathBuf};

    /// Stands for exportfs: there or not, and what it answers.
    struct Exportfs(Option<Result<Output, CommandError>>, RefCell<Vec<Command>>);

    impl Runner for Exportfs {
        fn run(&self, command: &Command) -> Result<Output, CommandError> {
            self.1.borrow_mut().push(command.clone());
            self.0.clone().unwrap()
        }

        fn which(&self, _: &str) -> Option<PathBuf> {
            self.0.as_ref().map(|_| "/usr/sbin/exportfs".into())
        }
    }

    fn networks(all: &[&str]) -> Vec<Network> {
        all.iter().map(|n| Network::parse(n).unwrap()).collect()
    }

    #[test]
    fn only_networks_of_a_cluster_are_taken() {
        assert_eq!(networks(&["10.20.0.0/16", "fd00::/64", "10.1.1.1"])[2].0, "10.1.1.1/32");
        for bad in ["0.0.0.0/0", "::/0", "10.0.0.0/7", "10.20.0.1/16", "*", "node*", "10.20.0.0/33", "10.0.0.0/ 8", ""]
        {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_line_lets_nobody_write_and_squashes_root() {
        let text = line(Path::new("/exports/cluster"), &networks(&["10.20.0.0/16", "fd00::/64"])).unwrap();
        let options = "(ro,root_squash,secure,sync,no_subtree_check)";
        assert!(text.ends_with(&format!("\n/exports/cluster 10.20.0.0/16{options} fd00::/64{options}\n")), "{text}");
        for bad in ["relative", "/a b", "/a\n/etc *(rw)", "/a#b"] {
            assert!(line(Path::new(bad), &networks(&["10.20.0.0/16"])).is_err(), "{bad:?}");
        }
        assert!(line(Path::new("/x"), &[]).is_err());
    }

    #[test]
    fn exportfs_is_asked_once_and_its_absence_and_failure_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let (export, folder) = (dir.path().join("export"), dir.path().join("exports.d"));
        std::fs::create_dir(&export).unwrap();
        let net = networks(&["10.20.0.0/16"]);
        let ok = Exportfs(Some(Ok(Output::default())), RefCell::default());
        let first = serve(&export, &net, &folder, &ok).unwrap();
        assert!(first.changed && first.exportfs.is_some());
        assert!(!serve(&export, &net, &folder, &ok).unwrap().changed);
        assert!(ok.1.borrow().iter().all(|c| c.argv == ["exportfs", "-r"] && c.timeout.is_some()));
        assert_eq!(serve(&export, &net, &folder, &Exportfs(None, RefCell::default())).unwrap().exportfs, None);
        let failed = Output { rc: 1, stderr: b"exportfs: no\n".to_vec(), ..Output::default() };
        let failing = Exportfs(Some(Ok(failed)), RefCell::default());
        assert!(serve(&export, &net, &folder, &failing).unwrap_err().to_string().contains("exportfs: no"));
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&export, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(serve(&export, &net, &folder, &ok).unwrap_err().to_string().contains("mode 0777"));
    }
}
