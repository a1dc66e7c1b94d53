/* SPDX-License-Identifier: MIT */
/* Texts that auth scripts bring: templates, stored passwords, and the script itself as
 * `check` reads it. The first byte says which. */
#include "authscript/lint.h"
#include "authscript/password.h"
#include "authscript/template.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TEMPLATE_BYTES = 5 << 20, WAIT_MS = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expand(const char *text)
{
    struct error error = {0};
    struct arena *arena = arena_new();
    struct auth_request request = auth_request_new(arena, "Alice@Example.com@b");
    request.service = "smtp";
    const char *expanded = template_expand(arena, &request, text, &error);
    assert(expanded != NULL || error.text[0] != '\0');
    assert(arena_used(arena) < TEMPLATE_BYTES);
    arena_free(&arena);
}

/* What was not compared is no mismatch. Costly ones are left to test_password. */
static void compare(const char *stored)
{
    struct error error = {0};
    const char *dollar = strchr(stored, '$');
    if (dollar == NULL && strcasestr(stored, "crypt") == NULL) {
        enum password_answer answer =
            password_verify(stored, "PLAIN", "secret", WAIT_MS, &error);
        assert(answer == PASSWORD_MATCH || error.text[0] != '\0');
        assert(answer != PASSWORD_MATCH || strchr(stored, '{') != NULL ||
               strcmp(stored, "secret") == 0);
    }
    password_check(stored, "SHA256-CRYPT", &error);
}

static void read_script(const char *text)
{
    struct finding_list findings = {.arena = arena_new()};
    auth_script_lint_text("x.lua", text, &findings);
    for (size_t i = 0; i < findings.count; i++) {
        assert(findings.entries[i].line >= 1);
    }
    arena_free(&findings.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    char *text = malloc(size); /* exactly, so that reading beyond is seen */
    assert(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 3) {
    case 0:
        expand(text);
        break;
    case 1:
        compare(text);
        break;
    default:
        read_script(text);
        break;
    }
    free(text);
    return 0;
}
