"""One QEMU guest: started, killed like a machine whose power goes, and asked to run commands over its second serial line."""

import base64
import os
import shutil
import socket
import subprocess
import time

MEMORY = 640
# Nothing here is for safety: an emulated processor has no speculation to guard, and seconds count.
COMMAND_LINE = (
    "console=ttyS0 quiet loglevel=4 mitigations=off nokaslr audit=0 selinux=0 apparmor=0 random.trust_cpu=on "
    "no_timer_check rcupdate.rcu_expedited=1 net.ifnames=0 panic=5 systemd.show_status=0"
)


def clock_parameters(kilohertz):
    """The guest's clock. Left to measure the rate of the time stamp counter itself, a guest of a busy host is wrong by as
    much as a factor of five: its clock runs too fast, and what munge signed elsewhere has expired when it comes."""
    if kilohertz is None:
        return "clocksource=hpet tsc=unstable"
    return f"tsc=reliable tsc_early_khz={kilohertz}"


class Unmet(Exception):
    """What a scenario waited for did not come."""


class NoAnswer(Unmet):
    """A guest did not answer in time. It may be busy."""


def cpu_seconds(pid):
    """What a process has used of the processors; nothing once it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Machine:
    """A guest whose files are in a directory of its own: `disk.ext4`, sockets, `console`."""

    def __init__(self, name, address, tools, scale):
        self.name, self.address, self.tools, self.scale = name, address, tools, scale
        self.directory = tools.scratch / name
        self.directory.mkdir()
        self.disk = self.directory / "disk.ext4"
        self.extra_disks = []
        self.extra_ramdisk = b""
        self.seed = {}
        self.parameters = ""
        self.hardware = []
        self.discards = False
        # Where frames go: to the other guest, unless a cable of ours lies between them.
        self.plug = tools.scratch / f"link-{tools.peer(name)}"
        self.process = self.line = None
        self.buffer, self.number, self.spent = b"", 0, 0.0

    def _argv(self):
        link = self.tools.scratch / f"link-{self.name}"
        link.unlink(missing_ok=True)
        agent = self.directory / "agent"
        agent.unlink(missing_ok=True)
        ramdisk = self.directory / "ramdisk"
        # Archives follow one another; each is padded to four bytes.
        ramdisk.write_bytes(self.tools.ramdisk + self.tools.cpio({f"seed/{k}": v for k, v in self.seed.items()}) + self.extra_ramdisk)
        argv = [self.tools.qemu, "-name", self.name, "-machine", "q35", "-accel", "tcg,tb-size=256", "-cpu", "max"]
        argv += ["-m", str(MEMORY), "-nodefaults", "-no-user-config", "-display", "none"]
        argv += ["-kernel", self.tools.kernel.vmlinux, "-initrd", ramdisk]
        argv += ["-append", f"{COMMAND_LINE} {clock_parameters(self.tools.kilohertz)} systemd.hostname={self.name} vm.address={self.address}/24 {self.parameters}"]
        argv += ["-chardev", f"file,id=console,path={self.directory}/console,append=on", "-serial", "chardev:console"]
        argv += ["-chardev", f"socket,id=agent,path={agent},server=on,wait=off", "-serial", "chardev:agent"]
        # Datagrams need no order of starts, and a peer that was killed loses nothing but packets.
        argv += ["-netdev", f"dgram,id=link,local.type=unix,local.path={link},remote.type=unix,remote.path={self.plug}"]
        mac = f"52:54:00:77:00:{int(self.address.rpartition('.')[2]):02x}"
        argv += ["-device", f"virtio-net-pci,netdev=link,romfile=,mac={mac}"]
        argv += ["-object", "rng-random,filename=/dev/urandom,id=random", "-device", "virtio-rng-pci,rng=random"]
        first = f"file={self.disk},cache=unsafe" + (",snapshot=on" if self.discards else "")
        for number, disk in enumerate([first, *self.extra_disks]):
            argv += ["-drive", f"if=none,id=disk{number},format=raw,{disk}", "-device", f"virtio-blk-pci,drive=disk{number}"]
        return argv + self.hardware

    def start(self):
        with open(self.directory / "qemu", "ab") as log:
            self.process = subprocess.Popen(self._argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.began = time.monotonic()
        self._connect()

    def _connect(self):
        # Before the guest opens its end: else the terminal there has no carrier.
        self.line, self.buffer = socket.socket(socket.AF_UNIX), b""
        for _ in range(200):
            try:
                self.line.connect(str(self.directory / "agent"))
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise Unmet(f"QEMU of {self.name} does not start: {(self.directory / 'qemu').read_text(errors='replace')[-500:]}")

    def cut_power(self):
        """Ends the guest as a power cut does."""
        if self.process is not None and self.process.poll() is None:
            self.spent += cpu_seconds(self.process.pid)
            self.process.kill()
            self.process.wait()
        if self.line is not None:
            self.line.close()
            self.line = None

    def cpu(self):
        """Seconds of the host's processors that this guest has used."""
        running = self.process is not None and self.process.poll() is None
        return self.spent + (cpu_seconds(self.process.pid) if running else 0.0)

    def run(self, command, timeout=180):
        """Runs a command of the guest's shell; gives its code and its output with errors."""
        if self.line is None:
            raise Unmet(f"{self.name} is not running")
        self.number += 1
        self.line.sendall(f"{self.number} {base64.b64encode(command.encode()).decode()}\n".encode())
        deadline = time.monotonic() + timeout * self.scale
        while time.monotonic() < deadline:
            while b"\n" in self.buffer:
                line, _, self.buffer = self.buffer.partition(b"\n")
                head, _, rest = line.strip().partition(b"=")
                if head == str(self.number).encode():
                    code, _, output = rest.partition(b" ")
                    return int(code), base64.b64decode(output).decode(errors="replace").strip()
            self.line.settimeout(0.5)
            try:
                part = self.line.recv(65536)
            except TimeoutError:
                continue
            if not part:
                raise Unmet(f"{self.name} has ended: {self.console()[-1500:]}")
            self.buffer += part
        raise NoAnswer(f"{self.name} did not answer within {timeout * self.scale:.0f} s: {command}")

    def says(self, command, timeout=180):
        """A command's output, whatever its code."""
        return self.run(command, timeout)[1]

    def must(self, command, timeout=180):
        """A command's output; it must succeed."""
        code, output = self.run(command, timeout)
        if code != 0:
            raise Unmet(f"{self.name}: {command}: exit code {code}: {output}")
        return output

    def wait_up(self):
        """Waits until commands are answered. What is sent before somebody reads it is lost, so it is sent again."""
        deadline = time.monotonic() + 600 * self.scale
        while time.monotonic() < deadline:
            try:
                self.run("true", 3 / self.scale)
                return
            except Unmet:
                if self.process.poll() is not None or "Kernel panic" in self.console()[-20000:]:
                    break
        raise Unmet(f"{self.name} does not come up: {self.console()[-3000:]}")

    def until(self, what, command, holds, patience=600, pause=0.5):
        """Runs a command again and again until its output is as wanted; gives that output."""
        deadline = time.monotonic() + patience * self.scale
        while True:
            try:
                output = self.says(command, 60)
                if holds(output):
                    return output
            except NoAnswer as error:
                output = str(error)
            if time.monotonic() > deadline:
                raise Unmet(f"{what}: not within {patience * self.scale:.0f} s; {self.name} last said: {output[-600:]}")
            time.sleep(pause)

    def reboot(self):
        """Reboots as `systemctl reboot` does, and waits until the guest is up again."""
        boot = self.must("cat /proc/sys/kernel/random/boot_id")
        self.must("setsid sh -c 'sleep 1; systemctl reboot --no-wall' < /dev/null > /dev/null 2>&1 &")
        deadline = time.monotonic() + 900 * self.scale
        while time.monotonic() < deadline:
            try:
                code, now = self.run("cat /proc/sys/kernel/random/boot_id", 5 / self.scale)
                if code == 0 and now not in ("", boot):
                    return
            except Unmet:
                if self.process.poll() is not None:
                    raise
            time.sleep(0.5)
        raise Unmet(f"{self.name} does not come back from its reboot: {self.console()[-3000:]}")

    def console(self):
        file = self.directory / "console"
        return file.read_text(errors="replace") if file.exists() else ""

    def keep(self, directory):
        """Copies what tells why something failed."""
        for name in ("console", "qemu"):
            if (self.directory / name).exists():
                shutil.copy(self.directory / name, directory / f"{self.name}.{name}")
        for name, command in {
            "journal": "journalctl --no-pager -o short-monotonic --no-hostname",
            "status": "cat /run/compute-init/status.json; systemctl status --no-pager compute-init; systemctl --failed --no-pager; mount",
            "slurm": "tail -n 300 /var/log/slurm/*.log; scontrol show node",
        }.items():
            try:
                text = self.says(command, 30)
            except (Unmet, OSError) as error:
                text = f"not to be had: {error}"
            (directory / f"{self.name}.{name}").write_text(text)
