-- Accounts of a text file, a name and a password a line, as Dovecot's manual shows it for OpenSMTPD's; written anew. Globals
-- that nobody declared and io.lines() on every question are part of the example.
local database = "@FOLDER@/users"

function find(name)
    for line in io.lines(database) do
        for user, password in string.gmatch(line, "(%w+)%s(.+)") do
            if user == name then
                return { found = true, password = password }
            end
        end
    end
    return { found = false }
end

function auth_passdb_lookup(req)
    entry = find(req.username)
    if entry.found then
        return dovecot.auth.PASSDB_RESULT_OK, "password=" .. entry.password
    end
    return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, ""
end

function auth_userdb_lookup(req)
    entry = find(req.username)
    if entry.found then
        return dovecot.auth.USERDB_RESULT_OK, "uid=nobody gid=root"
    end
    return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, ""
end

function auth_userdb_iterate()
    names = {}
    for line in io.lines(database) do
        for user in string.gmatch(line, "(%w+)%s.+") do
            table.insert(names, user)
        end
    end
    return names
end
