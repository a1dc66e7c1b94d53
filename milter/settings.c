/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <string.h>

/* Shorter than servers keep connections: who is first cannot run into the other's close. */
enum { HTTP_IDLE_MS = 15000 };

/* Never NULL: an option without a value is "". */
static const char *text_of(const struct config *config, const char *name)
{
    const char *value = config_text(config, name);
    return value != NULL ? value : "";
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
    *settings = (struct directory_settings){
        .volume = arena_copy(arena, text_of(config, "dms.volume")),
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
    if (*settings->volume == '\0' || *settings->hostname == '\0' ||
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
