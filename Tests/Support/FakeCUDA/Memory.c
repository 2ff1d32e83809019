// Allocations, and copies between them.

#include "Fake.h"

#include <stdlib.h>
#include <string.h>

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    int result = begin("cuMemGetInfo");
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context("cuMemGetInfo");
    }
    if (result == DARIS_CUDA_SUCCESS) {
        *free_bytes = configuration.memory - used_memory;
        *total = configuration.memory;
    }
    return end(result);
}

static int allocate(const char *call, Kind kind, size_t bytes, void **address) {
    int result = begin(call);
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context(call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = is_capturing(call);
    }
    if (result == DARIS_CUDA_SUCCESS && bytes == 0) {
        note_violation("%s was asked for 0 bytes", call);
        result = DARIS_CUDA_INVALID_VALUE;
    }
    if (result == DARIS_CUDA_SUCCESS && kind == KIND_DEVICE_MEMORY && bytes > configuration.memory - used_memory) {
        result = DARIS_CUDA_OUT_OF_MEMORY;
    }
    if (result != DARIS_CUDA_SUCCESS) {
        return end(result);
    }
    Context *context = current_context();
    Memory *memory =
        add_object(sizeof(Memory), kind, context->green != NULL ? context->green->object.context : context);
    memory->base = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memory->bytes = bytes;
    memset(memory->base, 0xA5, bytes);
    used_memory += kind == KIND_DEVICE_MEMORY ? bytes : 0;
    *address = memory->base;
    return end(DARIS_CUDA_SUCCESS);
}

static int release(const char *call, Kind kind, const void *address) {
    int injected = begin(call);
    for (Object *object = objects; object != NULL; object = object->next) {
        Memory *memory = (Memory *)object;
        if (object->kind != kind || !object->is_alive || memory->base != address) {
            continue;
        }
        int result = need_context_of(memory, call);
        if (is_capturing(call) != DARIS_CUDA_SUCCESS) {
            result = DARIS_CUDA_CAPTURE_UNSUPPORTED;
        }
        // The driver waits for the device before it takes memory back.
        int waited = wait_for_all();
        result = result == DARIS_CUDA_SUCCESS ? waited : result;
        used_memory -= kind == KIND_DEVICE_MEMORY ? memory->bytes : 0;
        free(memory->base);
        kill_object(memory);
        return end(injected != DARIS_CUDA_SUCCESS ? injected : result);
    }
    note_violation("%s was given an address that is not allocated", call);
    return end(DARIS_CUDA_INVALID_VALUE);
}

int cuMemAlloc_v2(DarisCudaAddress *address, size_t bytes) {
    void *allocated = NULL;
    int result = allocate("cuMemAlloc", KIND_DEVICE_MEMORY, bytes, &allocated);
    *address = (DarisCudaAddress)(uintptr_t)allocated;
    return result;
}

int cuMemFree_v2(DarisCudaAddress address) {
    return release("cuMemFree", KIND_DEVICE_MEMORY, (const void *)(uintptr_t)address);
}

int cuMemHostAlloc(void **address, size_t bytes, unsigned int flags) {
    (void)flags;
    return allocate("cuMemHostAlloc", KIND_HOST_MEMORY, bytes, address);
}

int cuMemFreeHost(void *address) { return release("cuMemFreeHost", KIND_HOST_MEMORY, address); }

// Whether a range lies in one living allocation; the host's memory may be any that is not the driver's.
int check_range(const void *address, size_t bytes, int is_device, const char *call) {
    const unsigned char *start = address;
    const Memory *dead = NULL;
    for (Object *object = objects; object != NULL; object = object->next) {
        if (object->kind != KIND_DEVICE_MEMORY && object->kind != KIND_HOST_MEMORY) {
            continue;
        }
        const Memory *memory = (const Memory *)object;
        if (start < memory->base || start >= memory->base + memory->bytes) {
            continue;
        }
        if (!object->is_alive) {
            dead = memory;
            continue;
        }
        if (is_device != ANY_MEMORY && is_device != (object->kind == KIND_DEVICE_MEMORY)) {
            note_violation(
                "%s took memory of the %s for the %s's", call, is_device ? "host" : "device",
                is_device ? "device" : "host");
            return DARIS_CUDA_INVALID_VALUE;
        }
        if (bytes > (size_t)(memory->base + memory->bytes - start)) {
            note_violation("%s goes beyond an allocation", call);
            return DARIS_CUDA_INVALID_VALUE;
        }
        return DARIS_CUDA_SUCCESS;
    }
    if (is_device || dead != NULL) {
        note_violation("%s uses %s memory that is not allocated", call, is_device ? "device" : "host");
        return DARIS_CUDA_ILLEGAL_ADDRESS;
    }
    return DARIS_CUDA_SUCCESS;
}

static int copy(
    const char *call, Direction direction, const void *to, const void *from, size_t bytes, Stream *stream) {
    int result = begin(call);
    if (result == DARIS_CUDA_SUCCESS && (stream = find_object(stream, KIND_STREAM, call)) == NULL) {
        result = DARIS_CUDA_INVALID_HANDLE;
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context_of(stream, call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = check_range(to, bytes, direction != DEVICE_TO_HOST, call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = check_range(from, bytes, direction != HOST_TO_DEVICE, call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = enqueue(
            stream, (Work){.kind = WORK_COPY,
                           .direction = direction,
                           .to = (unsigned char *)to,
                           .from = from,
                           .bytes = bytes});
    }
    return end(result);
}

int cuMemcpyHtoDAsync_v2(DarisCudaAddress to, const void *from, size_t bytes, Stream *stream) {
    return copy("cuMemcpyHtoDAsync", HOST_TO_DEVICE, (const void *)(uintptr_t)to, from, bytes, stream);
}

int cuMemcpyDtoHAsync_v2(void *to, DarisCudaAddress from, size_t bytes, Stream *stream) {
    return copy("cuMemcpyDtoHAsync", DEVICE_TO_HOST, to, (const void *)(uintptr_t)from, bytes, stream);
}

int cuMemcpyDtoDAsync_v2(DarisCudaAddress to, DarisCudaAddress from, size_t bytes, Stream *stream) {
    return copy(
        "cuMemcpyDtoDAsync", DEVICE_TO_DEVICE, (const void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes,
        stream);
}

int cuMemsetD8Async(DarisCudaAddress to, unsigned char value, size_t bytes, Stream *stream) {
    const char *call = "cuMemsetD8Async";
    int result = begin(call);
    if (result == DARIS_CUDA_SUCCESS && (stream = find_object(stream, KIND_STREAM, call)) == NULL) {
        result = DARIS_CUDA_INVALID_HANDLE;
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = need_context_of(stream, call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = check_range((const void *)(uintptr_t)to, bytes, 1, call);
    }
    if (result == DARIS_CUDA_SUCCESS) {
        result = enqueue(
            stream,
            (Work){.kind = WORK_FILL, .to = (unsigned char *)(uintptr_t)to, .bytes = bytes, .value = value});
    }
    return end(result);
}
