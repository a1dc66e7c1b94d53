#!/usr/bin/env python3
"""Agreement with Postfix: ldap_lookup and `postmap -q` are asked the same keys, with the same ldap_table(5) files, of the
same slapd. Keys are random, most of them close to those that exist.

    agreement.py PROGRAM [--keys N] [--seed N]
"""

import argparse
import os
import random
import sys
import tempfile
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

from lab.slapd import PEOPLE, SUFFIX, Lookup, Slapd, entry, person, postmap_all  # noqa: E402

TABLES = ("users", "groups", "aliases", "domains", "senders")
JOBS = 8

NAMES = ["alice", "bob", "o'brien", "a.b", "x(y)", "star*", "back\\slash", "quoted user", "comma,name", "plus+tag", "max=1",
         "percent%s", "hash#tag", "semi;colon", "müller", "日本", "sla/sh", "UPPER", "dollar$x", "two"]
NAMES += [f"{name}{number}" for number in range(9) for name in NAMES]
DOMAINS = ["example.test", "sub.example.test", "example.com", "beispiel.test", "müller.test"]


def mail(name, domain):
    return f"{name}@{domain}".encode("ascii", "ignore").decode()  # the attribute is an IA5String


def directory():
    """People at each domain, aliases, groups that lead to them by name, DN and URL."""
    ldif = []
    for number, name in enumerate(NAMES):
        domain = DOMAINS[number % 4]
        others = {"mailAlias": [mail(f"alias{number}", other) for other in DOMAINS[:3]] + [mail("info", domain)],
                  "mailGroupMember": ["team@example.test"] + ([f"Group{number % 3}@Example.com"] if number % 2 else []),
                  "mailEnabled": "FALSE" if number % 7 == 3 else "TRUE", "description": [f"{name} first", f"{name} second"]}
        if number % 3 == 0:
            others["mailQuota"] = f"{number}M"
        ldif.append(person(f"u{number}", mail(name, domain), **others))
    members = [f"uid=u{number},{PEOPLE}" for number in (1, 0, 4, 5)]

    def group(name, **attributes):
        ldif.append(person(name, f"{name}@example.test", **attributes))
    group("dns", member=members)
    group("missing", member=[members[0], f"uid=nobody,{PEOPLE}"])
    group("bad", employeeType=[members[0], "no dn at all"])
    group("nested", member=[f"uid=dns,{PEOPLE}", members[2]], mailAlias="nestedalias@example.test")
    group("circle", member=[f"uid=circle2,{PEOPLE}"])
    group("circle2", member=[f"uid=circle,{PEOPLE}"])
    group("urls", labeledURI=[f"ldap:///{PEOPLE}?mail?one?(uid=u1*)", f"ldap:///{PEOPLE}?description?sub?(uid=u2)",
                              f"ldap:///{PEOPLE}??sub?(uid=u3)", f"ldap:///uid=u4,{PEOPLE}"])
    group("badurl", labeledURI=["ldap:///x?mail?everywhere?(uid=u1)"])
    group("badfilter", labeledURI=[f"ldap:///{PEOPLE}?mail?sub?(uid=u1"])
    ldif.append(entry(f"ou=deeper,{PEOPLE}", ["organizationalUnit"], ou="deeper"))
    ldif.append(entry(f"uid=deep,ou=deeper,{PEOPLE}", ["inetOrgPerson", "PostfixBookMailAccount"], uid="deep", cn="deep",
                      sn="deep", mail="deep@example.test", mailEnabled="TRUE"))
    return "".join(ldif)


@dataclass
class Variant:
    name: str
    table: str
    text: str = None  # instead of the shipped file
    fails: bool = False  # whatever the key


def variants():
    enabled = "(mailEnabled=TRUE)"
    yield from (Variant(f"as shipped: {table}", table) for table in TABLES)
    for name, table, text in [
            ("%u and %d", "users", f"query_filter = (&(mail=%u@%d){enabled})\nresult_attribute = mail\n"),
            ("only %u", "users", "query_filter = (mail=%u@example.test)\nresult_attribute = mail\n"),
            ("only %d", "domains", "query_filter = (mail=*@%d)\nresult_attribute = mail\nresult_format = %d\n"),
            ("%1 %2", "domains", "query_filter = (mail=*@%2.%1)\nresult_attribute = mail\nresult_format = %1-%2-%s\n"),
            ("%S %U %D in the result", "users", "query_filter = (mail=%s)\nresult_attribute = mail\n"
                                                "result_format = %S|%U|%D|%s|%u|%d|%%\n"),
            ("domain=", "aliases", "domain = example.test, beispiel.test\nquery_filter = (mailAlias=%s)\n"
                                   "result_attribute = mail\n"),
            ("domain= without one", "aliases", "domain = !sub.example.test, example.test\nquery_filter = (mailAlias=%s)\n"
                                               "result_attribute = mail\n"),
            ("one level", "users", "scope = one\nquery_filter = (mail=%s)\nresult_attribute = mail, description\n"),
            ("base", "users", f"scope = base\nquery_filter = (mail=%s)\nresult_attribute = mail\nsearch_base = uid=u0,{PEOPLE}\n"),
            ("a base of the key", "users", f"query_filter = (objectClass=*)\nscope = base\nresult_attribute = mail\n"
                                           f"search_base = uid=%u,{PEOPLE}\n"),
            ("a base that is missing", "users", f"query_filter = (mail=%s)\nsearch_base = ou=nowhere,{SUFFIX}\n"),
            ("several values", "users", "query_filter = (mail=%s)\nresult_attribute = mailAlias, description mail\n"),
            ("expansion_limit", "users", "query_filter = (mail=%s)\nresult_attribute = mailAlias\nexpansion_limit = 3\n"
                                         "size_limit = 0\n"),
            ("size_limit", "groups", "query_filter = (mailGroupMember=%s)\nresult_attribute = mail\nsize_limit = 5\n"),
            ("members by DN", "users", "query_filter = (mail=%s)\nresult_attribute = mail\nspecial_result_attribute = member\n"),
            ("members by URL", "users", "query_filter = (mail=%s)\nresult_attribute = mail\n"
                                        "special_result_attribute = labeledURI, member\n"),
            ("members that are no DN", "users", "query_filter = (mail=%s)\nresult_attribute = mail\n"
                                                "special_result_attribute = employeeType\n"),
            ("leaf", "users", "query_filter = (mail=%s)\nresult_attribute =\nleaf_result_attribute = mail\n"
                              "special_result_attribute = member\n"),
            ("terminal", "users", "query_filter = (mail=%s)\nresult_attribute = mail\nterminal_result_attribute = mailAlias\n"
                                  "special_result_attribute = member\n"),
            ("recursion_limit", "users", "query_filter = (mail=%s)\nresult_attribute = mail\nspecial_result_attribute = member\n"
                                         "recursion_limit = 2\n"),
            ("anonymous", "users", "bind = no\nquery_filter = (mail=%s)\nresult_attribute = mail\n"),
    ]:
        yield Variant(name, table, text, "missing" in name)


