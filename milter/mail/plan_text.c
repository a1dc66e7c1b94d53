/* SPDX-License-Identifier: MIT */
#include "mail/plan_text.h"

#include <string.h>

/* As much as one value of a log line holds. */
enum { TEXT_BYTES = 1024 };

struct writer {
    struct arena *arena;
    const char *text;
    size_t length;
};

static bool has_room(const struct writer *writer)
{
    return writer->length < TEXT_BYTES;
}

static void write_part(struct writer *writer, const char *separator, const char *what,
                       const char *address)
{
    writer->text = arena_format(writer->arena, "%s%s%s%s", writer->text,
                                writer->length > 0 ? separator : "", what, address);
    writer->length = strlen(writer->text);
}

static const char *edit_sign(enum edit_kind kind)
{
    switch (kind) {
    case EDIT_DELETE_RECIPIENT:
        return "delete ";
    case EDIT_ADD_RECIPIENT:
        return "add ";
    case EDIT_ADD_HEADER:
        return "add header ";
    case EDIT_SET_HEADER:
        return "set header ";
    case EDIT_DELETE_HEADER:
        return "delete header ";
    case EDIT_SET_SENDER:
        return "sender ";
    }
    return "";
}

const char *edits_text(struct arena *arena, const struct edit_list *list)
{
    struct writer writer = {.arena = arena, .text = ""};
    for (size_t i = 0; i < list->count && has_room(&writer); i++) {
        const struct edit *edit = &list->edits[i];
        write_part(&writer, ", ", edit_sign(edit->kind),
                   edit->address != NULL ? edit->address : edit->name);
    }
    return list->count > 0 ? writer.text : NULL;
}

const char *plan_text(struct arena *arena, const struct plan *plan,
                      struct recipient *const *recipients, size_t count)
{
    struct writer writer = {.arena = arena, .text = ""};
    for (size_t i = 0; i < count && has_room(&writer); i++) {
        const struct recipient *recipient = recipients[i];
        if (recipient->state != RECIPIENT_ACCEPTED || !recipient->replaced) {
            continue;
        }
        write_part(&writer, ", ",
                   arena_format(arena, "<%s> ->", recipient->address.external),
                   recipient->replacement_count == 0 ? " nobody" : "");
        for (size_t j = 0; j < recipient->replacement_count && has_room(&writer); j++) {
            write_part(&writer, " ", "",
                       arena_format(arena, "<%s>", recipient->replacement[j]));
        }
    }
    for (size_t i = 0; i < plan->added_count && has_room(&writer); i++) {
        write_part(&writer, ", ", "add ", arena_format(arena, "<%s>", plan->added[i]));
    }
    return writer.text;
}
