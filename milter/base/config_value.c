/* SPDX-License-Identifier: MIT */
#include "base/config_value.h"

#include "base/network.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* SMTP reply lines hold 512 bytes (RFC 5321 4.5.3.1.5), code and CRLF included. */
enum { REPLY_TEXT_BYTES = 400 };

/* RFC 5321 4.5.3.1. */
enum { LOCAL_PART_BYTES = 64, DOMAIN_BYTES = 255 };

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, so that formatting takes the first that divides. The same factor again:
 * other spellings, read only. */
static const struct unit duration_units[] = {
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};

static const struct unit size_units[] = {
    {"GiB", INT64_C(1) << 30}, {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10}, {"B", 1},
    {"G", INT64_C(1) << 30},   {"M", INT64_C(1) << 20},
    {"K", INT64_C(1) << 10},   {NULL, 0},
};

bool complain(struct complaint *complaint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint->message, sizeof complaint->message, format, arguments);
    va_end(arguments);
    return false;
}

bool complain_remedy(struct complaint *complaint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint->remedy, sizeof complaint->remedy, format, arguments);
    va_end(arguments);
    return false;
}

static const struct unit *units_of(enum option_type type)
{
    return type == OPTION_DURATION ? duration_units
           : type == OPTION_SIZE   ? size_units
                                   : NULL;
}

void option_format_number(enum option_type type, int64_t number,
                          char text[OPTION_NUMBER_BYTES])
{
    const struct unit *unit = units_of(type);
    while (unit != NULL && unit->factor > 1 &&
           (number == 0 || number % unit->factor != 0)) {
        unit++;
    }
    bool bare = unit == NULL || number == 0;
    int64_t factor = bare ? 1 : unit->factor;
    snprintf(text, OPTION_NUMBER_BYTES, "%" PRId64 "%s", number / factor,
             bare ? "" : unit->name);
}

/* Digits only, at least one; *rest is behind them. False: overflow, or there is none. */
static bool read_digits(const char *text, int64_t *number, const char **rest)
{
    const char *at = text;
    int64_t sum = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, *at - '0', &sum)) {
            return false;
        }
    }
    *number = sum;
    *rest = at;
    return at != text;
}

static const char *number_remedy(enum option_type type)
{
    return type == OPTION_DURATION
               ? "write a whole number and its unit: 500ms, 5s, 5m or 5h"
           : type == OPTION_SIZE
               ? "write bytes as a whole number, or with a unit: 64KiB, 10MiB, 1GiB"
               : "write a whole number in decimal digits";
}

static bool find_factor(enum option_type type, const char *unit_name, int64_t number,
                        int64_t *factor)
{
    *factor = 1;
    if (*unit_name == '\0') {
        /* A bare number of milliseconds or seconds? Nobody can tell, but 0 is 0. */
        return type != OPTION_DURATION || number == 0;
    }
    const struct unit *unit = units_of(type);
    while (unit != NULL && unit->name != NULL &&
           !text_equal_folded(unit->name, unit_name)) {
        unit++;
    }
    if (unit == NULL || unit->name == NULL) {
        return false;
    }
    *factor = unit->factor;
    return true;
}

static bool check_range(const struct option *option, int64_t number,
                        struct complaint *complaint)
{
    bool any = option->minimum == 0 && option->maximum == 0;
    if (any || (number >= option->minimum && number <= option->maximum)) {
        return true;
    }
    char value[OPTION_NUMBER_BYTES];
    char minimum[OPTION_NUMBER_BYTES];
    char maximum[OPTION_NUMBER_BYTES];
    option_format_number(option->type, number, value);
    option_format_number(option->type, option->minimum, minimum);
    option_format_number(option->type, option->maximum, maximum);
    complain_remedy(complaint, "write a value from %s to %s", minimum, maximum);
    return complain(complaint, "%s is too %s", value,
                    number < option->minimum ? "small" : "large");
}

