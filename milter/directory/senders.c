/* SPDX-License-Identifier: MIT */
#include "directory/senders.h"

#include "base/text.h"
#include "directory/search.h"

#include <string.h>

/* A list of logins with commas or blanks between. */
static bool has(const char *logins, const char *login)
{
    static const char separators[] = ", \t\r\n";
    size_t length = login != NULL ? strlen(login) : 0;
    for (logins += strspn(logins, separators); *logins != '\0' && length > 0;
         logins += strspn(logins, separators)) {
        size_t word = strcspn(logins, separators);
        if (word == length && text_starts_folded(logins, login)) {
            return true;
        }
        logins += word;
    }
    return false;
}

bool senders_find(const struct directory *directory, struct arena *arena,
                  const char *internal, const struct login *login,
                  struct sender_entry *entry)
{
    struct search search = {.arena = arena};
    const struct question *question;
    if (!directory_waits(directory)) {
        return false;
    }
    search_begin(&search, SEARCH_SENDERS, internal, snapshot_settings(directory->snapshot));
    while ((question = search_question(&search)) != NULL) {
        struct answer answer = directory_answer(directory, question, arena);
        *entry = (struct sender_entry){search_step(&search)->match, answer.source};
        if (answer.kind == ANSWER_FOUND) {
            return has(answer.value, login->name) || has(answer.value, login->mailbox);
        }
        if (answer.kind == ANSWER_FAILED) {
            return false; /* in doubt */
        }
        search_advance(&search);
    }
    return false;
}
