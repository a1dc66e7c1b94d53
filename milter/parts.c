/* SPDX-License-Identifier: MIT */
#include "parts.h"

#include "settings.h"

#include <assert.h>

/* Mailboxes with room spoken for at a time; how often the directory is loaded when its
 * files do not stand still. */
enum { MAILBOXES = 65536, LOADS = 3 };

static bool start_quota(struct parts *parts, const struct config *config,
                        const struct parts_scripts *scripts, struct error *error)
{
    struct services *services = &parts->services;
    parts->quota = settings_quota(config);
    services->quota =
        scripts != NULL ? quota_client_new_scripted(services->loop, parts->quota.timeout_ms,
                                                    scripts->quota, scripts->quota_argument)
                        : quota_client_new(services->loop, &parts->quota, error);
    if (services->quota == NULL) {
        return false;
    }
    const struct ledger_settings ledger = {
        .mailboxes = MAILBOXES,
        .lease_bytes = config_number(config, "quota.lease"),
        .lease_ms = config_number(config, "quota.lease_time"),
        .refusal_ms = config_number(config, "quota.refusal_time"),
        .hold_ms = QUOTA_HOLD_MS,
        .settle_ms = config_number(config, "quota.settle_time"),
        .question_bytes = config_number(config, "quota.max_mail_size"),
        .grace_percent = (int)config_number(config, "quota.grace"),
        .limit_bytes = config_number(config, "quota.limit"),
    };
    services->ledger = ledger_new(&ledger);
    services->desk = quota_desk_new(services->loop, services->quota, services->ledger);
    services->quota_timeout_ms = parts->quota.timeout_ms;
    services->quota_overhead = config_number(config, "quota.overhead");
    return true;
}

static bool start_dns(struct parts *parts, const struct config *config,
                      const struct parts_scripts *scripts, struct error *error)
{
    struct services *services = &parts->services;
    const struct dns_settings settings = settings_dns(config);
    services->dns = scripts != NULL ? dns_client_new_scripted(&settings, scripts->dns,
                                                              scripts->dns_argument)
                                    : dns_client_new(services->loop, &settings, error);
    services->dns_timeout_ms = settings.timeout_ms;
    return services->dns != NULL;
}

static bool start_http(struct parts *parts, const struct config *config,
                       const struct parts_scripts *scripts, struct error *error)
{
    struct services *services = &parts->services;
    const struct http_settings settings = settings_http(config);
    services->http = scripts != NULL ? http_client_new_scripted(&settings, scripts->http,
                                                                scripts->http_argument)
                                     : http_client_new(services->loop, &settings, error);
    services->http_timeout_ms = settings.timeout_ms;
    return services->http != NULL;
}

/* What goes on changing is left to whoever reloads. */
static struct snapshot *load_directory(struct parts *parts, struct finding_list *findings,
                                       struct error *error)
{
    const struct directory_settings *directory = &parts->directory;
    struct finding_list none = {0};
    const struct finding_list before = findings != NULL ? *findings : none;
    struct snapshot *snapshot = NULL;
    uint64_t seen = dms_fingerprint(directory, &parts->files);
    bool is_current = false;
    for (int i = 0; i < LOADS && !is_current; i++) {
        snapshot_release(&snapshot);
        if (findings != NULL) {
            *findings = before;
        }
        parts->fingerprint = seen;
        snapshot = dms_load_watched(directory, &parts->files, findings, error);
        seen = dms_fingerprint(directory, &parts->files);
        is_current = seen == parts->fingerprint && !dms_was_disturbed(&parts->files);
    }
    return snapshot;
}

static bool start_services(struct parts *parts, const struct config *config,
                           const struct parts_scripts *scripts, struct error *error)
{
    parts->loop = scripts == NULL ? loop_start(error) : NULL;
    parts->services.loop = scripts == NULL ? parts->loop : scripts->loop;
    return parts->services.loop != NULL && start_quota(parts, config, scripts, error) &&
           start_dns(parts, config, scripts, error) &&
           start_http(parts, config, scripts, error) &&
           (scripts != NULL ||
            backends_start(&parts->backends, config, parts->services.loop, error));
}

/* Rules first: only with their options declared is the configuration complete, and what is
 * wrong with it comes before what follows from it. */
static bool start_rules(struct parts *parts, struct config *config, struct error *error)
{
    struct generation *generation = generation_new(config, &parts->services, error);
    if (generation == NULL) {
        return false;
    }
    parts->current = current_new(generation, NULL);
    return settings_directory(config, parts->arena, &parts->directory, error) &&
           network_list_parse(parts->arena, config_text(config, "trusted_networks"),
                              &parts->trusted, error);
}

static bool start_directory(struct parts *parts, struct finding_list *findings,
                            struct error *error)
{
    struct snapshot *snapshot = load_directory(parts, findings, error);
    if (snapshot == NULL) {
        return false;
    }
    struct snapshot *none = current_set_snapshot(parts->current, snapshot);
    assert(none == NULL);
    return true;
}

/* Stops what was started when something fails. */
static bool complete(struct parts *parts, const struct config *config, bool ok)
{
    if (!ok) {
        parts_stop(parts);
        return false;
    }
    parts->transactions = (struct transaction_settings){
        .current = parts->current,
        .services = &parts->services,
        .sources = parts->backends.sources,
        .trusted = &parts->trusted,
        .messages_memory = config_number(config, "messages.memory"),
        .rewrite = settings_rewrite(config),
        .reply_id = config_bool(config, "reply.id"),
    };
    return true;
}

bool parts_start(struct parts *parts, struct config *config, struct finding_list *findings,
                 struct error *error)
{
    *parts = (struct parts){.arena = arena_new()};
    bool ok = start_rules(parts, config, error) &&
              start_directory(parts, findings, error) &&
              start_services(parts, config, NULL, error);
    return complete(parts, config, ok);
}

bool parts_start_scripted(struct parts *parts, struct config *config,
                          const struct parts_scripts *scripts, struct error *error)
{
    *parts = (struct parts){.arena = arena_new()};
    bool ok = start_rules(parts, config, error);
    parts->directory.faults = scripts->faults;
    ok = ok && start_directory(parts, NULL, error) &&
         start_services(parts, config, scripts, error);
    return complete(parts, config, ok);
}

bool parts_start_offline(struct parts *parts, struct config *config, struct error *error)
{
    *parts = (struct parts){.arena = arena_new()};
    bool ok = start_rules(parts, config, error) && start_directory(parts, NULL, error);
    return complete(parts, config, ok);
}

void parts_stop(struct parts *parts)
{
    current_free(&parts->current);
    backends_stop(&parts->backends);
    quota_desk_free(&parts->services.desk);
    if (parts->services.quota != NULL) {
        quota_client_free(&parts->services.quota);
    }
    ledger_free(&parts->services.ledger);
    if (parts->services.dns != NULL) {
        dns_client_free(&parts->services.dns);
    }
    if (parts->services.http != NULL) {
        http_client_free(&parts->services.http);
    }
    if (parts->loop != NULL) {
        loop_stop(&parts->loop);
    }
    arena_free(&parts->arena);
}
