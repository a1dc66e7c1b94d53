/* SPDX-License-Identifier: MIT */
/* dovecot.base64.encode(bytes)  text
 * dovecot.base64.decode(text)   bytes; raises when that is no base64 */
#include "authscript/api.h"

#include "script/limits.h"

#include <lauxlib.h>
#include <string.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const unsigned char *take(lua_State *L, size_t *length)
{
    const char *bytes = luaL_checklstring(L, 1, length);
    if (*length > RESULT_BYTES / 4 * 3) {
        limit_size(L, "base64 takes at most %d bytes", RESULT_BYTES / 4 * 3);
    }
    limit_charge(L, (int64_t)(*length / 4));
    return (const unsigned char *)bytes;
}

static int encode(lua_State *L)
{
    size_t length;
    const unsigned char *bytes = take(L, &length);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < length; i += 3) {
        size_t rest = length - i;
        unsigned group = (unsigned)bytes[i] << 16;
        group |= rest > 1 ? (unsigned)bytes[i + 1] << 8 : 0;
        group |= rest > 2 ? bytes[i + 2] : 0;
        luaL_addchar(&buffer, alphabet[group >> 18]);
        luaL_addchar(&buffer, alphabet[group >> 12 & 63]);
        luaL_addchar(&buffer, rest > 1 ? alphabet[group >> 6 & 63] : '=');
        luaL_addchar(&buffer, rest > 2 ? alphabet[group & 63] : '=');
    }
    luaL_pushresult(&buffer);
    return 1;
}

static int decode(lua_State *L)
{
    size_t length;
    const unsigned char *text = take(L, &length);
    size_t padding = 0;
    while (length > 0 && padding < 2 && text[length - 1] == '=') {
        length--;
        padding++;
    }
    luaL_argcheck(L, (length + padding) % 4 == 0, 1, "no base64");
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    unsigned group = 0;
    for (size_t i = 0; i < length; i++) {
        const char *place = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;
        luaL_argcheck(L, place != NULL, 1, "no base64");
        group = group << 6 | (unsigned)(place - alphabet);
        if (i % 4 > 0) {
            luaL_addchar(&buffer, (char)(group >> (6 - 2 * (i % 4)) & 0xff));
        }
    }
    luaL_pushresult(&buffer);
    return 1;
}

void auth_base64_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"encode", encode}, {"decode", decode}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "base64");
}
