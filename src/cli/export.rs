//! `export`: what the control node serves to its nodes, from an inventory and the roles that they run.

use super::origin::{Origin, Outcome};
use super::{Exit, Ui, build, vault, verify};
use crate::bundle::Trust;
use crate::export::check::{self, Unresolved};
use crate::export::cluster::{self, Made, Making};
use crate::export::recipients::{Recipients, VARIABLE};
use crate::export::resolve::{Problem, Resolver};
use crate::export::scope::World;
use crate::export::secret::Patterns;
use crate::export::wanted::{self, Wanted};
use crate::export::{self, ClusterExport, classic, files, generation};
use crate::plan::{Data, Plan};
use crate::source::inventory::{self, Inventory};
use crate::vars::vault::Keyring;
use anyhow::{Context, bail};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The group whose hosts are exported where no limit is given.
const USUAL: &str = "compute_init";
/// The cluster's name, where none is given.
const CLUSTER: &str = "cluster";
/// Whom nodes read as.
const READER: u32 = 301;
/// Defaults of roles.
type Defaults = HashMap<String, Rc<Data>>;

/// Hosts that are named in a message.
const NAMED: usize = 4;

/// Write what compute nodes need to rejoin, from an Ansible inventory
///
/// Of every host's variables only those are exported that the roles can use, with what these refer to. Exits with 2
/// where a lookup or an encrypted value cannot be resolved; --check also evaluates every variable that a role uses, for
/// every host, writes nothing, and exits with 2 where one is unresolved.
#[derive(clap::Args)]
pub(super) struct Args {
    /// An inventory: a file or directory as Ansible reads it, the JSON of `ansible-inventory --list`, or `-` for the
    /// latter on standard input; may be repeated
    #[arg(short, long, value_name = "SOURCE", required = true)]
    inventory: Vec<String>,
    /// The directory that nodes mount
    #[arg(long, value_name = "DIR", default_value = "/exports/cluster")]
    dest: PathBuf,
    /// How it is written; may be repeated
    #[arg(long, value_enum, default_value = "signed", value_name = "LAYOUT")]
    layout: Vec<Layout>,
    /// A private key to sign with (see keygen); may be repeated while keys change
    #[arg(short, long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// To whom each host's secrets are sealed: a directory with a file per host, or a file with a line per host; over what
    /// the inventory says in compute_init_recipient
    #[arg(long, value_name = "PATH", conflicts_with = "unsealed")]
    recipients: Option<PathBuf>,
    /// Seal nothing: whoever reads the export reads its secrets
    #[arg(long)]
    unsealed: bool,
    /// The cluster's name, within which nodes count generations
    #[arg(long, value_name = "NAME", default_value = CLUSTER)]
    cluster: String,
    /// Days for which nodes take this generation [default: for ever]
    #[arg(long, value_name = "DAYS")]
    valid: Option<u64>,
    /// Hosts to export, as a pattern of Ansible [default: the group compute_init where there is one, else all]
    #[arg(short, long, value_name = "PATTERN")]
    limit: Option<String>,
    /// What the nodes run: a signed bundle, instead of a source
    #[arg(long, value_name = "BUNDLE", conflicts_with = "source")]
    bundle: Option<PathBuf>,
    /// Directory of the keys that the bundle's signature is checked with
    #[arg(long, value_name = "DIR", default_value = "/etc/compute-init/trust.d")]
    trust: PathBuf,
    #[command(flatten)]
    origin: Origin,
    /// The site's own files: hosts, cacerts/, manila_share_info.yml, hostconfig/HOST/*, and templates that are rendered for
    /// each host (hostconfig/*.j2)
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// A fact cache of Ansible (`jsonfile`)
    #[arg(long, value_name = "DIR")]
    facts: Option<PathBuf>,
    /// Where lookups of the inventory look for files [default: the current directory]
    #[arg(long, value_name = "DIR")]
    playbook_dir: Option<PathBuf>,
    /// Names of further variables that are secrets, as a shell pattern; may be repeated
    #[arg(long, value_name = "PATTERN")]
    secret: Vec<String>,
    /// User and group that nodes read as, whom the share squashes root to
    #[arg(long, value_name = "UID", default_value_t = READER)]
    uid: u32,
    /// Only test the inventory: write nothing
    #[arg(long)]
    check: bool,
    /// Only print what the inventory came to, as `ansible-inventory --list` does
    #[arg(long, conflicts_with = "check")]
    list: bool,
    /// Only print what this host would be given, in the same form
    #[arg(long, value_name = "HOST", conflicts_with_all = ["check", "list"])]
    view: Option<String>,
    #[command(flatten)]
    vault: vault::Passwords,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// Generations: signed, secrets sealed to each host, switched to at once
    Signed,
    /// Today's: hostvars/HOST/hostvars.yml, readable by whoever can mount it
    Classic,
}

