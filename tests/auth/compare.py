#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same auth scripts in the real Dovecot and in `foregate auth`: the answers are compared. Needs root, dovecot-auth-lua."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "milter"))
from dovecot_auth import AuthDovecot  # noqa: E402
from fake_http import FakeHttp, Reply  # noqa: E402

PROGRAM = os.environ.get("FOREGATE") or str(HERE.parents[1] / "build/dev/foregate")
PASSWORD = "pass-word"
PEER = "192.0.2.1"
OK, UNKNOWN = "dovecot.auth.PASSDB_RESULT_OK", "dovecot.auth.PASSDB_RESULT_USER_UNKNOWN"
USER_OK = "dovecot.auth.USERDB_RESULT_OK"
SCHEMES = ("PLAIN", "CLEARTEXT", "CRYPT", "MD5-CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT", "SHA", "SHA1", "SHA256",
           "SHA512", "SSHA", "SSHA256", "SSHA512", "SMD5", "LDAP-MD5", "PLAIN-MD5", "PBKDF2",
           "SHA256.HEX", "SSHA512.HEX", "SHA512-CRYPT.B64")
# doveadm's own take a GiB and seconds.
CHEAP = {
    "ARGON2I": "{ARGON2I}$argon2i$v=19$m=1024,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$yhjSTx7eWwbKlbEgo7G2BMHbhVq4ZDXbxhlOzQzCrFI",
    "ARGON2ID": "{ARGON2ID}$argon2id$v=19$m=1024,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$2BeiDtm75xhRlDc1z4HZBUxmzaVYXdqk75WD95FCUoM",
}

CHEAP["YESCRYPT"] = "{CRYPT}$y$j9T$abcdefghijklmnop$fC71FXRoe4UV6.Ls5i9IGZ/VfS5Dh0oE5RShwGm16kB"

