/* SPDX-License-Identifier: MIT */
/* What the values of single options look like, beyond their type. */
#include "base/config_store.h"

#include "base/config_value.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { HEADER_NAME_BYTES = 76 };

static bool check_port(const char *text, size_t length, struct complaint *complaint)
{
    int port = 0;
    for (size_t i = 0; i < length && i < 6; i++) {
        port = text[i] >= '0' && text[i] <= '9' ? port * 10 + (text[i] - '0') : 65536;
        port = port > 65535 ? 65536 : port;
    }
    return (port >= 1 && port <= 65535 && length <= 5) ||
           complain(complaint, "the port is no number from 1 to 65535");
}

static bool check_path(const char *path, struct complaint *complaint)
{
    /* sun_path holds 108 bytes, the NUL included. */
    if (strlen(path) > 107) {
        return complain(complaint, "the path of the socket is longer than 107 bytes");
    }
    return path[0] == '/' || complain(complaint, "the path of the socket is not absolute");
}

static bool check_listen(const char *value, struct complaint *complaint)
{
    complain_remedy(complaint, "write unix:/path, inet:port@host or inet6:port@host");
    if (strncmp(value, "unix:", 5) == 0 || strncmp(value, "local:", 6) == 0) {
        return check_path(strchr(value, ':') + 1, complaint);
    }
    if (strncmp(value, "inet:", 5) != 0 && strncmp(value, "inet6:", 6) != 0) {
        return complain(complaint, "this is no socket");
    }
    const char *port = strchr(value, ':') + 1;
    const char *at = strchr(port, '@');
    if (at != NULL && at[1] == '\0') {
        return complain(complaint, "the host is missing");
    }
    return check_port(port, at != NULL ? (size_t)(at - port) : strlen(port), complaint);
}

static bool check_control(const char *value, struct complaint *complaint)
{
    complain_remedy(complaint, "write unix:/path, or nothing for none");
    if (*value == '\0') {
        return true;
    }
    return strncmp(value, "unix:", 5) == 0 ? check_path(value + 5, complaint)
                                           : complain(complaint, "this is no unix socket");
}

static bool check_service(const char *value, struct complaint *complaint)
{
    complain_remedy(complaint, "write inet:host:port, tls:host:port or unix:/path");
    if (strncmp(value, "unix:", 5) == 0) {
        return check_path(value + 5, complaint);
    }
    const char *colon = strrchr(value, ':');
    bool is_known = strncmp(value, "inet:", 5) == 0 || strncmp(value, "tls:", 4) == 0;
    if (!is_known || colon <= strchr(value, ':') + 1) {
        return complain(complaint, "this is no service");
    }
    return check_port(colon + 1, strlen(colon + 1), complaint);
}

static bool check_userdb(const char *value, struct complaint *complaint)
{
    if (strncmp(value, "tls:", 4) != 0 && check_service(value, complaint)) {
        return true;
    }
    complain_remedy(complaint, "write unix:/path or inet:host:port");
    return strncmp(value, "tls:", 4) == 0 &&
           complain(complaint, "Dovecot's userdb has no TLS");
}

/* It stands in a line of Dovecot's protocol. */
static bool check_word(const char *value, struct complaint *complaint)
{
    size_t length = 0;
    while (value[length] > ' ' && value[length] <= '~') {
        length++;
    }
    complain_remedy(complaint, "write a name like lmtp");
    return (length > 0 && length <= 64 && value[length] == '\0') ||
           complain(complaint, "this is no name of a service");
}

static bool is_server(const char *text)
{
    unsigned char address[16];
    if (inet_pton(AF_INET6, text, address) == 1) {
        return true;
    }
    char host[64];
    const char *port = strrchr(text, ':');
    bool is_bracketed = text[0] == '[';
    const char *end = is_bracketed ? strchr(text, ']') : port;
    end = end != NULL ? end : text + strlen(text);
    size_t length = (size_t)(end - text) - (is_bracketed ? 1 : 0);
    if (length >= sizeof host || (is_bracketed && *end == '\0')) {
        return false;
    }
    memcpy(host, text + (is_bracketed ? 1 : 0), length);
    host[length] = '\0';
    end += is_bracketed ? 1 : 0;
    struct complaint unused;
    return inet_pton(is_bracketed ? AF_INET6 : AF_INET, host, address) == 1 &&
           (*end == '\0' || (*end == ':' && check_port(end + 1, strlen(end + 1), &unused)));
}

