/* SPDX-License-Identifier: MIT */
/* `foregate explain`: one SMTP transaction, dry, through the engine and rules of `run`. */
#include "base/log.h"
#include "base/network.h"
#include "base/text.h"
#include "command/command.h"
#include "command/explain_output.h"
#include "command/message_file.h"
#include "command/options.h"
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: foregate explain [--json] OPTION...\n"
    "\n"
    "Plays one SMTP transaction through the rules, sends nothing, and tells what each "
    "rule\n"
    "decided and which edits the server would be asked for. The quota service\n"
    "and all sources of accounts are really asked.\n"
    "\n"
    "  --from ADDRESS      MAIL FROM; default <>\n"
    "  --rcpt ADDRESS      RCPT TO, may be repeated\n"
    "  --size BYTES        the SIZE= that the client declares\n"
    "  --login LOGIN       the client has logged in\n"
    "  --client-ip IP      default 192.0.2.1, a stranger\n"
    "  --client-name NAME  default: the address in brackets\n"
    "  --helo NAME         default client.example\n"
    "  --listener NAME     the {daemon_name} macro\n"
    "  --message FILE      header and body (RFC 5322), for rules that look at them\n"
    "  --json              one object\n"
    "\n"
    "Exit status: 0 every verdict is continue, 1 some are not, 2 it could not do its "
    "work.\n";

struct request_values {
    const char *from, *size, *login, *client_ip, *client_name, *helo, *listener, *message;
    const char **recipients;
    size_t recipient_count;
    bool json;
};

static const char **value_place(struct request_values *values, const char *name,
                                size_t length)
{
    const struct {
        const char *name;
        const char **place;
    } places[] = {
        {"--from", &values->from},
        {"--size", &values->size},
        {"--login", &values->login},
        {"--client-ip", &values->client_ip},
        {"--client-name", &values->client_name},
        {"--helo", &values->helo},
        {"--listener", &values->listener},
        {"--message", &values->message},
        {"--rcpt", &values->recipients[values->recipient_count]},
    };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strlen(places[i].name) == length &&
            strncmp(places[i].name, name, length) == 0) {
            return places[i].place;
        }
    }
    return NULL;
}

/* `--name value` and `--name=value`; the latter also for a value that begins with a hyphen.
 */
static int read_values(struct request_values *values, struct arena *arena, int argc,
                       char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            values->json = true;
            continue;
        }
        const char *equals = strchr(argv[i], '=');
        size_t length = equals != NULL ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        const char **place = value_place(values, argv[i], length);
        const char *value = equals != NULL ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (place == NULL || value == NULL) {
            struct error error;
            error_set(&error, ERROR_CONFIG, "%s %s", argv[i],
                      place == NULL ? "is no option of explain" : "needs a value");
            return options_misused("explain", error.text);
        }
        *place = value;
        values->recipient_count += place == &values->recipients[values->recipient_count];
    }
    if (values->size != NULL &&
        (*values->size == '\0' || strlen(values->size) > 15 ||
         strspn(values->size, "0123456789") != strlen(values->size))) {
        return options_misused("explain", "--size takes a number of bytes");
    }
    struct network_list networks;
    struct error error;
    if (!network_list_parse(arena, values->client_ip, &networks, &error) ||
        networks.count != 1 || strchr(values->client_ip, '/') != NULL) {
        return options_misused("explain", "--client-ip takes an IP address");
    }
    return STATUS_OK;
}

/* As a client would write it: with brackets. */
static const char *bracketed(struct arena *arena, const char *address)
{
    size_t length = strlen(address);
    bool has_brackets = length >= 2 && address[0] == '<' && address[length - 1] == '>';
    return has_brackets ? address : arena_format(arena, "<%s>", address);
}

static struct verdict play_mail(struct transaction *transaction, struct arena *arena,
                                const struct request_values *values)
{
    const char *arguments[3] = {bracketed(arena, values->from)};
    if (values->size != NULL) {
        arguments[1] = arena_format(arena, "SIZE=%s", values->size);
    }
    const struct mail_facts facts = {
        .login = values->login,
        .login_method = values->login != NULL ? "plain" : NULL,
    };
    return transaction_mail(transaction, &facts, arguments);
}

/* What the client sends after DATA. Without a file there is no header to judge, and the
 * body is as long as declared. */
