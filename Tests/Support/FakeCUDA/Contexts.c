// The driver, its devices, primary and green contexts.

#include "Fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The current context of a thread is void after a reset.
static long generation = 1;
static _Thread_local Context *thread_context;
static _Thread_local long thread_generation;

enum { MAX_DEVICES = 8 };
static Context *primaries[MAX_DEVICES];

void forget_contexts(void) {
    memset(primaries, 0, sizeof primaries);
    generation++;
}

Context *current_context(void) { return thread_generation == generation ? thread_context : NULL; }

// The primary context behind a view, or the context itself.
static Context *primary(Context *context) {
    return context != NULL && context->green != NULL ? context->green->object.context : context;
}

int need_context(const char *call) {
    Context *context = primary(current_context());
    if (context == NULL || context->retained == 0) {
        note_violation("%s was called without a context that is current", call);
        return DARIS_CUDA_INVALID_CONTEXT;
    }
    return configuration.lost_result < 0 ? -configuration.lost_result : DARIS_CUDA_SUCCESS;
}

int need_context_of(const void *object, const char *call) {
    int result = need_context(call);
    if (result == DARIS_CUDA_SUCCESS && primary(current_context()) != ((const Object *)object)->context) {
        note_violation("%s was called with another context current than its object's", call);
        return DARIS_CUDA_INVALID_CONTEXT;
    }
    return result;
}

SMSet all_sms(void) {
    SMSet set = {.count = configuration.multiprocessors};
    memset(set.has, 1, (size_t)set.count);
    return set;
}

int cuInit(unsigned int flags) {
    int result = begin("cuInit");
    if (result == DARIS_CUDA_SUCCESS && flags != 0) {
        result = DARIS_CUDA_INVALID_VALUE;
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = configuration.init_result;
    }
    if (result == DARIS_CUDA_SUCCESS && configuration.devices == 0) {
        result = DARIS_CUDA_NO_DEVICE;
    }
    is_started = is_started || result == DARIS_CUDA_SUCCESS;
    return end(result);
}

int cuDriverGetVersion(int *version) {
    int result = begin("cuDriverGetVersion");
    if (result == DARIS_CUDA_SUCCESS) {
        *version = configuration.version;
    }
    return end(result);
}

int cuDeviceGetCount(int *count) {
    int result = begin("cuDeviceGetCount");
    if (result == DARIS_CUDA_SUCCESS) {
        *count = configuration.devices;
    }
    return end(result);
}

static int check_device(int device) {
    return device >= 0 && device < configuration.devices && device < MAX_DEVICES ? DARIS_CUDA_SUCCESS
                                                                                 : DARIS_CUDA_INVALID_DEVICE;
}

int cuDeviceGet(int *device, int index) {
    int result = begin("cuDeviceGet");
    if (result == DARIS_CUDA_SUCCESS && (result = check_device(index)) == DARIS_CUDA_SUCCESS) {
        *device = index;
    }
    return end(result);
}

