/* SPDX-License-Identifier: MIT */
/* The configuration as the directory and the clients of services want it. */
#ifndef FOREGATE_SETTINGS_H
#define FOREGATE_SETTINGS_H

#include "base/arena.h"
#include "base/config.h"
#include "base/error.h"
#include "directory/dms.h"
#include "directory/rewrite.h"
#include "io/dns.h"
#include "io/http.h"
#include "quota/client.h"

#include <stdbool.h>

/* Strings belong to config or to the arena. False when a value that the directory depends
 * on is missing or bad (CONFIG). */
bool settings_directory(const struct config *config, struct arena *arena,
                        struct directory_settings *settings, struct error *error);

/* Borrows from config. */
struct quota_client_settings settings_quota(const struct config *config);

/* The same. */
struct dns_settings settings_dns(const struct config *config);
struct http_settings settings_http(const struct config *config);

/* The same. */
struct rewrite settings_rewrite(const struct config *config);

#endif
