/* SPDX-License-Identifier: MIT */
#include "authscript/password.h"

#include "authscript/password_hash.h"
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORED_BYTES = 1024, SCHEME_BYTES = 32, PBKDF2_BYTES = 20 };

enum encoding { TEXT, BASE64, HEX };

enum kind { KIND_PLAIN, KIND_CRYPT, KIND_DIGEST, KIND_SALTED, KIND_PBKDF2, KIND_ARGON2 };

/* Dovecot's builtin_schemes, without those that need a challenge. */
static const struct scheme {
    const char *name;
    enum kind kind;
    enum encoding encoding;
    const char *detail; /* a digest, or how the stored text begins */
} schemes[] = {
    {"PLAIN", KIND_PLAIN, TEXT, NULL},
    {"CLEAR", KIND_PLAIN, TEXT, NULL},
    {"CLEARTEXT", KIND_PLAIN, TEXT, NULL},
    {"CRYPT", KIND_CRYPT, TEXT, ""},
    {"DES-CRYPT", KIND_CRYPT, TEXT, ""},
    {"MD5-CRYPT", KIND_CRYPT, TEXT, "$1$"},
    {"MD5", KIND_CRYPT, TEXT, "$1$"},
    {"SHA256-CRYPT", KIND_CRYPT, TEXT, "$5$"},
    {"SHA512-CRYPT", KIND_CRYPT, TEXT, "$6$"},
    {"BLF-CRYPT", KIND_CRYPT, TEXT, "$2"},
    {"SHA", KIND_DIGEST, BASE64, "SHA1"},
    {"SHA1", KIND_DIGEST, BASE64, "SHA1"},
    {"SHA256", KIND_DIGEST, BASE64, "SHA256"},
    {"SHA512", KIND_DIGEST, BASE64, "SHA512"},
    {"LDAP-MD5", KIND_DIGEST, BASE64, "MD5"},
    {"PLAIN-MD5", KIND_DIGEST, HEX, "MD5"},
    {"SMD5", KIND_SALTED, BASE64, "MD5"},
    {"SSHA", KIND_SALTED, BASE64, "SHA1"},
    {"SSHA256", KIND_SALTED, BASE64, "SHA256"},
    {"SSHA512", KIND_SALTED, BASE64, "SHA512"},
    {"PBKDF2", KIND_PBKDF2, TEXT, NULL},
    {"ARGON2I", KIND_ARGON2, TEXT, "$argon2i$"},
    {"ARGON2ID", KIND_ARGON2, TEXT, "$argon2id$"},
};

struct stored {
    char name[SCHEME_BYTES];
    const struct scheme *scheme; /* NULL: there is no such one */
    enum encoding encoding;
    const char *text; /* behind the braces */
    unsigned char bytes[STORED_BYTES];
    size_t length;
};

static void read_scheme(struct stored *stored, const char *name, size_t length)
{
    snprintf(stored->name, sizeof stored->name, "%.*s",
             (int)(length < SCHEME_BYTES ? length : SCHEME_BYTES - 1), name);
    char *dot = strrchr(stored->name, '.');
    const char *encoding = dot != NULL ? dot + 1 : "";
    if (dot != NULL) {
        *dot = '\0';
    }
    for (char *at = stored->name; *at != '\0'; at++) {
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strcmp(schemes[i].name, stored->name) == 0) {
            stored->scheme = &schemes[i];
            stored->encoding = schemes[i].encoding;
        }
    }
    if (text_equal_folded(encoding, "b64") || text_equal_folded(encoding, "base64")) {
        stored->encoding = BASE64;
    } else if (text_equal_folded(encoding, "hex")) {
        stored->encoding = HEX;
    } else if (*encoding != '\0') {
        stored->scheme = NULL;
    }
}

/* Dovecot: a text that begins as MD5-CRYPT's is one. */
static void take_apart(struct stored *stored, const char *text, const char *scheme)
{
    const char *end = *text == '{' ? strchr(text, '}') : NULL;
    stored->text = end != NULL ? end + 1 : text;
    if (end != NULL) {
        read_scheme(stored, text + 1, (size_t)(end - text - 1));
    } else if (strncmp(text, "$1$", 3) == 0) {
        read_scheme(stored, "MD5-CRYPT", strlen("MD5-CRYPT"));
    } else {
        read_scheme(stored, scheme, strlen(scheme));
    }
}

