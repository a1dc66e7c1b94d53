/* SPDX-License-Identifier: MIT */
/* Answers of the DNS: the first byte chooses the type that is looked for, the rest is the
 * message. */
#include "io/dns_answer.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void check_record(const struct dns_record *record, enum dns_type type,
                         size_t message_length)
{
    assert(record->bytes[record->length] == '\0');
    assert(record->preference >= 0 && record->preference <= UINT16_MAX);
    switch (type) {
    case DNS_A:
    case DNS_AAAA:
        assert(strlen(record->bytes) == record->length && record->length >= 2);
        break;
    case DNS_PTR:
    case DNS_MX:
        assert(record->length >= 1 && record->length <= DNS_NAME_LENGTH);
        break;
    case DNS_TXT:
        assert(record->length < message_length);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length == 0) {
        return 0;
    }
    enum dns_type type = (enum dns_type)(data[0] % (DNS_TXT + 1));
    length--;
    char *bytes = malloc(length + 1);
    char *message = bytes + 1; /* ends where the memory ends */
    memcpy(message, data + 1, length);
    struct arena *arena = arena_new();
    struct dns_answer answer;
    if (dns_answer_parse(message, length, type, arena, &answer)) {
        assert(answer.count <= DNS_RECORDS);
        for (size_t i = 0; i < answer.count; i++) {
            check_record(&answer.records[i], type, length);
            assert(i == 0 ||
                   answer.records[i - 1].preference <= answer.records[i].preference);
        }
        struct dns_answer again;
        assert(dns_answer_parse(message, length, type, arena, &again));
        assert(again.count == answer.count);
    }
    assert(arena_used(arena) < 200 * 1024 + 4 * length);
    arena_free(&arena);
    free(bytes);
    return 0;
}
