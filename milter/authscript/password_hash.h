/* SPDX-License-Identifier: MIT */
/* The libraries that password.c compares by, each at home in one file. */
#ifndef FOREGATE_AUTHSCRIPT_PASSWORD_HASH_H
#define FOREGATE_AUTHSCRIPT_PASSWORD_HASH_H

#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_BYTES = 64 };

/* How much time and memory a stored text may ask for. */
enum {
    CRYPT_ROUNDS = 2000000,
    BLOWFISH_COST = 16,
    ARGON_PASSES = 64,
    PBKDF2_ROUNDS = 5000000
};

enum { ARGON_KIB = 1 << 20, ARGON_WORK = 16 << 20 }; /* KiB, KiB times passes */

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

/* libcrypt: 1 matches, 0 does not, -1 the stored text is unusable. */
int hash_crypt(const char *plain, const char *stored);

/* libargon2: the same; both kinds. */
int hash_argon2(const char *plain, const char *stored);

#endif
