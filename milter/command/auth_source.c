/* SPDX-License-Identifier: MIT */
#include "command/auth_source.h"

#include "settings.h"

static bool start_script(struct auth_source *source, const struct config *config,
                         struct error *error)
{
    struct auth_script_settings settings = settings_auth_script(config, 1);
    settings.needs_ids = true;
    settings.loop = source->loop;
    settings.http = source->http;
    source->script = auth_script_new(&settings, error);
    return source->script != NULL;
}

bool auth_source_start(struct auth_source *source, const struct config *config,
                       struct error *error)
{
    const struct http_settings http = settings_http(config);
    *source = (struct auth_source){.loop = loop_start(error)};
    source->http =
        source->loop != NULL ? http_client_new(source->loop, &http, error) : NULL;
    bool ok = source->http != NULL && start_script(source, config, error);
    if (!ok) {
        auth_source_stop(source);
    }
    return ok;
}

void auth_source_stop(struct auth_source *source)
{
    if (source->script != NULL) {
        auth_script_free(&source->script);
    }
    if (source->http != NULL) {
        http_client_free(&source->http);
    }
    if (source->loop != NULL) {
        loop_stop(&source->loop);
    }
}
