# SPDX-License-Identifier: MIT
"""Random config volumes as nobody should write them, and addresses to ask about. Text is Latin-1: a character is
a byte.

There are few names, so that keys, targets, accounts and what is asked meet each other often.
"""

import random
import re
from dataclasses import dataclass, field

from .oracle import ACCOUNTS, HOSTNAME, LOCAL, REGEXP, VIRTUAL, vhost

NAMES = ["a", "b", "c", "alice", "bob", "list", "x", "A", "n.n"]
SPECIAL_NAMES = ["postmaster", "Postmaster", "mailer-daemon", "double-bounce", "root", "owner-list", "owner-a",
                 "list-request", "A-Request", "owner-", "-request", "nobody-else"]
TAGS = ["t", "x", "T", "b", "", "t+u", "a-b", "t.u", "=", "list", "request"]
MANAGED = ["example.com", "other.example", "alias.example", "sub.example.com", "Example.NET"]
FOREIGN = ["remote.test", "elsewhere.test", "REMOTE.Test"]
LOCAL_DOMAINS = [HOSTNAME, "localhost", "localhost.example.test", "[127.0.0.1]"]
ODD_DOMAINS = ["nodots", "x..y", ".example.com", "example.com.", "example.com..", "under_score.test", "-x.test",
               "x-.test", "123", "1.2.3.4", "[1.2.3.4]", "[IPv6:2001:db8::1]", "[127.0.0.1", "x,y", "ex ample.com",
               "b\xfccher.test", "a" * 64 + ".test", "\"q\"", "x/y", "x:y", "*", "example.com(c)"]
DELIMITERS = ["+"] * 10 + ["-", "-", "+-", "+-", "-+", ".", ".", "", "", "=_", "=_", "/", "#", "*+"]
ODD_ALIASES = ['"a b"', "a b", '"a"', "n . n", "a(c)", "a@" + HOSTNAME, '"a@b"', "a%b", "a, b", "<a>", "", "a:b", "@",
               '""', "\\a", "a/b", "\xe9", "a\\ b"]
# Of a local alias; no command is ever run, no file written. No `~`: its bounce looks like that of a missing list.
ODD_ENDS = ["/dev/null", '"|true a"', "|true", "|true a", ":include:/nonexistent/list", '"/dev/null"', "\\a", '"\\\\a"',
            "\\\\a", "/", "|", ":include:", ":INCLUDE:/x", "a/b", "postmaster", "MAILER-DAEMON", "double-bounce",
            "root"]
ODD_VALUES = [",", "<>", "", "()", ", ,", '""', "@", "a b c", "<a@remote.test", "a@remote.test>",
              "g: a@remote.test, b@remote.test;", ":", "x@", "(c) a@remote.test (d", '"a']
STRAY_LINES = ["endif", "word x@remote.test", "if", "if x", "ifx /a/ b", "endifs", "1/a/ b", "/", "!", "//", "/a",
               "!/a", "/a/b/ c"]
BAD_PATTERNS = ["(", "a)", "[a", "*", "a{2", "\\", "(?<n>a", "(?P<n>a)", "a**", "(?#", "x{70000}"]
REFERENCES = ["$1", "${1}", "$(1)", "$2"] * 5 + ["${2}", "$3", "$$", "$1x", "$0", "$9", "${1", "$", "$ 1", "${x}",
                                                 "$(1}", "$01", "${}", "$1$2", "$$1", "${1}${3}"]
ODD_QUESTIONS = ["postmaster", "Postmaster", "<a@example.com>", "", "<>", "@", "a b@example.com",
                 "a@example.com, b@example.com", "double-bounce@" + HOSTNAME, "DOUBLE-bounce@" + HOSTNAME,
                 "double-bounce", '"', "(", '"a@example.com']
FLAGS = ["", "", "", "", "i", "i", "s", "m", "x", "A", "E", "U", "X", "ii", "imsxAEUX", "Q", "iQ", "3"]