# Bodies of auth_passdb_lookup(req), by user.
PASSDB = {
    "text": f'return {OK}, "password={PASSWORD} extra=1 flag other=a=b"',
    "spaces": f'return {OK}, "  password={PASSWORD}   x=1  "',
    "table": f'return {OK}, {{ password = "{PASSWORD}", s = "01234", t = true, f = false, n = 12, h = 1.5, w = 65534.0, l = 2^40 }}',
    "strange": f'return {OK}, {{ password = "{PASSWORD}", e = {{}}, g = print }}',
    "bytes": f'return {OK}, {{ password = "{PASSWORD}", b = "a\\tb\\nc", u = "\\xc3\\xa9" }}',
    "open": f'return {OK}, "nopassword=y"',
    "opentable": f'return {OK}, {{ nopassword = "y", x = "1" }}',
    "both": f'return {OK}, {{ nopassword = "y", password = "{PASSWORD}" }}',
    "neither": f'return {OK}, {{ x = "1" }}',
    "empty": f'return {OK}, ""',
    "renamed": f'return {OK}, {{ password = "{PASSWORD}", user = "Other@Example.Test" }}',
    "digits": f'return {OK}, {{ password = "{PASSWORD}", user = "01234" }}',
    "prefetch": f'return {OK}, {{ password = "{PASSWORD}", userdb_uid = "5", userdb_home = "/h" }}',
    "protected": f'return {OK}, "password={PASSWORD} a=1 a:protected=2 b:protected=3"',
    "removed": f'return {OK}, "password={PASSWORD} a=1 a:remove=2"',
    "fails": f'return {OK}, "password={PASSWORD} fail=y"',
    "nologin": f'return {OK}, "password={PASSWORD} nologin=y"',
    "unknown": f'return {UNKNOWN}, "no such user"',
    "unknowntable": f"return {UNKNOWN}, {{}}",
    "mismatch": 'return dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH, "no"',
    "internal": 'return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, "down"',
    "scheme": 'return dovecot.auth.PASSDB_RESULT_SCHEME_NOT_AVAILABLE, "none"',
    "disabled": 'return dovecot.auth.PASSDB_RESULT_USER_DISABLED, "off"',
    "expired": 'return dovecot.auth.PASSDB_RESULT_PASS_EXPIRED, "old"',
    "next": 'return dovecot.auth.PASSDB_RESULT_NEXT, "x=1"',
    "raises": 'error("broken")',
    "nonumber": 'return "OK", {}',
    "boolean": f"return {OK}, true",
    "nothing": "return",
    "codetext": f'return "1", {{ password = "{PASSWORD}" }}',
    "yields": f'coroutine.yield() return {OK}, {{ password = "{PASSWORD}" }}',
    "yieldsinside": f'''local t = {{ password = "{PASSWORD}" }}
        for n in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do t["y" .. n] = n end
        t.dead = tostring(pcall(coroutine.yield)) return {OK}, t''',
    "wrapfails": f'''local t = {{ password = "{PASSWORD}" }}
        local f = coroutine.wrap(function()
            local x <close> = setmetatable({{}}, {{ __close = function() t.closed = "yes" end }})
            error("inside", 0)
        end)
        local ok, why = pcall(function() f() end)
        t.why = why:match("[^/]*$") return {OK}, t''',
    "finalizer": f'''local class = setmetatable({{}}, {{ __gc = function() end, __index = {{ x = 1 }} }})
        return {OK}, {{ password = "{PASSWORD}", x = class.x, m = type(getmetatable(class).__gc) }}''',
    "bogus": f'return {OK}, "password={{BOGUS}}x"',
    "badhash": f'return {OK}, "password={{SSHA256}}x"',
    "otherscheme": f'return {OK}, {{ password = "{{plain}}{PASSWORD}" }}',
    "template": f'return {OK}, req:response_from_template("password={PASSWORD} flag u=%u n=%n d=%d s=%s U=%Uu b=%{{user}} w=%2u o=%1.3u")',
    "expand": f'return {OK}, req:var_expand("password={PASSWORD} n=%n d=%d s=%s R=%Rn")',
    "names": f'''local t = {{ password = "{PASSWORD}" }}
        for _, n in ipairs {{ "user", "username", "domain", "service", "lip", "rip", "lport", "rport", "pid", "secured", "cert",
            "login_user", "domain_first", "domain_last", "master_user", "orig_user", "orig_username", "orig_domain", "auth_user",
            "original_user", "remote_ip", "remote_port", "local_name", "client_id", "home", "nonsense" }} do t["n_" .. n] = tostring(req[n]) end
        return {OK}, t''',
    "verify": f'''local t = {{ password = "{PASSWORD}" }}
        for i, hash in ipairs {{ "{{BOGUS}}x", "{{PLAIN}}a", "a", "{{SHA256-CRYPT}}$5$saltsalt$x", "{{SSHA256}}x", "$1$x" }} do
            local n, why = req:password_verify(hash, "a")
            t["v" .. i] = tostring(n)
        end
        return {OK}, t''',
    "libraries": f'''local t = {{ password = "{PASSWORD}" }}
        t.a = string.format("%5.1f|%d|%q", "3.25", "7", "x"); t.b = "10" + 5; t.c = ("x"):rep("3")
        t.d = tostring(os.time {{ year = 2020, month = 1, day = 1, hour = 12 }}); t.e = string.pack("<I4", 65):byte()
        t.f = type(io.open); t.g = select("#", 1, 2); t.h = table.concat({{ 1, 2, 3 }}, "-", "2")
        local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
        t.i = co(1); t.j = co(10); t.k = load("return 1 + 1")(); t.l = math.max(1, "2" + 0)
        local class = setmetatable({{}}, {{ __index = {{ deep = 1 }} }})
        t.m = tostring(next(class)); t.n = tostring(pcall(coroutine.resume, 1)); t.o = _VERSION
        return {OK}, t''',
    "flags": f'''return {OK}, {{ password = "{PASSWORD}", a = dovecot.set_flag(1, 4), b = dovecot.clear_flag(7, 2),
        c = tostring(dovecot.has_flag(5, 4)), d = tostring(dovecot.auth.PASSDB_RESULT_OK), e = tostring(dovecot.auth.USERDB_RESULT_OK) }}''',
    "events": f'''local e = dovecot.event():set_name("x"):add_str("k", "v"):add_int("n", 1):inc_int("n", 2):append_log_prefix("p: ")
        e:log_debug("x"); req:event():log_debug("y"); req:log_debug("z"); dovecot.i_debug("w")
        return {OK}, {{ password = "{PASSWORD}", a = tostring(pcall(dovecot.i_debug)), b = tostring(pcall(dovecot.i_debug, "a", "b")) }}''',
    "fields": f'return {OK}, {{ password = "{PASSWORD}", p = tostring(req.passdb.x), u = type(req.userdb), k = tostring(req.skip_password_check) }}',
    "globals": f'counter = (counter or 0) + 0 return {OK}, {{ password = "{PASSWORD}", c = counter }}',
}