static struct verdict play_content(struct transaction *transaction,
                                   const struct request_values *values,
                                   const struct message_file *file, struct edit_list *edits)
{
    transaction_data(transaction, NULL);
    size_t body_bytes = values->size != NULL ? strtoull(values->size, NULL, 10) : 0;
    if (file != NULL) {
        for (size_t i = 0; i < file->headers.count; i++) {
            transaction_header(transaction, file->headers.entries[i].name,
                               file->headers.entries[i].value);
        }
        struct verdict verdict = transaction_end_of_headers(transaction, NULL);
        if (verdict.kind != VERDICT_CONTINUE) {
            return verdict;
        }
        body_bytes = file->body_bytes;
    } else if (transaction_data_verdict(transaction).kind != VERDICT_CONTINUE) {
        return transaction_data_verdict(transaction);
    } else if (body_bytes > 2) {
        body_bytes -= 2; /* the line between header and body counts as well */
    }
    transaction_body(transaction, body_bytes);
    return transaction_finish(transaction, NULL, edits);
}

static void play(struct transaction *transaction, struct arena *arena,
                 const struct request_values *values, const struct message_file *file,
                 struct explanation *explanation)
{
    const char *name = values->client_name != NULL
                           ? values->client_name
                           : arena_format(arena, "[%s]", values->client_ip);
    const struct peer peer = {
        .name = name,
        .ip = values->client_ip,
        .port = 25252, /* any but 0, which is sendmail(1) */
        .listener = values->listener,
    };
    explanation->connect = transaction_connect(transaction, &peer);
    explanation->helo = transaction_helo(transaction, values->helo);
    explanation->session_decisions = *transaction_decisions(transaction);
    if (verdict_is_refusal(&explanation->connect) ||
        verdict_is_refusal(&explanation->helo)) {
        return;
    }
    explanation->has_mail = true;
    explanation->mail = play_mail(transaction, arena, values);
    bool accepted = false;
    if (explanation->mail.kind == VERDICT_CONTINUE) {
        for (size_t i = 0; i < values->recipient_count; i++) {
            const char *arguments[2] = {bracketed(arena, values->recipients[i])};
            struct verdict verdict = transaction_rcpt(transaction, NULL, arguments);
            explanation->recipients[i] = verdict;
            accepted = accepted || !verdict_is_refusal(&verdict);
        }
    }
    explanation->has_message = accepted;
    if (accepted) {
        explanation->message = play_content(transaction, values, file, &explanation->edits);
    }
    explanation->decisions = *transaction_decisions(transaction);
}

/* Nothing reloads here: they stay the current ones. */
static void name_current(struct current *current, struct explanation *explanation)
{
    struct generation *generation;
    struct snapshot *snapshot;
    current_hold(current, &generation, &snapshot);
    explanation->generation = generation_number(generation);
    explanation->snapshot = snapshot_generation(snapshot);
    generation_release(&generation);
    snapshot_release(&snapshot);
}

/* The decisions are printed anyway; what else rules log, and failures of services, is shown
 * from warning on, or from what the operator asked for. */
static void configure_log(const struct config *config)
{
    enum log_level level = LOG_WARNING;
    if (config_is_set(config, "log.level")) {
        level = log_level_find(config_text(config, "log.level"));
    }
    log_configure(level, LOG_FORMAT_TEXT);
}

static int explain(struct config *config, struct arena *arena,
                   const struct request_values *values)
{
    struct error error = {0};
    struct message_file *file = NULL;
    if (values->message != NULL) {
        file = message_file_read(arena, values->message, &error);
        if (file == NULL) {
            return options_fail("explain", &error);
        }
    }
    struct parts parts;
    if (!parts_start(&parts, config, NULL, &error)) {
        return options_fail("explain", &error);
    }
    parts.transactions.record_all = true;
    configure_log(config);
    struct explanation explanation = {
        .recipients =
            arena_array(arena, values->recipient_count + 1, sizeof(struct verdict)),
        .recipient_names = values->recipients,
        .recipient_count = values->recipient_count,
    };
    name_current(parts.current, &explanation);
    struct transaction *transaction = transaction_new(&parts.transactions);
    play(transaction, arena, values, file, &explanation);
    bool printed = values->json ? explanation_print_json(&explanation)
                                : explanation_print_text(arena, &explanation);
    int status = explanation_is_clean(&explanation) ? STATUS_OK : STATUS_FINDING;
    transaction_free(&transaction);
    parts_stop(&parts);
    return printed ? status : options_unwritten("explain");
}

int command_explain(struct config *config, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return STATUS_OK;
        }
    }
    struct arena *arena = arena_new();
    struct request_values values = {
        .from = "<>",
        .client_ip = "192.0.2.1",
        .helo = "client.example",
        .recipients = arena_array(arena, (size_t)argc + 1, sizeof(const char *)),
    };
    int status = read_values(&values, arena, argc, argv);
    if (status == STATUS_OK) {
        status = explain(config, arena, &values);
    }
    arena_free(&arena);
    return status;
}
