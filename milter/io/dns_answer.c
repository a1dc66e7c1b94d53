/* SPDX-License-Identifier: MIT */
#include "io/dns_answer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { HEADER_BYTES = 12, CLASS_IN = 1, LABEL_MAX = 63, POINTER = 0xc0, RESPONSE = 0x80 };

struct reader {
    const unsigned char *bytes;
    size_t length; /* of the message: a name may go on elsewhere in it */
    size_t end;    /* of what is read now */
    size_t at;
};

const char *dns_type_name(enum dns_type type)
{
    static const char *const names[] = {"a", "aaaa", "ptr", "mx", "txt"};
    return names[type];
}

int dns_type_number(enum dns_type type)
{
    static const int numbers[] = {1, 28, 12, 15, 16};
    return numbers[type];
}

static bool take_number(struct reader *reader, unsigned *number)
{
    if (reader->end - reader->at < 2) {
        return false;
    }
    const unsigned char *at = reader->bytes + reader->at;
    *number = (unsigned)at[0] << 8 | at[1];
    reader->at += 2;
    return true;
}

static bool skip(struct reader *reader, size_t count)
{
    if (reader->end - reader->at < count) {
        return false;
    }
    reader->at += count;
    return true;
}

static bool skip_name(struct reader *reader)
{
    while (reader->at < reader->end) {
        unsigned octet = reader->bytes[reader->at];
        if (octet == 0) {
            return skip(reader, 1);
        }
        if (octet >= POINTER) {
            return skip(reader, 2);
        }
        if (octet > LABEL_MAX || !skip(reader, 1 + octet)) {
            return false;
        }
    }
    return false;
}

/* One label of a name behind those that are there. */
static bool add_label(struct dns_record *name, char *text, const unsigned char *label,
                      size_t length)
{
    size_t dot = name->length > 0 ? 1 : 0;
    if (name->length + dot + length > DNS_NAME_LENGTH) {
        return false;
    }
    if (dot > 0) {
        text[name->length++] = '.';
    }
    memcpy(text + name->length, label, length);
    name->length += length;
    return true;
}

/* The name that fills the rest of what is read. */
static bool take_name(const struct reader *reader, struct arena *arena,
                      struct dns_record *record)
{
    char text[DNS_NAME_LENGTH];
    size_t at = reader->at;
    size_t end = reader->end;
    /* The rest of a name stands before all that led there: no way round in a circle. */
    size_t start = at;
    record->length = 0;
    while (at < end) {
        unsigned octet = reader->bytes[at];
        if (octet >= POINTER) {
            if (end - at < 2 || (start == reader->at && at + 2 != end)) {
                return false;
            }
            at = (size_t)(octet - POINTER) << 8 | reader->bytes[at + 1];
            if (at >= start) {
                return false;
            }
            start = at;
            end = reader->length;
            continue;
        }
        if (octet == 0) {
            if (start == reader->at && at + 1 != end) {
                return false;
            }
            bool is_root = record->length == 0;
            record->bytes =
                arena_copy_bytes(arena, is_root ? "." : text, is_root ? 1 : record->length);
            record->length = is_root ? 1 : record->length;
            return true;
        }
        if (octet > LABEL_MAX || octet >= end - at ||
            !add_label(record, text, reader->bytes + at + 1, octet)) {
            return false;
        }
        at += 1 + octet;
    }
    return false;
}

static bool take_texts(const struct reader *reader, struct arena *arena,
                       struct dns_record *record)
{
    char *text = arena_alloc(arena, reader->end - reader->at + 1);
    record->bytes = text;
    record->length = 0;
    for (size_t at = reader->at; at < reader->end;) {
        size_t length = reader->bytes[at++];
        if (length > reader->end - at) {
            return false;
        }
        memcpy(text + record->length, reader->bytes + at, length);
        record->length += length;
        at += length;
    }
    return true;
}

static bool take_address(const struct reader *reader, int family, struct arena *arena,
                         struct dns_record *record)
{
    char text[INET6_ADDRSTRLEN];
    size_t size = family == AF_INET ? 4 : 16;
    if (reader->end - reader->at != size) {
        return false;
    }
    inet_ntop(family, reader->bytes + reader->at, text, sizeof text);
    record->length = strlen(text);
    record->bytes = arena_copy(arena, text);
    return true;
}

static bool take_record(struct reader *reader, enum dns_type type, struct arena *arena,
                        struct dns_record *record)
{
    unsigned preference = 0;
    switch (type) {
    case DNS_A:
        return take_address(reader, AF_INET, arena, record);
    case DNS_AAAA:
        return take_address(reader, AF_INET6, arena, record);
    case DNS_MX:
        if (!take_number(reader, &preference)) {
            return false;
        }
        record->preference = (int)preference;
        return take_name(reader, arena, record);
    case DNS_PTR:
        return take_name(reader, arena, record);
    case DNS_TXT:
        return take_texts(reader, arena, record);
    }
    return false;
}

/* Those of one preference stay in the order of the server, which means to spread load. */
static void insert(struct dns_answer *answer, const struct dns_record *record)
{
    size_t place = answer->count++;
    while (place > 0 && answer->records[place - 1].preference > record->preference) {
        answer->records[place] = answer->records[place - 1];
        place--;
    }
    answer->records[place] = *record;
}

/* One record of the section; added when it is of the type. */
static bool read_record(struct reader *reader, enum dns_type type, struct arena *arena,
                        struct dns_answer *answer)
{
    unsigned number;
    unsigned class;
    unsigned length;

    enum { TTL_BYTES = 4 };

    if (!skip_name(reader) || !take_number(reader, &number) ||
        !take_number(reader, &class) || !skip(reader, TTL_BYTES) ||
        !take_number(reader, &length)) {
        return false;
    }
    struct reader data = *reader;
    if (!skip(reader, length)) {
        return false;
    }
    if ((int)number != dns_type_number(type) || class != CLASS_IN ||
        answer->count == DNS_RECORDS) {
        return true;
    }
    data.end = reader->at;
    struct dns_record record = {0};
    if (!take_record(&data, type, arena, &record)) {
        return false;
    }
    insert(answer, &record);
    return true;
}

bool dns_answer_parse(const void *bytes, size_t length, enum dns_type type,
                      struct arena *arena, struct dns_answer *answer)
{
    struct reader reader = {.bytes = bytes, .length = length, .end = length};
    unsigned questions;
    unsigned answers;
    *answer = (struct dns_answer){0};
    if (length < HEADER_BYTES || (reader.bytes[2] & RESPONSE) == 0 || !skip(&reader, 4) ||
        !take_number(&reader, &questions) || !take_number(&reader, &answers)) {
        return false;
    }
    reader.at = HEADER_BYTES;
    for (; questions > 0; questions--) {
        if (!skip_name(&reader) || !skip(&reader, 4)) {
            return false;
        }
    }
    size_t most = answers < DNS_RECORDS ? answers : DNS_RECORDS;
    answer->records = arena_array(arena, most, sizeof *answer->records);
    for (; answers > 0; answers--) {
        if (!read_record(&reader, type, arena, answer)) {
            return false;
        }
    }
    return true;
}
