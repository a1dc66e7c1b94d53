/* SPDX-License-Identifier: MIT */
#include "mail/verdict.h"

#include <stddef.h>
#include <string.h>

const char *verdict_kind_name(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_CONTINUE:
        return "continue";
    case VERDICT_REJECT:
        return "reject";
    case VERDICT_DEFER:
        return "defer";
    case VERDICT_DISCONNECT:
        return "disconnect";
    case VERDICT_DISCARD:
        return "discard";
    case VERDICT_QUARANTINE:
        return "quarantine";
    case VERDICT_SKIP:
        return "skip";
    }
    return "invalid";
}

bool verdict_is_refusal(const struct verdict *verdict)
{
    return verdict->kind == VERDICT_REJECT || verdict->kind == VERDICT_DEFER ||
           verdict->kind == VERDICT_DISCONNECT;
}

/* RFC 3463 section 2: class "." subject "." detail, up to three digits each. */
static bool xcode_is_valid(const char *xcode, int class)
{
    if (xcode == NULL || xcode[0] != '0' + class || xcode[1] != '.') {
        return false;
    }
    const char *at = xcode + 2;
    for (int part = 0; part < 2; part++) {
        size_t digits = strspn(at, "0123456789");
        char end = part == 0 ? '.' : '\0';
        if (digits < 1 || digits > 3 || at[digits] != end) {
            return false;
        }
        at += digits + 1;
    }
    return true;
}

static bool text_is_valid(const char *text, struct error *error)
{
    if (text == NULL || text[0] == '\0') {
        return error_set(error, ERROR_RULE, "a reply needs a text");
    }
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e) {
            return error_set(error, ERROR_RULE,
                             "a reply text is printable ASCII: byte 0x%02x at position %td",
                             (unsigned char)*at, at - text + 1);
        }
    }
    if (strlen(text) > VERDICT_TEXT_BYTES) {
        return error_set(error, ERROR_RULE, "a reply text has at most %d bytes",
                         VERDICT_TEXT_BYTES);
    }
    return true;
}

static bool code_is_valid(const struct verdict *verdict, struct error *error)
{
    const char *name = verdict_kind_name(verdict->kind);
    int code = verdict->code;
    if (verdict->kind == VERDICT_DISCONNECT && code != 421 && code != 521) {
        return error_set(error, ERROR_RULE, "disconnect takes code 421 or 521, not %d",
                         code);
    }
    if (verdict->kind == VERDICT_REJECT && (code < 500 || code > 599)) {
        return error_set(error, ERROR_RULE, "%s takes a code from 500 to 599, not %d", name,
                         code);
    }
    if (verdict->kind == VERDICT_DEFER && (code < 400 || code > 499)) {
        return error_set(error, ERROR_RULE, "%s takes a code from 400 to 499, not %d", name,
                         code);
    }
    if (verdict->kind != VERDICT_DISCONNECT && (code == 421 || code == 521)) {
        return error_set(error, ERROR_RULE,
                         "code %d makes the server hang up: use disconnect for that", code);
    }
    if (!xcode_is_valid(verdict->xcode, code / 100)) {
        return error_set(
            error, ERROR_RULE, "\"%s\" is no enhanced code of class %d (like %d.2.2)",
            verdict->xcode != NULL ? verdict->xcode : "", code / 100, code / 100);
    }
    return true;
}

bool verdict_check(const struct verdict *verdict, struct error *error)
{
    switch (verdict->kind) {
    case VERDICT_CONTINUE:
    case VERDICT_SKIP:
        return true;
    case VERDICT_REJECT:
    case VERDICT_DEFER:
    case VERDICT_DISCONNECT:
        return code_is_valid(verdict, error) && text_is_valid(verdict->text, error);
    case VERDICT_DISCARD:
    case VERDICT_QUARANTINE:
        return text_is_valid(verdict->text, error);
    }
    return error_set(error, ERROR_RULE, "no such verdict");
}
