/* SPDX-License-Identifier: MIT */
#include "command/plan_json.h"

#include "command/json.h"

#include <string.h>

static void set(json_t *object, const char *key, const char *text)
{
    if (text != NULL) {
        json_object_set_new(object, key, json_text(text));
    }
}

/* Edits carry the brackets that the MTA wants; the interface of commands does not. */
static json_t *address_json(const char *address)
{
    size_t length = strlen(address);
    bool bracketed = length >= 2 && address[0] == '<' && address[length - 1] == '>';
    return bracketed ? json_bytes(address + 1, length - 2) : json_text(address);
}

static json_t *edit_json(const struct edit *edit)
{
    json_t *object = json_object();
    set(object, "edit", edit_kind_name(edit->kind));
    bool is_sender = edit->kind == EDIT_SET_SENDER;
    if (edit->address != NULL) {
        json_object_set_new(object, is_sender ? "sender" : "recipient",
                            address_json(edit->address));
    }
    set(object, "orcpt", edit->orcpt);
    set(object, "notify", edit->notify);
    set(object, "name", edit->name);
    if (edit->kind == EDIT_SET_HEADER || edit->kind == EDIT_DELETE_HEADER) {
        json_object_set_new(object, "index", json_integer(edit->index));
    }
    set(object, "value", edit->value);
    return object;
}

json_t *plan_json(const struct edit_list *edits)
{
    json_t *plan = json_array();
    for (size_t i = 0; i < edits->count; i++) {
        json_array_append_new(plan, edit_json(&edits->edits[i]));
    }
    return plan;
}
