/* SPDX-License-Identifier: MIT */
#include "ldap/server.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const schemes[] = {"ldap://", "ldaps://", "ldapi://"};

enum {
    SCHEMES = sizeof schemes / sizeof schemes[0],
    PORT_MAX = 65535,
    LDAP_PORT_DEFAULT = 389
};

static bool is_port(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && strlen(text) <= 5 && port > 0 &&
           port <= PORT_MAX;
}

/* `host`, `host:port`, with an address of IPv6 in brackets. */
static bool is_host(const char *text)
{
    static const char in_name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_";
    const char *end;
    if (text[0] == '[') {
        end = text + 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
        if (*end != ']' || end == text + 1) {
            return false;
        }
        end++;
    } else {
        end = text + strspn(text, in_name);
    }
    return end > text && (*end == '\0' || (*end == ':' && is_port(end + 1)));
}

/* The path of a socket, percent-encoded; none is the socket of the library. */
static bool is_path(const char *text)
{
    return strpbrk(text, "/?#[]") == NULL;
}

/* NULL: it is no URL of LDAP that names a server and nothing more. */
static const char *read_url(struct arena *arena, const char *word)
{
    size_t i = 0;
    while (i < SCHEMES && !text_starts_folded(word, schemes[i])) {
        i++;
    }
    if (i == SCHEMES) {
        return NULL;
    }
    char *rest = arena_copy(arena, word + strlen(schemes[i]));
    size_t length = strlen(rest);
    if (length > 0 && rest[length - 1] == '/') {
        rest[length - 1] = '\0';
    }
    bool is_socket = strcmp(schemes[i], "ldapi://") == 0;
    if (is_socket ? !is_path(rest) : !is_host(rest)) {
        return NULL;
    }
    return arena_format(arena, "%s%s", schemes[i], rest);
}

/* As Postfix: a word with a colon has its own port. */
static const char *make_url(struct arena *arena, const char *word, int port)
{
    if (strstr(word, "://") != NULL) {
        return read_url(arena, word);
    }
    const char *server =
        strchr(word, ':') != NULL ? word : arena_format(arena, "%s:%d", word, port);
    return is_host(server) ? arena_format(arena, "ldap://%s", server) : NULL;
}

bool ldap_servers_read(struct ldap_table *table, const struct ldap_settings *settings,
                       struct error *error)
{
    int port = LDAP_PORT_DEFAULT;
    const char *words = ldap_settings_text(settings, LDAP_NAME_SERVER_HOST, "localhost");
    const char **urls = arena_array(table->arena, LDAP_SERVERS_MAX, sizeof *urls);
    const char *word;
    size_t length;
    if (!ldap_settings_number(settings, LDAP_NAME_SERVER_PORT, 1, PORT_MAX, &port, error)) {
        return false;
    }
    while (text_next_word(&words, &word, &length)) {
        const char *copy = arena_copy_bytes(table->arena, word, length);
        const char *url = make_url(table->arena, copy, port);
        if (url == NULL) {
            return ldap_settings_refuse(
                settings, LDAP_NAME_SERVER_HOST, error,
                "%.100s is no server; write host, host:port, [IPv6]:port, "
                "ldap://host:port, ldaps://host:port or ldapi://%%2Fpath%%2Fof%%2Fsocket",
                copy);
        }
        if (table->url_count == LDAP_SERVERS_MAX) {
            return ldap_settings_refuse(settings, LDAP_NAME_SERVER_HOST, error,
                                        "write at most %d servers", LDAP_SERVERS_MAX);
        }
        urls[table->url_count++] = url;
    }
    table->urls = urls;
    return table->url_count > 0 ||
           ldap_settings_refuse(settings, LDAP_NAME_SERVER_HOST, error,
                                "is empty; write the host of the LDAP server, or set "
                                "LDAP_SERVER_HOST");
}

bool ldap_servers_use_tls(const struct ldap_table *table)
{
    bool use_tls = false;
    for (size_t i = 0; i < table->url_count; i++) {
        use_tls = use_tls || text_starts_folded(table->urls[i], "ldaps://");
    }
    return use_tls;
}

bool ldap_servers_need_version_3(const struct ldap_table *table)
{
    bool need = false;
    for (size_t i = 0; i < table->url_count; i++) {
        need = need || !text_starts_folded(table->urls[i], "ldap://");
    }
    return need;
}
