// SM resources and green contexts. What a resource is made of travels in the part of it that belongs to the driver.

#include "Fake.h"

#include <stdlib.h>
#include <string.h>

// The driver's part of a resource.
typedef struct {
    uint32_t magic;
    uint32_t split;  // the split that it came from; 0 for one that may be split
    uint8_t has[MAX_SMS / 8];
} Private;

enum { MAGIC = 0x5A5A1234 };
_Static_assert(sizeof(Private) <= sizeof((DarisCudaResource){0}.reserved), "it fits the driver's part");

static uint32_t split_count;

// The granularity of the architecture, or the finer one without co-scheduling.
static void granularity(int is_independent, unsigned int *least, unsigned int *alignment) {
    int major = configuration.major;
    *least = major <= 6 ? 1 : major == 7 ? 2 : major == 8 ? 4 : 8;
    *alignment = major <= 6 ? 1 : major <= 8 ? 2 : 8;
    if (is_independent && major >= 7) {
        *least = *alignment = 2;
    }
}

static void write_resource(DarisCudaResource *resource, const SMSet *sms, uint32_t split) {
    memset(resource, 0, sizeof *resource);
    Private own = {.magic = MAGIC, .split = split};
    for (int i = 0; i < MAX_SMS; i++) {
        own.has[i / 8] |= (uint8_t)(sms->has[i] << i % 8);
    }
    memcpy(resource->reserved, &own, sizeof own);
    resource->type = DARIS_CUDA_RESOURCE_SM;
    resource->sm_count = (unsigned int)sms->count;
    // Before CUDA 13 these bytes mean nothing.
    resource->least_partition = resource->alignment = 0xDEAD;
    if (configuration.version >= 13000) {
        granularity(0, &resource->least_partition, &resource->alignment);
    }
}

static int read_resource(const DarisCudaResource *resource, SMSet *sms, uint32_t *split, const char *call) {
    Private own;
    memcpy(&own, resource->reserved, sizeof own);
    if (resource->type != DARIS_CUDA_RESOURCE_SM || own.magic != MAGIC) {
        note_violation("%s was given a resource that is none", call);
        return DARIS_CUDA_INVALID_RESOURCE_TYPE;
    }
    memset(sms, 0, sizeof *sms);
    for (int i = 0; i < MAX_SMS; i++) {
        sms->has[i] = own.has[i / 8] >> i % 8 & 1;
        sms->count += sms->has[i];
    }
    *split = own.split;
    return DARIS_CUDA_SUCCESS;
}

int cuDeviceGetDevResource(int device, DarisCudaResource *resource, int type) {
    int result = begin("cuDeviceGetDevResource");
    if (result == DARIS_CUDA_SUCCESS && (device < 0 || device >= configuration.devices)) {
        result = DARIS_CUDA_INVALID_DEVICE;
    }
    if (result == DARIS_CUDA_SUCCESS && type != DARIS_CUDA_RESOURCE_SM) {
        result = DARIS_CUDA_INVALID_RESOURCE_TYPE;
    }
    if (result == DARIS_CUDA_SUCCESS) {
        SMSet sms = all_sms();
        write_resource(resource, &sms, 0);
    }
    return end(result);
}

// Takes the first `count` SMs out of a set.
static SMSet take(SMSet *from, int count) {
    SMSet taken = {.count = count};
    for (int i = 0; i < MAX_SMS && count > 0; i++) {
        if (from->has[i]) {
            from->has[i] = 0;
            taken.has[i] = 1;
            count--;
        }
    }
    from->count -= taken.count;
    return taken;
}

int cuDevSmResourceSplitByCount(
    DarisCudaResource *groups, unsigned int *count, const DarisCudaResource *resource, DarisCudaResource *rest,
    unsigned int flags, unsigned int wanted) {
    const char *call = "cuDevSmResourceSplitByCount";
    int result = begin(call);
    SMSet sms;
    uint32_t split = 0;
    if (result == DARIS_CUDA_SUCCESS) {
        result = read_resource(resource, &sms, &split, call);
    }
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    if (split != 0) {
        note_violation("%s was given the result of a split", call);
        return end(DARIS_CUDA_INVALID_RESOURCE_CONFIGURATION);
    }
    if (wanted > (unsigned int)sms.count || flags > 3) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    unsigned int least, alignment;
    granularity(flags & DARIS_CUDA_SPLIT_IGNORE_COSCHEDULING, &least, &alignment);
    unsigned int size = wanted > least ? (wanted + alignment - 1) / alignment * alignment : least;
    unsigned int possible = (unsigned int)sms.count / size;
    if (groups == NULL) {
        *count = possible;
        return end(DARIS_CUDA_SUCCESS);
    }
    if (possible == 0) {
        return end(DARIS_CUDA_INVALID_RESOURCE_CONFIGURATION);
    }
    *count = *count < possible ? *count : possible;
    split = ++split_count;
    for (unsigned int i = 0; i < *count; i++) {
        SMSet group = take(&sms, (int)size);
        write_resource(&groups[i], &group, split);
    }
    if (rest != NULL) {
        write_resource(rest, &sms, split);
        rest->type = sms.count > 0 ? DARIS_CUDA_RESOURCE_SM : 0;
    }
    return end(DARIS_CUDA_SUCCESS);
}

