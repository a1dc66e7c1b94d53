/* SPDX-License-Identifier: MIT */
#include "command/json.h"

#include "base/buffer.h"
#include "base/text.h"
#include "command/options.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

json_t *json_text(const char *text)
{
    return text != NULL ? json_bytes(text, strlen(text)) : json_null();
}

json_t *json_bytes(const char *bytes, size_t length)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    struct buffer valid;
    buffer_init(&valid, SIZE_MAX - 1);
    for (size_t i = 0; i < length;) {
        size_t step = text_utf8_length(bytes + i, length - i);
        if (step > 0) {
            buffer_append(&valid, bytes + i, step);
            i += step;
        } else {
            buffer_append(&valid, replacement, sizeof replacement - 1);
            i++;
        }
    }
    json_t *text = json_stringn(valid.data, valid.length);
    buffer_deinit(&valid);
    return text;
}

bool json_print(json_t *document)
{
    int status = json_dumpf(document, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(document);
    return status == 0 && putchar('\n') != EOF && options_flush();
}