/// What a fake build exports again: the same command, with what it has to say about it.
pub(super) struct Again<'a> {
    /// The inventories.
    pub inventory: &'a [String],
    /// Where to.
    pub dest: &'a Path,
    /// Who signs generations; with nobody the classic layout is written.
    pub keys: &'a [PathBuf],
    /// To whom secrets are sealed; to nobody, where none is named.
    pub recipients: Option<&'a Path>,
    /// Which hosts.
    pub limit: Option<&'a str>,
    /// The site's own files.
    pub files: Option<&'a Path>,
    /// Passwords of what is encrypted.
    pub vault: &'a vault::Passwords,
}

/// What came of an export.
pub(super) struct Ran {
    /// How the command ends.
    pub exit: Exit,
    /// For `--json`.
    pub value: Value,
    /// For people.
    pub text: String,
}

/// Exports for what `origin` compiles to.
pub(super) fn again(again: &Again, origin: &Origin, ui: &Ui) -> anyhow::Result<Ran> {
    let args = Args {
        inventory: again.inventory.to_vec(),
        dest: again.dest.to_owned(),
        layout: vec![if again.keys.is_empty() { Layout::Classic } else { Layout::Signed }],
        key: again.keys.to_vec(),
        recipients: again.recipients.map(Path::to_owned),
        unsealed: again.recipients.is_none(),
        cluster: CLUSTER.to_owned(),
        valid: None,
        limit: again.limit.map(str::to_owned),
        bundle: None,
        trust: PathBuf::new(),
        origin: origin.clone(),
        files: again.files.map(Path::to_owned),
        facts: None,
        playbook_dir: None,
        secret: Vec::new(),
        uid: READER,
        check: false,
        list: false,
        view: None,
        vault: again.vault.clone(),
    };
    let keyring = vault::keyring(&args.vault)?;
    ui.progress(&format!("reading {}", args.inventory.join(", ")));
    let inventory = Rc::new(read(&args, &keyring)?);
    export(&args, inventory, keyring, ui)
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let keyring = vault::keyring(&args.vault)?;
    ui.progress(&format!("reading {}", args.inventory.join(", ")));
    let inventory = Rc::new(read(args, &keyring)?);
    if args.list {
        ui.print(&serde_json::to_string_pretty(&export::list(&inventory))?)?;
        return Ok(Exit::Done);
    }
    let ran = export(args, inventory, keyring, ui)?;
    if !ran.text.is_empty() {
        ui.result(&ran.value, &ran.text)?;
    }
    Ok(ran.exit)
}

fn export(args: &Args, inventory: Rc<Inventory>, keyring: Rc<Keyring>, ui: &Ui) -> anyhow::Result<Ran> {
    // What was shown already, or printed in a form of its own.
    let silent = |exit| Ran { exit, value: Value::Null, text: String::new() };
    let hosts = hosts(args, &inventory)?;
    let Some((wanted, defaults)) = roles(args, ui)? else { return Ok(silent(Exit::Source)) };
    let mut world = World::new(Rc::clone(&inventory), defaults, Rc::clone(&keyring));
    if let Some(dir) = &args.playbook_dir {
        world = world.in_directory(dir.clone());
    }
    let world = Rc::new(world);
    // Never given back: the program ends with it, and freeing ten thousand hosts piece by piece takes a tenth of its time.
    std::mem::forget(Rc::clone(&world));
    ui.progress(&format!("following what the roles of {} hosts use", hosts.len()));
    let making =
        Making { hosts: &hosts, wanted: &wanted, patterns: Patterns::new(args.secret.clone()), check: args.check };
    let mut made = cluster::make(&world, making);
    if let Some(name) = &args.view {
        let host = made.export.hosts.get(name).with_context(|| format!("{name} is not one of the hosts to export"))?;
        ui.print(&serde_json::to_string_pretty(&export::view(name, host))?)?;
        return Ok(silent(Exit::Done));
    }
    if let Some(dir) = &args.files {
        let broken = files::add(dir, &world, &hosts, &mut made.export);
        made.problems.extend(broken.with_context(|| format!("reading {}", dir.display()))?);
    }
    let unresolved = match args.check {
        true => check::unresolved(&world, &wanted, &hosts),
        false => BTreeMap::new(),
    };
    let report = Report {
        inventory: &inventory,
        made: &made,
        wanted: &wanted,
        defaults: &world.defaults,
        unresolved: &unresolved,
        keyring: &keyring,
    };
    report.say(ui);
    if !made.problems.is_empty() || !unresolved.is_empty() || args.check {
        let exit = if made.problems.is_empty() && unresolved.is_empty() { Exit::Done } else { Exit::Source };
        let verb = if args.check { "checked" } else { "nothing is exported" };
        let text = format!("{verb}: {} hosts, {}", hosts.len(), report.counts());
        return Ok(Ran { exit, value: report.json(&hosts), text });
    }
    let (text, written) = write(args, &world, (&hosts, &made.export), ui)?;
    let mut value = report.json(&hosts);
    value["written"] = written;
    let text = format!("exported   {} hosts to {}{text}", hosts.len(), args.dest.display());
    Ok(Ran { exit: Exit::Done, value, text })
}