@dataclass
class Case:
    """One volume, and what is asked of it."""
    delimiter: str
    files: dict = field(default_factory=dict)       # {name of the file: text}
    addresses: list = field(default_factory=list)
    main_cf: str = ""                               # settings of Postfix in place of the oracle's


def breaks_postfix(case):
    """Does a line of vhost mean a table or file to Postfix, or a negation? It then takes no mail, or none it should."""
    return any(re.search(r":|^[/!]|,[/!]", domain) for domain in vhost(case))


class Generator:
    def __init__(self, seed):
        self._random = random.Random(seed)

    def chance(self, of_hundred):
        return self._random.random() * 100 < of_hundred

    def pick(self, items):
        return self._random.choice(items)

    def one_of(self, *weighted):
        """Calls one of the functions: (weight, function), ..."""
        return self._random.choices([function for _, function in weighted], [weight for weight, _ in weighted])[0]()

    def case(self, count):
        """A volume and so many addresses; the volume does not depend on how many."""
        while breaks_postfix(case := self._volume()):
            pass
        case.addresses = [self.question() for _ in range(count)]
        return case

    def _volume(self):
        self.delimiter = self.pick(DELIMITERS)
        self.names = self._random.sample(NAMES, self._random.randint(3, 6)) + \
            self._random.sample(SPECIAL_NAMES, self._random.randint(1, 4))
        managed = self._random.sample(MANAGED, self._random.randint(2, 4))
        self.domains = managed * 3 + self._random.sample(FOREIGN, 2) + self._random.sample(LOCAL_DOMAINS, 2)
        self.managed = managed + ([HOSTNAME] if self.chance(10) else [])
        self.keys, self.targets = [], []
        files = {ACCOUNTS: self.accounts()}
        if self.chance(95):
            files[VIRTUAL] = self.virtual()
        if self.chance(60):
            files[REGEXP] = self.regexp()
        if self.chance(50):
            files[LOCAL] = self.local_aliases()
        return Case(self.delimiter, files)

    # Addresses

    def tag(self):
        return self.pick(self.delimiter or "+-") + self.pick(TAGS)

    def name(self, tagged=15):
        name = self.pick(self.names)
        while self.chance(tagged):
            name += self.tag()
            tagged = 10
        return name

    def address(self, odd=12):
        if self.chance(odd):
            return self.odd_address()
        return f"{self.name()}@{self.pick(self.domains)}"

    def odd_address(self):
        name, other, domain, host = self.name(), self.name(), self.pick(self.domains), self.pick(LOCAL_DOMAINS)
        return self.one_of(
            (6, lambda: f'"{name}"@{domain}'),
            (6, lambda: f'"{name} {other}"@{domain}'),
            (2, lambda: f'"{name}\\ {other}"@{domain}'),
            (2, lambda: f"{name}\\ {other}@{domain}"),
            (2, lambda: f'"{name}\\"{other}"@{domain}'),
            (2, lambda: f'"{name}\\\\{other}"@{domain}'),
            (2, lambda: f"{name}\\{other}@{domain}"),
            (2, lambda: f'"{name},{other}"@{domain}'),
            (3, lambda: f'"{name}@{other}"@{domain}'),
            (3, lambda: f'"{name}@{self.pick(self.domains)}"@{domain}'),
            (2, lambda: f'"{name}"{self.tag()}@{domain}'),
            (2, lambda: f'{name}."{other}"@{domain}'),
            (2, lambda: f".{name}@{domain}"),
            (2, lambda: f"{name}.@{domain}"),
            (3, lambda: f"{name}..{other}@{domain}"),
            (2, lambda: f'"{name}..{other}"@{domain}'),
            (2, lambda: f'""@{domain}'),
            (10, lambda: name),
            (2, lambda: f'"{name} {other}"'),
            (3, lambda: f"{name}@{domain}."),
            (1, lambda: f"{name}@{domain}.."),
            (4, lambda: f"@relay.test:{name}@{domain}"),
            (1, lambda: f"@relay.test,@{domain}:{name}@{domain}"),
            (2, lambda: f'"@relay.test:{name}"@{domain}'),
            (1, lambda: f'"@relay.test:{name} {other}"@{domain}'),
            (3, lambda: f"{name}%{domain}"),
            (3, lambda: f"{name}%{domain}@{host}"),
            (2, lambda: f"{name}%{domain}@{self.pick(self.domains)}"),
            (2, lambda: f"{name}%{other}%{domain}@{host}"),
            (2, lambda: f'"{name}%{domain}"@{host}'),
            (3, lambda: f"{domain}!{name}"),
            (2, lambda: f"{domain}!{name}@{host}"),
            (2, lambda: f"{domain}!{other}!{name}%{domain}"),
            (4, lambda: f"{name}@{host}"),
            (4, lambda: f"{name}@{self.pick(ODD_DOMAINS)}"),
            (2, lambda: f"{name}@{other}@{domain}"),
            (2, lambda: f"-{name}@{domain}"),
            (2, lambda: f"{self.tag()}@{domain}"),
            (2, lambda: f"{name}(c)@{domain}"),
            (1, lambda: f"{name}@{domain} (c (d))"),
            (2, lambda: f"{name} @ {domain}"),
            (1, lambda: f"{name} . {other}@{domain}"),
            (2, lambda: f"{name}\xe9@{domain}"),
            (1, lambda: f'"\xc3\xbc{name}"@{domain}'),
            (1, lambda: f"{'l' * self._random.randint(900, 1010)}@{domain}"),
            (1, lambda: f"{name}/{other}@{domain}"),
            (1, lambda: f"{name}:{other}@{domain}"),
            (1, lambda: f"{name};{other}@{domain}"),
            (1, lambda: f"{name}@"),
            (1, lambda: f"@{domain}"),
        )

    def other_case(self, text):
        return self.one_of(
            (2, text.upper), (1, text.title), (1, text.swapcase),
            (1, lambda: "".join(c.upper() if self.chance(30) else c for c in text)))

    # postfix-accounts.cf

    def accounts(self):
        lines = []
        for _ in range(self._random.randint(1, 4)):
            login = f"{self.name(tagged=6)}@{self.pick(self.managed)}"
            if self.chance(8):
                login = self.other_case(login)
            if login.lower() not in (self.login_of(line) for line in lines):
                lines.append(login + "|{PLAIN}x")
                self.keys += [login, login]
        return self.text(lines)

    @staticmethod
    def login_of(line):
        return line.partition("|")[0].lower()

    def text(self, lines):
        """The file; in one of many, lines end in CRLF, or the last one does not end."""
        text = "".join(line + "\n" for line in lines)
        if self.chance(3):
            text = text.replace("\n", "\r\n")
        return text

    # postfix-virtual.cf

    def virtual(self):
        lines, seen = [], set()
        for _ in range(self._random.choice([1, 3, 6, 10, 16])):
            key = self.key()
            if key.lower() in seen and not self.chance(2):
                continue
            seen.add(key.lower())
            self.keys.append(key)
            lines += self.entry(key, self.value(key))
        return self.text(self.with_noise(lines))

    def key(self):
        key = self.one_of(
            (60, lambda: f"{self.name()}@{self.pick(self.domains)}"),
            (12, lambda: "@" + self.pick(self.domains)),
            (10, self.name),
            (4, lambda: self.pick(self.keys)),
            (1, lambda: self.pick(self.managed + FOREIGN)),
            (1, lambda: f"{self.name()}@{self.pick(['x.test', 'nodots', 'example.com.'])}"),
            (8, self.odd_key))
        return self.other_case(key) if self.chance(12) else key

    def odd_key(self):
        key = self.odd_address()
        return f'"{key}"' if key.startswith("#") else key

    def target(self, key):
        domain = self.pick(self.domains)
        target = self.one_of(
            (30, lambda: f"{self.name()}@{domain}"),
            (25, lambda: self.pick(self.keys)),
            (8, lambda: key),
            (3, lambda: self.with_tag(key)),
            (6, self.name),
            (4, lambda: "@" + domain),
            (12, lambda: f"{self.name(tagged=5)}@{self.pick(FOREIGN)}"),
            (8, self.odd_address))
        if self.chance(10):
            target = self.other_case(target)
        self.targets.append(target)
        return target

    def with_tag(self, address):
        name, at, domain = address.rpartition("@")
        return f"{name}{self.tag()}@{domain}" if at else address + self.tag()

    def value(self, key):
        if self.chance(3):
            return self.pick(ODD_VALUES)
        if self.chance(0.6):
            count = self.pick([998, 999, 1000, 1001])
            return ", ".join(f"w{i}@remote.test" for i in range(count))
        targets = [self.target(key) for _ in range(self.pick([1, 1, 1, 1, 2, 2, 3, 5]))]
        if self.chance(6):
            targets = [f"Some Name <{target}>" if self.chance(50) else f"{target} (note)" for target in targets]
        if self.chance(4):
            targets.append("# note")
        if self.chance(3):
            targets.append(targets[0])
        value = targets[0]
        for target in targets[1:]:
            value += self.pick([", ", ", ", ",", " ", "\t", ",,", " , ", "; ", "\n "]) + target
        if value.startswith("@"):  # a comment in what becomes a domain would stay there; Foregate drops it
            value = value.replace("(", "").replace(")", "")
        return value

    def entry(self, key, value):
        return (key + self.pick([" ", "  ", "\t", " \t "]) + value + self.pick(["", "", "", " ", ","])).split("\n")

    def with_noise(self, lines):
        noisy = []
        for line in lines:
            if self.chance(3):
                noisy.append(self.pick(["", "# comment", "  # indented comment", " \t", "#", "\f"]))
            noisy.append(line)
        if self.chance(2):
            noisy.insert(0, "  orphan@example.com x@remote.test")
        return noisy

    # postfix-aliases.cf

    def local_aliases(self):
        lines = []
        for _ in range(self.pick([1, 2, 4, 8])):
            name = self.one_of(
                (10, lambda: self.name(tagged=8)),
                (2, lambda: "owner-" + self.name(tagged=5)),
                (1, lambda: self.pick(["root", "postmaster", "mailer-daemon", "Owner-list"])),
                (1, lambda: self.pick([key.partition("@")[0] for key in self.keys]) or "a"),
                (1, lambda: self.pick(ODD_ALIASES)))
            if self.chance(10):
                name = self.other_case(name)
            if "@" not in name:
                self.keys += [f"{name}@{self.pick(LOCAL_DOMAINS)}", name] if self.chance(50) else [f"{name}@{HOSTNAME}"]
            lines += (name + self.pick([": ", ": ", ": ", ":", " : ", ":\t", " "]) + self.local_value(name)).split("\n")
        return self.text(self.with_noise(lines))

    def local_value(self, name):
        if self.chance(30):
            value = self.value(name)
            return value if "~" not in value else name
        targets = [self.one_of(
            (20, lambda: self.name(tagged=10)),
            (4, lambda: name),
            (20, lambda: self.pick(self.keys)),
            (20, lambda: self.address(odd=20)),
            (8, lambda: f"{self.name()}@{self.pick(LOCAL_DOMAINS)}"),
            (2, lambda: self.pick(ODD_ENDS)))
            for _ in range(self.pick([1, 1, 1, 2, 2, 3]))]
        return self.pick([", ", ",", " "]).join(target for target in targets if "~" not in target) or name

    # postfix-regexp.cf

    def regexp(self):
        lines, depth = [], 0
        for _ in range(self._random.choice([1, 2, 4, 8])):
            if self.chance(15):
                lines.append(self.pick(["if ", "if ", "IF", "if !", "if\t"]) + self.expression() +
                             self.pick(["", "", "", " x@remote.test"]))
                depth += 1
            elif self.chance(12) and depth:
                lines.append(self.pick(["endif", "endif", "ENDIF", "endif x"]))
                depth -= 1
            elif self.chance(4):
                lines.append(self.pick(STRAY_LINES))
            else:
                negation = self.pick(["!", "! ", "!!", "! ! !"]) if self.chance(12) else ""
                lines += f"{negation}{self.expression()} {self.result()}".split("\n")
        while depth and self.chance(80):
            lines.append("endif")
            depth -= 1
        return self.text(self.with_noise(lines))

    def expression(self):
        delimiter = self.pick("//////////,|#%~:") if self.chance(30) else "/"
        body = self.body()
        if delimiter in body:
            delimiter = "/"
        return delimiter + body.replace("/", "\\/") + delimiter + self.pick(FLAGS)

    def body(self):
        name, domain = self.name(tagged=8), self.pick(self.domains)
        quoted = "".join("\\" + c if c in ".+*[]()$^?|{}\\" else c for c in name)
        dotted = domain.replace(".", "\\.").replace("[", "\\[")
        if self.chance(15):
            quoted, dotted = self.other_case(quoted), dotted
        body = self.one_of(
            (12, lambda: f"^{quoted}@{dotted}$"),
            (8, lambda: f"^{quoted}@"),
            (6, lambda: f"^{quoted}"),
            (3, lambda: f"^{quoted}$"),
            (5, lambda: f"@{dotted}$"),
            (2, lambda: dotted),
            (2, lambda: f"^{dotted}$"),
            (1, lambda: f"^@{dotted}$"),
            (10, lambda: f"^(.*)@{dotted}$"),
            (5, lambda: f"^({quoted})(.*)@(.*)$"),
            (4, lambda: f"^(.+)\\{self.pick('+-.=')}(.*)@{dotted}$"),
            (3, lambda: f"^([^+]*)(\\+[^@]*)?@{dotted}"),
            (2, lambda: f"^({quoted})|(b)@"),
            (2, lambda: "^(.)\\1"),
            (2, lambda: "[[:upper:]]"),
            (2, lambda: "^[a-c]+@"),
            (1, lambda: "."),
            (1, lambda: ""),
            (1, lambda: f"^ {quoted} @ # x"),
            (2, lambda: f"^(?!{quoted}).*@{dotted}$"),
            (1, lambda: f"{quoted}\\n?$"),
            (1, lambda: "\\Aa.*?@"),
            (1, lambda: "^(?i)A@"),
            (1, lambda: "^\""),
            (1, lambda: "\xe9"),
            (3, lambda: self.pick(BAD_PATTERNS)))
        if self.chance(50):
            self.keys.append(f"{name}@{domain}")
        return body

    def result(self):
        if self.chance(2):
            return ""
        piece = self.pick(REFERENCES)
        domain = self.pick(self.domains)
        return self.one_of(
            (10, lambda: self.value(self.pick(self.keys))),
            (4, lambda: f"{piece}@{domain}"),
            (3, lambda: f"{piece}{self.tag()}@{domain}"),
            (3, lambda: f"{self.name()}{self.tag()}{piece}@{domain}"),
            (2, lambda: f"{self.name()}@{piece}"),
            (1, lambda: f"@{domain}"),
            (1, lambda: piece),
            (1, lambda: f"{self.name()}@{domain}, {piece}@{self.pick(FOREIGN)}"))

    # Questions

    def question(self):
        key = self.pick(self.keys)
        address = self.one_of(
            (25, lambda: key),
            (12, lambda: self.with_tag(key)),
            (8, lambda: self.at_domain(key)),
            (10, lambda: self.pick(self.targets or self.keys)),
            (12, lambda: self.address()),
            (6, self.odd_address),
            (4, lambda: f"{self.name()}@{self.pick(self.managed)}"),
            (1, lambda: self.pick(ODD_QUESTIONS)))
        address = address.replace("\n", " ")
        if address.startswith("@") and ":" not in address and self.chance(90):
            address = self.name() + address
        if "@" not in address and self.chance(40):
            address = f"{address}@{self.pick(LOCAL_DOMAINS)}"
        return self.other_case(address) if self.chance(15) else address

    def at_domain(self, key):
        """Something at the domain of a key, for catch-alls, or its name elsewhere."""
        name, _, domain = key.rpartition("@")
        return self.pick([f"{self.name()}@{domain or HOSTNAME}", f"{name or key}@{self.pick(self.domains)}"])
