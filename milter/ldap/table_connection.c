/* SPDX-License-Identifier: MIT */
#include "ldap/table_read.h"

#include "base/text.h"
#include "ldap/server.h"

static bool read_bind(struct ldap_table *table, const struct ldap_settings *settings,
                      struct error *error)
{
    static const char *const methods[] = {"no", "none", "yes", "simple", NULL};
    const char *method = ldap_settings_text(settings, LDAP_NAME_BIND, "yes");
    int choice = 2;
    if (text_equal_folded(method, "sasl")) {
        return ldap_settings_refuse(settings, LDAP_NAME_BIND, error,
                                    "sasl is not supported; write yes, with bind_dn and "
                                    "bind_pw of an account that may read the directory");
    }
    if (!ldap_settings_choice(settings, LDAP_NAME_BIND, methods, &choice, error)) {
        return false;
    }
    table->binds = choice >= 2;
    table->bind_dn =
        arena_copy(table->arena, ldap_settings_text(settings, LDAP_NAME_BIND_DN, ""));
    table->bind_pw =
        arena_copy(table->arena, ldap_settings_text(settings, LDAP_NAME_BIND_PW, ""));
    if (table->binds && *table->bind_dn != '\0' && *table->bind_pw == '\0') {
        ldap_settings_warn(settings, LDAP_NAME_BIND_PW, "ldap-no-password",
                           "bind_dn has no bind_pw: most servers refuse that, and mail is "
                           "put off",
                           "Write bind_pw, or set LDAP_BIND_PW; or bind = no");
    }
    return true;
}

static bool read_tls_files(struct ldap_table *table, const struct ldap_settings *settings,
                           struct error *error)
{
    table->tls_ca_cert_file = arena_copy(
        table->arena, ldap_settings_text(settings, LDAP_NAME_TLS_CA_CERT_FILE, ""));
    table->tls_ca_cert_dir = arena_copy(
        table->arena, ldap_settings_text(settings, LDAP_NAME_TLS_CA_CERT_DIR, ""));
    table->tls_cert =
        arena_copy(table->arena, ldap_settings_text(settings, LDAP_NAME_TLS_CERT, ""));
    table->tls_key =
        arena_copy(table->arena, ldap_settings_text(settings, LDAP_NAME_TLS_KEY, ""));
    bool has_cert = *table->tls_cert != '\0';
    bool has_key = *table->tls_key != '\0';
    if (has_cert == has_key) {
        return true;
    }
    return ldap_settings_refuse(settings, has_cert ? LDAP_NAME_TLS_CERT : LDAP_NAME_TLS_KEY,
                                error, "write %s too, or neither",
                                has_cert ? "tls_key" : "tls_cert");
}

/* Postfix does not verify a certificate unless it is told to. Whoever reads the bind
 * password reads the directory, so here there is no such choice. */
static bool read_tls(struct ldap_table *table, const struct ldap_settings *settings,
                     struct error *error)
{
    bool is_verified = true;
    bool with_url = ldap_servers_use_tls(table);
    if (!ldap_settings_flag(settings, LDAP_NAME_START_TLS, &table->start_tls, error) ||
        !ldap_settings_flag(settings, LDAP_NAME_TLS_REQUIRE_CERT, &is_verified, error) ||
        !read_tls_files(table, settings, error)) {
        return false;
    }
    if (table->start_tls && with_url) {
        return ldap_settings_refuse(settings, LDAP_NAME_START_TLS, error,
                                    "a server has TLS already (ldaps://); write start_tls "
                                    "= no, or ldap:// for all servers");
    }
    if ((table->start_tls || with_url) && !is_verified) {
        ldap_settings_warn(settings, LDAP_NAME_TLS_REQUIRE_CERT, "ldap-certificate",
                           "The server's certificate is verified all the same: bind_pw "
                           "goes to nobody else",
                           "Write tls_require_cert = yes, and name the authority in "
                           "tls_ca_cert_file if the system does not know it");
    }
    return true;
}

static bool read_protocol(struct ldap_table *table, const struct ldap_settings *settings,
                          struct error *error)
{
    bool chases = false;
    table->version = 2; /* as in Postfix */
    if (!ldap_settings_number(settings, LDAP_NAME_VERSION, 2, 3, &table->version, error) ||
        !ldap_settings_flag(settings, LDAP_NAME_CHASE_REFERRALS, &chases, error)) {
        return false;
    }
    if (chases) {
        ldap_settings_warn(settings, LDAP_NAME_CHASE_REFERRALS, "ldap-referrals",
                           "Referrals to other servers are not followed",
                           "Name the server that has the entries in server_host");
    }
    if (table->version == 2 && (table->start_tls || ldap_servers_need_version_3(table))) {
        ldap_settings_warn(settings, LDAP_NAME_VERSION, "ldap-version",
                           "start_tls, ldaps:// and ldapi:// need version 3, which is used",
                           "Write version = 3");
        table->version = 3;
    }
    return true;
}

bool ldap_read_connection(struct ldap_table *table, const struct ldap_settings *settings,
                          struct error *error)
{
    return ldap_servers_read(table, settings, error) && read_bind(table, settings, error) &&
           read_tls(table, settings, error) && read_protocol(table, settings, error);
}
