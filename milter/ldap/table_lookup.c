/* SPDX-License-Identifier: MIT */
#include "ldap/table_read.h"

#include "base/text.h"

#include <limits.h>
#include <string.h>

enum { TIMEOUT_SECONDS_MAX = 3600, ATTRIBUTES_MAX = 64, RECURSION_MAX = 1000 };

static bool read_domains(struct ldap_table *table, const struct ldap_settings *settings,
                         struct error *error)
{
    struct ldap_expansion *expansion = &table->expansion;
    const char *words = ldap_settings_text(settings, LDAP_NAME_DOMAIN, "");
    bool is_set = *words != '\0';
    struct ldap_domain *domains = NULL;
    size_t size = 0;
    const char *word;
    size_t length;
    while (text_next_word(&words, &word, &length) && *word != '#') {
        char *name = arena_copy_bytes(table->arena, word, length);
        struct ldap_domain domain = {.name = name};
        for (; *domain.name == '!'; domain.name++) {
            domain.is_excluded = !domain.is_excluded;
        }
        if (*domain.name == '\0' || strpbrk(domain.name, ":/{}@") != NULL) {
            return ldap_settings_refuse(settings, LDAP_NAME_DOMAIN, error,
                                        "%.100s is not supported; write the names of the "
                                        "domains, no file and no type:table",
                                        name);
        }
        text_fold(name);
        domains = arena_grow(table->arena, domains, expansion->domain_count, &size,
                             sizeof *domains);
        domains[expansion->domain_count++] = domain;
    }
    expansion->domains = domains;
    return !is_set || expansion->domain_count > 0 ||
           ldap_settings_refuse(settings, LDAP_NAME_DOMAIN, error,
                                "names no domain: nothing would be found");
}

static bool is_attribute(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        ".;-_") == strlen(text);
}

/* Appends the attributes that a setting lists. */
static bool add_attributes(struct ldap_table *table, const struct ldap_settings *settings,
                           enum ldap_name name, const char **names, struct error *error)
{
    const char *fallback = name == LDAP_NAME_RESULT_ATTRIBUTE ? "maildrop" : "";
    const char *words = ldap_settings_text(settings, name, fallback);
    const char *word;
    size_t length;
    while (text_next_word(&words, &word, &length)) {
        const char *attribute = arena_copy_bytes(table->arena, word, length);
        if (!is_attribute(attribute)) {
            return ldap_settings_refuse(settings, name, error,
                                        "%.100s is no name of an attribute", attribute);
        }
        if (table->attributes.count == ATTRIBUTES_MAX) {
            return ldap_settings_refuse(settings, name, error,
                                        "write at most %d attributes in all",
                                        ATTRIBUTES_MAX);
        }
        names[table->attributes.count++] = attribute;
    }
    return true;
}

static bool read_attributes(struct ldap_table *table, const struct ldap_settings *settings,
                            struct error *error)
{
    struct ldap_attributes *attributes = &table->attributes;
    const char **names = arena_array(table->arena, ATTRIBUTES_MAX + 1, sizeof *names);
    attributes->names = names;
    if (!add_attributes(table, settings, LDAP_NAME_TERMINAL_RESULT_ATTRIBUTE, names,
                        error)) {
        return false;
    }
    attributes->terminal_count = attributes->count;
    if (!add_attributes(table, settings, LDAP_NAME_LEAF_RESULT_ATTRIBUTE, names, error)) {
        return false;
    }
    attributes->leaf_count = attributes->count - attributes->terminal_count;
    if (!add_attributes(table, settings, LDAP_NAME_RESULT_ATTRIBUTE, names, error)) {
        return false;
    }
    attributes->plain_count = attributes->count;
    if (attributes->plain_count == 0) {
        return ldap_settings_refuse(settings, LDAP_NAME_RESULT_ATTRIBUTE, error,
                                    "is empty: nothing would be found; write the attribute "
                                    "that holds the result");
    }
    return add_attributes(table, settings, LDAP_NAME_SPECIAL_RESULT_ATTRIBUTE, names,
                          error);
}

/* Are the parentheses of a filter in pairs? Else each search would fail. A backslash hides
 * the character behind it. */
static bool is_balanced(const char *filter)
{
    int depth = 0;
    for (const char *at = filter; *at != '\0' && depth >= 0; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        } else {
            depth += (*at == '(') - (*at == ')');
        }
    }
    return depth == 0;
}

static bool check_template(const struct ldap_settings *settings, enum ldap_name name,
                           const char *text, struct error *error)
{
    return ldap_template_check(text, error) ||
           ldap_settings_refuse(settings, name, error, "%s", error->text);
}

