/* SPDX-License-Identifier: MIT */
#include "command/check_auth.h"

#include "authscript/lint.h"
#include "command/auth_source.h"

#include <stdlib.h>
#include <string.h>

/* Of a text `FILE:LINE: ...` the line. */
static int line_of(const char *text, const char *file)
{
    size_t length = strlen(file);
    const char *place = strstr(text, file);
    return place != NULL && place[length] == ':' ? (int)strtol(place + length + 1, NULL, 10)
                                                 : 0;
}

void check_auth(const struct config *config, struct finding_list *findings)
{
    const char *file = config_text(config, "lua.script");
    if (file == NULL || *file == '\0') {
        return;
    }
    struct error error;
    struct auth_source source;
    if (auth_source_start(&source, config, &error)) {
        auth_source_stop(&source);
    } else {
        finding_add(findings, FINDING_ERROR, "auth-script",
                    arena_copy(findings->arena, file), line_of(error.text, file),
                    error.text,
                    "mend the script, or name the one that Dovecot uses in lua.script");
    }
    auth_script_lint(file, findings);
}