# Bodies of auth_userdb_lookup(req), by user.
USERDB = {
    "text": f'return {USER_OK}, "uid=500 gid=501 home=/h flag quota_rule=*:storage=5M"',
    "table": f'return {USER_OK}, {{ uid = 500, gid = "501", home = "/h/" .. req.user, t = true, n = 1.5 }}',
    "fractions": f'return {USER_OK}, {{ uid = 500.0, gid = 500.0 }}',
    "renamed": f'return {USER_OK}, {{ user = "Other", uid = "5", gid = "5" }}',
    "names": f'return {USER_OK}, {{ uid = "root", gid = "root", home = "/" }}',
    "baduid": f'return {USER_OK}, {{ uid = "no-such-user" }}',
    "badgid": f'return {USER_OK}, {{ gid = "-5" }}',
    "tempfail": f'return {USER_OK}, {{ tempfail = "y", reason = "down" }}',
    "unknown": 'return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, ""',
    "unknowntable": "return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, {}",
    "internal": 'return dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE, "down"',
    "raises": "local x = nil; return x.y",
    "nonumber": "return nil, {}",
    "boolean": f"return {USER_OK}, true",
    "nothing": "return",
    "empty": f'return {USER_OK}, ""',
    "expand": f'return {USER_OK}, req:var_expand("home=/h/%d/%n uid=5 gid=5")',
    "template": f'return {USER_OK}, req:response_from_template("home=/h/%d/%n uid=5 gid=5 mail=maildir:~/x")',
}


def script_of(hashes):
    passdb = PASSDB | {name.lower().replace(".", "-"): f'return {OK}, {{ password = [[{text}]] }}' for name, text in hashes.items()}
    lines = ["local P, U = {}, {}"]
    lines += [f'P["{name}"] = function(req) {body} end' for name, body in passdb.items()]
    lines += [f'U["u-{name}"] = function(req) {body} end' for name, body in USERDB.items()]
    lines.append(f"""
function script_init() return 0 end
function auth_passdb_lookup(req)
    local body = P[req.username]
    if not body then return {UNKNOWN}, "" end
    return body(req)
end
function auth_userdb_lookup(req)
    local body = U[req.username]
    if not body then return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "" end
    return body(req)
end
function auth_userdb_iterate() return {{ "a@example.test", "b", "C" }} end
""")
    return "\n".join(lines), list(passdb)


def foregate(script, users, passwords=None, remote_ip=None):
    arguments = [argument for user in users for argument in ("--user", user)]
    if remote_ip:
        arguments += ["--remote-ip", remote_ip]
    if passwords is not None:
        arguments.append("--password-stdin")
    result = subprocess.run([PROGRAM, "-c", os.devnull, "-o", f"lua.script={script}", "auth", "--json", *arguments],
                            input="".join(one + "\n" for one in passwords or ()), capture_output=True, text=True, timeout=60,
                            check=False)
    replies = [json.loads(line) for line in result.stdout.splitlines()]
    if len(replies) != len(users):
        raise AssertionError(f"{len(replies)} answers for {len(users)} users: {result.stderr}")
    return replies


# Fields that Dovecot adds, or keeps to itself.
OWN = {"nopassword", "original_user", "reason", "temp", "nologin", "nodelay", ""}


