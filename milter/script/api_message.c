/* SPDX-License-Identifier: MIT */
/* message (handle):
 *   sender       address                      params      { SIZE = ..., BODY = ... }
 *   size_bytes   declared, nil when not; in finish: actual
 *   declared_bytes  declared, nil when not, in every stage
 *   queue_id     text, nil before the MTA has one
 *   recipients   list of recipient handles, refused ones left out
 *   notes        plain values, as long as the message
 *   message:header(name)             list of values, in order (from stage headers on)
 *   message:header_addresses(name [, n])
 *       list of { address = handle, name = text, named = { handle, ... } } of all headers
 * of that name, or of the nth: name is what a mail program shows as name, named the
 *       addresses a reader sees in it, other than this one. When one cannot be read for
 *       certain: nil, reason, list of all addresses that a reader may see in these
 *       headers, true when there may be more
 *   Edits, recorded and sent once at end of message:
 *   message:add_header(name, value)   message:set_header(name, n, value)
 *   message:delete_header(name, n)    message:set_sender(address)
 *   message:add_recipient(address) */
#include "mail/address_list.h"
#include "mail/address_search.h"
#include "mail/domain.h"
#include "mail/unicode.h"
#include "script/api.h"
#include "script/observe.h"

#include "base/text.h"

#include <lauxlib.h>
#include <string.h>

static const char *const TYPE = "foregate.message";

static struct message *message_check(lua_State *L)
{
    return handle_check(L, 1, TYPE);
}

static int message_header(lua_State *L)
{
    const struct message *message = message_check(L);
    const char *name = luaL_checkstring(L, 2);
    lua_newtable(L);
    lua_Integer found = 0;
    for (size_t i = 0; i < message->headers.count; i++) {
        if (text_equal_folded(message->headers.entries[i].name, name)) {
            lua_pushstring(L, message->headers.entries[i].value);
            lua_rawseti(L, -2, ++found);
        }
    }
    return 1;
}

/* Nobody sends more headers of one name with addresses in them. */
enum { ADDRESS_HEADERS_MAX = 20 };

/* A domain beyond ASCII is judged by its other form, and kept. */
static const struct address *read_listed(struct call *call, const char *internal,
                                         struct error *error)
{
    const struct address_rules *rules = api_address_rules(call);
    struct address *address = arena_alloc(call->scratch, sizeof *address);
    const char *domain = strrchr(internal, '@') + 1;
    const char *other = unicode_is_ascii(domain, strlen(domain))
                            ? NULL
                            : domain_other_form(call->scratch, domain);
    const char *plain = internal;
    if (other != NULL) {
        plain = arena_format(call->scratch, "%.*s%s", (int)(domain - internal), internal,
                             other);
    }
    plain = address_quote(call->scratch, plain);
    if (!address_parse(call->scratch, plain, rules, address, error)) {
        return NULL;
    }
    if (other != NULL) {
        address_from_internal(call->scratch, internal, rules, address);
    }
    return address;
}

/* Pushes a list of handles, without the address that has the key (NULL: of all). */
static void push_found(lua_State *L, const struct address_search *search, const char *key)
{
    struct call *call = api_call(L);
    lua_createtable(L, (int)search->count, 0);
    lua_Integer count = 0;
    for (size_t i = 0; i < search->count; i++) {
        struct address *address = arena_alloc(call->scratch, sizeof *address);
        address_from_internal(call->scratch, search->found[i], api_address_rules(call),
                              address);
        if (key == NULL || strcmp(address->key, key) != 0) {
            address_push(L, address);
            lua_rawseti(L, -2, ++count);
        }
    }
}

/* Appended to the list on top of the stack. */
static bool append_address(lua_State *L, const struct listed_address *entry,
                           struct error *error)
{
    struct call *call = api_call(L);
    const struct address *address = read_listed(call, entry->internal, error);
    if (address == NULL) {
        return false;
    }
    struct address_search named = {.count = 0};
    if (entry->display_name[0] != '\0') {
        address_search_text(call->scratch, entry->display_name, &named);
    }
    if (named.truncated) {
        return error_set(error, ERROR_REMOTE, "more addresses in a name than are read");
    }
    lua_createtable(L, 0, 3);
    address_push(L, address);
    lua_setfield(L, -2, "address");
    lua_pushstring(L, entry->display_name);
    lua_setfield(L, -2, "name");
    push_found(L, &named, address->key);
    lua_setfield(L, -2, "named");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return true;
}

