/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Shorter than servers keep connections: who is first cannot run into the other's close. */
enum { HTTP_IDLE_MS = 15000 };

enum { OPTION_BYTES = 64 };

/* Never NULL: an option without a value is "". */
static const char *text_of(const struct config *config, const char *name)
{
    const char *value = config_text(config, name);
    return value != NULL ? value : "";
}

static bool is_ldap_mode(const struct config *config)
{
    return strcmp(text_of(config, "dms.provisioner"), "LDAP") == 0;
}

/* As each is set for itself: `lua.cache` and so on. */
static int64_t source_number(const struct config *config, enum source_kind kind,
                             const char *option)
{
    char name[OPTION_BYTES];
    snprintf(name, sizeof name, "%s.%s", source_kind_name(kind), option);
    return config_number(config, name);
}

static struct source_settings settings_source(const struct config *config,
                                              enum source_kind kind)
{
    char on_failure[OPTION_BYTES];
    if (kind == SOURCE_DMS) {
        return (struct source_settings){.kind = kind};
    }
    snprintf(on_failure, sizeof on_failure, "%s.on_failure", source_kind_name(kind));
    return (struct source_settings){
        .kind = kind,
        .timeout_ms = (int)source_number(config, kind, "timeout"),
        .cache_ms = source_number(config, kind, "cache"),
        .stale_ms = source_number(config, kind, "stale"),
        .goes_on = strcmp(text_of(config, on_failure), "continue") == 0,
    };
}

size_t settings_sources(const struct config *config, struct source_settings *list)
{
    size_t count = 0;
    const char *cursor = text_of(config, "directory.sources");
    const char *word;
    size_t length;
    while (count < SOURCE_KINDS && text_next_word(&cursor, &word, &length)) {
        enum source_kind kind;
        if (source_kind_find(word, length, &kind)) {
            list[count++] = settings_source(config, kind);
        }
    }
    return count;
}

static bool has_source(const struct source_settings *list, size_t count,
                       enum source_kind kind)
{
    size_t i = 0;
    while (i < count && list[i].kind != kind) {
        i++;
    }
    return i < count;
}

/* NULL: not set, so that it is as the files say. */
static const char *text_if_set(const struct config *config, const char *name)
{
    return config_is_set(config, name) ? config_text(config, name) : NULL;
}

struct ldap_directory_settings settings_ldap(const struct config *config)
{
    return (struct ldap_directory_settings){
        .path = config_text(config, "ldap.path"),
        .server_host = text_if_set(config, "ldap.server_host"),
        .search_base = text_if_set(config, "ldap.search_base"),
        .bind_dn = text_if_set(config, "ldap.bind_dn"),
        .bind_pw = text_if_set(config, "ldap.bind_pw"),
        .start_tls = !config_is_set(config, "ldap.start_tls") ? NULL
                     : config_bool(config, "ldap.start_tls")  ? "yes"
                                                              : "no",
        .query_filters =
            {
                [LDAP_TABLE_USERS] = text_if_set(config, "ldap.query_filter_user"),
                [LDAP_TABLE_GROUPS] = text_if_set(config, "ldap.query_filter_group"),
                [LDAP_TABLE_ALIASES] = text_if_set(config, "ldap.query_filter_alias"),
                [LDAP_TABLE_DOMAINS] = text_if_set(config, "ldap.query_filter_domain"),
                [LDAP_TABLE_SENDERS] = text_if_set(config, "ldap.query_filter_senders"),
            },
        .ca = text_if_set(config, "ldap.ca"),
        .quota_attribute = text_of(config, "ldap.quota_attribute"),
    };
}

struct auth_script_settings settings_auth_script(const struct config *config, int states)
{
    return (struct auth_script_settings){
        .file = config_text(config, "lua.script"),
        .arguments = config_text(config, "lua.settings"),
        .scheme = config_text(config, "lua.scheme"),
        .states = states,
        .memory = (size_t)config_number(config, "state.memory"),
        .instructions = config_number(config, "rule.instructions"),
        .timeout_ms = (int)config_number(config, "lua.timeout"),
    };
}

