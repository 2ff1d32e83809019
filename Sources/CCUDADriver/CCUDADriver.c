#include "CCUDADriver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int daris_cuda_open(const char *path, DarisCuda *driver, char *message, size_t capacity) {
    memset(driver, 0, sizeof *driver);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(message, capacity, "%s", reason != NULL ? reason : "the loader gave no reason");
        return 0;
    }
    // POSIX's way around a cast that ISO C does not know: from the loader's pointer to a function.
    const struct {
        const char *name;
        void **function;
    } wanted[] = {
        {"cuInit", (void **)&driver->init},
        {"cuDriverGetVersion", (void **)&driver->driver_version},
        {"cuDeviceGetCount", (void **)&driver->device_count},
        {"cuDeviceGet", (void **)&driver->device},
        {"cuDeviceGetName", (void **)&driver->device_name},
        {"cuDeviceTotalMem_v2", (void **)&driver->device_memory},
        {"cuDeviceGetAttribute", (void **)&driver->device_attribute},
        {"cuGetErrorName", (void **)&driver->error_name},
        {"cuGetErrorString", (void **)&driver->error_text},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].function = dlsym(handle, wanted[i].name);
        if (*wanted[i].function == NULL) {
            snprintf(message, capacity, "%s: it has no function %s", path, wanted[i].name);
            dlclose(handle);
            return 0;
        }
    }
    return 1;
}
