/* SPDX-License-Identifier: MIT */
/* The configuration as the directory and the clients of services want it. */
#ifndef FOREGATE_SETTINGS_H
#define FOREGATE_SETTINGS_H

#include "authscript/auth_script.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/error.h"
#include "directory/dms.h"
#include "directory/rewrite.h"
#include "io/dns.h"
#include "io/http.h"
#include "ldap/directory.h"
#include "quota/client.h"
#include "sources/sources.h"

#include <stdbool.h>

/* Strings belong to config or to the arena. False when a value that the directory depends
 * on is missing or bad (CONFIG). */
bool settings_directory(const struct config *config, struct arena *arena,
                        struct directory_settings *settings, struct error *error);

/* What directory.sources names, in its order, with what each has in config; the clients are
 * the caller's to fill in. Returns the count, at most SOURCE_KINDS. */
size_t settings_sources(const struct config *config, struct source_settings *list);

/* Borrows from config. */
struct ldap_directory_settings settings_ldap(const struct config *config);

/* Borrows from config. */
struct auth_script_settings settings_auth_script(const struct config *config, int states);

/* Borrows from config. */
struct quota_client_settings settings_quota(const struct config *config);

/* The same. */
struct dns_settings settings_dns(const struct config *config);
struct http_settings settings_http(const struct config *config);

/* The same. */
struct rewrite settings_rewrite(const struct config *config);

#endif