def ours(reply, refusals):
    answer = reply["answer"]
    if answer != "found":
        return refusals.get(reply["code"], refusals.get(answer, answer)), None, {}
    return answer, reply["user"], {name: value for name, value in reply["fields"].items() if name not in OWN and not name.startswith("userdb_")}


def theirs(reply):
    answer, user, fields = reply
    return (answer, user, {name: value for name, value in fields.items() if name not in OWN}) if answer == "found" else (answer, None, {})


class Comparison:
    def __init__(self):
        self.count, self.differences = 0, 0

    def compare(self, what, got, want):
        self.count += 1
        if got != want:
            self.differences += 1
            print(f"{what}\n  Foregate {got}\n  Dovecot  {want}")


def compare_tables(folder, comparison):
    hashes = dict(CHEAP)
    for scheme in SCHEMES:
        rounds = ["-r", "5"] if scheme == "BLF-CRYPT" else []
        hashes[scheme] = subprocess.run(["doveadm", "pw", "-s", scheme, "-p", PASSWORD, *rounds], capture_output=True, text=True,
                                        check=True).stdout.strip()
    text, names = script_of(hashes)
    script = folder / "tables.lua"
    script.write_text(text)
    dovecot = AuthDovecot(str(folder / "tables"), script)
    try:
        users = [*names, "nobody", "Text@Example.Test", "names@a.b", "template@d.test", "expand@d.test", "bad user", "text@a@b"]
        refusals = {"disabled": "not_found", "expired": "not_found", "fail": "not_found", "refused": "failed"}
        for user, reply, wanted in zip(users, foregate(script, users), dovecot.lookup(users)):
            comparison.compare(f"lookup {user}", ours(reply["passdb"], refusals), theirs(wanted))
        refusals = {"disabled": "user_disabled", "expired": "pass_expired", "refused": "no", "not_found": "no"}
        for password in (PASSWORD, "wrong"):
            replies = foregate(script, users, [password] * len(users))
            for user, reply, wanted in zip(users, replies, dovecot.test(users, password)):
                comparison.compare(f"test {user} {password}", ours(reply["passdb"], refusals), theirs(wanted))
            by_scheme = {reply["passdb"]["answer"] for reply in replies[len(PASSDB):len(PASSDB) + len(hashes)]}
            comparison.compare(f"all schemes, {password}", by_scheme, {"found" if password == PASSWORD else "refused"})
        # Not known to passdb, which would rename some.
        users = [*(f"u-{name}" for name in USERDB), "nobody", "U-Text@Example.Test", "u-expand@d.test", "u-template@d.test", "bad user"]
        for user, reply, wanted in zip(users, foregate(script, users), dovecot.user(users)):
            comparison.compare(f"user {user}", ours(reply["userdb"], {}), theirs(wanted))
        listed = subprocess.run([PROGRAM, "-c", os.devnull, "-o", f"lua.script={script}", "auth", "--list"], capture_output=True,
                                text=True, check=True).stdout
        want = subprocess.run(["doveadm", "-c", f"{dovecot.folder}/dovecot.conf", "user", "*"], capture_output=True, text=True,
                              check=True).stdout
        comparison.compare("iterate", listed, want)
    finally:
        dovecot.stop()


def write_script(folder, name, url):
    for path in (HERE / "scripts").glob("*.lua"):
        (folder / path.name).write_text(path.read_text().replace("@URL@", url).replace("@FOLDER@", str(folder)))
    return folder / name


