//! `wait_for`: waits until a file or a port is there, says something, is gone, or is drained; never past its timeout.

use super::params::{Params, int, list, map, text};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::resolve;
use crate::vars::pyre::{Flags, Regex};
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// A boot that waits longer than this is a mistake.
const LONGEST: i64 = 86_400;
/// Bytes that are searched of a file or a port's greeting.
const SEARCHED: u64 = 16 << 20;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let wait = Wait::of(ctx, args)?;
    if ctx.check {
        // Ansible's module knows no check mode.
        return Ok(Outcome { skipped: true, ..Outcome::default() }
            .with("msg", text("remote module (ansible.builtin.wait_for) does not support check mode")));
    }
    std::thread::sleep(wait.seconds("delay"));
    let found = wait.until()?;
    let (groups, named) = found.unwrap_or_default();
    Ok(Outcome::default()
        .with("state", text(&wait.state))
        .with("port", wait.port.map_or(Data::Null, int))
        .with("path", wait.path.as_ref().map_or(Data::Null, text))
        .with("search_regex", args.text("search_regex").map_or(Data::Null, text))
        .with("match_groups", list(groups))
        .with("match_groupdict", Data::Map(named))
        .with("elapsed", wait.elapsed()))
}

/// The groups of a match, by number and by name.
type Groups = (Vec<String>, Map);

struct Wait<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    state: String,
    host: String,
    port: Option<u16>,
    path: Option<String>,
    regex: Option<Regex>,
    start: Instant,
    end: Instant,
}

impl<'a> Wait<'a> {
    fn of(ctx: &'a Context<'a>, args: &'a Args) -> Result<Wait<'a>, Failure> {
        let refuse = |msg: &str| Err(super::params::failure(msg, [("elapsed", int(0))]));
        let state = args.text("state").unwrap_or_else(|| "started".to_owned());
        let path = args.text("path");
        let port = match args.int("port").filter(|p| *p != 0) {
            None => None,
            Some(port) => match u16::try_from(port) {
                Ok(port) => Some(port),
                Err(_) => return refuse(&format!("{port} is no port")),
            },
        };
        if port.is_some() && path.is_some() {
            return refuse("port and path parameter can not both be passed to wait_for");
        }
        if path.is_some() && matches!(state.as_str(), "stopped" | "drained") {
            return refuse(&format!("state={state} should only be used for checking a port in the wait_for module"));
        }
        if args.get("exclude_hosts").is_some() && state != "drained" {
            return refuse("exclude_hosts should only be with state=drained");
        }
        let states = args.texts("active_connection_states").unwrap_or_default();
        if let Some(unknown) = states.iter().find(|s| state_number(s).is_none()) {
            return refuse(&format!("unknown active_connection_state ({unknown}) defined"));
        }
        let regex = args.text("search_regex").map(|r| Regex::new(&r, Flags { multi_line: true, ..Flags::default() }));
        let regex = regex.transpose().map_err(|e| Failure::new(format!("Invalid regular expression: {e}")))?;
        let start = Instant::now();
        let timeout = args.int("timeout").unwrap_or(300).clamp(0, LONGEST);
        let end = start + Duration::from_secs(timeout.unsigned_abs());
        let host = args.text("host").unwrap_or_else(|| "127.0.0.1".to_owned());
        Ok(Wait { ctx, args, state, host, port, path, regex, start, end })
    }

    fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.args.int(name).unwrap_or(0).clamp(0, LONGEST).unsigned_abs())
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    fn elapsed(&self) -> Data {
        int(self.start.elapsed().as_secs() as i128)
    }

    fn until(&self) -> Result<Option<Groups>, Failure> {
        if self.port.is_none() && self.path.is_none() && self.state != "drained" {
            // The delay is no part of it.
            std::thread::sleep(self.end.saturating_duration_since(self.start));
            return Ok(None);
        }
        while Instant::now() < self.end {
            match self.state.as_str() {
                "absent" | "stopped" if self.is_gone() => return Ok(None),
                "absent" | "stopped" => {}
                "drained" if self.connections() == 0 => return Ok(None),
                "drained" => {}
                _ => {
                    if let Some(groups) = self.is_there()? {
                        return Ok(Some(groups));
                    }
                }
            }
            std::thread::sleep(self.seconds("sleep").min(self.left()));
        }
        Err(self.timed_out())
    }

    fn timed_out(&self) -> Failure {
        let place = match (&self.path, self.port) {
            (Some(path), _) => path.clone(),
            (None, port) => format!("{}:{}", self.host, port.unwrap_or_default()),
        };
        let searched = self.args.text("search_regex");
        let msg = match (self.state.as_str(), &searched, self.path.is_some()) {
            ("absent" | "stopped", _, true) => format!("Timeout when waiting for {place} to be absent."),
            ("absent" | "stopped", _, false) => format!("Timeout when waiting for {place} to stop."),
            ("drained", ..) => format!("Timeout when waiting for {place} to drain"),
            (_, Some(regex), _) => format!("Timeout when waiting for search string {regex} in {place}"),
            (_, None, true) => format!("Timeout when waiting for file {place}"),
            (_, None, false) => format!("Timeout when waiting for {place}"),
        };
        super::params::failure(self.args.text("msg").unwrap_or(msg), [("elapsed", self.elapsed())])
    }