int cuDeviceGetName(char *name, int capacity, int device) {
    int result = begin("cuDeviceGetName");
    if (result == DARIS_CUDA_SUCCESS && (result = check_device(device)) == DARIS_CUDA_SUCCESS) {
        snprintf(name, (size_t)capacity, "Fake GPU %d", device);
    }
    return end(result);
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    int result = begin("cuDeviceTotalMem");
    if (result == DARIS_CUDA_SUCCESS && (result = check_device(device)) == DARIS_CUDA_SUCCESS) {
        *bytes = configuration.memory;
    }
    return end(result);
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    int result = begin("cuDeviceGetAttribute");
    if (result != DARIS_CUDA_SUCCESS || (result = check_device(device)) != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    switch (attribute) {
    case DARIS_CUDA_MULTIPROCESSOR_COUNT:
        *value = configuration.multiprocessors;
        break;
    case DARIS_CUDA_COMPUTE_MODE:
        *value = configuration.compute_mode;
        break;
    case DARIS_CUDA_L2_CACHE_BYTES:
        *value = 50 << 20;
        break;
    case DARIS_CUDA_COMPUTE_CAPABILITY_MAJOR:
        *value = configuration.major;
        break;
    case DARIS_CUDA_COMPUTE_CAPABILITY_MINOR:
        *value = configuration.minor;
        break;
    default:
        result = DARIS_CUDA_INVALID_VALUE;
    }
    return end(result);
}

int cuDeviceGetPCIBusId(char *bus_id, int capacity, int device) {
    int result = begin("cuDeviceGetPCIBusId");
    if (result == DARIS_CUDA_SUCCESS && (result = check_device(device)) == DARIS_CUDA_SUCCESS) {
        snprintf(bus_id, (size_t)capacity, "0000:%02x:00.0", device + 1);
    }
    return end(result);
}

int cuDeviceGetUuid_v2(DarisCudaUUID *uuid, int device) {
    int result = begin("cuDeviceGetUuid");
    if (result == DARIS_CUDA_SUCCESS && (result = check_device(device)) == DARIS_CUDA_SUCCESS) {
        for (int i = 0; i < 16; i++) {
            uuid->bytes[i] = (unsigned char)(16 * device + i);
        }
    }
    return end(result);
}

int cuDevicePrimaryCtxRetain(Context **context, int device) {
    int result = begin("cuDevicePrimaryCtxRetain");
    if (result != DARIS_CUDA_SUCCESS || (result = check_device(device)) != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    if (primaries[device] == NULL) {
        primaries[device] = add_object(sizeof(Context), KIND_CONTEXT, NULL);
        primaries[device]->device = device;
        primaries[device]->object.context = primaries[device];
    }
    primaries[device]->retained++;
    *context = primaries[device];
    return end(result);
}

// Releases a primary context once; with the last retain goes all that lives in it.
int release_primary(Context *context, const char *call) {
    if (context == NULL || context->retained == 0) {
        note_violation("%s released a primary context more often than it was retained", call);
        return DARIS_CUDA_INVALID_CONTEXT;
    }
    if (--context->retained > 0) {
        return DARIS_CUDA_SUCCESS;
    }
    wait_for_all();
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->is_alive && object->context == context && object != &context->object &&
            object->kind != KIND_DESCRIPTION && object->kind != KIND_FUNCTION) {
            note_violation("%s released a primary context in which objects live", call);
            break;
        }
    }
    return DARIS_CUDA_SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    int injected = begin("cuDevicePrimaryCtxRelease");
    int result = check_device(device);
    if (result == DARIS_CUDA_SUCCESS) {
        result = release_primary(primaries[device], "cuDevicePrimaryCtxRelease");
    }
    return end(injected != DARIS_CUDA_SUCCESS ? injected : result);
}

int cuCtxSetCurrent(Context *context) {
    int result = begin("cuCtxSetCurrent");
    if (result == DARIS_CUDA_SUCCESS && context != NULL) {
        Context *found = find_object(context, KIND_CONTEXT, "cuCtxSetCurrent");
        if (found == NULL || primary(found)->retained == 0) {
            result = DARIS_CUDA_INVALID_CONTEXT;
        }
    }
    if (result == DARIS_CUDA_SUCCESS) {
        thread_context = context;
        thread_generation = generation;
    }
    return end(result);
}

int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    int result = begin("cuCtxGetStreamPriorityRange");
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context("cuCtxGetStreamPriorityRange");
    }
    if (result == DARIS_CUDA_SUCCESS) {
        *least = 0;
        *greatest = -5;
    }
    return end(result);
}

int cuCtxSynchronize(void) {
    int result = begin("cuCtxSynchronize");
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context("cuCtxSynchronize");
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = is_capturing("cuCtxSynchronize");
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = wait_for_all();
    }
    return end(result);
}
