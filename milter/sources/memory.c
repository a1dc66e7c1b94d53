/* SPDX-License-Identifier: MIT */
#include "sources/memory.h"

/* What an account's source said beside its name. */
static void keep_limit(struct source_memory *memory, const struct answer *mailbox)
{
    if (mailbox->limit != NULL && mailbox->limit_counts) {
        const struct question question = {QUESTION_LIMIT, mailbox->value};
        const struct answer limit = {
            .kind = ANSWER_FOUND, .value = mailbox->limit, .source = mailbox->source};
        store_keep(&memory->answers, &question, &limit, 0);
    }
}

static void keep(struct source_memory *memory, const struct question *question,
                 const struct answer *answer)
{
    size_t before = arena_used(memory->answers.arena);
    store_keep(&memory->answers, question, answer, 0);
    if (question->kind == QUESTION_MAILBOX && answer->kind == ANSWER_FOUND) {
        keep_limit(memory, answer);
    }
    memory->bytes += arena_used(memory->answers.arena) - before;
}

static struct answer ask(const struct directory *directory, const struct question *question,
                         struct arena *arena)
{
    struct source_memory *memory = directory->context;
    const struct kept_answer *kept = store_find(&memory->answers, question);
    if (kept != NULL) {
        return kept->answer;
    }
    if (question->kind == QUESTION_LIMIT) {
        return snapshot_answer(memory->snapshot, question, arena);
    }
    bool asked;
    struct answer answer = sources_ask(memory->sources, memory->snapshot, question,
                                       directory->deadline_ms, arena, &asked);
    bool is_unasked = answer.kind == ANSWER_FAILED && !asked; /* nobody has waited for it */
    bool is_full =
        memory->answers.count >= MEMORY_ANSWERS || memory->bytes >= MEMORY_ANSWERS_BYTES;
    if (!is_full && !is_unasked) {
        keep(memory, question, &answer);
    }
    return answer;
}

struct directory source_memory_begin(struct source_memory *memory, struct sources *sources,
                                     const struct snapshot *snapshot, struct arena *arena)
{
    source_memory_end(memory);
    *memory = (struct source_memory){
        .sources = sources, .snapshot = snapshot, .answers = {.arena = arena}};
    if (sources == NULL) {
        return directory_of(snapshot);
    }
    return (struct directory){.snapshot = snapshot, .ask = ask, .context = memory};
}

void source_memory_end(struct source_memory *memory)
{
    store_end(&memory->answers);
    *memory = (struct source_memory){.sources = NULL};
}