static bool parse_number(const struct option *option, const char *text, int64_t *number,
                         struct complaint *complaint)
{
    const char *rest = text;
    int64_t factor = 1;
    int64_t value = 0;
    complain_remedy(complaint, "%s", number_remedy(option->type));
    if (!read_digits(text, &value, &rest)) {
        return complain(complaint, *text >= '0' && *text <= '9' ? "the number is too large"
                                                                : "this is no number");
    }
    if (!find_factor(option->type, rest, value, &factor)) {
        return complain(complaint,
                        *rest == '\0' ? "the unit is missing" : "the unit is not known");
    }
    if (__builtin_mul_overflow(value, factor, &value)) {
        return complain(complaint, "the number is too large");
    }
    *number = value;
    return check_range(option, value, complaint);
}

static bool parse_bool(const char *text, int64_t *number, struct complaint *complaint)
{
    static const char *const words[] = {"no",  "yes", "false", "true",
                                        "off", "on",  "0",     "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_equal_folded(text, words[i])) {
            *number = (int64_t)(i % 2);
            return true;
        }
    }
    complain_remedy(complaint, "write yes or no");
    return complain(complaint, "this is neither yes nor no");
}

static bool parse_choice(const struct option *option, const char *text, int64_t *number,
                         struct complaint *complaint)
{
    const char *cursor = option->choices;
    const char *word = NULL;
    size_t length = 0;
    for (int64_t place = 0; text_next_word(&cursor, &word, &length); place++) {
        if (strlen(text) == length && memcmp(text, word, length) == 0) {
            *number = place;
            return true;
        }
    }
    bool single = strpbrk(option->choices, " ,") == NULL;
    complain_remedy(complaint, "write %s%s", single ? "" : "one of: ", option->choices);
    return complain(complaint, "this value is not known (%s)", option->help);
}

/* `5.2.2` behind code 552: the class is the code's first digit (RFC 3463 2). */
static bool reads_enhanced_code(const char *text, char class, const char **rest)
{
    if (text[0] != class || text[1] != '.') {
        return false;
    }
    const char *at = text + 2;
    size_t subject = strspn(at, "0123456789");
    if (subject < 1 || subject > 3 || at[subject] != '.') {
        return false;
    }
    at += subject + 1;
    size_t detail = strspn(at, "0123456789");
    *rest = at + detail;
    return detail >= 1 && detail <= 3;
}

static bool parse_reply(const char *text, struct complaint *complaint)
{
    complain_remedy(complaint, "write code, enhanced code of the same class and text: "
                               "552 5.2.2 Mailbox is full");
    if ((text[0] != '4' && text[0] != '5') || strspn(text, "0123456789") != 3 ||
        text[3] != ' ') {
        return complain(complaint, "this does not begin with a reply code of 4xx or 5xx");
    }
    if (strncmp(text + 1, "21 ", 3) == 0) {
        return complain(complaint, "code %.3s makes the server hang up: take another",
                        text);
    }
    const char *rest = text + 4;
    if (!reads_enhanced_code(text + 4, text[0], &rest) || *rest != ' ') {
        return complain(complaint, "there is no enhanced code of class %c behind %.3s",
                        text[0], text);
    }
    rest += strspn(rest, " ");
    if (*rest == '\0') {
        return complain(complaint, "there is no text behind the codes");
    }
    for (const char *at = rest; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80) {
            return complain(complaint, "SMTP replies are ASCII, this text is not");
        }
    }
    if (strlen(rest) > REPLY_TEXT_BYTES) {
        return complain(complaint, "the text is longer than %d bytes", REPLY_TEXT_BYTES);
    }
    return true;
}

static bool parse_networks(const char *text, struct complaint *complaint)
{
    struct arena *arena = arena_new();
    struct network_list list;
    struct error error;
    bool ok = network_list_parse(arena, text, &list, &error);
    arena_free(&arena);
    if (ok) {
        return true;
    }
    complain_remedy(complaint,
                    "write addresses and blocks like 127.0.0.0/8 [::1]/128 10.1.2.3");
    return complain(complaint, "%.250s", error.text);
}

