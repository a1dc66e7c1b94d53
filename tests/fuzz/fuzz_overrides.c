/* SPDX-License-Identifier: MIT */
/* Any bytes as postfix-main.cf and, behind a line `%%`, as dovecot.cf: the last setting
 * wins, whatever stands before it, and a difference is said exactly when there is one. */
#include "directory/dms_overrides.h"

#include "base/text.h"
#include "parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct directory_settings settings = {
    .hostname = "host.test",
    .mydestination = "host.test, localhost",
    .rules = {.myorigin = "host.test", .delimiters = "+"},
};

static struct delimiter_override read_main(struct arena *arena, struct part part,
                                           struct finding_list *findings)
{
    struct delimiter_override delimiter;
    struct error error = {0};
    FILE *stream = part_open(part);
    bool read = dms_parse_main(stream, arena, &settings, &delimiter, findings, &error);
    assert(read == part_is_text(part) && read == (error.text[0] == '\0'));
    fclose(stream);
    return delimiter;
}

static struct delimiter_override read_dovecot(struct arena *arena, struct part part)
{
    struct delimiter_override delimiter;
    struct error error = {0};
    FILE *stream = part_open(part);
    bool read = dms_parse_dovecot(stream, arena, &delimiter, &error);
    assert(read == part_is_text(part) && read == (error.text[0] == '\0'));
    fclose(stream);
    return delimiter;
}

static void check_value(const struct delimiter_override *delimiter)
{
    const char *value = delimiter->value;
    assert(value == NULL || delimiter->line > 0);
    assert(value == NULL || strchr(value, '\n') == NULL);
}

static void check_same(const struct delimiter_override *left,
                       const struct delimiter_override *right)
{
    assert((left->value == NULL) == (right->value == NULL));
    assert(left->value == NULL || strcmp(left->value, right->value) == 0);
}

static struct part append(struct arena *arena, struct part part, const char *text)
{
    size_t length = strlen(text);
    char *copy = arena_alloc(arena, part.length + length + 1);
    if (part.length > 0) {
        memcpy(copy, part.bytes, part.length);
    }
    memcpy(copy + part.length, text, length);
    return (struct part){copy, part.length + length};
}

static void check_main(struct arena *arena, struct part part,
                       const struct delimiter_override *delimiter)
{
    struct delimiter_override other =
        read_main(arena, append(arena, part, "\nrecipient_delimiter = -_\n"), NULL);
    assert(strcmp(other.value, "-_") == 0);
    other = read_main(arena, part_insert(arena, part, "\n# recipient_delimiter = x"), NULL);
    check_same(delimiter, &other);
    const char *value = delimiter->value;
    if (value != NULL) {
        size_t length = strlen(value);
        assert(strchr(value, '$') == NULL);
        assert(length == 0 ||
               (!text_is_space(value[0]) && !text_is_space(value[length - 1])));
    }
}

static void check_dovecot(struct arena *arena, struct part part,
                          const struct delimiter_override *delimiter)
{
    /* A blank line ends no continuation. */
    struct delimiter_override other = read_dovecot(
        arena, append(arena, part, "\nx = y\nrecipient_delimiter = \"-_\" # x\n"));
    assert(strcmp(other.value, "-_") == 0);
    other = read_dovecot(arena, part_insert(arena, part, "\n# recipient_delimiter = x"));
    check_same(delimiter, &other);
    other = read_dovecot(arena, part_insert(arena, part, "\r"));
    check_same(delimiter, &other);
}

static bool has_same_characters(const char *left, const char *right)
{
    for (int c = 1; c < 256; c++) {
        if ((strchr(left, c) != NULL) != (strchr(right, c) != NULL)) {
            return false;
        }
    }
    return true;
}

static void check_choice(struct arena *arena, const struct delimiter_override *postfix,
                         const struct delimiter_override *dovecot)
{
    struct finding_list findings = {.arena = arena};
    const char *delimiters = dms_delimiters(&settings, postfix, dovecot, &findings);
    const char *in_postfix = postfix->value != NULL ? postfix->value : "+";
    const char *in_dovecot = dovecot->value != NULL ? dovecot->value : "+";
    assert(strcmp(delimiters, in_postfix) == 0);
    bool is_known = dovecot->value != NULL || dovecot->line == 0;
    assert((findings.count > 0) ==
           (is_known && !has_same_characters(in_postfix, in_dovecot)));
    check_findings(&findings);

    struct directory_settings given = settings;
    given.delimiters_given = true;
    findings = (struct finding_list){.arena = arena};
    delimiters = dms_delimiters(&given, postfix, dovecot, &findings);
    assert(strcmp(delimiters, "+") == 0);
    assert((findings.count > 0) == !has_same_characters(in_postfix, "+"));
    check_findings(&findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct part part = {(const char *)data, size};
    struct part main_cf = part_next(&part);
    struct finding_list findings = {.arena = arena};
    struct delimiter_override postfix = read_main(arena, main_cf, &findings);
    struct delimiter_override dovecot = read_dovecot(arena, part);
    check_findings(&findings);
    check_value(&postfix);
    check_value(&dovecot);
    check_choice(arena, &postfix, &dovecot);
    if (part_is_text(main_cf)) {
        check_main(arena, main_cf, &postfix);
    }
    if (part_is_text(part)) {
        check_dovecot(arena, part, &dovecot);
    }
    arena_free(&arena);
    return 0;
}
