/* SPDX-License-Identifier: MIT */
#include "command/check_tests.h"

#include "reload/tests_child.h"
#include "script/engine.h"

#include <string.h>

/* Messages begin with the rule's file: `/path/quota.lua: its tests ...`. */
static void add_finding(struct finding_list *findings, const struct error *error)
{
    bool failed = error->kind == ERROR_CONFIG;
    char *file = arena_copy(findings->arena, error->text);
    char *end = strstr(file, ": ");
    const char *message = end != NULL ? end + 2 : file;
    if (end != NULL) {
        *end = '\0';
    }
    finding_add(findings, failed ? FINDING_ERROR : FINDING_WARNING, "rule-tests",
                end != NULL ? file : "", 0, message,
                failed
                    ? "mend the rule or its tests; until then the rules that run stay in "
                      "use, or `run` does not start"
                    : "run them by hand with `foregate test`; until they pass a reload "
                      "changes nothing");
}

void check_tests(const struct config *config, struct finding_list *findings)
{
    struct error error = {0};
    struct config *again = config_again(config, &error);
    struct generation *generation =
        again != NULL ? generation_new(again, NULL, &error) : NULL;
    if (generation == NULL || !tests_child_run(generation, &error)) {
        add_finding(findings, &error);
    }
    generation_free(&generation);
    config_free(&again);
}
