/* SPDX-License-Identifier: MIT */
#include "command/explain_output.h"

#include "base/text.h"
#include "command/options.h"
#include "mail/observation_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool explanation_is_clean(const struct explanation *explanation)
{
    bool clean = explanation->connect.kind == VERDICT_CONTINUE &&
                 explanation->helo.kind == VERDICT_CONTINUE &&
                 explanation->mail.kind == VERDICT_CONTINUE &&
                 explanation->message.kind == VERDICT_CONTINUE;
    for (size_t i = 0; i < explanation->recipient_count; i++) {
        clean = clean && explanation->recipients[i].kind == VERDICT_CONTINUE;
    }
    return clean;
}

const char *explanation_mail(const struct explanation *explanation)
{
    return explanation->has_mail ? verdict_kind_name(explanation->mail.kind) : "none";
}

const char *explanation_message(const struct explanation *explanation)
{
    return explanation->has_message ? verdict_kind_name(explanation->message.kind) : "none";
}

/* Behind a refused MAIL no recipient is judged. */
const char *explanation_recipient(const struct explanation *explanation, size_t index)
{
    bool judged = explanation->has_mail && explanation->mail.kind == VERDICT_CONTINUE;
    return judged ? verdict_kind_name(explanation->recipients[index].kind) : "none";
}

static const char *printable(struct arena *arena, const char *text)
{
    return text_printable(arena, text, strlen(text));
}

/* Of the arguments and of the results of one observation. */
enum { SHOWN_BYTES = 160 };

static void print_fact(const char *label, const char *text)
{
    printf("             %-6s %s", label, text);
}

static void print_observations(struct arena *arena, const struct observation_list *list)
{
    for (const struct observation *at = list->first; at != NULL; at = at->next) {
        const char *origin = observation_origin(arena, at);
        print_fact(observation_kind_name(at->kind),
                   observation_text(arena, at, SHOWN_BYTES));
        if (origin != NULL) {
            printf("  (%s)", printable(arena, origin));
        }
        printf("\n");
    }
    if (list->dropped_count > 0) {
        printf("             and %zu more, which were not kept\n", list->dropped_count);
    }
}

static void print_detail(struct arena *arena, const struct value *detail)
{
    for (size_t i = 0; detail->type == VALUE_TABLE && i < detail->table.count; i++) {
        struct value_entry *entry = &detail->table.entries[i];
        const struct observation named = {
            .name = entry->key.type == VALUE_TEXT ? entry->key.text.bytes : "...",
            .results = {.values = &entry->value, .count = 1},
            .returned = true,
        };
        print_fact("detail", observation_text(arena, &named, SHOWN_BYTES));
        printf("\n");
    }
}

static void print_decisions(struct arena *arena, const struct decision_list *decisions)
{
    for (size_t i = 0; i < decisions->count; i++) {
        const struct decision *decision = &decisions->entries[i];
        const struct verdict *verdict = &decision->verdict;
        printf("  %-8s %-11s %s%s", decision->stage,
               decision->rule != NULL ? decision->rule : "-",
               decision->shadow && verdict->kind != VERDICT_CONTINUE ? "would " : "",
               verdict_kind_name(verdict->kind));
        if (decision->recipient != NULL) {
            printf("  <%s>", printable(arena, decision->recipient));
        }
        if (verdict_is_refusal(verdict)) {
            printf("  %d %s %s", verdict->code, verdict->xcode, verdict->text);
        } else if (verdict->text != NULL) {
            printf("  %s", printable(arena, verdict->text));
        }
        printf("  (%.1f ms)\n", decision->elapsed_ms);
        print_observations(arena, &decision->observations);
        print_detail(arena, &verdict->detail);
        if (decision->error != NULL) {
            print_fact("error", printable(arena, decision->error));
            printf("\n");
        }
    }
}

static void print_part(struct arena *arena, const char *label, const char *text)
{
    if (text != NULL) {
        printf(" %s%s", label, printable(arena, text));
    }
}

static void print_edit(struct arena *arena, const struct edit *edit)
{
    printf("  %s", edit_kind_name(edit->kind));
    print_part(arena, "", edit->address);
    print_part(arena, "orcpt=", edit->orcpt);
    print_part(arena, "notify=", edit->notify);
    print_part(arena, "", edit->name);
    if (edit->kind == EDIT_SET_HEADER || edit->kind == EDIT_DELETE_HEADER) {
        printf(" %d", edit->index);
    }
    print_part(arena, "", edit->value);
    printf("\n");
}

bool explanation_print_text(struct arena *arena, const struct explanation *explanation)
{
    printf("generation %" PRIu64 " of the rules, snapshot %" PRIu64 " of the directory\n",
           explanation->generation, explanation->snapshot);
    printf("rules\n");
    print_decisions(arena, &explanation->session_decisions);
    print_decisions(arena, &explanation->decisions);
    printf("verdicts\n");
    printf("  connect  %s\n  helo     %s\n  mail     %s\n",
           verdict_kind_name(explanation->connect.kind),
           verdict_kind_name(explanation->helo.kind), explanation_mail(explanation));
    for (size_t i = 0; i < explanation->recipient_count; i++) {
        printf("  rcpt     %s  %s\n", explanation_recipient(explanation, i),
               printable(arena, explanation->recipient_names[i]));
    }
    printf("  message  %s\n", explanation_message(explanation));
    printf("plan\n");
    for (size_t i = 0; i < explanation->edits.count; i++) {
        print_edit(arena, &explanation->edits.edits[i]);
    }
    if (explanation->edits.count == 0) {
        printf("  no edits\n");
    }
    return options_flush();
}
