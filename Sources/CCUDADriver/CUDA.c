#define _GNU_SOURCE
#include "CUDATable.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The driver's own way to its functions, since CUDA 12.0: the name without a suffix, and the version of CUDA whose
// signature is wanted.
typedef DarisCudaResult (*GetFunction)(const char *name, void **function, int version, uint64_t flags, int *status);

// Streams without a handle are the legacy one, not one for each thread.
enum { LEGACY_STREAM = 1 };

// A function to look up.
typedef struct {
    size_t offset;         // of the pointer in the table
    const char *name;      // as the driver knows it
    const char *exported;  // as the library exports it with the same signature
    int version;           // of CUDA, in which this signature came
    int is_needed;
} Wanted;

#define NEEDED(field, name, exported, version) {offsetof(DarisCuda, field), name, exported, version, 1}
#define OPTIONAL(field, name, exported, version) {offsetof(DarisCuda, field), name, exported, version, 0}

static const Wanted wanted[] = {
    NEEDED(init, "cuInit", "cuInit", 2000),
    NEEDED(driver_version, "cuDriverGetVersion", "cuDriverGetVersion", 2020),
    NEEDED(error_name, "cuGetErrorName", "cuGetErrorName", 6000),
    NEEDED(error_text, "cuGetErrorString", "cuGetErrorString", 6000),
    NEEDED(device_count, "cuDeviceGetCount", "cuDeviceGetCount", 2000),
    NEEDED(device, "cuDeviceGet", "cuDeviceGet", 2000),
    NEEDED(device_name, "cuDeviceGetName", "cuDeviceGetName", 2000),
    NEEDED(device_memory, "cuDeviceTotalMem", "cuDeviceTotalMem_v2", 3020),
    NEEDED(device_attribute, "cuDeviceGetAttribute", "cuDeviceGetAttribute", 2000),
    NEEDED(device_bus_id, "cuDeviceGetPCIBusId", "cuDeviceGetPCIBusId", 4010),
    OPTIONAL(device_uuid, "cuDeviceGetUuid", "cuDeviceGetUuid_v2", 11040),
    NEEDED(retain_primary_context, "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRetain", 7000),
    NEEDED(release_primary_context, "cuDevicePrimaryCtxRelease", "cuDevicePrimaryCtxRelease_v2", 11000),
    NEEDED(set_current, "cuCtxSetCurrent", "cuCtxSetCurrent", 4000),
    NEEDED(synchronize_context, "cuCtxSynchronize", "cuCtxSynchronize", 2000),
    NEEDED(stream_priority_range, "cuCtxGetStreamPriorityRange", "cuCtxGetStreamPriorityRange", 5050),
    NEEDED(memory_info, "cuMemGetInfo", "cuMemGetInfo_v2", 3020),
    NEEDED(allocate, "cuMemAlloc", "cuMemAlloc_v2", 3020),
    NEEDED(free, "cuMemFree", "cuMemFree_v2", 3020),
    NEEDED(allocate_host, "cuMemHostAlloc", "cuMemHostAlloc", 2020),
    NEEDED(free_host, "cuMemFreeHost", "cuMemFreeHost", 2000),
    NEEDED(copy_to_device, "cuMemcpyHtoDAsync", "cuMemcpyHtoDAsync_v2", 3020),
    NEEDED(copy_to_host, "cuMemcpyDtoHAsync", "cuMemcpyDtoHAsync_v2", 3020),
    NEEDED(copy_on_device, "cuMemcpyDtoDAsync", "cuMemcpyDtoDAsync_v2", 3020),
    NEEDED(fill, "cuMemsetD8Async", "cuMemsetD8Async", 3020),
    NEEDED(create_stream, "cuStreamCreateWithPriority", "cuStreamCreateWithPriority", 5050),
    NEEDED(destroy_stream, "cuStreamDestroy", "cuStreamDestroy_v2", 4000),
    NEEDED(query_stream, "cuStreamQuery", "cuStreamQuery", 2000),
    NEEDED(synchronize_stream, "cuStreamSynchronize", "cuStreamSynchronize", 2000),
    NEEDED(stream_wait_event, "cuStreamWaitEvent", "cuStreamWaitEvent", 3020),
    NEEDED(launch_host_function, "cuLaunchHostFunc", "cuLaunchHostFunc", 10000),
    OPTIONAL(write_word, "cuStreamWriteValue32", "cuStreamWriteValue32_v2", 11070),
    NEEDED(create_event, "cuEventCreate", "cuEventCreate", 2000),
    NEEDED(destroy_event, "cuEventDestroy", "cuEventDestroy_v2", 4000),
    NEEDED(record_event, "cuEventRecord", "cuEventRecord", 2000),
    NEEDED(query_event, "cuEventQuery", "cuEventQuery", 2000),
    NEEDED(synchronize_event, "cuEventSynchronize", "cuEventSynchronize", 2000),
    NEEDED(elapsed_milliseconds, "cuEventElapsedTime", "cuEventElapsedTime", 2000),
    NEEDED(load_module, "cuModuleLoadDataEx", "cuModuleLoadDataEx", 2010),
    NEEDED(unload_module, "cuModuleUnload", "cuModuleUnload", 2000),
    NEEDED(module_function, "cuModuleGetFunction", "cuModuleGetFunction", 2000),
    NEEDED(launch_kernel, "cuLaunchKernel", "cuLaunchKernel", 4000),
    OPTIONAL(begin_capture, "cuStreamBeginCapture", "cuStreamBeginCapture_v2", 10010),
    OPTIONAL(end_capture, "cuStreamEndCapture", "cuStreamEndCapture", 10000),
    OPTIONAL(graph_nodes, "cuGraphGetNodes", "cuGraphGetNodes", 10000),
    OPTIONAL(graph_node_type, "cuGraphNodeGetType", "cuGraphNodeGetType", 10000),
    OPTIONAL(graph_node_dependents, "cuGraphNodeGetDependentNodes", "cuGraphNodeGetDependentNodes", 10000),
    OPTIONAL(graph_node_dependencies, "cuGraphNodeGetDependencies", "cuGraphNodeGetDependencies", 10000),
    OPTIONAL(add_graph_dependencies, "cuGraphAddDependencies", "cuGraphAddDependencies", 10000),
    OPTIONAL(destroy_graph_node, "cuGraphDestroyNode", "cuGraphDestroyNode", 10000),
    OPTIONAL(set_kernel_node_attribute, "cuGraphKernelNodeSetAttribute", "cuGraphKernelNodeSetAttribute", 11000),
    OPTIONAL(destroy_graph, "cuGraphDestroy", "cuGraphDestroy", 10000),
    OPTIONAL(instantiate_graph, "cuGraphInstantiateWithFlags", "cuGraphInstantiateWithFlags", 11040),
    OPTIONAL(launch_graph, "cuGraphLaunch", "cuGraphLaunch", 10000),
    OPTIONAL(destroy_executable_graph, "cuGraphExecDestroy", "cuGraphExecDestroy", 10000),
    OPTIONAL(device_resource, "cuDeviceGetDevResource", "cuDeviceGetDevResource", 12040),
    OPTIONAL(split_resource, "cuDevSmResourceSplitByCount", "cuDevSmResourceSplitByCount", 12040),
    OPTIONAL(describe_resources, "cuDevResourceGenerateDesc", "cuDevResourceGenerateDesc", 12040),
    OPTIONAL(create_green_context, "cuGreenCtxCreate", "cuGreenCtxCreate", 12040),
    OPTIONAL(destroy_green_context, "cuGreenCtxDestroy", "cuGreenCtxDestroy", 12040),
    OPTIONAL(green_context_resource, "cuGreenCtxGetDevResource", "cuGreenCtxGetDevResource", 12040),
    OPTIONAL(context_from_green, "cuCtxFromGreenCtx", "cuCtxFromGreenCtx", 12040),
    OPTIONAL(create_green_stream, "cuGreenCtxStreamCreate", "cuGreenCtxStreamCreate", 12050),
};

