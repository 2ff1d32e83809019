// How the driver gives its functions, and what it calls its failures.

#define _GNU_SOURCE
#include "Fake.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const struct {
    int result;
    const char *name;
    const char *text;
} failures[] = {
    {DARIS_CUDA_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {DARIS_CUDA_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {DARIS_CUDA_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {DARIS_CUDA_STUB_LIBRARY, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {DARIS_CUDA_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {DARIS_CUDA_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {DARIS_CUDA_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {DARIS_CUDA_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for the device"},
    {DARIS_CUDA_INVALID_PTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {DARIS_CUDA_OPERATING_SYSTEM, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed or operation not supported"},
    {DARIS_CUDA_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {DARIS_CUDA_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {DARIS_CUDA_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
    {DARIS_CUDA_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {DARIS_CUDA_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {DARIS_CUDA_NOT_PERMITTED, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {DARIS_CUDA_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {DARIS_CUDA_SYSTEM_NOT_READY, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {DARIS_CUDA_MPS_SERVER_NOT_READY, "CUDA_ERROR_MPS_SERVER_NOT_READY", "the MPS server is not ready"},
    {DARIS_CUDA_MPS_CONNECTION_FAILED, "CUDA_ERROR_MPS_CONNECTION_FAILED", "MPS client failed to connect"},
    {DARIS_CUDA_CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "not permitted when stream is capturing"},
    {DARIS_CUDA_CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "failed due to a previous error"},
    {DARIS_CUDA_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "dependency on uncaptured work"},
    {DARIS_CUDA_INVALID_RESOURCE_TYPE, "CUDA_ERROR_INVALID_RESOURCE_TYPE", "invalid resource type"},
    {DARIS_CUDA_INVALID_RESOURCE_CONFIGURATION, "CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION",
     "invalid resource configuration"},
};

static int find_failure(int result) {
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        if (failures[i].result == result) {
            return (int)i;
        }
    }
    return -1;
}

int cuGetErrorName(int result, const char **name) {
    int found = find_failure(result);
    *name = found < 0 ? NULL : failures[found].name;
    return found < 0 ? DARIS_CUDA_INVALID_VALUE : DARIS_CUDA_SUCCESS;
}

int cuGetErrorString(int result, const char **text) {
    int found = find_failure(result);
    *text = found < 0 ? NULL : failures[found].text;
    return found < 0 ? DARIS_CUDA_INVALID_VALUE : DARIS_CUDA_SUCCESS;
}

// Functions whose present form is exported under a name with a suffix, and the version in which it came.
static const struct {
    const char *name;
    const char *exported;
    int version;
} versioned[] = {
    {"cuDeviceTotalMem", "cuDeviceTotalMem_v2", 3020},
    {"cuDevicePrimaryCtxRelease", "cuDevicePrimaryCtxRelease_v2", 11000},
    {"cuDeviceGetUuid", "cuDeviceGetUuid_v2", 11040},
    {"cuMemGetInfo", "cuMemGetInfo_v2", 3020},
    {"cuMemAlloc", "cuMemAlloc_v2", 3020},
    {"cuMemFree", "cuMemFree_v2", 3020},
    {"cuMemcpyHtoDAsync", "cuMemcpyHtoDAsync_v2", 3020},
    {"cuMemcpyDtoHAsync", "cuMemcpyDtoHAsync_v2", 3020},
    {"cuMemcpyDtoDAsync", "cuMemcpyDtoDAsync_v2", 3020},
    {"cuStreamDestroy", "cuStreamDestroy_v2", 4000},
    {"cuEventDestroy", "cuEventDestroy_v2", 4000},
    {"cuStreamWriteValue32", "cuStreamWriteValue32_v2", 11070},
    {"cuStreamBeginCapture", "cuStreamBeginCapture_v2", 10010},
    {"cuGraphInstantiateWithFlags", "cuGraphInstantiateWithFlags", 11040},
    {"cuDeviceGetDevResource", "cuDeviceGetDevResource", 12040},
    {"cuDevSmResourceSplitByCount", "cuDevSmResourceSplitByCount", 12040},
    {"cuDevResourceGenerateDesc", "cuDevResourceGenerateDesc", 12040},
    {"cuGreenCtxCreate", "cuGreenCtxCreate", 12040},
    {"cuGreenCtxDestroy", "cuGreenCtxDestroy", 12040},
    {"cuGreenCtxGetDevResource", "cuGreenCtxGetDevResource", 12040},
    {"cuCtxFromGreenCtx", "cuCtxFromGreenCtx", 12040},
    {"cuGreenCtxStreamCreate", "cuGreenCtxStreamCreate", 12050},
};

int cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *status) {
    *function = NULL;
    // Drivers before CUDA 12 do not have this function; this one then knows nothing.
    if (configuration.version < 12000) {
        return DARIS_CUDA_NOT_FOUND;
    }
    pthread_mutex_lock(&lock);
    if (flags != 1) {
        note_violation("cuGetProcAddress was asked for streams of one thread each");
    }
    int hidden = is_hidden(name);
    const char *exported = name;
    int since = 2000;
    for (size_t i = 0; i < sizeof versioned / sizeof *versioned; i++) {
        if (strcmp(versioned[i].name, name) == 0) {
            exported = versioned[i].exported;
            since = versioned[i].version;
        }
    }
    pthread_mutex_unlock(&lock);
    if (version > configuration.version) {
        return DARIS_CUDA_INVALID_VALUE;
    }
    // The functions of this very library.
    Dl_info here;
    void *library = dladdr((const void *)cuGetErrorName, &here) != 0 ? dlopen(here.dli_fname, RTLD_NOW) : NULL;
    void *found = library != NULL && !hidden && version >= since ? dlsym(library, exported) : NULL;
    *status = found != NULL ? 0 : version < since ? 2 : 1;
    *function = found;
    return DARIS_CUDA_SUCCESS;
}