/* Addresses of one header body, appended to the list on top of the stack. What bounds one
 * header bounds all of them together. */
static bool append_addresses(lua_State *L, const char *body, size_t *idn_count,
                             struct error *error)
{
    struct address_list list;
    if (!address_list_parse_header(api_call(L)->scratch, body, &list, error)) {
        return false;
    }
    *idn_count += list.idn_count;
    if (lua_rawlen(L, -1) + list.count > ADDRESS_LIST_HEADER_MAX ||
        *idn_count > ADDRESS_LIST_HEADER_IDN_MAX) {
        return error_set(error, ERROR_REMOTE,
                         "more addresses in all headers than are read");
    }
    for (size_t i = 0; i < list.count; i++) {
        if (!append_address(L, &list.entries[i], error)) {
            return false;
        }
    }
    return true;
}

/* Headers of one name: the nth from 1, or for 0 all. */
struct selection {
    const struct header_list *headers;
    const char *name;
    lua_Integer n;
    size_t place;       /* in headers, behind the last one */
    lua_Integer passed; /* of that name */
    bool exceeded;      /* there are more than are read */
};

static const char *next_body(struct selection *selection)
{
    while (selection->place < selection->headers->count) {
        const struct header *header = &selection->headers->entries[selection->place++];
        if (!text_equal_folded(header->name, selection->name)) {
            continue;
        }
        selection->passed++;
        if (selection->n == 0 && selection->passed > ADDRESS_HEADERS_MAX) {
            selection->exceeded = true;
            return NULL;
        }
        if (selection->n == 0 || selection->n == selection->passed) {
            return header->value;
        }
    }
    return NULL;
}

static void search_body(struct arena *scratch, const char *body,
                        struct address_search *search)
{
    struct address_list list;
    struct error error = {0};
    /* A longer one has more than is looked for, whatever the parser says. */
    if (strnlen(body, ADDRESS_SEARCH_BYTES + 1) <= ADDRESS_SEARCH_BYTES &&
        address_list_parse_header(scratch, body, &list, &error)) {
        for (size_t i = 0; i < list.count; i++) {
            address_search_add(search, list.entries[i].internal);
        }
    }
    address_search_header(scratch, body, search);
}

/* Nothing that is found from now on could change it. */
static bool is_full(const struct address_search *search)
{
    return search->truncated && search->count == ADDRESS_SEARCH_FOUND;
}

/* nil, reason, all addresses in these headers, whether there may be more. */
static int push_unreadable(lua_State *L, struct selection selection, const char *reason)
{
    struct address_search search = {.count = 0};
    const char *body;
    while (!is_full(&search) && (body = next_body(&selection)) != NULL) {
        search_body(api_call(L)->scratch, body, &search);
    }
    lua_pushnil(L);
    lua_pushstring(L, reason);
    push_found(L, &search, NULL);
    lua_pushboolean(L, search.truncated || selection.exceeded);
    return 4;
}

static int message_header_addresses(lua_State *L)
{
    const struct selection all = {
        .headers = &message_check(L)->headers,
        .name = luaL_checkstring(L, 2),
        .n = lua_isnoneornil(L, 3) ? 0 : api_integer(L, 3),
    };
    luaL_argcheck(L, all.n > 0 || lua_isnoneornil(L, 3), 3,
                  "headers of one name are counted from 1");
    struct selection selection = all;
    const char *body;
    size_t idn_count = 0;
    lua_newtable(L);
    while ((body = next_body(&selection)) != NULL) {
        struct error error = {0};
        if (!append_addresses(L, body, &idn_count, &error)) {
            return push_unreadable(L, all, error.text);
        }
    }
    return selection.exceeded ? push_unreadable(L, all, "too many headers of that name")
                              : 1;
}

static void record_header(lua_State *L, enum edit_kind kind, int index, const char *value,
                          size_t length)
{
    struct message *message = message_check(L);
    const char *name = luaL_checkstring(L, 2);
    luaL_argcheck(L, header_name_is_valid(name), 2, "no name that a header can have");
    if (value != NULL && !header_value_is_valid(value, length)) {
        luaL_error(L,
                   "no value that a header can have: at most 998 bytes, no CR, LF or NUL");
    }
    if (!api_call(L)->rule->shadow) {
        plan_record_header(&message->plan, message->arena, kind, name, index, value);
    }
}

static int header_index(lua_State *L)
{
    lua_Integer index = api_integer(L, 3);
    luaL_argcheck(L, index >= 1 && index <= HEADER_LIST_COUNT, 3,
                  "headers of one name are counted from 1");
    return (int)index;
}

