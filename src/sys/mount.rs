//! Mounts through the kernel's own call: NFS without a helper, read-only file systems in a private namespace, and
//! what `/proc/self/mountinfo` says. Every call here may hang with its server: run it in [`crate::sys::child`].

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags};
use nix::sched::CloneFlags;
use nix::sys::statvfs::FsFlags;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

/// Protocol versions in the order in which they are tried.
pub const NFS_VERSIONS: [&str; 4] = ["4.2", "4.1", "4.0", "3"];

/// What every mount of ours is: nothing on it is a device, a set-id program or a program.
const FLAGS: MsFlags = MsFlags::MS_RDONLY.union(MsFlags::MS_NOSUID).union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Leaves the mount namespace of the other processes: what is mounted from here on only we see, and it goes with us.
pub fn private_namespace() -> io::Result<()> {
    nix::sched::unshare(CloneFlags::CLONE_NEWNS)?;
    nix::mount::mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
    Ok(())
}

/// A file system that is writable until this is dropped; one that was read-only is so again then.
#[derive(Debug)]
pub struct Writable(Option<(PathBuf, MsFlags)>);

impl Writable {
    /// Makes the file system mounted on `target` writable.
    pub fn new(target: &Path) -> io::Result<Writable> {
        let found = nix::sys::statvfs::statvfs(target)?.flags();
        if !found.contains(FsFlags::ST_RDONLY) {
            return Ok(Writable(None));
        }
        let kept = [
            (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
            (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
            (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
            (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
        ];
        let flags = kept.into_iter().filter(|(is, _)| found.contains(*is)).map(|(_, flag)| flag).collect();
        remount(target, flags)?;
        Ok(Writable(Some((target.to_owned(), flags))))
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        if let Some((target, flags)) = &self.0 {
            // A root that stays writable starts as well as one that is not.
            let _ = remount(target, *flags | MsFlags::MS_RDONLY);
        }
    }
}

fn remount(target: &Path, flags: MsFlags) -> io::Result<()> {
    Ok(nix::mount::mount(None::<&str>, target, None::<&str>, MsFlags::MS_REMOUNT | flags, None::<&str>)?)
}

/// Gives a root that nothing runs in yet this system's /proc, /sys, /dev and /run, where only we see them.
pub fn furnish(root: &Path) -> io::Result<()> {
    private_namespace()?;
    for name in ["proc", "sys", "dev", "run"] {
        let (from, to) = (Path::new("/").join(name), root.join(name));
        if to.is_dir() {
            nix::mount::mount(Some(&from), &to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
        }
    }
    Ok(())
}

/// Detaches a mount, at once.
pub fn detach(target: &Path) -> io::Result<()> {
    Ok(nix::mount::umount2(target, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)?)
}

/// Mounts `server:path` of one protocol version, read-only and soft.
pub fn nfs(server: IpAddr, path: &str, target: &Path, version: &str) -> io::Result<()> {
    let (source, kind, data) = nfs_call(server, path, version, route_to(server))?;
    Ok(nix::mount::mount(Some(source.as_str()), target, Some(kind), FLAGS, Some(data.as_str()))?)
}

/// Mounts `server:path` by the node's mount.nfs, where the kernel's call alone cannot.
pub fn nfs_by_helper(server: IpAddr, path: &str, target: &Path) -> io::Result<()> {
    const HELPER: &str = "/sbin/mount.nfs";
    if !Path::new(HELPER).exists() {
        return Err(Errno::ENOSYS.into());
    }
    let (source, _, _) = nfs_call(server, path, "4.2", None)?;
    // retry=0: retries and deadlines are ours.
    let options = "ro,nosuid,nodev,noexec,soft,timeo=50,retrans=2,nolock,retry=0";
    let mut command = std::process::Command::new(HELPER);
    command.arg(source).arg(target).args(["-o", options]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let output = command.stdin(std::process::Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    // It says in words what the kernel says in numbers.
    let said = String::from_utf8_lossy(&output.stderr).to_ascii_lowercase();
    let told = if said.contains("no such file") || said.contains("access denied") {
        Errno::ENOENT
    } else if said.contains("timed out") || said.contains("refused") || said.contains("unreachable") {
        Errno::ETIMEDOUT
    } else {
        Errno::EPROTONOSUPPORT
    };
    Err(told.into())
}

/// Whether another protocol version may do better than this error.
pub fn version_refused(e: &io::Error) -> bool {
    // EINVAL, ENODEV: this kernel lacks the version; the others: the server does.
    matches!(
        e.raw_os_error().map(Errno::from_raw),
        Some(
            Errno::EINVAL
                | Errno::ENODEV
                | Errno::EPROTONOSUPPORT
                | Errno::EOPNOTSUPP
                | Errno::EPROTO
                | Errno::ENOPROTOOPT
        )
    )
}

/// Whether the server answered, and said that there is no such export for us.
pub fn export_absent(e: &io::Error) -> bool {
    matches!(e.raw_os_error().map(Errno::from_raw), Some(Errno::ENOENT | Errno::EACCES | Errno::EPERM | Errno::ENOTDIR))
}

fn nfs_call(
    server: IpAddr,
    path: &str,
    version: &str,
    client: Option<IpAddr>,
) -> io::Result<(String, &'static str, String)> {
    // A comma would be read as a further option, a NUL would end the string.
    if !path.starts_with('/') || path.contains([',', '\0', '\n']) || path.len() > 1024 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a path that NFS can export"));
    }
    let source = match server {
        IpAddr::V4(ip) => format!("{ip}:{path}"),
        IpAddr::V6(ip) => format!("[{ip}]:{path}"),
    };
    let proto = if server.is_ipv6() { "tcp6" } else { "tcp" };
    // soft: a server that goes away gives errors, not processes that hang. timeo is in tenths of a second.
    let common = format!("proto={proto},soft,timeo=50,retrans=2,addr={server}");
    if version == "3" {
        // nolock: nothing is written, so statd and lockd are not needed.
        return Ok((source, "nfs", format!("vers=3,{common},nolock,mountproto={proto},mountaddr={server}")));
    }
    let client = client.map(|ip| format!(",clientaddr={ip}")).unwrap_or_default();
    Ok((source, "nfs4", format!("vers={version},{common}{client}")))
}

/// Our address on the way to `server`. No packet is sent.
fn route_to(server: IpAddr) -> Option<IpAddr> {
    // Not as text: the standard library would link the resolver of libc for that, a hundred kilobytes that must never run.
    let any: IpAddr = if server.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(server, 2049)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// One line of mountinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is.
    pub target: PathBuf,
    /// Root of the mount within its file system.
    pub root: String,
    /// What is mounted.
    pub source: String,
    /// Type of the file system.
    pub kind: String,
    /// Options of the mount, then of the file system.
    pub options: Vec<String>,
}

/// The mounts that `/proc/self/mountinfo` text lists, oldest first; lines that are none are left out.
pub fn parse_mountinfo(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    let (mount, system) = line.split_once(" - ")?;
    let mount: Vec<&str> = mount.split(' ').collect();
    let system: Vec<&str> = system.split(' ').collect();
    let [_, _, _, root, target, options, ..] = mount[..] else { return None };
    let [kind, source, ..] = system[..] else { return None };
    let own = system.get(2).copied().unwrap_or("");
    Some(Mount {
        target: unescape(target).into(),
        root: unescape(root),
        source: unescape(source),
        kind: kind.to_owned(),
        options: options.split(',').chain(own.split(',')).filter(|o| !o.is_empty()).map(str::to_owned).collect(),
    })
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'\\')
            .then(|| bytes.get(at + 1..at + 4))
            .flatten()
            .and_then(|d| u8::from_str_radix(std::str::from_utf8(d).ok()?, 8).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{export_absent, nfs_call, parse_mountinfo, version_refused};
    use std::io;

    #[test]
    fn the_kernel_gets_what_mount_nfs_would_give_it() {
        let (source, kind, data) =
            nfs_call("10.77.0.1".parse().unwrap(), "/exports/cluster", "4.2", "10.77.0.2".parse().ok()).unwrap();
        assert_eq!((source.as_str(), kind), ("10.77.0.1:/exports/cluster", "nfs4"));
        assert_eq!(data, "vers=4.2,proto=tcp,soft,timeo=50,retrans=2,addr=10.77.0.1,clientaddr=10.77.0.2");
        let (source, kind, data) = nfs_call("fd00::1".parse().unwrap(), "/x", "3", None).unwrap();
        assert_eq!((source.as_str(), kind), ("[fd00::1]:/x", "nfs"));
        assert!(data.contains("mountproto=tcp6") && data.contains("nolock"), "{data}");
    }

    #[test]
    fn paths_that_would_add_options_are_refused() {
        for path in ["relative", "/a,rw", "/a\nb", "/a\0b"] {
            assert!(nfs_call("10.0.0.1".parse().unwrap(), path, "4.2", None).is_err(), "{path:?}");
        }
    }

    #[test]
    fn errors_are_told_apart() {
        let of = |n| io::Error::from_raw_os_error(n);
        assert!(version_refused(&of(nix::libc::EPROTONOSUPPORT)) && !version_refused(&of(nix::libc::ECONNREFUSED)));
        assert!(export_absent(&of(nix::libc::ENOENT)) && !export_absent(&of(nix::libc::ETIMEDOUT)));
    }

    #[test]
    fn mountinfo_is_read_with_its_escapes() {
        let text = "36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 - ext3 /dev/root rw,errors=continue\nnot a line\n";
        let mounts = parse_mountinfo(text);
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0].target.to_str(), Some("/a b"));
        assert_eq!(mounts[0].options, ["rw", "noatime", "rw", "errors=continue"]);
    }
}
