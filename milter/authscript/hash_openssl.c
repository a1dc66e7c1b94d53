/* SPDX-License-Identifier: MIT */
#include "authscript/password_hash.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

size_t hash_digest(const char *name, const char *plain, const unsigned char *salt,
                   size_t salt_length, unsigned char digest[DIGEST_BYTES])
{
    const EVP_MD *kind = EVP_get_digestbyname(name);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned length = 0;
    bool ok = kind != NULL && context != NULL && EVP_MD_size(kind) <= DIGEST_BYTES &&
              EVP_DigestInit_ex(context, kind, NULL) == 1 &&
              EVP_DigestUpdate(context, plain, strlen(plain)) == 1 &&
              EVP_DigestUpdate(context, salt, salt_length) == 1 &&
              EVP_DigestFinal_ex(context, digest, &length) == 1;
    EVP_MD_CTX_free(context);
    return ok ? length : 0;
}

bool hash_pbkdf2(const char *plain, const char *salt, size_t salt_length, int rounds,
                 unsigned char *key, size_t key_length)
{
    return PKCS5_PBKDF2_HMAC_SHA1(plain, (int)strlen(plain), (const unsigned char *)salt,
                                  (int)salt_length, rounds, (int)key_length, key) == 1;
}

size_t hash_decode_base64(const char *text, unsigned char *bytes, size_t size)
{
    size_t length = strlen(text);
    size_t padding = 0;
    while (length > 0 && text[length - 1] == '=') {
        length--;
        padding++;
    }
    size_t whole = (length + 3) / 4 * 4;
    if (length == 0 || padding > 2 || length % 4 == 1 || whole / 4 * 3 > size ||
        whole > INT_MAX) {
        return 0;
    }
    char *padded = calloc(1, whole + 1);
    if (padded == NULL) {
        abort();
    }
    memset(padded, '=', whole);
    memcpy(padded, text, length);
    int written = EVP_DecodeBlock(bytes, (const unsigned char *)padded, (int)whole);
    free(padded);
    return written < 0 ? 0 : (size_t)written - (whole - length);
}

bool hash_equal(const void *left, const void *right, size_t length)
{
    return CRYPTO_memcmp(left, right, length) == 0;
}

/* Over digests: how long the right one is stays unknown as well. */
bool hash_equal_text(const char *left, const char *right)
{
    unsigned char left_digest[DIGEST_BYTES] = {0};
    unsigned char right_digest[DIGEST_BYTES] = {0};
    size_t length = hash_digest("SHA256", left, NULL, 0, left_digest);
    return length > 0 && hash_digest("SHA256", right, NULL, 0, right_digest) == length &&
           hash_equal(left_digest, right_digest, length);
}

void hash_forget(void *secret, size_t length)
{
    OPENSSL_cleanse(secret, length);
}