def compare_web(folder, comparison, web):
    """Scripts as they are in the field, that ask a web server."""
    script = write_script(folder, "web_accounts.lua", web.url)
    dovecot = AuthDovecot(str(folder / "web"), script, blocking=True)
    refusals = {"refused": "no", "not_found": "no"}
    users = ["alice@example.test", "bob@example.test", "broken@example.test", "nobody@example.test"]
    try:
        for password in (PASSWORD, "wrong"):
            replies = foregate(script, users, [password] * len(users))
            for user, reply, wanted in zip(users, replies, dovecot.test(users, password)):
                comparison.compare(f"web {user} {password}", ours(reply["passdb"], refusals), theirs(wanted))
        for user, reply, wanted in zip(users, foregate(script, users), dovecot.user(users)):
            comparison.compare(f"web user {user}", ours(reply["userdb"], {}), theirs(wanted))
    finally:
        dovecot.stop()
    asked = [(one.method, one.path, one.body, one.headers.get("user-agent"), one.headers.get("content-type"), one.headers.get("x-removed"))
             for one in web.asked]
    comparison.compare("what the server was asked", sorted(set(asked)), sorted(
        {("POST", f"/account/{user}", f"user={user}".encode(), "accounts/1", "text/plain", None) for user in users}))


def compare_examples(folder, comparison, web):
    """The scripts of the manuals of Dovecot and docker-mailserver."""
    refusals = {"refused": "no", "not_found": "no"}
    users = ["alice@example.test", "bob@example.test"]
    for name, path, statuses in (("basic_auth.lua", "/dav", (207, 401, 500)), ("json_post.lua", "/login", (200, 403, 500))):
        script = write_script(folder, name, web.url)
        dovecot = AuthDovecot(str(folder / name.partition(".")[0]), script, blocking=True)
        try:
            for password, status in zip((PASSWORD, "wrong", 'o"d\\d'), statuses):
                web.answers[path] = Reply(status, b"x")
                replies = foregate(script, users, [password] * len(users), PEER)
                for user, reply, wanted in zip(users, replies, dovecot.test(users, password, PEER)):
                    comparison.compare(f"{name} {user} {password}", ours(reply["passdb"], refusals), theirs(wanted))
        finally:
            dovecot.stop()
        heads = {}
        for one in web.asked:
            if one.path == path:
                key = one.method, one.body, one.headers.get("authorization"), one.headers.get("x-forwarded-for")
                heads[key] = heads.get(key, 0) + 1
        comparison.compare(f"{name}: each was asked the same by both", (len(heads), set(heads.values())), (6, {2}))
    compare_file(folder, comparison)


def compare_file(folder, comparison):
    (folder / "users").write_text(f"alice {PASSWORD}\nbob {{SHA256}}x\ncarol with blank\n")
    script = write_script(folder, "flat_file.lua", "")
    dovecot = AuthDovecot(str(folder / "flat_file"), script)
    users = ["alice", "alice@example.test", "bob", "carol", "nobody"]
    try:
        for password in (PASSWORD, "wrong", "with", "with blank"):
            replies = foregate(script, users, [password] * len(users))
            for user, reply, wanted in zip(users, replies, dovecot.test(users, password)):
                comparison.compare(f"flat_file {user} {password}", ours(reply["passdb"], {"refused": "no", "not_found": "no"}),
                                   theirs(wanted))
        for user, reply, wanted in zip(users, foregate(script, users), dovecot.user(users)):
            comparison.compare(f"flat_file user {user}", ours(reply["userdb"], {}), theirs(wanted))
    finally:
        dovecot.stop()


def start_web(hashed):
    web = FakeHttp()
    for user in ("alice", "bob"):
        web.answers[f"/account/{user}@example.test"] = Reply(
            200, f"hash={hashed}\nuid=5000\ngid=5000\nhome=/home/{user}\nquota_rule=*:storage=1G\n".encode(), {"X-Source": "web"})
    web.answers["/account/broken@example.test"] = Reply(503, b"")
    return web


def main():
    comparison = Comparison()
    with tempfile.TemporaryDirectory(prefix="foregate-auth-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        compare_tables(folder, comparison)
        hashed = subprocess.run(["doveadm", "pw", "-s", "SHA256-CRYPT", "-p", PASSWORD], capture_output=True, text=True,
                                check=True).stdout.strip()
        web = start_web(hashed)
        compare_web(folder, comparison, web)
        compare_examples(folder, comparison, web)
        web.stop()
    print(f"{comparison.count} answers compared, {comparison.differences} differ")
    return 1 if comparison.differences or comparison.count < 200 else 0


if __name__ == "__main__":
    sys.exit(main())
