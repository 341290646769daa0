//! The fifth stage: this node's variables in Ansible's order of precedence.
//!
//! What a play is given, besides the export's hostvars (which come over role defaults and play vars, as include_vars
//! does it today) and this node's facts (which come over what the export remembers of them):
//!
//! | variable | what |
//! | --- | --- |
//! | `compute_init_metadata` | dictionary: the instance's `meta`, values final: `compute_init_metadata.nfs \| default(false) \| bool` |
//! | `compute_init_staged` | directory with what this node needs of the export, in the export's layout: `hosts`, `manila_share_info.yml`, `cacerts/*`, `hostconfig/<host>/*`, `cvmfs/*`, `hostvars/<host>/hostvars.yml` |
//! | `compute_init_host` | the node's short host name, as the export names its directories |
//!
//! They are extra variables, so that nothing in an export overrides them; with ansible-playbook the same three are
//! given with `-e`. `groups`, `group_names`, `inventory_hostname` and `hostvars` are the magic variables, filled from
//! the export.
