"""A stand-in for Dovecot's userdb, the listener auth-userdb (auth master protocol of 2.3).

    userdb = FakeUserdb(folder)                  # of the socket; userdb.service is the value for dovecot.userdb
    userdb.answers["ok@example.com"] = ["USER", "ok@example.com", "quota_rule=*:storage=5M"]
    userdb.answers["odd@example.com"] = ["FAIL", "reason=broken"]
    userdb.answers["never@example.com"] = [""]   # silence; names without an entry are not found
    userdb.stop(); userdb.start()                # away, and back

`asked` is every name so far.
"""

import os
import socket
import threading


class FakeUserdb:
    def __init__(self, folder):
        self.path = os.path.join(folder, "auth-test-userdb")
        self.answers = {}
        self.asked = []
        self.start()

    @property
    def service(self):
        return "unix:" + self.path

    def start(self):
        self.peers = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        """Nobody listens any more, and open connections are cut."""
        os.unlink(self.path)
        for one in [self.listener, *self.peers]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has gone by itself
            one.close()

    def _accept(self, listener):
        while True:
            try:
                peer = listener.accept()[0]
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        try:
            peer.sendall(b"VERSION\t1\t1\nSPID\t77\n")
            for line in peer.makefile("r", encoding="utf-8", newline="\n"):
                word, *rest = line.rstrip("\n").split("\t")
                if word == "USER":
                    peer.sendall(self._answer(*rest[:2]).encode())
        except OSError:
            pass  # it hung up, or we were stopped

    def _answer(self, number, name):
        self.asked.append(name)
        word, *rest = self.answers.get(name, ["NOTFOUND"])
        return "\t".join([word, number, *rest]) + "\n" if word else ""
