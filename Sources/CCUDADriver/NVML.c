#include "NVMLTable.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int daris_nvml_open(const char *path, DarisNvml *library, char *message, size_t capacity) {
    memset(library, 0, sizeof *library);
    snprintf(message, capacity, "%s", "");
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
        int is_needed;
    } wanted[] = {
        {"nvmlInit_v2", (void **)&library->init, 1},
        {"nvmlShutdown", (void **)&library->shutdown, 1},
        {"nvmlErrorString", (void **)&library->error_text, 1},
        {"nvmlDeviceGetHandleByPciBusId_v2", (void **)&library->device, 1},
        {"nvmlSystemGetDriverVersion", (void **)&library->driver_version, 0},
        {"nvmlDeviceGetName", (void **)&library->name, 0},
        {"nvmlDeviceGetMemoryInfo", (void **)&library->memory, 0},
        {"nvmlDeviceGetPowerUsage", (void **)&library->milliwatts, 0},
        {"nvmlDeviceGetTotalEnergyConsumption", (void **)&library->millijoules, 0},
        {"nvmlDeviceGetTemperature", (void **)&library->temperature, 0},
        {"nvmlDeviceGetClockInfo", (void **)&library->clock, 0},
        {"nvmlDeviceGetUtilizationRates", (void **)&library->utilisation, 0},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].function = dlsym(handle, wanted[i].name);
        if (*wanted[i].function == NULL && wanted[i].is_needed) {
            snprintf(message, capacity, "%s: it has no function %s", path, wanted[i].name);
            dlclose(handle);
            return 0;
        }
    }
    return 1;
}
