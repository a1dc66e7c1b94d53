/* SPDX-License-Identifier: MIT */
/* Stored passwords of each scheme, made by `doveadm pw -p secret` of Dovecot 2.3.19 (ARGON2
 * by libargon2), and what is none. */
#include "authscript/password.h"
#include "authscript/password_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WAIT_MS = 5000 };

static const char *const made[] = {
    "secret",
    "{PLAIN}secret",
    "{cleartext}secret",
    "{PLAIN.b64}c2VjcmV0",
    "{PLAIN.HEX}736563726574",
    "{CRYPT}$2y$05$I8cL28gdcZ0A3PRCPtLuuOfKtS6/mK1DJvLno4ppGvqTTaP5pHBf.",
    "{CRYPT}$y$j9T$abcdefghijklmnop$3dL1LkYnZM.OVXuVdnnaKVDlLYT92dRwOzDZ5XiVCe.",
    "{MD5-CRYPT}$1$n2ZTQ2/s$a89iqzPheA7gioudIgA0n0",
    "$1$n2ZTQ2/s$a89iqzPheA7gioudIgA0n0",
    "{SHA256-CRYPT}$5$BP2jUTUj.QJhhmZw$Z4dNVH5HF5lQP4f.D6gUCN9SOWnKTZ2IDxqRf1O6quD",
    "{SHA512-CRYPT}$6$45VmlreXHbdAAqxZ$8rjo/2Rgx2nLsiWBQzqEnw8MqM9DvcFrqZPnprkbx4zdlZZrNal5"
    "QL0DtLaBsdlnJibSGpCL09galxUN30lNU/",
    "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
    "{SHA512}"
    "vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpay"
    "rW/isg==",
    "{SSHA}mBnkQCOoZGs8Nx+oW1WHmxosVIXW/XaC",
    "{SSHA256}Ff64H3UUly6/yc0ItwsTBW3xPSKoQxnzT/AdahBFj1QCj3wg",
    "{SSHA512}7H0EGrtbr9NlmFPhaG3fVRkfhW0VJfM//"
    "T+fReLxE9sqrOsZ6OOLcbw3rTB77D8GLjYQvgj1SWDlhWTvKPdvUcdjb7I=",
    "{SMD5}vFX95GuR1ZNGOU7ARvbOb7EZQA4=",
    "{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
    "{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
    "{PBKDF2}$1$Yzl79V2qFVmHPYCO$5000$c33b28ee54f666de909166a39d6e9c8b4da59d6f",
    "{SHA256.HEX}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
    "{SHA256}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
    "{SHA512-CRYPT.B64}"
    "JDYkN2JReG1rOWoud0dGNUNRUSQwWG1KOGxVSHpuTGw5NlBYUVlMOGJpSjhmeVFzbFhJY3"
    "kuUzBLV3B0OTNBTEEzWDIxN1FrRXMvYU9RQ3BsTGl2dUlHQ1JUVHB2VjlIR3FGVU5ZVTgzLw==",
    "{BLF-CRYPT}$2y$05$lHaprcPZwsMeLKYD5dNfSeG5ZjWPnHp3WrDRC9JJ22mazbY0Qqb6C",
    "{ARGON2I}$argon2i$v=19$m=1024,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
    "xCHCJjtWh7lf6QPIZyTDvuL52AU"
    "O6Je/K+qr4rIDODA",
    "{ARGON2ID}$argon2id$v=19$m=1024,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$rKowQoIESnkRmBUq/"
    "ZNRT4VsCClNGmkw/frjZnWSfCs",
};

static void test_made(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "Secret", "secret ", "secre", "secrets"};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        struct error error;
        print_message("%s\n", made[i]);
        assert_int_equal(password_verify(made[i], "PLAIN", "secret", WAIT_MS, &error),
                         PASSWORD_MATCH);
        assert_int_equal(password_check(made[i], "PLAIN", &error), PASSWORD_MATCH);
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            assert_int_equal(password_verify(made[i], "PLAIN", wrong[j], WAIT_MS, &error),
                             PASSWORD_MISMATCH);
            assert_string_equal(error.text, "Password mismatch");
        }
    }
}

