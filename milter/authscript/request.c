/* SPDX-License-Identifier: MIT */
#include "authscript/request.h"

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum part { WHOLE, USERNAME, DOMAIN_PART, DOMAIN_FIRST, DOMAIN_LAST };

#define NOWHERE SIZE_MAX
#define AT(member) offsetof(struct auth_request, member)

/* Dovecot 2.3's auth_request_var_expand_static_tab and 2.4's auth_request_var_expand. */
static const struct field {
    const char *name;
    size_t place;
    enum part part;
    const char *initial; /* when it is not known */
} fields[] = {
    {"user", AT(user), WHOLE, NULL},
    {"username", AT(user), USERNAME, NULL},
    {"domain", AT(user), DOMAIN_PART, NULL},
    {"domain_first", AT(user), DOMAIN_FIRST, NULL},
    {"domain_last", AT(user), DOMAIN_LAST, NULL},
    {"original_user", AT(original_user), WHOLE, NULL},
    {"original_username", AT(original_user), USERNAME, NULL},
    {"original_domain", AT(original_user), DOMAIN_PART, NULL},
    {"orig_user", AT(original_user), WHOLE, NULL},
    {"orig_username", AT(original_user), USERNAME, NULL},
    {"orig_domain", AT(original_user), DOMAIN_PART, NULL},
    {"auth_user", AT(user), WHOLE, NULL},
    {"auth_username", AT(user), USERNAME, NULL},
    {"auth_domain", AT(user), DOMAIN_PART, NULL},
    {"login_user", AT(login_user), WHOLE, NULL},
    {"login_username", AT(login_user), USERNAME, NULL},
    {"login_domain", AT(login_user), DOMAIN_PART, NULL},
    {"master_user", AT(master_user), WHOLE, NULL},
    {"owner_user", AT(user), WHOLE, NULL},
    {"service", AT(service), WHOLE, NULL},
    {"protocol", AT(service), WHOLE, NULL},
    {"password", AT(password), WHOLE, NULL},
    {"lip", AT(local_ip), WHOLE, NULL},
    {"local_ip", AT(local_ip), WHOLE, NULL},
    {"real_lip", AT(local_ip), WHOLE, NULL},
    {"real_local_ip", AT(local_ip), WHOLE, NULL},
    {"rip", AT(remote_ip), WHOLE, NULL},
    {"remote_ip", AT(remote_ip), WHOLE, NULL},
    {"real_rip", AT(remote_ip), WHOLE, NULL},
    {"real_remote_ip", AT(remote_ip), WHOLE, NULL},
    {"lport", AT(local_port), WHOLE, "0"},
    {"local_port", AT(local_port), WHOLE, "0"},
    {"real_lport", AT(local_port), WHOLE, "0"},
    {"real_local_port", AT(local_port), WHOLE, "0"},
    {"rport", AT(remote_port), WHOLE, "0"},
    {"remote_port", AT(remote_port), WHOLE, "0"},
    {"real_rport", AT(remote_port), WHOLE, "0"},
    {"real_remote_port", AT(remote_port), WHOLE, "0"},
    {"mech", AT(mechanism), WHOLE, ""},
    {"mechanism", AT(mechanism), WHOLE, ""},
    {"session", AT(session), WHOLE, NULL},
    {"local_name", AT(local_name), WHOLE, NULL},
    {"client_id", AT(client_id), WHOLE, NULL},
    {"pid", NOWHERE, WHOLE, "0"},
    {"client_pid", NOWHERE, WHOLE, "0"},
    {"session_pid", NOWHERE, WHOLE, NULL},
    {"cert", NOWHERE, WHOLE, ""},
    {"home", NOWHERE, WHOLE, NULL},
    {"id", NOWHERE, WHOLE, NULL},
    {"ssl_ja3_hash", NOWHERE, WHOLE, NULL},
    {"ssl_client_cert_fp", NOWHERE, WHOLE, NULL},
    {"ssl_client_cert_pubkey_fp", NOWHERE, WHOLE, NULL},
};

static const char *part_of(struct arena *arena, const char *name, enum part part)
{
    const char *first = strchr(name, '@');
    const char *last = strrchr(name, '@');
    switch (part) {
    case WHOLE:
        return name;
    case USERNAME:
        return first != NULL ? arena_copy_bytes(arena, name, (size_t)(first - name)) : name;
    case DOMAIN_PART:
        return first != NULL ? first + 1 : NULL;
    case DOMAIN_LAST:
        return last != NULL ? last + 1 : NULL;
    case DOMAIN_FIRST:
        return first != NULL ? arena_copy_bytes(arena, first + 1, strcspn(first + 1, "@"))
                             : NULL;
    }
    return NULL;
}

struct auth_request auth_request_new(struct arena *arena, const char *user)
{
    return (struct auth_request){
        .user = text_fold_copy(arena, user),
        .original_user = arena_copy(arena, user),
    };
}

bool auth_request_is_name(const char *user)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@";
    return *user != '\0' && user[strspn(user, allowed)] == '\0';
}

const char *auth_request_field(struct arena *arena, const struct auth_request *request,
                               const char *name, bool *exists)
{
    *exists = true;
    if (strcmp(name, "secured") == 0) {
        return request->secured ? "secured" : "";
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const struct field *field = &fields[i];
        if (strcmp(field->name, name) != 0) {
            continue;
        }
        const char *value = NULL;
        if (field->place != NOWHERE) {
            memcpy(&value, (const char *)request + field->place, sizeof value);
        }
        return value != NULL ? part_of(arena, value, field->part) : field->initial;
    }
    *exists = false;
    return NULL;
}