/// Writes each layout that is asked for; says what came of it.
fn write(
    args: &Args,
    world: &Rc<World>,
    (hosts, export): (&[u32], &ClusterExport),
    ui: &Ui,
) -> anyhow::Result<(String, Value)> {
    let (mut text, mut value) = (String::new(), json!({}));
    // What may be refused comes first: nothing is half done then.
    let settings = if args.layout.contains(&Layout::Signed) { Some(settings(args, world, hosts, ui)?) } else { None };
    ui.progress(&format!("writing {}", args.dest.display()));
    if let Some(settings) = settings {
        let written = generation::write(export, &settings)?;
        let what = if written.new { "new" } else { "as before, nothing is written" };
        let (blobs, bytes) = written.blobs;
        let line = format!("\ngeneration {} ({what}), serial {}", written.digest, written.serial);
        text.push_str(&format!("{line}\nwritten    {blobs} blobs, {bytes} bytes; {} pruned", written.pruned));
        value["generation"] = json!({
            "digest": written.digest.to_string(), "serial": written.serial, "new": written.new,
            "blobs": blobs, "bytes": bytes, "pruned": written.pruned,
        });
    }
    if args.layout.contains(&Layout::Classic) {
        let mut resolver = Resolver::new(Rc::clone(world), Patterns::new(Vec::new()));
        let owner = classic::Owner { uid: args.uid, gid: args.uid };
        let written = classic::write(&args.dest, world, export, &mut resolver, owner)?;
        let (files, changed, bytes) = (written.files, written.changed, written.bytes);
        text.push_str(&format!("\nclassic    {files} files ({changed} changed), {bytes} bytes"));
        value["classic"] = json!(written);
    }
    Ok((text, value))
}

/// How a generation is written.
fn settings(args: &Args, world: &Rc<World>, hosts: &[u32], ui: &Ui) -> anyhow::Result<generation::Settings> {
    let told = |mistakes: Vec<String>| anyhow::anyhow!(mistakes.join("\n"));
    let mut recipients =
        args.recipients.as_deref().map_or(Ok(Recipients::default()), Recipients::load).map_err(told)?;
    let seal = if args.unsealed {
        generation::Seal::Not
    } else {
        recipients.add_inventorys(world, hosts).map_err(told)?;
        if recipients.is_empty() && args.recipients.is_none() {
            bail!(
                "secrets are sealed to each host: give --recipients or {VARIABLE} in the inventory, or --unsealed to seal \
                 nothing"
            );
        }
        generation::Seal::To(recipients)
    };
    let keys = args.key.iter().map(|file| build::read_key(file, ui)).collect::<anyhow::Result<Vec<_>>>()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?.as_secs();
    Ok(generation::Settings {
        dest: args.dest.clone(),
        cluster: args.cluster.clone(),
        keys,
        seal,
        owner: (0, args.uid),
        valid: args.valid.map(|days| Duration::from_secs(days.saturating_mul(86_400))),
        keep: generation::Keep::default(),
        now,
    })
}

fn read(args: &Args, keyring: &Keyring) -> anyhow::Result<Inventory> {
    if args.inventory.iter().filter(|i| *i == "-").count() > 1 {
        bail!("standard input can be one inventory only");
    }
    let sources = inventory::Sources {
        inventories: &args.inventory,
        playbook_dir: args.playbook_dir.as_deref(),
        facts: args.facts.as_deref(),
        keyring,
    };
    Ok(inventory::read(&sources)?)
}

/// The hosts to export; nodes know themselves by the first label of their names.
fn hosts(args: &Args, inventory: &Inventory) -> anyhow::Result<Vec<u32>> {
    let usual = if inventory.group(USUAL).is_some_and(|g| !g.is_empty()) { USUAL } else { "all" };
    let pattern = args.limit.as_deref().unwrap_or(usual);
    let mut hosts = inventory.matching(pattern).map_err(anyhow::Error::msg)?;
    if hosts.is_empty() {
        bail!("the pattern {pattern} leaves no host to export");
    }
    hosts.sort_unstable();
    if let Some((short, names)) = cluster::namesakes(inventory, &hosts).into_iter().next() {
        bail!("{} are all {short} to themselves: the export names nodes by their short names", names.join(" and "));
    }
    Ok(hosts)
}

