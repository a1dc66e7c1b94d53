-- A group with one full member: the group is deleted, the other member added.

-- miltertest ends with status 1 after an error but does not print it.
local function check(condition, what)
    if not condition then
        mt.echo("failed: " .. what)
        error(what)
    end
end

local conn = mt.connect(socket)
check(conn, "connect")
check(mt.conninfo(conn, "client.example.net", "192.0.2.7") == nil, "conninfo")
check(mt.mailfrom(conn, "<sender@remote.example>") == nil, "mail")
check(mt.rcptto(conn, "<pair@example.com>") == nil, "rcpt")
check(mt.getreply(conn) == SMFIR_CONTINUE, "rcpt is refused")
check(mt.data(conn) == nil, "data")
check(mt.header(conn, "From", "sender@remote.example") == nil, "header")
check(mt.eoh(conn) == nil, "eoh")
check(mt.bodyrandom(conn, 5000) == nil, "body")
check(mt.eom(conn) == nil, "eom")
check(mt.getreply(conn) == SMFIR_CONTINUE, "the message is refused")
check(mt.eom_check(conn, MT_RCPTDELETE, "<pair@example.com>"), "the group is not deleted")
mt.disconnect(conn)
