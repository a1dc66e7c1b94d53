/* SPDX-License-Identifier: MIT */
#include "backends.h"

#include "dovecot/userdb.h"
#include "ldap/directory.h"
#include "settings.h"

/* Of the script, under way at a time: as many look-ups as sessions ask. */
enum { SCRIPT_REQUESTS = 1000 };

static bool start_script(struct backends *backends, const struct config *config,
                         struct loop *loop, struct error *error)
{
    struct http_settings http = settings_http(config);
    struct auth_script_settings settings =
        settings_auth_script(config, config_states(config));
    if (settings.file == NULL || *settings.file == '\0') {
        return error_set(error, ERROR_CONFIG,
                         "directory.sources names lua, but lua.script names no file; set "
                         "it, or remove lua");
    }
    http.requests = http.requests > SCRIPT_REQUESTS ? http.requests : SCRIPT_REQUESTS;
    backends->http = http_client_new(loop, &http, error);
    if (backends->http == NULL) {
        return false;
    }
    settings.loop = loop;
    settings.http = backends->http;
    backends->script = auth_script_new(&settings, error);
    if (backends->script != NULL && !auth_script_has_userdb(backends->script)) {
        return error_set(
            error, ERROR_CONFIG,
            "%s has no function auth_userdb_lookup, which the source lua asks; "
            "add it, or remove lua from directory.sources",
            settings.file);
    }
    return backends->script != NULL;
}

static bool start_source(struct backends *backends, const struct config *config,
                         struct loop *loop, struct source_settings *source,
                         struct error *error)
{
    bool started = true;
    switch (source->kind) {
    case SOURCE_DMS:
        break;
    case SOURCE_LUA:
        started = start_script(backends, config, loop, error);
        source->script = backends->script;
        break;
    case SOURCE_LDAP: {
        const struct ldap_directory_settings settings = settings_ldap(config);
        backends->ldap = ldap_directory_new(loop, &settings, error);
        started = backends->ldap != NULL;
        source->ldap = backends->ldap;
        break;
    }
    case SOURCE_DOVECOT: {
        const struct userdb_settings settings = {
            .where = config_text(config, "dovecot.userdb"),
            .service = config_text(config, "dovecot.service"),
        };
        backends->userdb = userdb_new(loop, &settings, error);
        started = backends->userdb != NULL;
        source->userdb = backends->userdb;
        source->loop = loop;
        break;
    }
    }
    return started;
}

bool backends_start(struct backends *backends, const struct config *config,
                    struct loop *loop, struct error *error)
{
    struct source_settings list[SOURCE_KINDS];
    size_t count = settings_sources(config, list);
    *backends = (struct backends){.loop = NULL};
    if (count == 1 && list[0].kind == SOURCE_DMS) {
        return true;
    }
    if (loop == NULL) {
        backends->loop = loop = loop_start(error);
    }
    bool ok = loop != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        ok = start_source(backends, config, loop, &list[i], error);
    }
    if (ok) {
        backends->sources = sources_new(list, count);
    } else {
        backends_stop(backends);
    }
    return ok;
}

const struct finding_list *backends_findings(const struct backends *backends)
{
    return backends->ldap != NULL ? ldap_directory_findings(backends->ldap) : NULL;
}

void backends_stop(struct backends *backends)
{
    sources_free(&backends->sources);
    if (backends->script != NULL) {
        auth_script_free(&backends->script);
    }
    if (backends->ldap != NULL) {
        ldap_directory_free(&backends->ldap);
    }
    if (backends->userdb != NULL) {
        userdb_free(&backends->userdb);
    }
    if (backends->http != NULL) {
        http_client_free(&backends->http);
    }
    if (backends->loop != NULL) {
        loop_stop(&backends->loop);
    }
}
