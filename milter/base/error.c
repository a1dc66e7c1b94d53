/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    error->kind = kind;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

/* Cuts what does not fit. */
static void append(struct error *error, const char *text)
{
    size_t used = strlen(error->text);
    size_t room = sizeof error->text - 1 - used;
    size_t length = strlen(text);
    if (length > room) {
        length = room;
    }
    memcpy(error->text + used, text, length);
    error->text[used + length] = '\0';
}

bool error_wrap(struct error *error, const char *format, ...)
{
    char inner[sizeof error->text];
    memcpy(inner, error->text, sizeof inner);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    append(error, ": ");
    append(error, inner);
    return false;
}

const char *error_kind_name(enum error_kind kind)
{
    switch (kind) {
    case ERROR_NONE:
        return "none";
    case ERROR_CONFIG:
        return "config";
    case ERROR_TIMEOUT:
        return "timeout";
    case ERROR_REMOTE:
        return "remote";
    case ERROR_RULE:
        return "rule";
    case ERROR_SYSTEM:
        return "system";
    }
    return "invalid";
}
