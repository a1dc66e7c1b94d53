/* SPDX-License-Identifier: MIT */
/* RFC 5322 address lists, as they stand in From: headers and in the values of
 * Postfix alias tables: quoted strings, comments, display names, groups, routes,
 * folded lines, obsolete forms. */
#ifndef FOREGATE_MAIL_ADDRESS_LIST_H
#define FOREGATE_MAIL_ADDRESS_LIST_H

#include "base/arena.h"
#include "base/error.h"

#include <stddef.h>

struct listed_address {
    const char *internal; /* as written, unquoted; maybe without a domain */
    const char *external; /* the same with its quotes: what address_complete wants */
    /* From a header: what a mail program shows as the name, or "". The phrase without
     * quotes and the comments beside the address, encoded words decoded, in UTF-8 without
     * control characters (unicode_clean). From a table value: "". */
    const char *display_name;
};

/* A header with more addresses or bytes is refused, or with more addresses at a domain
 * beyond ASCII: to find its other form takes longer than all the rest. */
enum {
    ADDRESS_LIST_HEADER_MAX = 1000,
    ADDRESS_LIST_HEADER_IDN_MAX = 100,
    ADDRESS_LIST_HEADER_BYTES = 65536
};

struct address_list {
    struct listed_address *entries;
    size_t count;
    size_t idn_count; /* from a header: addresses at a domain beyond ASCII */
};

/* What most table values are: plain addresses (address_is_plain) with commas or white space
 * between. False: there is something else in it, or nothing. */
bool address_list_parse_plain(struct arena *arena, const char *value,
                              struct address_list *list);

/* As Postfix reads a table value: comma or white space separates, `Name <addr>`
 * gives addr (display names are not kept), comments vanish; nothing is refused. Source:
 * global/tok822_parse.c. */
void address_list_parse_value(struct arena *arena, const char *value,
                              struct address_list *list);

/* As RFC 5322 3.4 defines a From: or Sender: header body (groups and 4.4 obsolete forms
 * included), with UTF-8 in addresses as RFC 6532 has it. Strict: false for anything that
 * two mail programs could read differently; the error says where. Against the grammar, but
 * taken: any bytes and square brackets in a display name, an address as its own name. */
bool address_list_parse_header(struct arena *arena, const char *body,
                               struct address_list *list, struct error *error);

#endif
