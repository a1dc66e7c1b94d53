/* SPDX-License-Identifier: MIT */
/* session (handle, read only but notes):
 *   id, ip, name, helo, listener      texts
 *   login, login_method               texts, nil when not authenticated
 *   tls                               { version =, cipher = }, nil without TLS
 *   trusted                           true for a client in trusted_networks
 *   local_submission                  true for mail from sendmail(1)
 *   session:in_networks(networks)     true when ip is in them (text, as trusted_networks)
 *   notes                             plain values, as long as the session */
#include "base/network.h"
#include "script/api.h"
#include "script/observe.h"

#include <lauxlib.h>
#include <string.h>

static const char *const TYPE = "foregate.session";

static void tls_push(lua_State *L, const struct session *session)
{
    if (session->tls_version == NULL) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 2);
    lua_pushstring(L, session->tls_version);
    lua_setfield(L, -2, "version");
    lua_pushstring(L, session->tls_cipher);
    lua_setfield(L, -2, "cipher");
}

static int session_in_networks(lua_State *L)
{
    const struct session *session = handle_check(L, 1, TYPE);
    struct network_list list;
    struct error error = {0};
    if (!network_list_parse(api_call(L)->scratch, luaL_checkstring(L, 2), &list, &error)) {
        return luaL_argerror(L, 2, lua_pushstring(L, error.text));
    }
    lua_pushboolean(L, network_list_contains(&list, session->ip));
    return 1;
}

static void field_push(lua_State *L, struct session *session, const char *field)
{
    static const luaL_Reg in_networks = {"in_networks", session_in_networks};

    const struct {
        const char *name, *value;
    } texts[] = {
        {"ip", session->ip},       {"name", session->name},
        {"helo", session->helo},   {"listener", session->listener},
        {"login", session->login}, {"login_method", session->login_method},
        {"id", session->id},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(field, texts[i].name) == 0) {
            lua_pushstring(L, texts[i].value); /* nil for NULL */
            return;
        }
    }
    if (strcmp(field, "trusted") == 0) {
        lua_pushboolean(L, session->trusted);
    } else if (strcmp(field, "local_submission") == 0) {
        lua_pushboolean(L, session->local_submission);
    } else if (strcmp(field, "tls") == 0) {
        tls_push(L, session);
    } else if (strcmp(field, "in_networks") == 0) {
        observe_method(L, OBSERVATION_INPUT, "session", &in_networks);
    } else if (strcmp(field, "notes") == 0) {
        notes_push(L, &session->notes, session->arena, "session.notes", NULL);
    } else {
        luaL_error(L, "a session has no field \"%s\"", field);
    }
}

static int session_index(lua_State *L)
{
    struct session *session = handle_check(L, 1, TYPE);
    const char *field = handle_field(L);
    field_push(L, session, field);
    observe_field(L, OBSERVATION_INPUT, "session", field, NULL);
    return 1;
}

void session_push(lua_State *L, struct session *session)
{
    handle_push(L, TYPE, session);
}

void api_session_open(lua_State *L)
{
    handle_open(L, TYPE, session_index, NULL);
}
