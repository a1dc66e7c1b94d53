-- A password is right when a web server takes it by HTTP basic authentication, as docker-mailserver's manual
-- shows it for Nextcloud; the 2.3 way, written anew. URL is replaced by the tests.
local url = "@URL@/dav"
local client = dovecot.http.client {
    timeout = 1000;
    max_attempts = 1;
    debug = false;
}

package.path = package.path .. ";@FOLDER@/?.lua"
local base64 = require("encode64")

function script_init()
    return 0
end

function script_deinit() end

function auth_passdb_lookup(req)
    local request = client:request { url = url; method = "PROPFIND"; }
    request:add_header("Authorization", "Basic " .. base64.encode(req.user .. ":" .. req.password))
    request:add_header("X-Forwarded-For", req.remote_ip)
    local response = request:submit()
    local status = response:status()
    if status == 207 then
        return dovecot.auth.PASSDB_RESULT_OK, "nopassword=y"
    elseif status == 401 then
        return dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH, ""
    end
    return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, url .. " - " .. status .. " " .. response:reason()
end