static const struct expectation {
    const char *stored;
    enum password_answer answer;
} unusable[] = {
    {"{BOGUS}secret", PASSWORD_UNKNOWN_SCHEME},
    {"{PLAIN.ROT13}secret", PASSWORD_UNKNOWN_SCHEME},
    {"{}secret", PASSWORD_UNKNOWN_SCHEME},
    {"{SHA256}", PASSWORD_UNUSABLE},
    {"{SHA256}x", PASSWORD_UNUSABLE},
    {"{SHA256}AAAA", PASSWORD_UNUSABLE},
    {"{SSHA256}AAAA", PASSWORD_UNUSABLE},
    {"{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", PASSWORD_UNUSABLE}, /* no salt */
    {"{PLAIN.HEX}7365637", PASSWORD_UNUSABLE},
    {"{SHA512-CRYPT}$5$x$y", PASSWORD_UNUSABLE},
    {"{SHA512-CRYPT}secret", PASSWORD_UNUSABLE},
    {"{CRYPT}*", PASSWORD_UNUSABLE},
    {"{SHA512-CRYPT}$6$rounds=900000000$salt$x", PASSWORD_LIMIT},
    {"{BLF-CRYPT}$2y$31$lHaprcPZwsMeLKYD5dNfSeG5ZjWPnHp3WrDRC9JJ22mazbY0Qqb6C",
     PASSWORD_LIMIT},
    {"{CRYPT}$y$jFT$abcdefghijklmnop$", PASSWORD_LIMIT},
    {"{CRYPT}$y$.9T$abcdefghijklmnop$", PASSWORD_LIMIT},
    {"{CRYPT}$7$CU..../....abcdefgh$", PASSWORD_LIMIT},
    {"{CRYPT}_zzzzabcdefghijklmno", PASSWORD_LIMIT},
    {"{CRYPT}_J9..abcd8tFKn9.LcLg", PASSWORD_MISMATCH},
    {"{ARGON2ID}$argon2id$v=19$m=1048576,t=64,p=1$c2FsdHNhbHQ$AAAA", PASSWORD_LIMIT},
    {"{ARGON2ID}$argon2id$v=19$m=x,t=3,p=1$c2FsdHNhbHQ$AAAA", PASSWORD_UNUSABLE},
    {"{PBKDF2}$1$Yzl79V2qFVmHPYCO$5000$c3", PASSWORD_UNUSABLE}, /* cut off */
    {"{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$c2FsdHNhbHQ$AAAA", PASSWORD_LIMIT},
    {"{ARGON2ID}$argon2id$v=19$m=1024,t=99999,p=1$c2FsdHNhbHQ$AAAA", PASSWORD_LIMIT},
    {"{ARGON2ID}$argon2i$v=19$m=1024,t=3,p=1$c2FsdHNhbHQ$AAAA", PASSWORD_UNUSABLE},
    {"{PBKDF2}$1$salt$99999999$c33b28ee", PASSWORD_LIMIT},
    {"{PBKDF2}$1$salt$", PASSWORD_UNUSABLE},
    {"{PBKDF2}$1", PASSWORD_UNUSABLE},
};

static void test_unusable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++) {
        struct error error;
        print_message("%s\n", unusable[i].stored);
        assert_int_equal(
            password_verify(unusable[i].stored, "PLAIN", "secret", WAIT_MS, &error),
            unusable[i].answer);
        assert_null(strstr(error.text, "secret"));
    }
}

/* Others are compared: who waits for too long is told so, and it is no mismatch. */
static void test_turn(void **state)
{
    (void)state;
    static const char hash[] =
        "{CRYPT}$2y$05$I8cL28gdcZ0A3PRCPtLuuOfKtS6/mK1DJvLno4ppGvqTTaP5pHBf.";
    struct error error;
    assert_true(hash_gate_enter(ARGON_KIB, 0));
    assert_int_equal(password_verify("{ARGON2ID}$argon2id$v=19$m=1024,t=3,p=1$"
                                     "c2FsdHNhbHRzYWx0c2FsdA$AAAA",
                                     "PLAIN", "secret", 10, &error),
                     PASSWORD_LIMIT);
    hash_gate_leave(ARGON_KIB);
    int count = 0;
    while (hash_gate_enter(0, 0)) {
        count++;
    }
    assert_true(count >= 1);
    assert_int_equal(password_verify(hash, "PLAIN", "secret", 10, &error), PASSWORD_LIMIT);
    assert_non_null(strstr(error.text, "for the 10 ms"));
    assert_int_equal(password_verify("{PLAIN}secret", "PLAIN", "secret", 0, &error),
                     PASSWORD_MATCH);
    while (count-- > 0) {
        hash_gate_leave(0);
    }
    assert_int_equal(password_verify(hash, "PLAIN", "secret", 0, &error), PASSWORD_MATCH);
}

static void test_long(void **state)
{
    (void)state;
    static char stored[8192];
    memset(stored, 'a', sizeof stored - 1);
    struct error error;
    assert_int_equal(password_verify(stored, "PLAIN", stored, WAIT_MS, &error),
                     PASSWORD_UNUSABLE);
    assert_int_equal(password_verify(stored, "SHA256", "x", WAIT_MS, &error),
                     PASSWORD_UNUSABLE);
    assert_int_equal(password_verify("{PLAIN}a", "PLAIN", stored, WAIT_MS, &error),
                     PASSWORD_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_turn),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
