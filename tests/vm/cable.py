"""The cable between two guests, laid through this process so that one end can fall silent at a packet of our choice."""

import os
import select
import socket
import struct
import threading

NFS = 2049


class Cable:
    """Carries frames between the guests `control` and `node1`, and can keep back what the NFS server answers."""

    def __init__(self, scratch):
        self.silent = threading.Event()
        self.trigger = None
        self.ends = {}
        for name in ("control", "node1"):
            end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.plug(scratch, name).unlink(missing_ok=True)
            end.bind(str(self.plug(scratch, name)))
            self.ends[end] = (name, str(scratch / f"link-{'node1' if name == 'control' else 'control'}"))
        self.stop, self.stopped = os.pipe()
        self.thread = threading.Thread(target=self._carry, daemon=True)
        self.thread.start()

    @staticmethod
    def plug(scratch, name):
        """Where the guest `name` sends its frames."""
        return scratch / f"cable-{name}"

    def silence_at(self, text):
        """From the first answer of the NFS server with this text on, its answers are lost."""
        self.trigger = text

    def answer_again(self):
        self.trigger = None
        self.silent.clear()

    def close(self):
        os.write(self.stopped, b"x")
        self.thread.join()
        for end in self.ends:
            end.close()
        os.close(self.stop)
        os.close(self.stopped)

    def _carry(self):
        while True:
            ready = select.select([self.stop, *self.ends], [], [])[0]
            if self.stop in ready:
                return
            for end in ready:
                frame = end.recv(65536)
                sender, to = self.ends[end]
                if sender == "control" and source_port(frame) == NFS:
                    if self.trigger and self.trigger in frame:
                        self.silent.set()
                    if self.silent.is_set():
                        continue
                try:
                    end.sendto(frame, to)
                except OSError:
                    pass  # nobody is plugged in at that end: the frame is lost, as on a real cable


def source_port(frame):
    """The TCP port that an Ethernet frame with IPv4 comes from; 0 for any other."""
    if len(frame) < 34 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return 0
    at = 14 + (frame[14] & 15) * 4
    return struct.unpack_from("!H", frame, at)[0] if len(frame) >= at + 2 else 0
