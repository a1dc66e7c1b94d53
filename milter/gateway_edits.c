/* SPDX-License-Identifier: MIT */
#include <stdbool.h>

/* Behind stdbool.h, or bool would become a 4-byte int here. */
#include <libmilter/mfapi.h>

#include "gateway_edits.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned long action_of(const struct edit *edit)
{
    switch (edit->kind) {
    case EDIT_DELETE_RECIPIENT:
        return SMFIF_DELRCPT;
    case EDIT_ADD_RECIPIENT:
        return edit->orcpt != NULL || edit->notify != NULL ? SMFIF_ADDRCPT_PAR
                                                           : SMFIF_ADDRCPT;
    case EDIT_ADD_HEADER:
        return SMFIF_ADDHDRS;
    case EDIT_SET_HEADER:
    case EDIT_DELETE_HEADER:
        return SMFIF_CHGHDRS;
    case EDIT_SET_SENDER:
        return SMFIF_CHGFROM;
    }
    return 0;
}

static int add_recipient(SMFICTX *context, const struct edit *edit)
{
    if (edit->orcpt == NULL && edit->notify == NULL) {
        return smfi_addrcpt(context, mutable(edit->address));
    }
    char *parameters = NULL;
    int length = asprintf(&parameters, "%s%s%s%s%s", edit->notify != NULL ? "NOTIFY=" : "",
                          edit->notify != NULL ? edit->notify : "",
                          edit->notify != NULL && edit->orcpt != NULL ? " " : "",
                          edit->orcpt != NULL ? "ORCPT=" : "",
                          edit->orcpt != NULL ? edit->orcpt : "");
    if (length < 0) {
        abort();
    }
    int result = smfi_addrcpt_par(context, mutable(edit->address), parameters);
    free(parameters);
    return result;
}

static int send_edit(SMFICTX *context, const struct edit *edit)
{
    switch (edit->kind) {
    case EDIT_DELETE_RECIPIENT:
        return smfi_delrcpt(context, mutable(edit->address));
    case EDIT_ADD_RECIPIENT:
        return add_recipient(context, edit);
    case EDIT_ADD_HEADER:
        return smfi_addheader(context, mutable(edit->name), mutable(edit->value));
    case EDIT_SET_HEADER:
        return smfi_chgheader(context, mutable(edit->name), edit->index,
                              mutable(edit->value));
    case EDIT_DELETE_HEADER:
        return smfi_chgheader(context, mutable(edit->name), edit->index, NULL);
    case EDIT_SET_SENDER:
        return smfi_chgfrom(context, mutable(edit->address), NULL);
    }
    return MI_FAILURE;
}

bool edits_send(SMFICTX *context, unsigned long actions, const struct edit_list *edits,
                struct error *error)
{
    for (size_t i = 0; i < edits->count; i++) {
        if ((action_of(&edits->edits[i]) & ~actions) != 0) {
            return error_set(error, ERROR_REMOTE, "the MTA does not offer the edit %s",
                             edit_kind_name(edits->edits[i].kind));
        }
    }
    for (size_t i = 0; i < edits->count; i++) {
        if (send_edit(context, &edits->edits[i]) != MI_SUCCESS) {
            return error_set(error, ERROR_REMOTE, "the edit %s could not be sent",
                             edit_kind_name(edits->edits[i].kind));
        }
    }
    return true;
}
