/* SPDX-License-Identifier: MIT */
#include "base/network.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { V4_BYTES = 4, V6_BYTES = 16, MAPPED_BITS = 96, WORD_BYTES = 128 };

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool read_address(const char *text, struct network *network)
{
    memset(network->address, 0, sizeof network->address);
    if (inet_pton(AF_INET, text, network->address) == 1) {
        network->address_bytes = V4_BYTES;
    } else if (inet_pton(AF_INET6, text, network->address) == 1) {
        network->address_bytes = V6_BYTES;
    } else {
        return false;
    }
    network->prefix_bits = (unsigned)network->address_bytes * 8;
    return true;
}

/* ::ffff:10.0.0.0/104 becomes 10.0.0.0/8. A shorter prefix covers more and stays. */
static void unmap(struct network *network)
{
    if (network->address_bytes == V6_BYTES && network->prefix_bits >= MAPPED_BITS &&
        memcmp(network->address, mapped_prefix, sizeof mapped_prefix) == 0) {
        memmove(network->address, network->address + sizeof mapped_prefix, V4_BYTES);
        memset(network->address + V4_BYTES, 0, V6_BYTES - V4_BYTES);
        network->address_bytes = V4_BYTES;
        network->prefix_bits -= MAPPED_BITS;
    }
}

static bool read_prefix(const char *text, struct network *network)
{
    unsigned bits = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        bits = bits * 10 + (unsigned)(*text - '0');
    }
    if (bits > network->prefix_bits) {
        return false;
    }
    network->prefix_bits = bits;
    return true;
}

/* Clears the bits beyond the prefix; false when there were none. */
static bool clear_host_bits(struct network *network)
{
    bool found = false;
    for (size_t i = 0; i < network->address_bytes; i++) {
        unsigned first = (unsigned)i * 8;
        unsigned kept = network->prefix_bits <= first       ? 0
                        : network->prefix_bits >= first + 8 ? 8
                                                            : network->prefix_bits - first;
        unsigned char mask = (unsigned char)(0xff00U >> kept);
        found = found || (network->address[i] & ~mask) != 0;
        network->address[i] &= mask;
    }
    return found;
}

static bool refuse_host_bits(const struct network *network, const char *word,
                             struct error *error)
{
    char block[INET6_ADDRSTRLEN];
    bool v6 = network->address_bytes == V6_BYTES;
    inet_ntop(v6 ? AF_INET6 : AF_INET, network->address, block, sizeof block);
    return error_set(error, ERROR_CONFIG, "%s has bits beyond its prefix, write %s%s%s/%u",
                     word, v6 ? "[" : "", block, v6 ? "]" : "", network->prefix_bits);
}

static bool parse_word(const char *word, struct network *network, struct error *error)
{
    char text[WORD_BYTES];
    snprintf(text, sizeof text, "%s", word);
    char *slash = strchr(text, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    size_t length = strlen(text);
    bool bracketed = length > 1 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed) {
        text[length - 1] = '\0';
    }
    if (!read_address(bracketed ? text + 1 : text, network)) {
        return error_set(error, ERROR_CONFIG, "\"%s\" is no IP address or block", word);
    }
    if (slash != NULL && !read_prefix(slash + 1, network)) {
        return error_set(error, ERROR_CONFIG, "\"%s\" needs a prefix from 0 to %u", word,
                         network->prefix_bits);
    }
    struct network cleared = *network;
    if (clear_host_bits(&cleared)) {
        return refuse_host_bits(&cleared, word, error);
    }
    unmap(network);
    return true;
}

static size_t count_words(const char *text)
{
    const char *word = NULL;
    size_t length = 0;
    size_t count = 0;
    while (text_next_word(&text, &word, &length)) {
        count++;
    }
    return count;
}

bool network_list_parse(struct arena *arena, const char *text, struct network_list *list,
                        struct error *error)
{
    list->count = 0;
    list->entries = arena_array(arena, count_words(text), sizeof *list->entries);
    const char *begin = NULL;
    size_t length = 0;
    while (text_next_word(&text, &begin, &length)) {
        char *word = text_printable(arena, arena_copy_bytes(arena, begin, length), 64);
        if (length > 64) {
            return error_set(error, ERROR_CONFIG, "\"%s\" is no IP address or block", word);
        }
        if (!parse_word(word, &list->entries[list->count], error)) {
            return false;
        }
        list->count++;
    }
    return true;
}

static bool covers(const struct network *network, const struct network *client)
{
    if (network->address_bytes != client->address_bytes) {
        return false;
    }
    size_t whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;
    if (memcmp(network->address, client->address, whole) != 0) {
        return false;
    }
    unsigned char mask = (unsigned char)(0xff00U >> rest);
    return rest == 0 || (client->address[whole] & mask) == network->address[whole];
}

bool network_list_contains(const struct network_list *list, const char *ip)
{
    char text[WORD_BYTES];
    ip += *ip == '[' ? 1 : 0;
    ip += text_starts_folded(ip, "IPv6:") ? strlen("IPv6:") : 0;
    size_t length = strcspn(ip, "]%");
    if (length >= sizeof text) {
        return false;
    }
    memcpy(text, ip, length);
    text[length] = '\0';
    struct network client;
    if (!read_address(text, &client)) {
        return false;
    }
    unmap(&client);
    for (size_t i = 0; i < list->count; i++) {
        if (covers(&list->entries[i], &client)) {
            return true;
        }
    }
    return false;
}