int cuDevResourceGenerateDesc(Description **description, DarisCudaResource *resources, unsigned int count) {
    const char *call = "cuDevResourceGenerateDesc";
    int result = begin(call);
    SMSet all = {.count = 0};
    uint32_t first = 0;
    for (unsigned int i = 0; i < count && result == DARIS_CUDA_SUCCESS; i++) {
        SMSet sms;
        uint32_t split = 0;
        result = read_resource(&resources[i], &sms, &split, call);
        if (i > 0 && result == DARIS_CUDA_SUCCESS && split != first) {
            note_violation("%s was given groups of several splits", call);
            result = DARIS_CUDA_INVALID_RESOURCE_CONFIGURATION;
        }
        first = split;
        for (int sm = 0; sm < MAX_SMS && result == DARIS_CUDA_SUCCESS; sm++) {
            if (sms.has[sm] && all.has[sm]) {
                note_violation("%s was given a group twice", call);
                result = DARIS_CUDA_INVALID_RESOURCE_CONFIGURATION;
            }
            all.has[sm] |= sms.has[sm];
            all.count += sms.has[sm];
        }
    }
    if (result == DARIS_CUDA_SUCCESS && count == 0) {
        result = DARIS_CUDA_INVALID_VALUE;
    }
    if (result == DARIS_CUDA_SUCCESS) {
        *description = add_object(sizeof(Description), KIND_DESCRIPTION, NULL);
        (*description)->sms = all;
    }
    return end(result);
}

int cuGreenCtxCreate(Green **green, Description *description, int device, unsigned int flags) {
    const char *call = "cuGreenCtxCreate";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Context *context = current_context();
    Description *found = find_object(description, KIND_DESCRIPTION, call);
    if (found == NULL || flags != DARIS_CUDA_GREEN_DEFAULT_STREAM) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    if (context == NULL || context->retained == 0 || context->green != NULL || context->device != device) {
        note_violation("%s was called without the device's primary context", call);
        return end(DARIS_CUDA_INVALID_CONTEXT);
    }
    context->retained++;
    *green = add_object(sizeof(Green), KIND_GREEN, context);
    (*green)->sms = found->sms;
    (*green)->view = add_object(sizeof(Context), KIND_CONTEXT, context);
    (*green)->view->green = *green;
    return end(DARIS_CUDA_SUCCESS);
}

int cuGreenCtxDestroy(Green *green) {
    const char *call = "cuGreenCtxDestroy";
    int injected = begin(call);
    Green *found = find_object(green, KIND_GREEN, call);
    if (found == NULL) {
        return end(DARIS_CUDA_INVALID_CONTEXT);
    }
    need_context_of(found, call);
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind == KIND_STREAM && object->is_alive && ((Stream *)object)->green == found) {
            note_violation("%s destroyed a green context before its streams", call);
        }
    }
    kill_object(found->view);
    kill_object(found);
    int result = release_primary(found->object.context, call);
    return end(injected != DARIS_CUDA_SUCCESS ? injected : result);
}

int cuGreenCtxGetDevResource(Green *green, DarisCudaResource *resource, int type) {
    const char *call = "cuGreenCtxGetDevResource";
    int result = begin(call);
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Green *found = find_object(green, KIND_GREEN, call);
    if (found == NULL || type != DARIS_CUDA_RESOURCE_SM) {
        return end(DARIS_CUDA_INVALID_VALUE);
    }
    write_resource(resource, &found->sms, 0);
    return end(DARIS_CUDA_SUCCESS);
}

int cuCtxFromGreenCtx(Context **context, Green *green) {
    int result = begin("cuCtxFromGreenCtx");
    if (result == DARIS_CUDA_SUCCESS) {
        Green *found = find_object(green, KIND_GREEN, "cuCtxFromGreenCtx");
        result = found == NULL ? DARIS_CUDA_INVALID_VALUE : DARIS_CUDA_SUCCESS;
        *context = found == NULL ? NULL : found->view;
    }
    return end(result);
}