    fn connect(&self) -> Option<TcpStream> {
        let limit = self.seconds("connect_timeout").min(self.left()).max(Duration::from_millis(100));
        resolve::addresses(&self.host, self.ctx.runner, limit)
            .into_iter()
            .find_map(|ip| TcpStream::connect_timeout(&SocketAddr::new(ip, self.port?), limit).ok())
    }

    fn is_gone(&self) -> bool {
        match &self.path {
            Some(path) => !Path::new(path).exists(),
            None => self.connect().is_none(),
        }
    }

    fn is_there(&self) -> Result<Option<Groups>, Failure> {
        let Some(path) = &self.path else { return Ok(self.port_answers()) };
        match std::fs::metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => {
                let msg = self.args.text("msg").unwrap_or_else(|| format!("Failed to stat {path}, {e}"));
                return Err(super::params::failure(msg, [("elapsed", self.elapsed())]));
            }
            Ok(_) if self.regex.is_none() => return Ok(Some(Groups::default())),
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        let read = std::fs::File::open(path).and_then(|f| f.take(SEARCHED).read_to_end(&mut bytes));
        Ok(read.ok().and_then(|_| self.search(&bytes)))
    }

    fn port_answers(&self) -> Option<Groups> {
        let mut stream = self.connect()?;
        if self.regex.is_none() {
            return Some(Groups::default());
        }
        let mut heard = Vec::new();
        let mut buffer = [0; 1024];
        while (heard.len() as u64) < SEARCHED && !self.left().is_zero() {
            stream.set_read_timeout(Some(self.left().max(Duration::from_millis(1)))).ok()?;
            let length = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
            heard.extend_from_slice(&buffer[..length]);
            if let Some(groups) = self.search(&heard) {
                return Some(groups);
            }
        }
        None
    }

    fn search(&self, bytes: &[u8]) -> Option<Groups> {
        let regex = self.regex.as_ref()?;
        let haystack = String::from_utf8_lossy(bytes).into_owned();
        let found = regex.search(&haystack).ok()??;
        let group = |number: usize| found.get(number).unwrap_or_default();
        let numbered = (1..=regex.groups()).map(|number| group(number).to_owned()).collect();
        let named = regex.names().map(|(name, number)| (name, text(group(number)))).collect::<Vec<_>>();
        Some((numbered, map(named)))
    }

    /// Connections to the port that are still open, as the kernel lists them.
    fn connections(&self) -> usize {
        let Some(port) = self.port else { return 0 };
        let states: Vec<&str> = self
            .args
            .texts("active_connection_states")
            .unwrap_or_default()
            .iter()
            .filter_map(|s| state_number(s))
            .collect();
        let ips = |host: &str| resolve::addresses(host, self.ctx.runner, self.seconds("connect_timeout"));
        let own = ips(&self.host);
        let excluded: Vec<IpAddr> =
            self.args.texts("exclude_hosts").unwrap_or_default().iter().flat_map(|h| ips(h)).collect();
        let mut count = 0;
        for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
            let table = std::fs::read_to_string(file).unwrap_or_default();
            for line in table.lines().skip(1) {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let [_, local, remote, state, ..] = fields[..] else { continue };
                let (Some(local), Some(remote)) = (endpoint(local), endpoint(remote)) else { continue };
                let here = own.iter().any(|ip| ip.is_unspecified() || *ip == local.ip());
                if states.contains(&state) && local.port() == port && here && !excluded.contains(&remote.ip()) {
                    count += 1;
                }
            }
        }
        count
    }
}

/// An address of /proc/net/tcp: words in the machine's order, then the port.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words: Option<Vec<u8>> = (0..ip.len() / 8)
        .map(|i| u32::from_str_radix(ip.get(i * 8..i * 8 + 8)?, 16).ok().map(u32::to_ne_bytes))
        .collect::<Option<Vec<_>>>()
        .map(|words| words.concat());
    let ip: IpAddr = match words?.as_slice() {
        four @ [_, _, _, _] => <[u8; 4]>::try_from(four).ok()?.into(),
        sixteen => IpAddr::from(<[u8; 16]>::try_from(sixteen).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn state_number(name: &str) -> Option<&'static str> {
    Some(match name {
        "ESTABLISHED" => "01",
        "SYN_SENT" => "02",
        "SYN_RECV" => "03",
        "FIN_WAIT1" => "04",
        "FIN_WAIT2" => "05",
        "TIME_WAIT" => "06",
        _ => return None,
    })
}
