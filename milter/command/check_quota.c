/* SPDX-License-Identifier: MIT */
#include "command/check_quota.h"

#include "base/log.h"
#include "base/text.h"
#include "command/json.h"
#include "io/loop.h"
#include "quota/answer.h"
#include "quota/client.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>

/* Asked about where Dovecot is said to have no bound. */
enum { WITHOUT_BOUND = 64 << 20 };

/* Another rule of that name may have other settings. */
static bool is_in_use(const struct config *config)
{
    for (size_t i = 0; i < config_count(config); i++) {
        const struct option *option = config_option(config, i);
        if (strcmp(option->name, "quota.enabled") == 0) {
            return option->type == OPTION_BOOL && config_bool(config, option->name);
        }
    }
    return false;
}

static void add_no_answer(struct finding_list *findings, const struct quota_report *report,
                          const struct error *error)
{
    bool is_tls = strncmp(report->service, "tls:", 4) == 0;
    const char *remedy =
        is_tls ? "Let something that speaks TLS listen there in front of Dovecot's "
                 "quota-status, with a certificate for quota.tls_name (the host of "
                 "quota.service) that quota.tls_ca vouches for"
               : "Let Dovecot's quota-status listen there (service quota-status in "
                 "dovecot.cf), or set quota.service to where it listens";
    finding_add_format(findings, FINDING_WARNING, "quota-no-answer", "", 0, remedy,
                       "Dovecot's quota-status gives no answer at %s: %s. While that is "
                       "so, quota.on_failure decides",
                       report->service, error->text);
}

static void add_finding(struct finding_list *findings, const struct quota_report *report,
                        enum quota_meaning meaning)
{
    switch (meaning) {
    case QUOTA_MEANS_FITS:
    case QUOTA_MEANS_OVER:
        return;
    case QUOTA_MEANS_UNKNOWN_USER:
        finding_add_format(
            findings, FINDING_WARNING, "quota-unknown-user", "", 0,
            "Write `quota_status_nouser = DUNNO` into dovecot.cf, with Dovecot 2.3 inside "
            "`plugin { }`, with 2.4 outside of all braces; and see why Dovecot does not "
            "know the account: doveadm user",
            "Dovecot does not know the user %s (%s): its quota cannot be told. With this "
            "answer docker-mailserver's own quota check refuses aliases, before Foregate "
            "is asked",
            report->account, report->action);
        return;
    case QUOTA_MEANS_EMPTY:
        finding_add_format(
            findings, FINDING_WARNING, "quota-empty-action", "", 0,
            "Write `quota_status_toolarge = 552 5.2.2 Mailbox is full` into dovecot.cf, "
            "with Dovecot 2.3 inside `plugin { }`, with 2.4 outside of all braces",
            "Dovecot answers with an empty action about %s, as 2.4 does of a mail that is "
            "too large: to Postfix that is a permission, to Foregate no answer",
            report->account);
        return;
    case QUOTA_MEANS_LATER:
        finding_add_format(findings, FINDING_WARNING, "quota-cannot-tell", "", 0,
                           "See Dovecot's log for the reason",
                           "Dovecot cannot tell the quota of %s: %s", report->account,
                           report->action);
        return;
    case QUOTA_MEANS_UNCLEAR:
        finding_add_format(findings, FINDING_WARNING, "quota-unclear", "", 0,
                           "Correct the quota_status_... settings of Dovecot: to a full "
                           "mailbox it must answer 5xx or REJECT, else DUNNO or OK",
                           "Dovecot answers about %s what says nothing of room: %s",
                           report->account, report->action);
        return;
    }
}

static void take_answer(struct quota_report *report, const struct quota_request *request,
                        struct finding_list *findings)
{
    static const char said[] = "action=";
    enum quota_meaning meaning;
    if (request->request.ok) {
        bool fits = request->result == QUOTA_FITS;
        meaning = fits ? QUOTA_MEANS_FITS : QUOTA_MEANS_OVER;
        report->action = fits ? NULL : arena_copy(findings->arena, request->text);
    } else if (strncmp(request->text, said, strlen(said)) == 0) {
        report->action = arena_copy(findings->arena, request->text + strlen(said));
        meaning = quota_action_meaning(report->action);
    } else {
        report->answer = "none";
        add_no_answer(findings, report, &request->request.error);
        return;
    }
    report->answer = quota_meaning_name(meaning);
    add_finding(findings, report, meaning);
}

