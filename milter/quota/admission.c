/* SPDX-License-Identifier: MIT */
#include "quota/admission.h"

#include "base/clock.h"
#include "base/counter.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of its time, whoever waited begins no question in the last part. */
enum { LAST_PART = 4 };

struct quota_desk {
    struct loop *loop;
    struct quota_client *client;
    struct ledger *ledger;
    struct quota_admission *asking; /* loop thread; one a mailbox */
};

struct quota_desk *quota_desk_new(struct loop *loop, struct quota_client *client,
                                  struct ledger *ledger)
{
    struct quota_desk *desk = calloc(1, sizeof *desk);
    if (desk == NULL) {
        abort();
    }
    *desk = (struct quota_desk){.loop = loop, .client = client, .ledger = ledger};
    return desk;
}

void quota_desk_free(struct quota_desk **desk)
{
    assert(*desk == NULL || (*desk)->asking == NULL);
    free(*desk);
    *desk = NULL;
}

static void begin(struct request *request);
static void go_on(struct request *request);

/* In the loop thread, like all below. On the loop again: the client is in the middle of its
 * own work when it reports. */
static void on_answer(struct quota_request *question)
{
    struct quota_admission *admission = question->asker;
    admission->request.start = go_on;
    loop_submit(admission->desk->loop, &admission->request);
}

static void ask(struct quota_admission *admission, int64_t now_ms)
{
    struct quota_request *question = &admission->question;
    int64_t left_ms = admission->deadline_ms - now_ms;
    quota_request_init(question, admission->desk->client, admission->claim.mailbox,
                       admission->claim.question_bytes);
    question->is_hurried = left_ms < question->request.timeout_ms;
    question->request.timeout_ms = left_ms > 1 ? (int)left_ms : 1;
    question->asker = admission;
    question->done = on_answer;
    admission->question_count++;
    counter_add(COUNTER_QUOTA_ASKED, 1);
    question->request.start(&question->request);
}

/* Nobody waits for it any more. */
static void stop_asking(struct quota_admission *admission)
{
    struct quota_admission **place = &admission->desk->asking;
    while (*place != admission) {
        place = &(*place)->next;
    }
    *place = admission->next;
}

static struct quota_admission *find_asking(const struct quota_desk *desk,
                                           const char *mailbox)
{
    struct quota_admission *admission = desk->asking;
    while (admission != NULL && strcmp(admission->claim.mailbox, mailbox) != 0) {
        admission = admission->next;
    }
    return admission;
}

static void wait_for(struct quota_admission *asking, struct quota_admission *admission)
{
    struct quota_admission **place = &asking->waiting;
    while (*place != NULL) {
        place = &(*place)->next;
    }
    admission->next = NULL;
    *place = admission;
}

static void judge(struct quota_admission *admission)
{
    struct quota_desk *desk = admission->desk;
    struct quota_admission *asking = find_asking(desk, admission->claim.mailbox);
    if (asking != NULL) {
        wait_for(asking, admission);
        return;
    }
    int64_t now_ms = clock_monotonic_ms();
    admission->outcome = ledger_ask(desk->ledger, &admission->claim, now_ms);
    if (admission->outcome != LEDGER_ASK) {
        request_complete(&admission->request, true);
        return;
    }
    admission->next = desk->asking;
    desk->asking = admission;
    ask(admission, now_ms);
}

static void fail(struct quota_admission *admission, const struct error *error)
{
    admission->request.error = *error;
    request_complete(&admission->request, false);
}

static void wake(struct quota_admission *waiting);

/* Cannot tell: that is the answer of those that waited, too, unless its own time was over
 * before the service's. */
static void fail_all(struct quota_admission *admission)
{
    const struct quota_request *question = &admission->question;
    const struct error error = question->request.error;
    bool is_hurried = error.kind == ERROR_TIMEOUT && question->is_hurried;
    struct quota_admission *waiting = admission->waiting;
    stop_asking(admission);
    fail(admission, &error);
    if (is_hurried) {
        wake(waiting);
        return;
    }
    while (waiting != NULL) {
        struct quota_admission *next = waiting->next;
        fail(waiting, &error);
        waiting = next;
    }
}

/* The service answers, but there is no time left to ask it: for now, that is as if the
 * mailbox were busy, and no answer to ask for again. */
static void give_up(struct quota_admission *admission)
{
    admission->outcome = LEDGER_BUSY;
    snprintf(admission->claim.text, sizeof admission->claim.text,
             "no time left to ask: others asked about the mailbox for %d ms",
             admission->request.timeout_ms);
    request_complete(&admission->request, true);
}

/* Those that waited find out what the answer means for them; one may have to ask. They
 * began earlier than whoever asks next, whose deadline is theirs at the latest. */
static void wake(struct quota_admission *waiting)
{
    while (waiting != NULL) {
        struct quota_admission *next = waiting->next;
        int64_t left_ms = waiting->deadline_ms - clock_monotonic_ms();
        if (left_ms > waiting->request.timeout_ms / LAST_PART) {
            judge(waiting);
        } else {
            give_up(waiting);
        }
        waiting = next;
    }
}

static void go_on(struct request *request)
{
    struct quota_admission *admission = (struct quota_admission *)request;
    const struct quota_request *question = &admission->question;
    if (!question->request.ok) {
        fail_all(admission);
        return;
    }
    int64_t now_ms = clock_monotonic_ms();
    admission->outcome =
        ledger_answer(admission->desk->ledger, &admission->claim,
                      question->result == QUOTA_FITS, question->text, now_ms);
    if (admission->outcome == LEDGER_ASK) {
        ask(admission, now_ms);
        return;
    }
    struct quota_admission *waiting = admission->waiting;
    stop_asking(admission);
    request_complete(&admission->request, true);
    wake(waiting);
}

static void begin(struct request *request)
{
    struct quota_admission *admission = (struct quota_admission *)request;
    admission->deadline_ms = clock_monotonic_ms() + request->timeout_ms;
    judge(admission);
}

bool quota_admission_init(struct quota_admission *admission, struct quota_desk *desk,
                          const struct ledger_claim *claim, int timeout_ms)
{
    *admission = (struct quota_admission){
        .request = {.start = begin, .timeout_ms = timeout_ms},
        .claim = *claim,
        .desk = desk,
    };
    admission->outcome = ledger_take(desk->ledger, &admission->claim, clock_monotonic_ms());
    return admission->outcome != LEDGER_ASK;
}
