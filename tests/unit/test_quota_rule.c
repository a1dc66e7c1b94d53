/* SPDX-License-Identifier: MIT */
#include "directory/quota_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *limit_of(struct quota_rule *rule, const char *fields)
{
    char copy[256];
    char *cursor = copy;
    *rule = (struct quota_rule){0};
    assert_true(strlen(fields) < sizeof copy);
    memcpy(copy, fields, strlen(fields) + 1);
    for (char *field; (field = strsep(&cursor, " ")) != NULL;) {
        char *value = strchr(field, '=');
        if (value != NULL) {
            *value = '\0';
        }
        quota_rule_take(rule, field, value != NULL ? value + 1 : "");
    }
    return quota_rule_limit(rule);
}

static void test_limits(void **unused)
{
    (void)unused;

    static const struct {
        const char *fields;
        const char *limit; /* NULL: none given */
    } cases[] = {
        {"", NULL},
        {"uid=5 home=/h", NULL},
        {"quota_rule=*:storage=100M", "100M"},
        {"quota_rule=*:storage=100m", "100M"},
        {"quota_rule=*:storage=100", "100K"},
        {"quota_rule=*:storage=100b", "100"},
        {"quota_rule=*:storage=+5G", "5G"},
        {"quota_rule=*:storage=2T", "2T"},
        {"quota_rule=*:storage=10GB", "10G"},
        {"quota_rule=*:bytes=3k", "3K"},
        {"quota_rule=*:bytes=3072", "3072"},
        {"quota_rule=?:storage=1G", "1G"},
        {"quota_rule=*:messages=10", NULL},
        {"quota_rule=*:messages=10:storage=1G", "1G"},
        {"quota_rule=*:storage=1G:messages=10", "1G"},
        {"quota_rule=*:storage=1G:bytes=5", "5"},
        {"quota_rule=*:storage=0", "0"},
        {"quota_rule=*:bytes=0k", "0"},
        {"quota_rule=*:ignore", "0"},
        {"quota_rule=*:storage=10%", NULL},
        {"quota_rule=*:storage=-5", NULL},
        {"quota_rule=*:storage=x", NULL},
        {"quota_rule=*:storage=", NULL},
        {"quota_rule=*:storage=:bytes=7", "7"},
        {"quota_rule=*:storage=5q", NULL},
        {"quota_rule=*", NULL},
        {"quota_rule=*:", NULL},
        {"quota_rule=", NULL},
        {"quota_rule", NULL},
        {"quota_rule=Trash:storage=1G", NULL},
        {"quota_rule=*x:storage=1G", NULL},
        {"quota_rule=*:storage=99999999999999999999", "9223372036854775807K"},
        {"quota_rule2=Trash:storage=+50M quota_rule=*:storage=1G", "1G"},
        {"quota_rule=*:storage=1G quota_rule2=*:storage=2G", "2G"},
        {"quota_rule2=*:storage=2G quota_rule=*:storage=1G", "2G"},
        {"quota_rule2=*:messages=2 quota_rule=*:storage=1G", "1G"},
        {"quota_rule=*:storage=1G quota_rule=*:storage=2G", "2G"},
        {"quota_rule10=*:storage=10M quota_rule9=*:storage=9M", "10M"},
        {"quota_rule1=*:storage=1G", NULL},
        {"quota_rule0=*:storage=1G", NULL},
        {"quota_rulex=*:storage=1G", NULL},
        {"quota_rule_=*:storage=1G", NULL},
        {"quota2_rule=*:storage=1G", NULL},
        {"quota_storage_size=100M", "100M"},
        {"quota_storage_size=100", "100"},
        {"quota_storage_size=5GiB", "5G"},
        {"quota_storage_size=unlimited", "0"},
        {"quota_storage_size=0", "0"},
        {"quota_storage_size=50%", NULL},
        {"quota_storage_size=", NULL},
        {"quota/user/quota_storage_size=7M", "7M"},
        {"quota/user/storage_size=7M", "7M"},
        {"quota/storage_size=7M", NULL},
        {"other/user/storage_size=7M", NULL},
        {"quota_storage_size=1M quota_rule=*:storage=2M", "1M"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct quota_rule rule;
        const char *limit = limit_of(&rule, cases[i].fields);
        if ((limit == NULL) != (cases[i].limit == NULL)) {
            fail_msg("%s: %s", cases[i].fields, limit != NULL ? limit : "none");
        }
        if (limit != NULL) {
            assert_string_equal(limit, cases[i].limit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