/* With its accounts in LDAP, docker-mailserver has the domain of its name among its own. */
static const char *own_domains(const struct config *config, struct arena *arena)
{
    const char *domains = text_of(config, "directory.domains");
    return is_ldap_mode(config)
               ? arena_format(arena, "%s %s", config_domain(text_of(config, "hostname")),
                              domains)
               : arena_copy(arena, domains);
}

/* docker-mailserver's default is postmaster@ the domain of the host name. */
static const char *postmaster_address(const struct config *config, struct arena *arena)
{
    const char *address = text_of(config, "dms.postmaster");
    const char *hostname = text_of(config, "hostname");
    return *address != '\0' ? arena_copy(arena, address)
                            : arena_format(arena, "postmaster@%s", config_domain(hostname));
}

bool settings_directory(const struct config *config, struct arena *arena,
                        struct directory_settings *settings, struct error *error)
{
    const char *may_send_as = text_of(config, "spoof.may_send_as");
    struct source_settings sources[SOURCE_KINDS];
    size_t count = settings_sources(config, sources);
    *settings = (struct directory_settings){
        .volume = has_source(sources, count, SOURCE_DMS)
                      ? arena_copy(arena, text_of(config, "dms.volume"))
                      : NULL,
        .accounts_elsewhere = is_ldap_mode(config),
        .others = count > 1 || !has_source(sources, count, SOURCE_DMS),
        .domains = own_domains(config, arena),
        .may_send_as = *may_send_as != '\0' ? arena_copy(arena, may_send_as) : NULL,
        .hostname = arena_copy(arena, text_of(config, "hostname")),
        .mydestination = arena_copy(arena, text_of(config, "mydestination")),
        .rules =
            {
                .myorigin = arena_copy(arena, text_of(config, "myorigin")),
                .delimiters = arena_copy(arena, text_of(config, "recipient_delimiter")),
            },
        .delimiters_given = config_is_set(config, "recipient_delimiter"),
        .postmaster = postmaster_address(config, arena),
    };
    if (*text_of(config, "dms.volume") == '\0' || *settings->hostname == '\0' ||
        *settings->rules.myorigin == '\0') {
        return error_set(
            error, ERROR_CONFIG,
            "dms.volume, hostname and myorigin may not be empty; give them a value");
    }
    return true;
}

struct quota_client_settings settings_quota(const struct config *config)
{
    return (struct quota_client_settings){
        .service = config_text(config, "quota.service"),
        .timeout_ms = (int)config_number(config, "quota.timeout"),
        .connections = (int)config_number(config, "quota.connections"),
        .breaker_failures = (int)config_number(config, "quota.breaker_failures"),
        .tls_ca = config_text(config, "quota.tls_ca"),
        .tls_name = config_text(config, "quota.tls_name"),
        .tls_certificate = config_text(config, "quota.tls_certificate"),
        .tls_key = config_text(config, "quota.tls_key"),
    };
}

struct dns_settings settings_dns(const struct config *config)
{
    return (struct dns_settings){
        .servers = config_text(config, "dns.servers"),
        .timeout_ms = (int)config_number(config, "dns.timeout"),
        .queries = (int)config_number(config, "dns.queries"),
    };
}

struct http_settings settings_http(const struct config *config)
{
    return (struct http_settings){
        .ca = config_text(config, "http.ca"),
        .timeout_ms = (int)config_number(config, "http.timeout"),
        .requests = (int)config_number(config, "http.requests"),
        .max_body = (size_t)config_number(config, "http.max_body"),
        .idle_ms = HTTP_IDLE_MS,
    };
}

struct rewrite settings_rewrite(const struct config *config)
{
    const char *header = config_text(config, "rewrite.header");
    const char *detail = config_text(config, "rewrite.subaddress");
    return (struct rewrite){
        .expand = strcmp(config_text(config, "rewrite.alias"), "expand") == 0,
        .detail = strcmp(detail, "strip") == 0      ? DETAIL_STRIP
                  : strcmp(detail, "external") == 0 ? DETAIL_EXTERNAL
                                                    : DETAIL_KEEP,
        .header = strcmp(header, "off") != 0 ? header : NULL,
        .recipients_max = (size_t)config_number(config, "rewrite.max_recipients"),
    };
}
