-- SPDX-License-Identifier: MIT
-- What cannot be asked of a running state: the fields of handles, what functions give, which of them
-- wait, and what to use instead of what rules do not have. tests/docs/check_docs.py compares the fields
-- with the C files that serve them.

-- { field = kind }; "method" for what is called with a colon.
local FIELDS = {
    session = { id = "text", ip = "text", name = "text", helo = "text", login = "text",
        login_method = "text", listener = "text", tls = "table", trusted = "boolean",
        local_submission = "boolean", notes = "notes", in_networks = "method" },
    message = { sender = "address", params = "table", declared_bytes = "number", size_bytes = "number",
        queue_id = "text", recipients = "recipients", notes = "notes", header = "method",
        header_addresses = "method", add_header = "method", set_header = "method",
        delete_header = "method", set_sender = "method", add_recipient = "method" },
    recipient = { address = "address", original = "text", params = "table", state = "text",
        expansion = "copy", notes = "notes", replace = "method", drop = "method" },
    address = { raw = "text", text = "text", local_part = "text", domain = "text", base = "text",
        detail = "text", key = "text", is_null = "boolean", is_srs = "boolean" },
    reply = { code = "number", xcode = "text", text = "text" },
}

-- Which may be assigned.
local WRITABLE = { ["recipient.expansion"] = true, ["session.notes"] = false }

-- When a field is nil.
local ABSENT = {
    ["session.login"] = "without a login", ["session.login_method"] = "without a login",
    ["session.helo"] = "before HELO", ["session.tls"] = "without TLS",
    ["message.declared_bytes"] = "when the client declared no size",
    ["message.queue_id"] = "before the first accepted recipient",
    ["recipient.expansion"] = "unless the rule alias ran before",
    ["address.detail"] = "without a tag",
}

-- Kinds of settings, by their type.
local SETTINGS = { text = "text", bool = "boolean", count = "number", size = "number",
    duration = "number", choice = "text", list = "table", reply = "reply", networks = "text",
    address = "text", domain = "text", senders = "table" }

-- What functions give; none: not known.
local RESULTS = {
    tostring = "text", type = "text", ["string.format"] = "text", ["string.lower"] = "text",
    ["string.upper"] = "text", ["string.rep"] = "text", ["string.sub"] = "text",
    ["string.reverse"] = "text", ["table.concat"] = "text", ["quota.check"] = "text",
    ["string.len"] = "number", ["math.floor"] = "number", ["math.ceil"] = "number",
    ["math.random"] = "number", ["directory.is_local"] = "boolean", ["directory.owns"] = "boolean",
    ["directory.resolve"] = "table", ["http.request"] = "table", ["http.escape"] = "text", all = "table",
    reject = "verdict", defer = "verdict", disconnect = "verdict", discard = "verdict",
    quarantine = "verdict", skip = "verdict",
}
local METHOD_RESULTS = { ["session:in_networks"] = "boolean", ["message:header"] = "table",
    ["message:header_addresses"] = "table", ["recipient:replace"] = "boolean" }

-- Whose result is nil, reason when it cannot be told. A table's name: all of its functions.
local FAILING = { ["directory.resolve"] = true, ["directory.account"] = true, ["quota.check"] = true,
    dns = true, ["http.request"] = true, ["message:header_addresses"] = true }

local WAITING = { ["quota.check"] = true, all = true, dns = true, ["http.request"] = true }

-- Verdicts that not all stages take.
local STAGES = { discard = { data = true, finish = true }, quarantine = { finish = true } }

local ONE_FILE = "functions of this file: a rule is one file"

-- Of Lua, but not of rules.
local INSTEAD = {
    print = "log.info(text)", warn = "log.warning(text)",
    coroutine = "all { ... }, to wait for several answers at once",
    require = ONE_FILE, package = ONE_FILE, dofile = ONE_FILE, load = ONE_FILE, loadfile = ONE_FILE,
    loadstring = ONE_FILE,
    io = "a setting, for what the rule shall know", debug = "log.debug(text, fields)",
    os = "the log for times, and settings for what the rule shall know",
    setmetatable = "a plain table and functions", getmetatable = "type(value)",
    rawget = "t[key]", rawset = "t[key] = value", rawequal = "a == b", rawlen = "#t",
    unpack = "table.unpack(list)", _G = "the name itself", _VERSION = "nothing: it is Lua 5.4",
    collectgarbage = "nothing: the state is collected by itself",
}

return { FIELDS = FIELDS, WRITABLE = WRITABLE, ABSENT = ABSENT, SETTINGS = SETTINGS, RESULTS = RESULTS,
    METHOD_RESULTS = METHOD_RESULTS, FAILING = FAILING, WAITING = WAITING, STAGES = STAGES,
    INSTEAD = INSTEAD }
