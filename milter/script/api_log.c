/* SPDX-License-Identifier: MIT */
/* log.debug(text [, fields])  log.info  log.warning  log.error
 * fields: { name = plain value }. session, qid and rule are added. */
#include "base/log.h"
#include "script/api.h"
#include "script/bounded.h"

#include <lauxlib.h>

/* Of one call of a rule: a loop must not fill the disk. */
enum { CALL_LINES = 100 };

enum { FIELD_COUNT = 32, FIELD_NAME_BYTES = 32 };

static bool name_is_valid(const char *name)
{
    size_t length = 0;
    for (; name[length] != '\0'; length++) {
        char c = name[length];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '_';
        if (!word) {
            return false;
        }
    }
    return length > 0 && length <= FIELD_NAME_BYTES;
}

static void fields_log(lua_State *L, struct log_line *line, int index)
{
    int count = 0;
    bounded_thaw(L, index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_settop(L, -2)) {
        luaL_argcheck(L,
                      lua_type(L, -2) == LUA_TSTRING && name_is_valid(lua_tostring(L, -2)),
                      index, "the name of a field is a word of letters, digits and _");
        luaL_argcheck(L, ++count <= FIELD_COUNT, index, "too many fields");
        size_t length;
        const char *name = lua_tostring(L, -2);
        if (lua_type(L, -1) == LUA_TTABLE || lua_type(L, -1) == LUA_TFUNCTION) {
            /* Lua would show where it lies in memory. */
            lua_pushfstring(L, "(a %s)", luaL_typename(L, -1));
            lua_replace(L, -2);
        }
        const char *text = luaL_tolstring(L, -1, &length);
        log_bytes(line, name, text, length);
        lua_pop(L, 1);
    }
}

static int write_line(lua_State *L, enum log_level level)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    struct call *call = call_of(L);
    if (call != NULL && ++call->log_lines > CALL_LINES) {
        return 0;
    }
    struct log_line line;
    log_begin(&line, level, "rule");
    if (call != NULL && call->rule != NULL && call->stage_call != NULL) {
        const struct stage_call *stage = call->stage_call;
        log_text(&line, "rule", call->rule->name);
        if (call->rule->shadow) {
            log_text(&line, "mode", "shadow"); /* what it says that it does is not done */
        }
        log_text(&line, "stage", stage_name(stage->stage));
        log_text(&line, "session", stage->session->id);
        if (stage->message != NULL && stage->message->queue_id[0] != '\0') {
            log_text(&line, "qid", stage->message->queue_id);
        }
        if (stage->recipient != NULL) {
            log_text(&line, "recipient", stage->recipient->address.external);
        }
    }
    if (call != NULL && call->log_lines == CALL_LINES) {
        log_text(&line, "note", "the last line of this call: it logs too much");
    }
    log_bytes(&line, "text", text, length);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        fields_log(L, &line, 2);
    }
    log_end(&line);
    return 0;
}

static int api_debug(lua_State *L)
{
    return write_line(L, LOG_DEBUG);
}

static int api_info(lua_State *L)
{
    return write_line(L, LOG_INFO);
}

static int api_warning(lua_State *L)
{
    return write_line(L, LOG_WARNING);
}

static int api_error(lua_State *L)
{
    return write_line(L, LOG_ERROR);
}

void api_log_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"debug", api_debug}, {"info", api_info}, {"warning", api_warning},
        {"error", api_error}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "log");
}