static size_t decode_hex(const char *text, unsigned char *bytes, size_t size)
{
    size_t length = strlen(text);
    if (length % 2 != 0 || length / 2 > size ||
        strspn(text, "0123456789abcdefABCDEF") != length) {
        return 0;
    }
    for (size_t i = 0; i < length / 2; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return length / 2;
}

static bool is_digest_in_hex(const struct stored *stored)
{
    unsigned char digest[DIGEST_BYTES];
    size_t wanted = hash_digest(stored->scheme->detail, "", NULL, 0, digest);
    return stored->scheme->kind == KIND_DIGEST && strlen(stored->text) == 2 * wanted;
}

/* Into bytes, with a NUL behind. False: that is no text of this encoding. */
static bool decode(struct stored *stored)
{
    size_t room = sizeof stored->bytes - 1;
    if (stored->encoding == TEXT) {
        stored->length = strlen(stored->text);
        if (stored->length > room) {
            return false;
        }
        memcpy(stored->bytes, stored->text, stored->length);
    } else if (stored->encoding == HEX || is_digest_in_hex(stored)) {
        stored->length = decode_hex(stored->text, stored->bytes, room);
    } else {
        stored->length = hash_decode_base64(stored->text, stored->bytes, room);
    }
    stored->bytes[stored->length] = '\0';
    bool is_empty = stored->scheme->kind == KIND_PLAIN && *stored->text == '\0';
    return stored->length > 0 || is_empty;
}

static int verify_digest(const struct stored *stored, const char *plain)
{
    unsigned char digest[DIGEST_BYTES];
    size_t length = hash_digest(stored->scheme->detail, plain, NULL, 0, digest);
    return length == 0 || stored->length != length     ? -1
           : hash_equal(digest, stored->bytes, length) ? 1
                                                       : 0;
}

static int verify_salted(const struct stored *stored, const char *plain)
{
    unsigned char digest[DIGEST_BYTES];
    size_t length = hash_digest(stored->scheme->detail, plain, NULL, 0, digest);
    if (length == 0 || stored->length <= length) {
        return -1;
    }
    hash_digest(stored->scheme->detail, plain, stored->bytes + length,
                stored->length - length, digest);
    return hash_equal(digest, stored->bytes, length) ? 1 : 0;
}

/* `$1$salt$rounds$hex`, HMAC-SHA1 (Dovecot's password-scheme-pbkdf2.c). A shorter key, as a
 * column cut it off, would be found too easily. */
static int verify_pbkdf2(const struct stored *stored, const char *plain)
{
    const char *salt = (const char *)stored->bytes + 3;
    const char *rounds = strchr(salt, '$');
    const char *hex = rounds != NULL ? strchr(rounds + 1, '$') : NULL;
    unsigned char wanted[DIGEST_BYTES];
    unsigned char key[DIGEST_BYTES];
    if (strncmp((const char *)stored->bytes, "$1$", 3) != 0 || hex == NULL) {
        return -1;
    }
    size_t length = decode_hex(hex + 1, wanted, sizeof wanted);
    long count = strtol(rounds + 1, NULL, 10);
    if (length != PBKDF2_BYTES || count < 1 || count > INT_MAX ||
        !hash_pbkdf2(plain, salt, (size_t)(rounds - salt), (int)count, key, length)) {
        return -1;
    }
    return hash_equal(key, wanted, length) ? 1 : 0;
}

/* The number of rounds of `$1$salt$rounds$hex`. */
static long pbkdf2_cost(const char *text)
{
    const char *rounds = strncmp(text, "$1$", 3) == 0 ? strchr(text + 3, '$') : NULL;
    return rounds == NULL                                  ? COST_UNREADABLE
           : strtol(rounds + 1, NULL, 10) <= PBKDF2_ROUNDS ? 0
                                                           : COST_TOO_HIGH;
}

static bool begins_as_its_scheme(const struct stored *stored)
{
    const char *detail = stored->scheme->detail;
    return strncmp((const char *)stored->bytes, detail, strlen(detail)) == 0;
}

static int verify_cheaply(const struct stored *stored, const char *plain)
{
    switch (stored->scheme->kind) {
    case KIND_PLAIN:
        return hash_equal_text((const char *)stored->bytes, plain) ? 1 : 0;
    case KIND_DIGEST:
        return verify_digest(stored, plain);
    case KIND_SALTED:
        return verify_salted(stored, plain);
    case KIND_CRYPT:
    case KIND_PBKDF2:
    case KIND_ARGON2:
        break;
    }
    return -1;
}

/* KiB, or COST_*. */
static long cost_of(const struct stored *stored)
{
    const char *text = (const char *)stored->bytes;
    return stored->scheme->kind == KIND_PBKDF2   ? pbkdf2_cost(text)
           : !begins_as_its_scheme(stored)       ? COST_UNREADABLE
           : stored->scheme->kind == KIND_ARGON2 ? hash_argon2_cost(text)
                                                 : hash_crypt_cost(text);
}

static int verify_costly(const struct stored *stored, const char *plain)
{
    const char *text = (const char *)stored->bytes;
    switch (stored->scheme->kind) {
    case KIND_CRYPT:
        return hash_crypt(plain, text);
    case KIND_PBKDF2:
        return verify_pbkdf2(stored, plain);
    case KIND_ARGON2:
        return hash_argon2(plain, text);
    case KIND_PLAIN:
    case KIND_DIGEST:
    case KIND_SALTED:
        break;
    }
    return -1;
}

static enum password_answer answer_of(int result)
{
    return result > 0    ? PASSWORD_MATCH
           : result == 0 ? PASSWORD_MISMATCH
                         : PASSWORD_UNUSABLE;
}

static enum password_answer verify(const struct stored *stored, const char *plain,
                                   int wait_ms, struct error *error)
{
    enum kind kind = stored->scheme->kind;
    if (kind == KIND_PLAIN || kind == KIND_DIGEST || kind == KIND_SALTED) {
        return answer_of(verify_cheaply(stored, plain));
    }
    long kib = cost_of(stored);
    if (kib == COST_UNREADABLE) {
        return PASSWORD_UNUSABLE;
    }
    if (kib == COST_TOO_HIGH) {
        error_set(
            error, ERROR_RULE,
            "not compared: this %s hash takes too long or too much memory, or is made "
            "by a method that is not known here",
            stored->name);
        return PASSWORD_LIMIT;
    }
    if (!hash_gate_enter(kib, wait_ms)) {
        error_set(error, ERROR_RULE,
                  "not compared: other passwords were, for the %d ms that were left",
                  wait_ms);
        return PASSWORD_LIMIT;
    }
    enum password_answer answer = answer_of(verify_costly(stored, plain));
    hash_gate_leave(kib);
    return answer;
}

static enum password_answer prepare(struct stored *stored, const char *text,
                                    const char *scheme, struct error *error)
{
    take_apart(stored, text, scheme);
    if (stored->scheme == NULL) {
        error_set(error, ERROR_RULE, "Unknown scheme %s", stored->name);
        return PASSWORD_UNKNOWN_SCHEME;
    }
    if (!decode(stored)) {
        error_set(error, ERROR_RULE, "Password data is not valid for scheme %s",
                  stored->name);
        return PASSWORD_UNUSABLE;
    }
    return PASSWORD_MATCH;
}

enum password_answer password_verify(const char *stored_text, const char *scheme,
                                     const char *plain, int wait_ms, struct error *error)
{
    struct stored stored = {.scheme = NULL};
    enum password_answer answer = prepare(&stored, stored_text, scheme, error);
    if (answer == PASSWORD_MATCH) {
        answer = verify(&stored, plain, wait_ms, error);
    }
    if (answer == PASSWORD_MISMATCH) {
        error_set(error, ERROR_RULE, "Password mismatch");
    } else if (answer == PASSWORD_UNUSABLE) {
        error_set(error, ERROR_RULE, "Password data is not valid for scheme %s",
                  stored.name);
    }
    hash_forget(stored.bytes, sizeof stored.bytes);
    return answer;
}

enum password_answer password_check(const char *stored_text, const char *scheme,
                                    struct error *error)
{
    struct stored stored = {.scheme = NULL};
    enum password_answer answer = prepare(&stored, stored_text, scheme, error);
    hash_forget(stored.bytes, sizeof stored.bytes);
    return answer;
}