/* Labels of letters, digits and hyphens, dots between. */
static bool is_domain(const char *text)
{
    static const char inner[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
    size_t length = strlen(text);
    return length > 0 && length <= DOMAIN_BYTES && strspn(text, inner) == length &&
           strstr(text, "..") == NULL && strchr("-.", text[0]) == NULL &&
           strchr("-.", text[length - 1]) == NULL;
}

/* Stricter than RFC 5321: what the operator names must mean the same to every server, so no
 * quotes, no routes (`%`, `!`) and nothing that is taken for an option. */
static bool is_address(const char *text)
{
    static const char atoms[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789#$&'*+-/=?^_`{|}~.";
    size_t length = strcspn(text, "@");
    bool local_part = length > 0 && length <= LOCAL_PART_BYTES &&
                      strspn(text, atoms) == length && strchr("-.", text[0]) == NULL &&
                      text[length - 1] != '.' && strstr(text, "..") == NULL;
    return local_part && text[length] == '@' && is_domain(text + length + 1);
}

static bool parse_address(const char *text, struct complaint *complaint)
{
    complain_remedy(complaint,
                    "write one address like postmaster@example.com; for several, "
                    "make it an alias");
    return is_address(text) ||
           complain(complaint, "this is no address of the form local-part@domain");
}

static bool parse_domain(const char *text, struct complaint *complaint)
{
    complain_remedy(complaint, "write one domain like example.com");
    return is_domain(text) || complain(complaint, "this is no domain");
}

static bool parse_senders(const char *text, struct complaint *complaint)
{
    const char *word;
    size_t length;
    complain_remedy(complaint, "write addresses like news@example.com, or @example.com for "
                               "all of a domain");
    while (text_next_word(&text, &word, &length)) {
        char sender[LOCAL_PART_BYTES + DOMAIN_BYTES + 2];
        if (length < sizeof sender) {
            memcpy(sender, word, length);
            sender[length] = '\0';
        }
        bool valid = length < sizeof sender &&
                     (sender[0] == '@' ? is_domain(sender + 1) : is_address(sender));
        if (!valid) {
            return complain(complaint, "\"%.*s\" is neither an address nor @domain",
                            (int)(length < 100 ? length : 100), word);
        }
    }
    return true;
}

static bool has_control(const char *text, bool tab_separates)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 || c == 0x7f) && !(c == '\t' && tab_separates)) {
            return true;
        }
    }
    return false;
}

bool option_parse(const struct option *option, const char *text, int64_t *number,
                  struct complaint *complaint)
{
    bool words = option->type == OPTION_LIST || option->type == OPTION_NETWORKS ||
                 option->type == OPTION_SENDERS;
    if (has_control(text, words)) {
        complain_remedy(complaint, "remove it");
        return complain(complaint, "there is a control character in the value");
    }
    bool may_be_empty = words || option->type == OPTION_TEXT ||
                        option->type == OPTION_SECRET || option->type == OPTION_ADDRESS ||
                        option->type == OPTION_DOMAIN;
    if (*text == '\0' && !may_be_empty) {
        complain_remedy(complaint, "write a value, or remove the option");
        return complain(complaint, "the value is empty");
    }
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_LIST:
        return true;
    case OPTION_BOOL:
        return parse_bool(text, number, complaint);
    case OPTION_COUNT:
    case OPTION_SIZE:
    case OPTION_DURATION:
        return parse_number(option, text, number, complaint);
    case OPTION_CHOICE:
        return parse_choice(option, text, number, complaint);
    case OPTION_REPLY:
        return parse_reply(text, complaint);
    case OPTION_NETWORKS:
        return parse_networks(text, complaint);
    case OPTION_ADDRESS:
        return *text == '\0' || parse_address(text, complaint);
    case OPTION_DOMAIN:
        return *text == '\0' || parse_domain(text, complaint);
    case OPTION_SENDERS:
        return parse_senders(text, complaint);
    }
    return complain(complaint, "this option has no type");
}

static const char *const type_names[] = {
    [OPTION_TEXT] = "text",         [OPTION_BOOL] = "bool",
    [OPTION_COUNT] = "count",       [OPTION_SIZE] = "size",
    [OPTION_DURATION] = "duration", [OPTION_CHOICE] = "choice",
    [OPTION_LIST] = "list",         [OPTION_REPLY] = "reply",
    [OPTION_NETWORKS] = "networks", [OPTION_ADDRESS] = "address",
    [OPTION_DOMAIN] = "domain",     [OPTION_SENDERS] = "senders",
    [OPTION_SECRET] = "secret",
};

const char *option_type_name(enum option_type type)
{
    return type_names[type];
}

bool option_type_find(const char *name, enum option_type *type)
{
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (strcmp(type_names[i], name) == 0) {
            *type = (enum option_type)i;
            return true;
        }
    }
    return false;
}