static bool read_filter(struct ldap_table *table, const struct ldap_settings *settings,
                        struct error *error)
{
    const struct ldap_shipped *shipped = ldap_table_shipped(table->kind);
    const char *filter =
        ldap_settings_text(settings, LDAP_NAME_QUERY_FILTER, "(mailacceptinggeneralid=%s)");
    table->expansion.query_filter = arena_copy(table->arena, filter);
    table->is_unused = *filter == '\0' && table->kind == LDAP_TABLE_SENDERS;
    if (*filter == '\0' && !table->is_unused) {
        return ldap_settings_refuse(settings, LDAP_NAME_QUERY_FILTER, error,
                                    "is empty; write a filter like %s, there or in %s",
                                    shipped->filter, shipped->variable);
    }
    if (!is_balanced(filter)) {
        return ldap_settings_refuse(settings, LDAP_NAME_QUERY_FILTER, error,
                                    "the parentheses are not in pairs");
    }
    if (strchr(filter, '%') == NULL && !table->is_unused) {
        ldap_settings_warn(settings, LDAP_NAME_QUERY_FILTER, "ldap-fixed-filter",
                           "query_filter has no % in it: every key finds the same",
                           "Write %s where the address belongs");
    }
    return check_template(settings, LDAP_NAME_QUERY_FILTER, filter, error);
}

/* result_filter is the older name, and counts only where the newer one is not set or empty.
 */
static bool read_format(struct ldap_table *table, const struct ldap_settings *settings,
                        struct error *error)
{
    const char *newer = ldap_settings_text(settings, LDAP_NAME_RESULT_FORMAT, "");
    enum ldap_name name =
        *newer != '\0' ? LDAP_NAME_RESULT_FORMAT : LDAP_NAME_RESULT_FILTER;
    const char *format = ldap_settings_text(settings, name, "%s");
    table->expansion.result_format = arena_copy(table->arena, format);
    if (*format == '\0') {
        return ldap_settings_refuse(settings, name, error,
                                    "is empty: nothing would be found; write %%s");
    }
    return check_template(settings, name, format, error);
}

static bool read_base(struct ldap_table *table, const struct ldap_settings *settings,
                      struct error *error)
{
    const char *base = ldap_settings_text(settings, LDAP_NAME_SEARCH_BASE, "");
    table->expansion.search_base = arena_copy(table->arena, base);
    if (*base == '\0') {
        ldap_settings_warn(settings, LDAP_NAME_SEARCH_BASE, "ldap-no-base",
                           "search_base is empty: most servers find nothing, and mail is "
                           "put off",
                           "Write search_base = ou=people,dc=example,dc=com, or set "
                           "LDAP_SEARCH_BASE");
    }
    return check_template(settings, LDAP_NAME_SEARCH_BASE, base, error);
}

static bool read_limits(struct ldap_table *table, const struct ldap_settings *settings,
                        struct error *error)
{
    static const char *const scopes[] = {"base", "one", "sub", NULL};
    int scope = LDAP_TABLE_SUB;
    int expansion = 0;
    int seconds = 10;
    table->recursion_limit = 1000;
    if (!ldap_settings_choice(settings, LDAP_NAME_SCOPE, scopes, &scope, error) ||
        !ldap_settings_number(settings, LDAP_NAME_EXPANSION_LIMIT, 0, INT_MAX, &expansion,
                              error) ||
        !ldap_settings_number(settings, LDAP_NAME_RECURSION_LIMIT, 1, RECURSION_MAX,
                              &table->recursion_limit, error) ||
        !ldap_settings_number(settings, LDAP_NAME_TIMEOUT, 1, TIMEOUT_SECONDS_MAX, &seconds,
                              error) ||
        !ldap_settings_number(settings, LDAP_NAME_DEREFERENCE, 0, 3, &table->dereference,
                              error)) {
        return false;
    }
    table->scope = (enum ldap_table_scope)scope;
    table->expansion.value_limit = (size_t)expansion;
    table->timeout_ms = seconds * 1000;
    table->size_limit = expansion;
    return ldap_settings_number(settings, LDAP_NAME_SIZE_LIMIT, 0, INT_MAX,
                                &table->size_limit, error);
}

bool ldap_read_lookup(struct ldap_table *table, const struct ldap_settings *settings,
                      struct error *error)
{
    bool is_good =
        read_base(table, settings, error) && read_filter(table, settings, error) &&
        read_format(table, settings, error) && read_domains(table, settings, error) &&
        read_attributes(table, settings, error) && read_limits(table, settings, error);
    if (is_good) {
        ldap_expansion_prepare(&table->expansion);
    }
    return is_good;
}
