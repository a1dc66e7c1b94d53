/* SPDX-License-Identifier: MIT */
#include "ldap/url.h"

#include <ldap.h>
#include <stdint.h>
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

static bool take_place(struct ldap_place *place, const LDAPURLDesc *parts)
{
    const char *host = parts->lud_host != NULL ? parts->lud_host : "";
    place->is_path = strcasecmp(parts->lud_scheme, "ldapi") == 0;
    place->is_tls = strcasecmp(parts->lud_scheme, "ldaps") == 0;
    if (*host == '\0') {
        host = place->is_path ? default_socket : "localhost";
    }
    int port = parts->lud_port > 0 ? parts->lud_port
               : place->is_tls     ? LDAPS_PORT
                                   : LDAP_PORT;
    if (port > UINT16_MAX) {
        return false;
    }
    snprintf(place->port, sizeof place->port, "%hu", (uint16_t)port);
    return snprintf(place->host, sizeof place->host, "%s", host) < (int)sizeof place->host;
}

bool ldap_place_parse(struct ldap_place *place, const char *url, struct error *error)
{
    LDAPURLDesc *parts = NULL;
    int status = ldap_url_parse(url, &parts);
    if (status != LDAP_URL_SUCCESS) {
        return error_set(error, ERROR_CONFIG, "%s: no URL of an LDAP server: %s", url,
                         reason_of(status));
    }
    bool is_served = strcasecmp(parts->lud_scheme, "cldap") != 0 &&
                     strncasecmp(parts->lud_scheme, "pldap", 5) != 0;
    bool ok = is_served && take_place(place, parts);
    ldap_free_urldesc(parts);
    return ok || error_set(error, ERROR_CONFIG,
                           "%s: no URL of an LDAP server: it is none of ldap://, ldaps:// "
                           "and ldapi://, or its host or port is too long",
                           url);
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