/// What the bundle's or the source's roles ask for, and their defaults; nothing where the source is refused.
fn roles(args: &Args, ui: &Ui) -> anyhow::Result<Option<(Wanted, Defaults)>> {
    if let Some(path) = &args.bundle {
        let verified = verify::open(path, &Trust::directory(&args.trust)?)?;
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for (name, file) in &verified.plan().files {
            files.push((name.clone(), verified.file(file)?));
        }
        let plan = verified.plan();
        let wanted = wanted::read(plan, files.iter().map(|(n, b)| (n.as_str(), b.as_slice())))?;
        return Ok(Some((wanted, defaults(plan))));
    }
    match args.origin.compile(ui)? {
        Outcome::Compiled(compiled) => {
            let files = compiled.files.iter().map(|(n, f)| (n.as_str(), &*f.bytes));
            Ok(Some((wanted::read(&compiled.plan, files)?, defaults(&compiled.plan))))
        }
        Outcome::Refused(..) => Ok(None),
    }
}

fn defaults(plan: &Plan) -> HashMap<String, Rc<Data>> {
    let maps = plan.roles.values().flat_map(|r| r.defaults.values());
    let pairs = maps.flat_map(|m| m.iter()).filter_map(|(k, v)| Some((k.as_str()?.to_owned(), Rc::new(v.clone()))));
    pairs.collect()
}

/// What there is to say of an export.
struct Report<'a> {
    inventory: &'a Inventory,
    made: &'a Made,
    wanted: &'a Wanted,
    defaults: &'a HashMap<String, Rc<Data>>,
    unresolved: &'a BTreeMap<Unresolved, BTreeSet<u32>>,
    keyring: &'a Keyring,
}

impl Report<'_> {
    /// `4 hosts: n0, n1, n2, n3`.
    fn hosts(&self, hosts: &BTreeSet<u32>) -> String {
        let names: Vec<&str> = hosts.iter().take(NAMED).map(|h| self.inventory.name(*h)).collect();
        let more = if hosts.len() > NAMED { ", ..." } else { "" };
        let plural = if hosts.len() == 1 { "host" } else { "hosts" };
        format!("{} {plural}: {}{more}", hosts.len(), names.join(", "))
    }

    fn say(&self, ui: &Ui) {
        if ui.json() {
            return;
        }
        for (place, what) in &self.made.dynamic {
            ui.warn(&format!("{place}: {what}"));
        }
        for (Problem { place, message }, hosts) in &self.made.problems {
            ui.error(&format!("{place}: {} ({})", self.keyring.masked(message), self.hosts(hosts)));
        }
        for (unresolved, hosts) in self.unresolved {
            let Unresolved { role, variable, place, why } = unresolved;
            ui.error(&format!("{place}: {role} uses {variable}: {} ({})", self.keyring.masked(why), self.hosts(hosts)));
        }
    }

    fn counts(&self) -> String {
        format!(
            "{} unresolved variables, {} errors, {} warnings",
            self.unresolved.len(),
            self.made.problems.len(),
            self.made.dynamic.len()
        )
    }

    fn json(&self, hosts: &[u32]) -> Value {
        let names =
            |hosts: &BTreeSet<u32>| hosts.iter().map(|h| self.inventory.name(*h).to_owned()).collect::<Vec<_>>();
        let mut unresolved: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (u, hosts) in self.unresolved {
            let why = self.keyring.masked(&u.why);
            let entry = json!({ "variable": u.variable, "place": u.place, "why": why, "hosts": names(hosts) });
            unresolved.entry(&u.role).or_default().push(entry);
        }
        let uses: BTreeMap<&str, BTreeSet<&String>> =
            self.wanted.roles.iter().map(|(role, asked)| (role.as_str(), asked.variables.keys().collect())).collect();
        let defaults: BTreeMap<&String, Value> =
            self.defaults.iter().map(|(name, value)| (name, export::plain_json(value))).collect();
        let problem = |(p, hosts): (&Problem, &BTreeSet<u32>)| json!({ "place": p.place, "message": self.keyring.masked(&p.message), "hosts": names(hosts) });
        let dynamic = |(place, what): (&String, &String)| json!({ "place": place, "message": what });
        json!({
            "hosts": hosts.len(),
            "names": hosts.iter().map(|h| self.inventory.name(*h)).collect::<Vec<_>>(),
            "defaults": defaults,
            "uses": uses,
            "unresolved": unresolved,
            "errors": self.made.problems.iter().map(problem).collect::<Vec<_>>(),
            "warnings": self.made.dynamic.iter().map(dynamic).collect::<Vec<_>>(),
        })
    }
}
