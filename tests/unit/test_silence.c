/* SPDX-License-Identifier: MIT */
/* Requests that nobody answers, by the host's clock and by one that stands; and the clients
 * whose services are scripts. */
#include "io/silence.h"

#include "base/clock.h"
#include "io/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct unanswered {
    struct request request;
    struct silence *silence;
    int64_t ended_ms;
    int order;
};

static int ended_count; /* loop thread, while the test waits */

static void end(struct request *request)
{
    struct unanswered *unanswered = (struct unanswered *)request;
    unanswered->ended_ms = clock_monotonic_ms();
    unanswered->order = ++ended_count;
    error_set(&request->error, ERROR_TIMEOUT, "silence");
    request_complete(request, false);
}

static void start(struct request *request)
{
    silence_keep(((struct unanswered *)request)->silence, request, end);
}

static void end_at_once(struct request *request)
{
    struct unanswered *answered = (struct unanswered *)request;
    answered->ended_ms = clock_monotonic_ms();
    answered->order = ++ended_count;
    request_complete(request, true);
}

/* Each with its time, -1 for an answer at once; the order in which they must end. */
static const struct {
    int timeout_ms;
    int order;
} together[] = {{3000, 4}, {1, 2}, {3000, 5}, {-1, 1}, {500, 3}};

enum { COUNT = sizeof together / sizeof together[0] };

static void wait_for_all(struct loop *loop, struct silence *silence, struct unanswered *all)
{
    struct request *requests[COUNT];
    ended_count = 0;
    for (int i = 0; i < COUNT; i++) {
        all[i] = (struct unanswered){
            .request = {.start = together[i].timeout_ms < 0 ? end_at_once : start,
                        .timeout_ms = together[i].timeout_ms},
            .silence = silence,
        };
        requests[i] = &all[i].request;
    }
    request_wait(loop, requests, COUNT);
}

/* Many times: whatever the threads do, time is the same. */
static void moves_a_stopped_clock(void **unused)
{
    (void)unused;
    struct error error;
    struct loop *loop = loop_start(&error);
    struct silence *silence = silence_new(loop);
    clock_stop(0);
    for (int round = 0; round < 200; round++) {
        struct unanswered all[COUNT];
        int64_t begin_ms = clock_monotonic_ms();
        wait_for_all(loop, silence, all);
        for (int i = 0; i < COUNT; i++) {
            int timeout_ms = together[i].timeout_ms;
            assert_int_equal(all[i].ended_ms - begin_ms, timeout_ms > 0 ? timeout_ms : 0);
            assert_int_equal(all[i].order, together[i].order);
            assert_int_equal(all[i].request.ok, timeout_ms < 0);
        }
        assert_int_equal(clock_monotonic_ms() - begin_ms, 3000);
    }
    clock_go();
    silence_free(&silence);
    loop_stop(&loop);
}

static void waits_by_a_running_clock(void **unused)
{
    (void)unused;
    struct error error;
    struct loop *loop = loop_start(&error);
    struct silence *silence = silence_new(loop);
    struct unanswered requests[2];
    for (int i = 0; i < 2; i++) {
        requests[i] = (struct unanswered){
            .request = {.start = start, .timeout_ms = 30 - 20 * i}, .silence = silence};
    }
    int64_t begin_ms = clock_monotonic_ms();
    ended_count = 0;
    request_wait(loop, (struct request *[]){&requests[0].request, &requests[1].request}, 2);
    assert_int_equal(requests[0].order, 2);
    assert_int_equal(requests[1].order, 1);
    assert_true(requests[1].ended_ms - begin_ms >= 10);
    assert_true(requests[0].ended_ms - begin_ms >= 30);
    silence_free(&silence);
    loop_stop(&loop);
}

static void script(void *argument, struct dns_request *request)
{
    struct dns_record *record = argument;
    if (request->type == DNS_A) {
        request->answer = (struct dns_answer){.records = record, .count = 1};
        request_complete(&request->request, true);
    } else if (request->type == DNS_MX) {
        dns_request_fail(request, "out of order");
    } else {
        dns_request_time_out(request);
    }
}

static void asks_a_script_instead_of_the_dns(void **unused)
{
    (void)unused;

    static const struct {
        enum dns_type type;
        const char *error; /* NULL: an answer */
    } cases[] = {
        {DNS_A, NULL},
        {DNS_MX, "dns.mx x.example: out of order"},
        {DNS_TXT, "dns.txt x.example: no answer within 70 ms"},
    };
    struct error error;
    struct dns_record record = {.bytes = "192.0.2.1", .length = 9};
    const struct dns_settings settings = {.timeout_ms = 70};
    struct arena *arena = arena_new();
    struct loop *loop = loop_start(&error);
    struct dns_client *client = dns_client_new_scripted(&settings, script, &record);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dns_request request;
        const struct dns_question question = {cases[i].type, "x.example", 9};
        assert_true(dns_request_init(&request, client, &question, arena, &error));
        request_wait(loop, (struct request *[]){&request.request}, 1);
        assert_int_equal(request.request.ok, cases[i].error == NULL);
        if (cases[i].error != NULL) {
            assert_string_equal(request.request.error.text, cases[i].error);
        } else {
            assert_string_equal(request.answer.records[0].bytes, "192.0.2.1");
        }
    }
    dns_client_free(&client);
    loop_stop(&loop);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_a_stopped_clock),
        cmocka_unit_test(waits_by_a_running_clock),
        cmocka_unit_test(asks_a_script_instead_of_the_dns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