/* What Foregate asks beyond a message must not meet a bound that it does not know. */
static void check_largest(const struct config *config, struct quota_client *client,
                          struct loop *loop, const struct quota_report *report,
                          struct finding_list *findings)
{
    int64_t bytes = config_number(config, "quota.max_mail_size");
    bytes = bytes > 0 ? bytes : WITHOUT_BOUND;
    struct quota_request request;
    quota_request_init(&request, client, report->account, bytes);
    request_wait(loop, (struct request *[]){&request.request}, 1);
    if (request.request.ok && request.result == QUOTA_OVER) {
        finding_add_format(
            findings, FINDING_WARNING, "quota-max-mail-size", "", 0,
            "If the account is not nearly full, set quota.max_mail_size to what Dovecot "
            "has: doveconf plugin/quota_max_mail_size (2.3), "
            "doveconf quota_mail_size (2.4)",
            "Dovecot takes a small message for %s, but none of %lld bytes: the account is "
            "nearly full, or Dovecot's quota_max_mail_size is below quota.max_mail_size, "
            "and mailboxes look busy that are not",
            report->account, (long long)bytes);
    }
}

/* Nobody is asked when the rule quota is not in use, or there is no account. */
static void ask(const struct config *config, const char *account, struct loop *loop,
                struct quota_client *client, struct quota_report *report,
                struct finding_list *findings)
{
    if (account == NULL || !is_in_use(config)) {
        return;
    }
    *report = (struct quota_report){
        .service = arena_copy(findings->arena, config_text(config, "quota.service")),
        .account = arena_copy(findings->arena, account),
    };
    struct quota_request request;
    quota_request_init(&request, client, report->account, 1);
    request_wait(loop, (struct request *[]){&request.request}, 1);
    take_answer(report, &request, findings);
    if (request.request.ok && request.result == QUOTA_FITS) {
        check_largest(config, client, loop, report, findings);
    }
}

struct quota_report check_quota(const struct config *config,
                                const struct snapshot *snapshot,
                                struct finding_list *findings)
{
    struct quota_report report = {0};
    struct quota_client_settings settings = settings_quota(config);
    struct error error = {0};
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT); /* what the breaker logs is a finding here */
    struct loop *loop = loop_start(&error);
    struct quota_client *client =
        loop != NULL ? quota_client_new(loop, &settings, &error) : NULL;
    if (client != NULL) {
        ask(config, snapshot_first_account(snapshot), loop, client, &report, findings);
        quota_client_free(&client);
    } else {
        finding_add(findings, FINDING_ERROR, "quota-service", "", 0,
                    arena_copy(findings->arena, error.text),
                    "Mend it; until then `run` does not start");
    }
    if (loop != NULL) {
        loop_stop(&loop);
    }
    return report;
}

json_t *quota_report_json(const struct quota_report *report)
{
    if (report->service == NULL) {
        return json_null();
    }
    json_t *object = json_object();
    json_object_set_new(object, "service", json_text(report->service));
    json_object_set_new(object, "account", json_text(report->account));
    json_object_set_new(object, "answer", json_text(report->answer));
    json_object_set_new(object, "action", json_text(report->action));
    return object;
}

/* As a person would say it. */
static const char *answer_text(const char *answer)
{
    return strcmp(answer, "none") == 0 ? "no answer" : answer;
}

void quota_report_print(const struct quota_report *report, struct arena *arena)
{
    if (report->service == NULL) {
        return;
    }
    const char *line = arena_format(arena, "quota: %s says of %s: %s", report->service,
                                    report->account, answer_text(report->answer));
    printf("%s", text_printable(arena, line, strlen(line)));
    if (report->action != NULL && report->action[0] != '\0') {
        printf(" (%s)", text_printable(arena, report->action, strlen(report->action)));
    }
    putchar('\n');
}
