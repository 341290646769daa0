#!/usr/bin/env python3
"""Writes tests/modules/iptables.json: the words that Ansible's iptables module makes of parameters.

Usage: make-iptables.py PYTHON > tests/modules/iptables.json
PYTHON is the interpreter of a venv with ansible-core==2.16.14.
"""
import json
import subprocess
import sys

CASES = [
    {"chain": "INPUT", "source": "8.8.8.8", "jump": "DROP"},
    {"chain": "INPUT", "source": "!10.0.0.0/8", "in_interface": "!lo", "jump": "ACCEPT", "comment": "two words"},
    {"chain": "PREROUTING", "table": "nat", "in_interface": "eth0", "protocol": "tcp", "match": "tcp",
     "destination_port": "80", "jump": "REDIRECT", "to_ports": "8600"},
    {"chain": "INPUT", "ctstate": "ESTABLISHED,RELATED", "jump": "ACCEPT"},
    {"chain": "INPUT", "match": ["conntrack"], "ctstate": ["NEW"], "jump": "ACCEPT"},
    {"chain": "INPUT", "match": ["state"], "ctstate": ["NEW"], "jump": "ACCEPT"},
    {"chain": "INPUT", "protocol": "tcp", "destination_ports": ["80", "443", "8081:8083"], "jump": "ACCEPT"},
    {"chain": "INPUT", "protocol": "tcp", "match": ["multiport"], "destination_ports": ["80"], "jump": "ACCEPT"},
    {"chain": "INPUT", "protocol": "tcp", "tcp_flags": {"flags": ["ALL"], "flags_set": ["ACK", "RST"]}, "syn": "match"},
    {"chain": "INPUT", "syn": "negate", "protocol": "tcp", "goto": "OTHER"},
    {"chain": "INPUT", "src_range": "192.168.1.100-192.168.1.199", "dst_range": "10.0.0.1-10.0.0.50"},
    {"chain": "INPUT", "match": ["iprange"], "src_range": "10.0.0.1-10.0.0.9", "jump": "DROP"},
    {"chain": "INPUT", "match_set": "admins", "match_set_flags": "src,dst", "jump": "ACCEPT"},
    {"chain": "INPUT", "match": ["set"], "match_set": "admins", "match_set_flags": "src", "jump": "ACCEPT"},
    {"chain": "INPUT", "limit": "2/second", "limit_burst": "20", "jump": "LOG", "log_prefix": "IPT:",
     "log_level": "info"},
    {"chain": "OUTPUT", "uid_owner": "nobody", "gid_owner": "!daemon", "jump": "DROP"},
    {"chain": "INPUT", "reject_with": "tcp-reset", "protocol": "tcp", "ip_version": "ipv4"},
    {"chain": "INPUT", "icmp_type": "8", "protocol": "icmp", "jump": "ACCEPT"},
    {"chain": "INPUT", "icmp_type": "128", "protocol": "icmpv6", "ip_version": "ipv6", "jump": "ACCEPT"},
    {"chain": "PREROUTING", "table": "mangle", "jump": "TEE", "gateway": "192.168.1.1"},
    {"chain": "POSTROUTING", "table": "mangle", "set_dscp_mark": "8", "jump": "DSCP", "protocol": "tcp"},
    {"chain": "POSTROUTING", "table": "mangle", "set_dscp_mark_class": "CS1", "jump": "DSCP"},
    {"chain": "POSTROUTING", "table": "nat", "to_source": "1.2.3.4", "out_interface": "eth1", "jump": "SNAT"},
    {"chain": "PREROUTING", "table": "nat", "to_destination": "1.2.3.4:80", "jump": "DNAT", "wait": "10"},
    {"chain": "INPUT", "fragment": "x", "set_counters": "1 2", "source_port": "53", "jump": "ACCEPT"},
    {"chain": "INPUT"},
]
PROGRAM = r"""
import json, sys
import ansible.module_utils.basic as basic
from ansible.modules import iptables
class Done(BaseException):
    pass
def stop(self, **kw):
    raise Done(kw)
basic.AnsibleModule.get_bin_path = lambda self, name, required=False: name
basic.AnsibleModule.fail_json = stop
basic.AnsibleModule.exit_json = stop
out = []
for case in json.load(sys.stdin):
    calls = []
    def run(self, cmd, **kw):
        calls.append(cmd)
        if cmd[1:] == ["--version"]:
            return 0, "iptables v1.8.9 (nf_tables)\n", ""
        return (1 if "-C" in cmd or "-L" in cmd else 0), "", ""
    basic.AnsibleModule.run_command = run
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": case}).encode()
    try:
        iptables.main()
    except Done as done:
        out.append({"args": case, "calls": calls, "rule": done.args[0].get("rule")})
print(json.dumps(out))
"""

done = subprocess.run([sys.argv[1], "-c", PROGRAM], input=json.dumps(CASES), capture_output=True, text=True, check=True)
print("[\n" + ",\n".join(json.dumps(case) for case in json.loads(done.stdout)) + "\n]")
