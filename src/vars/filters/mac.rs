//! The filters on hardware addresses of ansible.utils: hwaddr, macaddr and slaac. Addresses of 48 bits, in every form that
//! Python's netaddr reads.

use super::args::given;
use super::ip;
use crate::vars::ipaddr::{Network, address_text};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

/// How an address is written: digits of a group, what stands between groups, capitals, and whether zeros in front go.
struct Dialect {
    digits: u32,
    separator: &'static str,
    capitals: bool,
    short: bool,
}

impl Dialect {
    fn named(query: &str) -> Option<Dialect> {
        let of = |digits, separator, capitals, short| Dialect { digits, separator, capitals, short };
        Some(match query {
            "bare" => of(12, "", true, false),
            "cisco" => of(4, ".", false, false),
            "eui48" | "win" => of(2, "-", true, false),
            "linux" => of(2, ":", false, false),
            "pgsql" | "postgresql" | "psql" => of(6, ":", false, false),
            "unix" => of(2, ":", false, true),
            _ => return None,
        })
    }

    fn write(&self, address: u64) -> String {
        let bits = 4 * self.digits;
        let width = if self.short { 1 } else { self.digits as usize };
        let group = |i: u32| address >> (48 - bits * (i + 1)) & ((1 << bits) - 1);
        let groups = (0..12 / self.digits).map(|i| match self.capitals {
            true => format!("{:0width$X}", group(i)),
            false => format!("{:0width$x}", group(i)),
        });
        groups.collect::<Vec<_>>().join(self.separator)
    }
}

/// An address of 48 bits: six groups of up to two digits, three of up to four, two of five or six, eleven or twelve
/// digits in one, or a number.
fn parse(text: &str) -> Option<u64> {
    let hex = |t: &str, fewest: usize, most: usize| {
        let fits = (fewest..=most).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| u64::from_str_radix(t, 16).ok()).flatten()
    };
    let forms = [
        (':', 6, 1, 2),
        ('-', 6, 1, 2),
        (':', 3, 1, 4),
        ('-', 3, 1, 4),
        ('.', 3, 1, 4),
        ('-', 2, 5, 6),
        (':', 2, 5, 6),
    ];
    for (separator, count, fewest, most) in forms {
        let groups: Option<Vec<u64>> = text.split(separator).map(|group| hex(group, fewest, most)).collect();
        if let Some(groups) = groups.filter(|g| g.len() == count) {
            return Some(groups.iter().fold(0, |all, group| all << (48 / count) | group));
        }
    }
    let number = || super::number::parse_int(text, 10).and_then(|n| u64::try_from(n).ok());
    hex(text, 11, 12).or_else(number).filter(|n| *n < 1 << 48)
}

fn address(value: &Value) -> Outcome<Option<u64>> {
    Ok(match value.defined()? {
        Value::Str(text) => parse(text.as_str()),
        other => other.as_int().and_then(|n| u64::try_from(n).ok()).filter(|n| *n < 1 << 48),
    })
}

fn query(value: &Value, asked: Option<Value>, filter: &str) -> Outcome<Value> {
    let asked = asked.map_or(Ok(String::new()), |q| q.text())?;
    let found = address(value)?;
    let Some(address) = found else {
        return match asked.as_str() {
            "" | "bool" => Ok(Value::None),
            _ => Err(TemplateError::other(format!("{filter}: not a hardware address: {}", value.text()?))),
        };
    };
    Ok(match asked.as_str() {
        "" => value.clone(),
        "bool" => Value::Bool(true),
        "int" => Value::Int(i128::from(address)),
        other => {
            let unknown = || TemplateError::other(format!("{filter}: unknown filter type: {other}"));
            Value::from(Dialect::named(other).ok_or_else(unknown)?.write(address))
        }
    })
}

pub fn hwaddr(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [asked, _alias] = args.bind("hwaddr", ["query", "alias"], 0)?;
    query(&value, asked, "hwaddr")
}

pub fn macaddr(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [asked] = args.bind("macaddr", ["query"], 0)?;
    query(&value, asked, "macaddr")
}

/// The address that a network card gives itself in an IPv6 network (RFC 4291, appendix A).
pub fn slaac(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [asked] = args.bind("slaac", ["query"], 0)?;
    let network = ip::normalized(value.defined()?).filter(|n: &Network| n.version == 6);
    let (Some(network), Some(mac)) = (network, address(&given(asked))?) else { return Ok(Value::Bool(false)) };
    let (maker, card) = (u128::from(mac >> 24), u128::from(mac & 0xff_ffff));
    let interface = (maker << 40 | 0xff_fe00_0000 | card) ^ 0x0200_0000_0000_0000;
    let address = network.first().checked_add(interface);
    Ok(address.map_or(Value::Bool(false), |a| Value::from(address_text(6, a))))
}
