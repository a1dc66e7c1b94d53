/* SPDX-License-Identifier: MIT */
#include "directory/envelope.h"

struct context {
    const struct directory *directory;
};

static bool expand(void *user, struct arena *arena, const char *address,
                   const char ***addresses, size_t *count)
{
    const struct context *context = user;
    struct address parsed;
    struct error ignored;
    if (!address_parse(arena, address,
                       &snapshot_settings(context->directory->snapshot)->rules, &parsed,
                       &ignored)) {
        return false;
    }
    const struct expansion *expansion = resolve_address(arena, &parsed, context->directory);
    /* Of an address elsewhere the status is not ERROR, also when a look-up failed. */
    bool failed = expansion->fault == FAULT_TABLE || expansion->status == EXPANSION_ERROR;
    if (failed && expansion->fault != FAULT_SYNTAX) {
        return false;
    }
    size_t found = expansion->recipient_count;
    const char **list = arena_array(arena, found + 1, sizeof *list);
    for (size_t i = 0; i < found; i++) {
        list[i] = expansion->recipients[i].address;
    }
    if (found == 0) {
        list[found++] = parsed.external; /* unknown to the tables: it stays what it is */
    }
    *addresses = list;
    *count = found;
    return true;
}

bool envelope_plan(const struct plan *plan, struct recipient *const *recipients,
                   size_t count, const struct directory *directory, struct arena *arena,
                   struct edit_list *list, struct error *error)
{
    struct context context = {.directory = directory};
    struct plan_expander expander = {.expand = expand, .context = &context};
    return plan_build(plan, recipients, count, &expander, arena, list, error);
}
