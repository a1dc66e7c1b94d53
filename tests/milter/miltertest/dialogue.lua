-- One ordinary transaction, and one whose recipients are refused, seen by an MTA side that is not ours.

-- miltertest ends with status 1 after an error but does not print it.
local function check(condition, what)
    if not condition then
        mt.echo("failed: " .. what)
        error(what)
    end
end

local conn = mt.connect(socket)
check(conn, "connect")

local function expect(what, reply)
    local got = mt.getreply(conn)
    check(got == reply, string.format("%s: reply %q, want %q", what, string.char(got), string.char(reply)))
end

check(mt.negotiate(conn, nil, nil, nil) == nil, "negotiate")
check(not mt.test_option(conn, SMFIP_NODATA), "DATA is declined")
check(mt.test_option(conn, SMFIP_NR_HDR), "headers want a reply")
check(mt.test_action(conn, SMFIF_DELRCPT), "recipients cannot be deleted")

check(mt.conninfo(conn, "client.example.net", "192.0.2.7") == nil, "conninfo")
expect("connect", SMFIR_CONTINUE)
check(mt.helo(conn, "client.example.net") == nil, "helo")
expect("helo", SMFIR_CONTINUE)

-- Refused at RCPT: an account and an alias, both of a full mailbox; nobody.
check(mt.mailfrom(conn, "<sender@remote.example>", "SIZE=1000") == nil, "mail")
expect("mail", SMFIR_CONTINUE)
for _, recipient in ipairs { "<full@example.com>", "<basic@example.com>", "<nobody@example.com>" } do
    check(mt.rcptto(conn, recipient) == nil, recipient)
    expect(recipient, SMFIR_REPLYCODE)
end
check(mt.abort(conn) == nil, "abort")

-- The same session goes on with a message that passes.
mt.macro(conn, SMFIC_MAIL, "{mail_addr}", "sender@remote.example")
check(mt.mailfrom(conn, "<sender@remote.example>") == nil, "mail")
expect("mail", SMFIR_CONTINUE)
check(mt.rcptto(conn, "<ok@example.com>", "NOTIFY=NEVER") == nil, "rcpt")
expect("rcpt", SMFIR_CONTINUE)
check(mt.data(conn) == nil, "data")
expect("data", SMFIR_CONTINUE)
check(mt.header(conn, "From", "sender@remote.example") == nil, "header")
check(mt.header(conn, "Subject", "dialogue") == nil, "header")
check(mt.eoh(conn) == nil, "eoh")
expect("eoh", SMFIR_CONTINUE)
check(mt.bodystring(conn, "A line.\r\n") == nil, "body")
expect("body", SMFIR_CONTINUE)
check(mt.eom(conn) == nil, "eom")
expect("eom", SMFIR_CONTINUE)
check(not mt.eom_check(conn, MT_RCPTDELETE, "<ok@example.com>"), "a recipient is deleted")
mt.disconnect(conn)