static int message_add_header(lua_State *L)
{
    size_t length;
    const char *value = luaL_checklstring(L, 3, &length);
    record_header(L, EDIT_ADD_HEADER, 0, value, length);
    return 0;
}

static int message_set_header(lua_State *L)
{
    size_t length;
    const char *value = luaL_checklstring(L, 4, &length);
    luaL_argcheck(L, length > 0, 4,
                  "an empty value would delete the header: see delete_header");
    record_header(L, EDIT_SET_HEADER, header_index(L), value, length);
    return 0;
}

static int message_delete_header(lua_State *L)
{
    record_header(L, EDIT_DELETE_HEADER, header_index(L), NULL, 0);
    return 0;
}

static const char *address_text(lua_State *L, bool null_allowed)
{
    const struct address *address = address_check(L, 2);
    if (address == NULL) {
        luaL_error(L, "no address: %s", lua_tostring(L, -1));
    } else if (address->is_null && !null_allowed) {
        luaL_error(L, "the null address cannot be a recipient");
    }
    return address != NULL ? address->external : "";
}

static int message_set_sender_edit(lua_State *L)
{
    struct message *message = message_check(L);
    const char *text = address_text(L, true);
    if (!api_call(L)->rule->shadow) {
        message->plan.sender = arena_copy(message->arena, text);
    }
    return 0;
}

static int message_add_recipient_edit(lua_State *L)
{
    struct message *message = message_check(L);
    const char *text = address_text(L, false);
    if (!api_call(L)->rule->shadow) {
        plan_record_recipient(&message->plan, message->arena, text);
    }
    return 0;
}

static void recipients_push(lua_State *L, const struct message *message)
{
    lua_newtable(L);
    lua_Integer count = 0;
    for (size_t i = 0; i < message->recipient_count; i++) {
        if (message->recipients[i]->state != RECIPIENT_REFUSED) {
            recipient_push(L, message->recipients[i]);
            lua_rawseti(L, -2, ++count);
        }
    }
}

static void size_push(lua_State *L, int64_t bytes)
{
    if (bytes >= 0) {
        lua_pushinteger(L, bytes);
    } else {
        lua_pushnil(L);
    }
}

static bool method_push(lua_State *L, const char *field)
{
    static const struct {
        enum observation_kind kind;
        luaL_Reg method;
    } methods[] = {
        {OBSERVATION_INPUT, {"header", message_header}},
        {OBSERVATION_INPUT, {"header_addresses", message_header_addresses}},
        {OBSERVATION_EDIT, {"add_header", message_add_header}},
        {OBSERVATION_EDIT, {"set_header", message_set_header}},
        {OBSERVATION_EDIT, {"delete_header", message_delete_header}},
        {OBSERVATION_EDIT, {"set_sender", message_set_sender_edit}},
        {OBSERVATION_EDIT, {"add_recipient", message_add_recipient_edit}},
    };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(field, methods[i].method.name) == 0) {
            observe_method(L, methods[i].kind, "message", &methods[i].method);
            return true;
        }
    }
    return false;
}

static int message_index(lua_State *L)
{
    struct message *message = message_check(L);
    const char *field = handle_field(L);
    if (method_push(L, field)) {
        return 1;
    }
    if (strcmp(field, "sender") == 0) {
        address_push(L, &message->sender);
    } else if (strcmp(field, "params") == 0) {
        params_push(L, message->params);
    } else if (strcmp(field, "size_bytes") == 0) {
        bool is_actual = api_call(L)->stage_call->stage == STAGE_FINISH;
        size_push(L, is_actual ? message_size(message) : message->declared_bytes);
    } else if (strcmp(field, "declared_bytes") == 0) {
        size_push(L, message->declared_bytes);
    } else if (strcmp(field, "queue_id") == 0) {
        lua_pushstring(L, message->queue_id[0] != '\0' ? message->queue_id : NULL);
    } else if (strcmp(field, "recipients") == 0) {
        recipients_push(L, message);
    } else if (strcmp(field, "notes") == 0) {
        notes_push(L, &message->notes, message->arena, "message.notes", NULL);
    } else {
        return luaL_error(L, "a message has no field \"%s\"", field);
    }
    observe_field(L, OBSERVATION_INPUT, "message", field, NULL);
    return 1;
}

void message_push(lua_State *L, struct message *message)
{
    handle_push(L, TYPE, message);
}

void api_message_open(lua_State *L)
{
    handle_open(L, TYPE, message_index, NULL);
}
