/* SPDX-License-Identifier: MIT */
/* Any bytes as a table value and as a From: header. */
#include "mail/address_list.h"
#include "mail/domain.h"

#include "shown.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken is an address to Postfix too, and the same one. */
static void check_address(struct arena *arena, const struct listed_address *entry)
{
    struct address_list again;
    address_list_parse_value(arena, entry->external, &again);
    assert(again.count == 1);
    assert(strcmp(again.entries[0].internal, entry->internal) == 0);
    assert(unicode_address_fault(entry->internal) == NULL);
    const char *domain = strrchr(entry->internal, '@') + 1;
    const char *ascii = unicode_is_ascii(domain, strlen(domain))
                            ? domain
                            : domain_other_form(arena, domain);
    assert(ascii != NULL && address_domain_is_valid(ascii));
}

/* The tolerant search finds what the strict parser takes, where nothing is to be bridged.
 */
static void check_search(struct arena *arena, const char *text,
                         const struct address_list *list)
{
    struct address_search search = {.count = 0};
    address_search_header(arena, text, &search);
    check_found(arena, &search);
    if (search.truncated || strpbrk(text, " \t\r\n()\"\\") != NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const char *internal = list->entries[i].internal;
        if (address_is_plain(internal) && strchr(strchr(internal, '@'), '.') != NULL &&
            strlen(internal) < 256) {
            assert(search_has(&search, internal));
        }
    }
}

static void check_header(struct arena *arena, const char *text,
                         const struct address_list *list)
{
    assert(list->count <= ADDRESS_LIST_HEADER_MAX);
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->entries[i].display_name;
        struct address_search search = {.count = 0};
        check_address(arena, &list->entries[i]);
        check_shown(arena, name);
        assert(strlen(name) <= 16 * strlen(text) + 64);
        address_search_text(arena, name, &search);
        check_found(arena, &search);
    }
    check_search(arena, text, list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy_bytes(arena, data, size);
    struct address_list list;
    struct error error = {0};
    address_list_parse_value(arena, text, &list);
    assert(list.count <= size);
    for (size_t i = 0; i < list.count; i++) {
        assert(strlen(list.entries[i].internal) <= size + 1);
    }
    if (address_list_parse_header(arena, text, &list, &error)) {
        check_header(arena, text, &list);
    } else {
        assert(error.text[0] != '\0');
    }
    arena_free(&arena);
    return 0;
}
