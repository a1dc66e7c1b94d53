"""What the tests of HTTP requests share: a rule that asks what the recipient says, a server, and what comes back."""

import time

from cases import equal, holds
from certificates import Authority
from fake_http import FakeHttp

TIMEOUT = 2.0    # http.timeout of these tests, but where it is waited for
SHORT = 0.3      # what the rule gives itself when the recipient says `short`
SLACK = 1.5      # for a loaded machine; a missing deadline shows as many seconds
LIMIT = 30.0
MAX_BODY = 4096

# The recipient's local-part is a URL, or a word and a URL; the refusal says the answer.
ASK = r"""
local function show(answer, reason)
    if not answer then return "nil " .. reason end
    local names = {}
    for name in pairs(answer.headers) do
        if name:find("^x%-") then names[#names + 1] = name end
    end
    table.sort(names)
    local parts = { answer.status, #answer.body > 50 and "#" .. #answer.body or answer.body }
    for _, name in ipairs(names) do parts[#parts + 1] = name .. "=" .. answer.headers[name] end
    return (table.concat(parts, " "):gsub("[^ -~]", "?"):sub(1, 400))
end

local function request(word, url)
    if word == "post" then
        local headers = { ["Content-Type"] = "text/plain", Authorization = "Bearer geheim" }
        return http.request { url = url, body = "a\0b", headers = headers }
    elseif word == "short" then
        return http.request { url = url, timeout = 300 }
    elseif word == "long" then
        return http.request { url = url, timeout = 100000 }
    elseif word == "escape" then
        return http.request { url = url .. "?" .. http.escape("a b&c=\r\n\0#") }
    end
    return http.request { url = url, method = word ~= "" and word or nil }
end

return {
    name = "ask",
    mail = function(session, message)
        if message.params.MANY then
            local list = {}
            for i = 1, tonumber(message.params.MANY) do
                list[i] = function() return show(http.request { url = message.params.OF .. "?" .. i }) end
            end
            local good, last = 0, ""
            for _, result in ipairs(all(list)) do
                if result[1] == "200 ok" then good = good + 1 else last = result[1] end
            end
            return reject(550, "5.7.1", good .. " good " .. last)
        end
    end,
    rcpt = function(session, message, recipient)
        local word, url = recipient.address.local_part:match("^(%w*) ?(http.*)$")
        return reject(550, "5.7.1", show(request(word, url)))
    end,
}
"""

trusted = Authority("Test CA")
web = FakeHttp()
OPTIONS = {"rules": "ask", "http.timeout": f"{TIMEOUT * 1000:.0f}ms", "http.max_body": str(MAX_BODY), "deadline.command": "5s",
           "http.ca": trusted.certificate}


def ask(program, url, word=""):
    """The answer as text, and the seconds it took."""
    with program.session() as session:
        session.mail()
        began = time.monotonic()
        reply = str(session.rcpt(f'<"{word} {url}"@example.com>'))
        took = time.monotonic() - began
        session.abort()
        session.quit()
    holds("a refusal of the rule", reply.startswith("550 5.7.1 "), reply)
    return reply.removeprefix("550 5.7.1 "), took


def gives(program, path, want, word=""):
    got, took = ask(program, web.url + path, word)
    equal(path, got, want)
    holds(f"{path}: within the timeout", took < TIMEOUT + SLACK, took)


def fails(program, path, reason, server=web):
    """What is no answer; a part of the reason."""
    got, took = ask(program, server.url + path)
    holds(f"{path}: no answer, {reason}", got.startswith("nil http GET ") and reason in got, got)
    holds(f"{path}: within the timeout", took < TIMEOUT + SLACK, took)
