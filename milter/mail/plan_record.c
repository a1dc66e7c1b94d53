/* SPDX-License-Identifier: MIT */
/* What rules record, until the plan is made of it. */
#include "mail/plan.h"

#include <string.h>

const char *edit_kind_name(enum edit_kind kind)
{
    switch (kind) {
    case EDIT_DELETE_RECIPIENT:
        return "delete_recipient";
    case EDIT_ADD_RECIPIENT:
        return "add_recipient";
    case EDIT_ADD_HEADER:
        return "add_header";
    case EDIT_SET_HEADER:
        return "set_header";
    case EDIT_DELETE_HEADER:
        return "delete_header";
    case EDIT_SET_SENDER:
        return "set_sender";
    }
    return "invalid";
}

void plan_record_header(struct plan *plan, struct arena *arena, enum edit_kind kind,
                        const char *name, int index, const char *value)
{
    if (plan->header_count == plan->header_size) {
        size_t size = plan->header_size > 0 ? plan->header_size * 2 : 4;
        struct edit *edits = arena_array(arena, size, sizeof *edits);
        if (plan->header_count > 0) {
            memcpy(edits, plan->headers, plan->header_count * sizeof *edits);
        }
        plan->headers = edits;
        plan->header_size = size;
    }
    plan->headers[plan->header_count++] = (struct edit){
        .kind = kind,
        .name = arena_copy(arena, name),
        .index = index,
        .value = arena_copy(arena, value),
    };
}

void plan_record_recipient(struct plan *plan, struct arena *arena, const char *address)
{
    if (plan->added_count == plan->added_size) {
        size_t size = plan->added_size > 0 ? plan->added_size * 2 : 4;
        const char **added = arena_array(arena, size, sizeof *added);
        if (plan->added_count > 0) {
            memcpy(added, plan->added, plan->added_count * sizeof *added);
        }
        plan->added = added;
        plan->added_size = size;
    }
    plan->added[plan->added_count++] = arena_copy(arena, address);
}
