/* SPDX-License-Identifier: MIT */
/* From: headers made to be read differently by the server and by the reader. Whatever some
 * mail program shows is known to us: an address of the list, or in a display name, or the
 * header is refused and the search finds it. Sources: Chen, Paxson, Jiang, Composition
 * Kills (USENIX Security 2020); Shen et al., Weak Links in Authentication Chains (USENIX
 * Security 2021); RFC 5322, 6532, 2047. */
#include "mail/address_list.h"
#include "mail/address_search.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum expected { REFUSED, TAKEN };

struct hostile {
    const char *body;
    enum expected expected;
    const char *shown; /* by some program, with blanks between */
};

#define OURS "alice@ours.test"
#define EVIL "x@evil.test"
#define ZWSP "\xe2\x80\x8b"
#define RLO "\xe2\x80\xae"
#define WIDE_AT "\xef\xbc\xa0"
#define WIDE_DOT "\xef\xbc\x8e"

static const struct hostile LINES[] = {
    /* Several addresses, several brackets */
    {OURS ", " EVIL, TAKEN, OURS " " EVIL},
    {"<" EVIL ">,<" OURS ">", TAKEN, OURS " " EVIL},
    {"<" EVIL "> <" OURS ">", REFUSED, OURS " " EVIL},
    {"<" EVIL "><" OURS ">", REFUSED, OURS " " EVIL},
    {OURS " <" EVIL ">", REFUSED, OURS " " EVIL},
    {OURS "<" EVIL ">", REFUSED, OURS " " EVIL},
    {"<" EVIL "> " OURS, REFUSED, OURS " " EVIL},
    {"<" OURS "> " EVIL, REFUSED, OURS " " EVIL},
    {EVIL " " OURS, REFUSED, OURS " " EVIL},
    {EVIL ";" OURS, REFUSED, OURS " " EVIL},
    {"<<" OURS ">" EVIL ">", REFUSED, OURS " " EVIL},
    {"<<" OURS "><" EVIL ">>", REFUSED, OURS " " EVIL},
    {"<" OURS, REFUSED, OURS},
    {OURS ">", REFUSED, OURS},
    {"<" OURS "\\>" EVIL ">", REFUSED, OURS " " EVIL},
    {"," OURS ",," EVIL ",", TAKEN, OURS " " EVIL},
    {", <" EVIL ">, " OURS " (x)", TAKEN, OURS " " EVIL},
    /* Two signs */
    {"alice@ours.test@evil.test", REFUSED, OURS " ours.test@evil.test"},
    {"<alice@ours.test@evil.test>", REFUSED, OURS " ours.test@evil.test"},
    {"<alice@ours.test, x@evil.test>", REFUSED, OURS " " EVIL},
    {"<alice@ours.test;x@evil.test>", REFUSED, OURS " " EVIL},
    {"<alice@ours.test:x@evil.test>", REFUSED, OURS " " EVIL},
    {"<alice@ours.test x@evil.test>", REFUSED, OURS " " EVIL},
    {"\"alice@ours.test\"@evil.test", REFUSED, OURS},
    {"\"alice@ours.test \"@evil.test", REFUSED, OURS},
    {"\"<alice@ours.test>\"@evil.test", REFUSED, OURS},
    {"alice\\@ours.test@evil.test", REFUSED, OURS " ours.test@evil.test"},
    /* Routes, gateways */
    {"<@evil.test,@any.test:alice@ours.test>", TAKEN, OURS},
    {"<@ours.test:x@evil.test>", TAKEN, EVIL},
    {"<@alice@ours.test:x@evil.test>", REFUSED, OURS " " EVIL},
    {"<x@evil.test@ours.test:alice@ours.test>", REFUSED, OURS " " EVIL},
    {"alice%ours.test@evil.test", TAKEN, "alice%ours.test@evil.test"},
    {"ours.test!alice@evil.test", TAKEN, "ours.test!alice@evil.test"},
    {"alice@ours.test%evil.test", REFUSED, OURS},
    {"alice@ours.test!evil.test", REFUSED, OURS},
    /* Display names */
    {"\"" OURS "\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"<" OURS ">\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"" OURS "\"\"\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"Alice\" \"" OURS "\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"\\\"" OURS "\\\" \" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"alice\\@ours.test\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"" OURS " <" EVIL ">", REFUSED, OURS " " EVIL},
    {"\"x\\\" <" OURS ">, \" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"alice @ ours . test\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"alice@" ZWSP "ours.test\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"alice" WIDE_AT "ours" WIDE_DOT "test\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"alice" WIDE_AT "ours" WIDE_DOT "test <" EVIL ">", TAKEN, OURS " " EVIL},
    {RLO "tset.sruo" WIDE_AT "ecila <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"" RLO "tset.sruo@ecila\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"" OURS "                                            \" <" EVIL ">", TAKEN,
     OURS " " EVIL},
    {"[" OURS "] <" EVIL ">", REFUSED, OURS " " EVIL},
    {"[alice] <" EVIL ">", TAKEN, EVIL},
    {"[<" OURS ">] <" EVIL ">", REFUSED, OURS " " EVIL},
    {"J\xf6rg \"" OURS "\xff\" <" EVIL ">", TAKEN, OURS " " EVIL},
    /* Encoded words */
    {"=?utf-8?B?YWxpY2VAb3Vycy50ZXN0?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?Q?alice=40ours.test?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"\"=?utf-8?Q?alice=40ours.test?=\" <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?Q?alice=40?= =?utf-8?B?b3Vycy50ZXN0?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?Q?alice=40?=\r\n =?koi8-r?Q?ours.test?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8*en?Q?alice=40ours=2Etest?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-7?Q?alice+AEA-ours.test?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?B?YWxp!Y2VAb3Vy*cy50ZXN0?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?Q?=3Calice=40ours.test=3E?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?Q?alice=40ours.test=00?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?Q?=E2=80=AEtset.sruo=40ecila?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?Q?=3Calice=40ours.test=3E?=", REFUSED, OURS},
    {"=?utf-8?Q?alice?=@ours.test", REFUSED, OURS},
    {"<=?utf-8?Q?alice=40ours.test=3E?=@evil.test>", REFUSED, OURS},
    {"alice@=?utf-8?Q?ours.test?=", REFUSED, OURS},
    {"=?utf-8?B?PGFsaWNlQG91cnMudGVzdD4=?= " EVIL, REFUSED, OURS " " EVIL},
    {"=?utf-8?q?(?= <" OURS "> =?utf-8?q?)?= <" EVIL ">", TAKEN, OURS " " EVIL},
    {"=?utf-8?q?\"?= <" OURS "> =?utf-8?q?\"?= <" EVIL ">", TAKEN, OURS " " EVIL},
    /* Comments */
    {OURS " (" EVIL ")", TAKEN, OURS " " EVIL},
    {EVIL " (" OURS ")", TAKEN, OURS " " EVIL},
    {"(" OURS ") " EVIL, TAKEN, OURS " " EVIL},
    {"(" OURS ",) " EVIL, TAKEN, OURS " " EVIL},
    {"(<" OURS ">) <" EVIL ">", TAKEN, OURS " " EVIL},
    {"Alice (" OURS ") <" EVIL ">", TAKEN, OURS " " EVIL},
    {"Alice <" EVIL "> (" OURS ")", TAKEN, OURS " " EVIL},
    {"Alice <" EVIL " (" OURS ")>", TAKEN, OURS " " EVIL},
    {"(=?utf-8?Q?alice=40ours.test?=) " EVIL, TAKEN, OURS " " EVIL},
    {"(a(\"<" OURS ">\"\\))b) " EVIL, TAKEN, OURS " " EVIL},
    {"(<" OURS "> <" EVIL ">", REFUSED, OURS " " EVIL},
    {"alice(x)@(y)ours(z).test", TAKEN, OURS},
    {"alice@ours(.evil).test", TAKEN, OURS},
    {"alice@ou(x)rs.test", REFUSED, OURS},
    {"al(x)ice@ours.test", REFUSED, OURS},
    {EVIL ", (" OURS ")", REFUSED, OURS " " EVIL},
    /* Groups */
    {"\"" OURS "\": " EVIL ";", REFUSED, OURS " " EVIL},
    {"\"" OURS "\":;", REFUSED, OURS},
    {"Team: " OURS ", " EVIL ";", TAKEN, OURS " " EVIL},
    {"Team: " EVIL "; " OURS, REFUSED, OURS " " EVIL},
    {"Team: " EVIL, REFUSED, EVIL},
    {"Team:<" OURS ">;<" EVIL ">", REFUSED, OURS " " EVIL},
    {OURS ":" EVIL ";", REFUSED, OURS " " EVIL},
    /* Blanks, folds, control characters */
    {" \t" OURS, TAKEN, OURS},
    {"\r\n " OURS, TAKEN, OURS},
    {"alice\r\n @ours.test", TAKEN, OURS},
    {"<alice @ ours . test>", TAKEN, OURS},
    {"alice@ou\r\n rs.test", REFUSED, ""},
    {EVIL "\r\nFrom: " OURS, REFUSED, OURS " " EVIL},
    {EVIL "\n\n<" OURS ">", REFUSED, OURS " " EVIL},
    {EVIL "\r " OURS, REFUSED, OURS " " EVIL},
    {"al\001ice@ours.test", REFUSED, OURS},
    {"alice@ours.test\001@evil.test", REFUSED, OURS},
    {"alice@ours.test\x7f" EVIL, REFUSED, OURS " " EVIL},
    {OURS "\xc2\xa0<" EVIL ">", REFUSED, OURS " " EVIL},
    {OURS "\xe2\x80\xa8" EVIL, REFUSED, OURS " " EVIL},
    /* Unicode in the address */
    {"al" ZWSP "ice@ours.test", REFUSED, OURS},
    {"alice@ours\xc2\xad.test", REFUSED, OURS},
    {"alice" WIDE_AT "ours.test", REFUSED, OURS},
    {"alice@ours" WIDE_DOT "test", REFUSED, OURS},
    {"alice@ours\xe3\x80\x82test", REFUSED, OURS},
    {"\xef\xbd\x81lice@ours.test", REFUSED, OURS},
    {RLO "tset.sruo@ecila", REFUSED, OURS},
    {"\xd0\xb0lice@ours.test", TAKEN, "\xd0\xb0lice@ours.test"}, /* Cyrillic a */
    {"alice@\xd0\xbeurs.test", TAKEN, "alice@\xd0\xbeurs.test"}, /* Cyrillic o */
    {"alice@ours.test\xff", REFUSED, OURS},
    {"alice\xc0\x80@ours.test", REFUSED, ""},
    /* No address, or hardly one */
    {"alice", REFUSED, ""},
    {"Alice <>", REFUSED, ""},
    {"<alice>", REFUSED, ""},
    {"\"" OURS "\"", REFUSED, OURS},
    {"\"" OURS "\" <>", REFUSED, OURS},
    {"\"" OURS "\" x", REFUSED, OURS},
    {"\"Alice\" <" OURS, REFUSED, OURS},
    {OURS ".", REFUSED, OURS},
    {"." OURS, REFUSED, OURS},
    {"alice@ours..test", REFUSED, OURS},
    {"alice@.ours.test", REFUSED, ""},
    {"@ours.test", REFUSED, ""},
    {"alice@[192.0.2.1]", TAKEN, "alice@[192.0.2.1]"},
    {"alice@[ours.test]", REFUSED, ""},
    {"alice@[192.0.2.1]ours.test", REFUSED, "alice@[192.0.2.1]"},
    {"\"\"@ours.test", REFUSED, ""},
    {"mailto:" OURS, REFUSED, OURS},
    {"mailto:" OURS " <" EVIL ">", REFUSED, OURS " " EVIL},
};

static bool has(const struct address_search *found, const char *address, size_t length)
{
    for (size_t i = 0; i < found->count; i++) {
        if (strlen(found->found[i]) == length &&
            strncmp(found->found[i], address, length) == 0) {
            return true;
        }
    }
    return false;
}

static void judge(const struct hostile *line)
{
    struct arena *arena = arena_new();
    struct address_list list;
    struct error error = {0};
    struct address_search found = {.count = 0};
    bool taken = address_list_parse_header(arena, line->body, &list, &error);
    if (taken != (line->expected == TAKEN)) {
        fail_msg("%s: %s", line->body, taken ? "taken" : error.text);
    }
    for (size_t i = 0; taken && i < list.count; i++) {
        address_search_add(&found, list.entries[i].internal);
        address_search_text(arena, list.entries[i].display_name, &found);
    }
    if (!taken) {
        address_search_header(arena, line->body, &found);
    }
    const char *shown = line->shown;
    const char *address;
    size_t length;
    while (text_next_word(&shown, &address, &length)) {
        if (!has(&found, address, length)) {
            fail_msg("%s: %.*s is not found", line->body, (int)length, address);
        }
    }
    arena_free(&arena);
}

static void knows_what_is_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        judge(&LINES[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
