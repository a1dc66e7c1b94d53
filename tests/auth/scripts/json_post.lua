-- A password is right when a web service takes name and password as JSON, as Dovecot's manual shows it beside its HTTP client;
-- written anew. The result is text, which 2.3 takes.
package.path = package.path .. ";@FOLDER@/?.lua"
local json = require "tiny_json"
local client = dovecot.http.client {
    timeout = 10000;
    max_attempts = 3;
    debug = true;
}

function auth_password_verify(request, password)
    local question = client:request {
        url = "@URL@/login";
        method = "POST";
    }
    question:set_payload(json.encode { user = request.user, password = password })
    local status = question:submit():status()
    if status == 200
    then
        return dovecot.auth.PASSDB_RESULT_OK, ""
    else
        return dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH, ""
    end
end
