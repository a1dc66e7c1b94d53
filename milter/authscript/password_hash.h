/* SPDX-License-Identifier: MIT */
/* The libraries that password.c compares by, each at home in one file. */
#ifndef FOREGATE_AUTHSCRIPT_PASSWORD_HASH_H
#define FOREGATE_AUTHSCRIPT_PASSWORD_HASH_H

#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_BYTES = 64 };

/* How much time and memory a stored text may ask for: some seconds, a GiB. */
enum {
    CRYPT_ROUNDS = 2000000,
    BLOWFISH_COST = 15,
    BSDI_ROUNDS = 1 << 23,
    ARGON_PASSES = 64,
    PBKDF2_ROUNDS = 5000000
};

enum { ARGON_KIB = 1 << 20, ARGON_WORK = 4 << 20 }; /* KiB, KiB times passes */

/* In place of KiB. */
enum { COST_TOO_HIGH = -1, COST_UNREADABLE = -2 };

/* OpenSSL: name is MD5, SHA1, SHA256, SHA512. The length, 0: there is no such digest. */
size_t hash_digest(const char *name, const char *plain, const unsigned char *salt,
                   size_t salt_length, unsigned char digest[DIGEST_BYTES]);
bool hash_pbkdf2(const char *plain, const char *salt, size_t salt_length, int rounds,
                 unsigned char *key, size_t key_length);
size_t hash_decode_base64(const char *text, unsigned char *bytes,
                          size_t size); /* 0: none */

/* In a time that says nothing of the content. */
bool hash_equal(const void *left, const void *right, size_t length);
bool hash_equal_text(const char *left, const char *right);
void hash_forget(void *secret, size_t length);

/* libcrypt: 1 matches, 0 does not, -1 the stored text is unusable. The cost, in KiB of
 * memory, is to be asked for before; a method whose cost cannot be read is too high. */
long hash_crypt_cost(const char *stored);
int hash_crypt(const char *plain, const char *stored);

/* libargon2: the same; both kinds. */
long hash_argon2_cost(const char *stored);
int hash_argon2(const char *plain, const char *stored);

/* Before and behind a hash that costs: as many at a time as there are processors, and a GiB
 * for all of them, so that many look-ups at once cannot take all memory. Waits for its
 * turn; false: it did not come within so many milliseconds. */
bool hash_gate_enter(long kib, int wait_ms);
void hash_gate_leave(long kib);

#endif
