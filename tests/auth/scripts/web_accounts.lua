-- Accounts of a web service, `field=value` a line; passwords are hashed there and verified here.
local client = dovecot.http.client { request_timeout_msecs = 2000, user_agent = "accounts/1" }

local function ask(req)
    local request = client:request { url = "@URL@/account/" .. req.user, method = "POST" }
    request:add_header("Content-Type", "text/plain")
    request:add_header("X-Removed", "x")
    request:remove_header("X-Removed")
    request:set_payload("user=" .. req.user)
    local response = request:submit()
    local fields = {}
    for name, value in response:payload():gmatch("([%w_]+)=([^\n]*)") do
        fields[name] = value
    end
    return response, fields
end

function auth_password_verify(req, password)
    local response, fields = ask(req)
    if response:status() == 404 then
        return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, "no such user"
    elseif response:status() ~= 200 then
        return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, "the service failed"
    elseif req:password_verify(fields.hash, password) ~= 1 then
        return dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH, "wrong"
    end
    return dovecot.auth.PASSDB_RESULT_OK, { source = response:header("X-Source"), none = response:header("X-None") }
end

function auth_userdb_lookup(req)
    local response, fields = ask(req)
    if response:status() == 404 then
        return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "no such user"
    elseif response:status() ~= 200 then
        return dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE, "the service failed"
    end
    fields.hash = nil
    return dovecot.auth.USERDB_RESULT_OK, fields
end