static bool check_servers(const char *value, struct complaint *complaint)
{
    const char *word;
    size_t length;
    complain_remedy(complaint,
                    "write addresses like 192.0.2.1, 127.0.0.1:5353 or [::1]:53");
    while (text_next_word(&value, &word, &length)) {
        char text[80];
        snprintf(text, sizeof text, "%.*s", (int)(length < 80 ? length : 80), word);
        if (length >= sizeof text || !is_server(text)) {
            return complain(complaint, "%s is no address of a server", text);
        }
    }
    return true;
}

static bool check_mode(const char *value, struct complaint *complaint)
{
    size_t digits = strspn(value, "01234567");
    complain_remedy(complaint, "write it in octal: 0660");
    return (digits >= 3 && digits <= 4 && value[digits] == '\0' &&
            (digits == 3 || value[0] == '0')) ||
           complain(complaint, "this is no access mode");
}

static bool check_hostname(const char *value, struct complaint *complaint)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    complain_remedy(complaint, "write a name like mail.example.com");
    size_t length = strlen(value);
    bool dots = value[0] == '.' || strstr(value, "..") != NULL ||
                (length > 0 && value[length - 1] == '.');
    return (length > 0 && length <= 253 && strspn(value, allowed) == length && !dots) ||
           complain(complaint, "this is no host name");
}

static bool check_tls_name(const char *value, struct complaint *complaint)
{
    unsigned char address[16];
    return *value == '\0' || inet_pton(AF_INET6, value, address) == 1 ||
           check_hostname(value, complaint);
}

static bool check_delimiters(const char *value, struct complaint *complaint)
{
    complain_remedy(complaint, "write one or more characters like + or -, without blanks");
    for (const char *at = value; *at != '\0'; at++) {
        char c = text_fold_char(*at);
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (letter || c == '@' || c == '"' || c == ' ' || (unsigned char)c >= 0x80) {
            return complain(complaint,
                            "a letter, digit, @, quote or blank cannot begin a detail");
        }
    }
    return true;
}

static bool check_folder(const char *value, struct complaint *complaint)
{
    complain_remedy(complaint, "write the path of a folder");
    return *value != '\0' || complain(complaint, "the path is empty");
}

/* RFC 5322 2.2. */
static bool check_header_name(const char *value, struct complaint *complaint)
{
    size_t length = strlen(value);
    bool fits = length > 0 && length <= HEADER_NAME_BYTES;
    for (size_t i = 0; fits && i < length; i++) {
        fits = value[i] > ' ' && value[i] < 0x7f && value[i] != ':';
    }
    complain_remedy(complaint, "write a name like X-Original-To, or off");
    return fits || complain(complaint, "this is no name of a header");
}

static bool check_sources(const char *value, struct complaint *complaint)
{
    static const char *const known[] = {"dms", "ldap", "dovecot", "lua"};
    unsigned seen = 0;
    complain_remedy(complaint, "write one or more of dms, ldap, dovecot and lua");
    const char *word;
    size_t length;
    while (text_next_word(&value, &word, &length)) {
        size_t i = 0;
        while (i < sizeof known / sizeof known[0] &&
               (strlen(known[i]) != length || strncmp(known[i], word, length) != 0)) {
            i++;
        }
        if (i == sizeof known / sizeof known[0]) {
            return complain(complaint, "there is no source %.*s",
                            (int)(length < 64 ? length : 64), word);
        }
        if ((seen & 1U << i) != 0) {
            return complain(complaint, "the source %s stands there twice", known[i]);
        }
        seen |= 1U << i;
    }
    return seen != 0 || complain(complaint, "no source is named");
}

static const struct {
    const char *name;
    bool (*check)(const char *value, struct complaint *complaint);
} forms[] = {
    {"listen", check_listen},
    {"listen.mode", check_mode},
    {"control", check_control},
    {"hostname", check_hostname},
    {"myorigin", check_hostname},
    {"dms.volume", check_folder},
    {"lua.path", check_folder},
    {"recipient_delimiter", check_delimiters},
    {"rewrite.header", check_header_name},
    {"quota.service", check_service},
    {"quota.tls_name", check_tls_name},
    {"dovecot.userdb", check_userdb},
    {"dovecot.service", check_word},
    {"dns.servers", check_servers},
    {"directory.sources", check_sources},
};

bool config_check_form(const char *name, const char *value, struct complaint *complaint)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i].name, name) == 0) {
            return forms[i].check(value, complaint);
        }
    }
    return true;
}
