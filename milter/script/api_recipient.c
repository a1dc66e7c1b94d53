/* SPDX-License-Identifier: MIT */
/* recipient (handle):
 *   address     address, as the client gave it     original    its exact bytes
 *   params      { NOTIFY = ..., ORCPT = ... }      state       pending, accepted, refused
 *   expansion   what the alias rule keeps here (a plain value, assignable)
 *   notes       plain values, as long as the message
 *   recipient:replace(list)  deliver to these addresses (texts) instead; the last call
 * counts. Returns true, or nil, reason when the MTA could not do that.
 *   recipient:drop(reason)   deliver to nobody in its place; the other recipients stay */
#include "directory/envelope.h"
#include "script/api.h"
#include "script/await.h"
#include "script/observe.h"

#include <lauxlib.h>
#include <string.h>

static const char *const TYPE = "foregate.recipient";

enum { REPLACEMENTS = 1000 };

/* In a userdata: all that is needed without Lua. */
struct replacement {
    struct directory directory;
    struct arena *arena; /* of the call */
    struct recipient *recipient;
    const char **list;
    size_t count;
    bool shadow; /* it is only tried */
    bool possible;
    struct error error;
};

/* Tries the plan with the replacement in place: what cannot be done is known at once, while
 * the rule can still decide otherwise. */
static void replacement_try(void *argument)
{
    struct replacement *replacement = argument;
    struct recipient *recipient = replacement->recipient;
    struct recipient before = *recipient;
    recipient->replaced = true;
    recipient->replacement = replacement->list;
    recipient->replacement_count = replacement->count;
    recipient->state = RECIPIENT_ACCEPTED; /* as it will be when the plan is made */
    const struct plan nothing_else = {0};
    struct edit_list ignored;
    replacement->possible =
        envelope_plan(&nothing_else, &recipient, 1, &replacement->directory,
                      replacement->arena, &ignored, &replacement->error);
    recipient->state = before.state;
    if (!replacement->possible || replacement->shadow) {
        *recipient = before;
    }
}

static int end_replace(lua_State *L, int status, lua_KContext place)
{
    (void)status;
    const struct replacement *replacement = lua_touserdata(L, (int)place);
    if (!replacement->possible) {
        lua_pushnil(L);
        lua_pushstring(L, replacement->error.text);
        return 2;
    }
    lua_pushboolean(L, true);
    return 1;
}

static int recipient_replace(lua_State *L)
{
    struct recipient *recipient = handle_check(L, 1, TYPE);
    struct call *call = api_call(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t count = (size_t)luaL_len(L, 2);
    luaL_argcheck(L, count >= 1, 2, "a replacement names at least one address; see drop");
    luaL_argcheck(L, count <= REPLACEMENTS, 2, "too many addresses");
    struct arena *arena = call->stage_call->arena;
    const char **list = arena_array(arena, count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        lua_geti(L, 2, (lua_Integer)i + 1);
        const struct address *address = address_check(L, -1);
        if (address == NULL || address->is_null) {
            return luaL_error(L, "entry %d of a replacement is no address", (int)i + 1);
        }
        list[i] = arena_copy(arena, address->external);
        lua_pop(L, 1);
    }
    struct replacement *replacement = lua_newuserdatauv(L, sizeof *replacement, 0);
    *replacement = (struct replacement){
        .directory = api_directory(call),
        .arena = call->scratch,
        .recipient = recipient,
        .list = list,
        .count = count,
        .shadow = call->rule->shadow,
    };
    int place = lua_gettop(L);
    if (directory_waits(&replacement->directory)) {
        return await_work(L, replacement_try, replacement, place, end_replace);
    }
    replacement_try(replacement);
    return end_replace(L, LUA_OK, place);
}

static int recipient_drop(lua_State *L)
{
    struct recipient *recipient = handle_check(L, 1, TYPE);
    luaL_checkstring(L, 2);
    if (!api_call(L)->rule->shadow) {
        recipient->replaced = true;
        recipient->replacement = NULL;
        recipient->replacement_count = 0;
    }
    return 0;
}

static const char *state_text(const struct recipient *recipient)
{
    switch (recipient->state) {
    case RECIPIENT_PENDING:
        return "pending";
    case RECIPIENT_ACCEPTED:
        return "accepted";
    case RECIPIENT_REFUSED:
        return "refused";
    }
    return "invalid";
}

static int recipient_index(lua_State *L)
{
    static const luaL_Reg replace = {"replace", recipient_replace};
    static const luaL_Reg drop = {"drop", recipient_drop};
    struct recipient *recipient = handle_check(L, 1, TYPE);
    const char *field = handle_field(L);
    if (strcmp(field, "address") == 0) {
        address_push(L, &recipient->address);
    } else if (strcmp(field, "original") == 0) {
        lua_pushstring(L, recipient->address.raw);
    } else if (strcmp(field, "expansion") == 0) {
        value_push(L, &recipient->expansion);
    } else if (strcmp(field, "params") == 0) {
        params_push(L, recipient->params);
    } else if (strcmp(field, "state") == 0) {
        lua_pushstring(L, state_text(recipient));
    } else if (strcmp(field, "notes") == 0) {
        notes_push(L, &recipient->notes, api_call(L)->stage_call->message->arena,
                   "recipient.notes", recipient);
    } else if (strcmp(field, "replace") == 0) {
        observe_method(L, OBSERVATION_EDIT, "recipient", &replace);
    } else if (strcmp(field, "drop") == 0) {
        observe_method(L, OBSERVATION_EDIT, "recipient", &drop);
    } else {
        return luaL_error(L, "a recipient has no field \"%s\"", field);
    }
    observe_field(L, OBSERVATION_INPUT, "recipient", field, recipient);
    return 1;
}

static int recipient_newindex(lua_State *L)
{
    struct recipient *recipient = handle_check(L, 1, TYPE);
    const char *field = handle_field(L);
    if (strcmp(field, "expansion") != 0) {
        return luaL_error(L, "the field \"%s\" of a recipient cannot be set", field);
    }
    if (!lua_isnil(L, 3) && lua_type(L, 3) != LUA_TTABLE) {
        return luaL_error(L,
                          "recipient.expansion is a table like that of directory.resolve, "
                          "not a %s",
                          luaL_typename(L, 3));
    }
    struct value expansion = value_get(L, 3, api_call(L)->stage_call->message->arena);
    /* In shadow mode a rule may attach one, for those behind it, but change none: it left
     * out members that are still delivered to. */
    if (!api_call(L)->rule->shadow || recipient->expansion.type == VALUE_NIL) {
        recipient->expansion = expansion;
    }
    lua_settop(L, 3);
    observe_field(L, OBSERVATION_NOTE, "recipient", field, recipient);
    return 0;
}

void recipient_push(lua_State *L, struct recipient *recipient)
{
    handle_push(L, TYPE, recipient);
}

void params_push(lua_State *L, const char *const *params)
{
    lua_newtable(L);
    for (; params != NULL && *params != NULL; params++) {
        const char *equals = strchr(*params, '=');
        size_t length = equals != NULL ? (size_t)(equals - *params) : strlen(*params);
        luaL_Buffer name;
        luaL_buffinitsize(L, &name, length);
        for (size_t i = 0; i < length; i++) {
            char c = (*params)[i];
            luaL_addchar(&name, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
        }
        luaL_pushresult(&name);
        lua_pushstring(L, equals != NULL ? equals + 1 : "");
        lua_rawset(L, -3);
    }
}

void api_recipient_open(lua_State *L)
{
    handle_open(L, TYPE, recipient_index, recipient_newindex);
}
