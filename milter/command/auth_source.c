/* SPDX-License-Identifier: MIT */
#include "command/auth_source.h"

#include "settings.h"

static bool start_script(struct auth_source *source, const struct config *config,
                         struct error *error)
{
    const struct auth_script_settings settings = {
        .file = config_text(config, "lua.script"),
        .arguments = config_text(config, "lua.settings"),
        .scheme = config_text(config, "lua.scheme"),
        .states = 1,
        .memory = (size_t)config_number(config, "state.memory"),
        .instructions = config_number(config, "rule.instructions"),
        .timeout_ms = (int)config_number(config, "lua.timeout"),
        .needs_ids = true,
        .loop = source->loop,
        .http = source->http,
    };
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