// The function, from the driver itself if it answers, else from the library's table of symbols.
static void *find(void *handle, GetFunction get, const Wanted *entry) {
    if (get == NULL) {
        return dlsym(handle, entry->exported);
    }
    void *function = NULL;
    int status = 0;
    if (get(entry->name, &function, entry->version, LEGACY_STREAM, &status) != DARIS_CUDA_SUCCESS) {
        return NULL;
    }
    return function;
}

DarisCudaOpening daris_cuda_open(const char *path, DarisCuda *driver, int *version, char *message, size_t capacity) {
    memset(driver, 0, sizeof *driver);
    *version = 0;
    snprintf(message, capacity, "%s", "");
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(message, capacity, "%s", reason != NULL ? reason : "the loader gave no reason");
        return DARIS_CUDA_NOT_LOADABLE;
    }
    // POSIX's way around a cast that ISO C does not know: from the loader's pointer to a function.
    DarisCudaResult (*get_version)(int *) = NULL;
    *(void **)&get_version = dlsym(handle, "cuDriverGetVersion");
    if (get_version == NULL) {
        snprintf(message, capacity, "%s: it has no function cuDriverGetVersion", path);
        dlclose(handle);
        return DARIS_CUDA_NOT_A_DRIVER;
    }
    DarisCudaResult told = get_version(version);
    if (told == DARIS_CUDA_SUCCESS && *version < DARIS_CUDA_OLDEST_VERSION) {
        return DARIS_CUDA_TOO_OLD;
    }
    // A driver that does not tell its version is as old as can be; starting it may say better what is wrong with it.
    int known = told == DARIS_CUDA_SUCCESS ? *version : DARIS_CUDA_OLDEST_VERSION;
    if (told != DARIS_CUDA_SUCCESS) {
        *version = -told;
    }
    GetFunction get = NULL;
    *(void **)&get = dlsym(handle, "cuGetProcAddress_v2");
    if (get != NULL && find(handle, get, &wanted[0]) == NULL) {
        get = NULL;
    }
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const Wanted *entry = &wanted[i];
        void *function = entry->version <= known ? find(handle, get, entry) : NULL;
        *(void **)((char *)driver + entry->offset) = function;
        if (function == NULL && entry->is_needed) {
            snprintf(message, capacity, "%s: it has no function %s", path, entry->exported);
            return DARIS_CUDA_NOT_A_DRIVER;
        }
    }
    return DARIS_CUDA_OPENED;
}

void daris_cuda_set_max_connections(int connections) {
    char value[16];
    snprintf(value, sizeof value, "%d", connections);
    setenv("CUDA_DEVICE_MAX_CONNECTIONS", value, 1);
}

const char *daris_cuda_environment(const char *name) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}
