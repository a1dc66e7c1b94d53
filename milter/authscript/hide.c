/* SPDX-License-Identifier: MIT */
/* Passwords are not shown, wherever a script puts them. */
#include "authscript/auth_script.h"

#include "base/buffer.h"

#include <ctype.h>
#include <string.h>

static bool is_alone(const char *text, const char *place, size_t length)
{
    bool begins = place == text || !isalnum((unsigned char)place[-1]);
    return begins && !isalnum((unsigned char)place[length]);
}

static void append(struct buffer *buffer, const char *text, size_t length)
{
    size_t room = buffer->maximum - buffer->length;
    buffer_append(buffer, text, length < room ? length : room);
}

/* A short one would be found where it is not meant: it counts where it stands alone. Of a
 * long text the begin is enough, but not a piece of a password at its end. */
const char *auth_text_hide(const char *text, const char *password, struct arena *arena)
{
    enum { SHORT = 4, READ_BYTES = 65536, SHOWN_BYTES = 4096 };

    size_t length = password != NULL ? strlen(password) : 0;
    size_t whole = strlen(text);
    if (length == 0 || memmem(text, whole, password, length) == NULL) {
        return text;
    }
    const char *end = text + (whole < READ_BYTES ? whole : READ_BYTES - 1);
    struct buffer hidden;
    buffer_init(&hidden, SHOWN_BYTES);
    const char *at = text;
    const char *place;
    for (const char *from = text;
         (place = memmem(from, (size_t)(end - from), password, length)) != NULL;) {
        from = place + length;
        if (length >= SHORT || is_alone(text, place, length)) {
            append(&hidden, at, (size_t)(place - at));
            append(&hidden, "(password)", strlen("(password)"));
            at = from;
        }
    }
    size_t rest = (size_t)(end - at);
    if (whole >= READ_BYTES) {
        rest = rest > length ? rest - length : 0;
    }
    append(&hidden, at, rest);
    const char *copy = arena_copy_bytes(arena, hidden.data, hidden.length);
    buffer_deinit(&hidden);
    return copy;
}
