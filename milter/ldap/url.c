/* SPDX-License-Identifier: MIT */
#include "ldap/url.h"

#include <ldap.h>
#include <stdio.h>
#include <string.h>

/* Where Debian's libldap looks for a server on this host. */
static const char default_socket[] = "/var/run/slapd/ldapi";

static const char *reason_of(int status)
{
    switch (status) {
    case LDAP_URL_ERR_BADSCHEME:
        return "it is none of ldap://, ldaps:// and ldapi://";
    case LDAP_URL_ERR_BADENCLOSURE:
        return "its < has no >";
    case LDAP_URL_ERR_BADHOST:
        return "its host or port makes no sense";
    case LDAP_URL_ERR_BADATTRS:
        return "its attributes make no sense";
    case LDAP_URL_ERR_BADSCOPE:
        return "its scope is none of base, one and sub";
    case LDAP_URL_ERR_BADFILTER:
        return "its filter makes no sense";
    case LDAP_URL_ERR_BADEXTS:
        return "its extensions make no sense";
    default:
        return "it makes no sense";
    }
}

/* As service_parse wants it. */
static bool format_service(const LDAPURLDesc *parts, char *text, size_t size)
{
    const char *host = parts->lud_host != NULL ? parts->lud_host : "";
    bool is_tls = strcasecmp(parts->lud_scheme, "ldaps") == 0;
    int port = parts->lud_port > 0 ? parts->lud_port : is_tls ? LDAPS_PORT : LDAP_PORT;
    int length = -1;
    if (strcasecmp(parts->lud_scheme, "ldapi") == 0) {
        length = snprintf(text, size, "unix:%s", *host != '\0' ? host : default_socket);
    } else if (is_tls || strcasecmp(parts->lud_scheme, "ldap") == 0) {
        bool has_colon = strchr(host, ':') != NULL;
        length = snprintf(text, size, "%s:%s%s%s:%d", is_tls ? "tls" : "inet",
                          has_colon ? "[" : "", *host != '\0' ? host : "localhost",
                          has_colon ? "]" : "", port);
    }
    return length > 0 && (size_t)length < size;
}

bool ldap_url_parse_server(const char *url, struct service *service, struct error *error)
{
    char text[512];
    LDAPURLDesc *parts = NULL;
    int status = ldap_url_parse(url, &parts);
    if (status != LDAP_URL_SUCCESS) {
        return error_set(error, ERROR_CONFIG, "%s: no URL of an LDAP server: %s", url,
                         reason_of(status));
    }
    bool ok = format_service(parts, text, sizeof text);
    ldap_free_urldesc(parts);
    if (!ok) {
        return error_set(error, ERROR_CONFIG, "%s: no URL of an LDAP server: %s", url,
                         reason_of(LDAP_URL_ERR_BADSCHEME));
    }
    return service_parse(service, text, error) || error_wrap(error, "%s", url);
}

bool ldap_url_is(const char *text)
{
    return ldap_is_ldap_url(text) != 0;
}

static const char *const *copy_list(char **list, struct arena *arena)
{
    size_t count = 0;
    while (list != NULL && list[count] != NULL) {
        count++;
    }
    if (count == 0) {
        return NULL;
    }
    const char **copy = arena_array(arena, count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_copy(arena, list[i]);
    }
    return copy;
}

bool ldap_url_parse_text(struct ldap_url *url, const char *text, struct arena *arena,
                         struct error *error)
{
    LDAPURLDesc *parts = NULL;
    int status = ldap_url_parse(text, &parts);
    if (status != LDAP_URL_SUCCESS) {
        return error_set(error, ERROR_REMOTE, "malformed URL %.200s: %s", text,
                         reason_of(status));
    }
    *url = (struct ldap_url){
        .base = arena_copy(arena, parts->lud_dn != NULL ? parts->lud_dn : ""),
        .filter = arena_copy(arena, parts->lud_filter),
        .scope = parts->lud_scope,
        .attributes = copy_list(parts->lud_attrs, arena),
    };
    ldap_free_urldesc(parts);
    return true;
}
