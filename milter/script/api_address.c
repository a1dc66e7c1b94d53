/* SPDX-License-Identifier: MIT */
/* address (handle, read only):
 *   raw         exact bytes as received        local_part  unquoted
 *   domain      case kept                      base        local-part without detail
 *   detail      the tag, or nil                key         folded, for comparing
 *   text        with the fewest quotes         is_null     true for <>
 *   is_srs      true for SRS0=..., SRS1=...: a sender that a forwarder has rewritten
 *   a == b compares keys; tostring(a) is `<text>`, safe to print and to reply */
#include "base/text.h"
#include "script/api.h"

#include <lauxlib.h>
#include <string.h>

static const char *const TYPE = "foregate.address";

/* Any of the three separators that SRS has. */
static bool is_srs(const char *local_part)
{
    return text_starts_folded(local_part, "srs") &&
           (local_part[3] == '0' || local_part[3] == '1') && local_part[4] != '\0' &&
           strchr("=+-", local_part[4]) != NULL;
}

static int address_index(lua_State *L)
{
    const struct address *address = handle_check(L, 1, TYPE);
    const char *field = handle_field(L);
    if (strcmp(field, "is_null") == 0) {
        lua_pushboolean(L, address->is_null);
        return 1;
    }
    if (strcmp(field, "is_srs") == 0) {
        lua_pushboolean(L, is_srs(address->local_part));
        return 1;
    }
    if (strcmp(field, "detail") == 0) {
        if (address->detail[0] != '\0') {
            lua_pushstring(L, address->detail + 1);
        } else {
            lua_pushnil(L);
        }
        return 1;
    }

    const struct {
        const char *name, *value;
    } fields[] = {
        {"raw", address->raw},       {"local_part", address->local_part},
        {"domain", address->domain}, {"base", address->base},
        {"key", address->key},       {"text", address->external},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(field, fields[i].name) == 0) {
            lua_pushstring(L, fields[i].value);
            return 1;
        }
    }
    return luaL_error(L, "an address has no field \"%s\"", field);
}

static int address_equal(lua_State *L)
{
    const struct address *left = handle_check(L, 1, TYPE);
    const struct address *right = handle_check(L, 2, TYPE);
    lua_pushboolean(L, strcmp(left->key, right->key) == 0);
    return 1;
}

/* In a reply or a log there is no place for control characters and 8-bit bytes. */
static int address_tostring(lua_State *L)
{
    const struct address *address = handle_check(L, 1, TYPE);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_addchar(&buffer, '<');
    size_t length = strlen(address->external);
    for (size_t i = 0; i < length && i < 256; i++) {
        char c = address->external[i];
        luaL_addchar(&buffer, c >= ' ' && c <= '~' ? c : '?');
    }
    if (length > 256) {
        luaL_addstring(&buffer, "...");
    }
    luaL_addchar(&buffer, '>');
    luaL_pushresult(&buffer);
    return 1;
}

void address_push(lua_State *L, const struct address *address)
{
    handle_push(L, TYPE, address);
}

const struct address_rules *api_address_rules(const struct call *call)
{
    return &snapshot_settings(call->stage_call->directory->snapshot)->rules;
}

const struct address *address_check(lua_State *L, int argument)
{
    struct call *call = api_call(L);
    if (lua_type(L, argument) != LUA_TSTRING) {
        if (luaL_testudata(L, argument, TYPE) == NULL) {
            luaL_typeerror(L, argument, "address or text");
        }
        return handle_check(L, argument, TYPE);
    }
    size_t length;
    const char *text = lua_tolstring(L, argument, &length);
    struct address *address = arena_alloc(call->scratch, sizeof *address);
    struct error error = {0};
    bool fits =
        strlen(text) == length || error_set(&error, ERROR_RULE, "a NUL in the address");
    if (!fits ||
        !address_parse(call->scratch, text, api_address_rules(call), address, &error)) {
        lua_pushfstring(L, "%s", error.text);
        return NULL;
    }
    return address;
}

void api_address_open(lua_State *L)
{
    handle_open(L, TYPE, address_index, NULL);
    luaL_getmetatable(L, TYPE);
    lua_pushcfunction(L, address_equal);
    lua_setfield(L, -2, "__eq");
    lua_pushcfunction(L, address_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}