GROUPS = ["dns", "missing", "bad", "nested", "circle", "urls", "badurl", "badfilter"]
MAILS = [mail(name, DOMAINS[number % 4]) for number, name in enumerate(NAMES)] + ["deep@example.test"]
KNOWN = {
    "users": MAILS + [f"{name}@example.test" for name in GROUPS] * 10,
    "senders": MAILS,
    "aliases": [mail(f"alias{number}", domain) for number in range(len(NAMES)) for domain in DOMAINS[:3]] +
               [mail("info", domain) for domain in DOMAINS[:4]],
    "groups": ["team@example.test", "Group0@Example.com", "group1@example.com"],
    "domains": MAILS,
}
ODD = ["*", "*@example.test", "(", ")(mail=*", "\\2a", "a\\", "\\", "@", "%", "%s", ".", "@.", "test", ",", "uid=u1", '""@x',
       "alice @example.test", "\x7f", "alice@example.test\x01"]


def near(rng, table):
    """A key like one that exists, or that very one."""
    address = rng.choice(KNOWN[table])
    local, _, domain = address.partition("@")
    place = rng.randrange(len(local) + 1)
    return rng.choice([address] * 12 + [
        f"{local}+tag@{domain}", f'"{local}"@{domain}', address.upper(), f"@{domain}", domain, local,
        f"{local[:place]}{rng.choice('*()<>,;=+#%$ü| ') }{local[place:]}@{domain}", f"{local}\\@{domain}",
        f"{local}@{rng.choice(DOMAINS)}", f"{address}@{rng.choice(DOMAINS)}", f"{address}.", f"{local}@",
        f"{rng.choice(NAMES)}@{domain}", rng.choice(ODD)])


def spread(rng, table, count):
    """Different keys that can stand on a line."""
    keys = set()
    while len(keys) < count:
        key = "".join(c.lower() if c.isascii() else c for c in near(rng, table))  # as Postfix does before it asks
        if key.strip() == key:
            keys.add(key)
    return sorted(keys)


def ask_ours(program, folder, table, keys):
    with Lookup(program, path=folder, jobs=JOBS) as lookup:
        kinds = {"found": lambda text: text, "not found": lambda _: None, "failed": lambda _: False}
        given = lookup.ask_all([(table, key) for key in keys])
        answers = {key: kinds[kind](text) for key, (kind, _, text, _) in zip(keys, given)}
        status, complaint = lookup.end()
    if status or complaint:
        raise SystemExit(f"ldap_lookup ends with {status}: {complaint}")
    return answers


def compare(slapd, program, variant, keys, folder):
    slapd.write_files(folder, **({variant.table: variant.text} if variant.text else {}))
    theirs = postmap_all(os.path.join(folder, f"ldap-{variant.table}.cf"), keys)
    ours = ask_ours(program, folder, variant.table, keys)
    wrong = [key for key in keys if ours[key] != theirs[key]]
    for key in wrong[:5]:
        print(f"WRONG {variant.name}: {key!r}\n      got  {ours[key]!r}\n      want {theirs[key]!r}")
    found = sum(1 for value in theirs.values() if value)
    failed = sum(1 for value in theirs.values() if value is False)
    print(f"{'WRONG' if wrong else 'ok   '} {variant.name}: {len(keys)} keys, {found} found, {failed} failed, "
          f"{len(wrong)} differ", flush=True)
    return len(wrong), len(keys), found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--keys", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    wrong = asked = found = 0
    every = list(variants())
    with tempfile.TemporaryDirectory(prefix="foregate-ldap-") as folder, Slapd(folder, directory()) as slapd:
        for number, variant in enumerate(every):
            # Half of them for the tables as docker-mailserver has them. Postfix sleeps for a second after each failure.
            count = chosen.keys // 2 // (len(every) - len(TABLES)) + 4 if variant.text else chosen.keys // 2 // len(TABLES)
            keys = spread(rng, variant.table, min(count, 8) if variant.fails else count)
            counts = compare(slapd, chosen.program, variant, keys, os.path.join(folder, f"postfix{number}"))
            wrong, asked, found = (before + now for before, now in zip((wrong, asked, found), counts))
    print(f"{asked} keys, {found} found, {wrong} differ")
    sys.exit(1 if wrong or found < asked // 4 or asked < chosen.keys else 0)


main()
