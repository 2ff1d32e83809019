// NVML: the figures of one device, fixed but for its energy.

#include "FakeCUDA.h"

#include "Fake.h"

#include <stdio.h>
#include <string.h>

#include "NVMLTable.h"

enum { NOT_SUPPORTED = 3, NOT_FOUND = 6, UNINITIALIZED = 1 };

static long starts;
static unsigned long long used_millijoules;

long live_nvml(void) { return starts; }

void reset_nvml(void) {
    starts = 0;
    used_millijoules = 0;
}

void fake_cuda_use_energy(unsigned long long millijoules) {
    pthread_mutex_lock(&lock);
    used_millijoules += millijoules;
    pthread_mutex_unlock(&lock);
}

// Begins a call that reads a figure.
static int begin_reading(const char *name) {
    int result = begin(name);
    if (result == 0 && starts == 0) {
        note_violation("%s was called before nvmlInit", name);
        result = UNINITIALIZED;
    }
    return result == 0 && is_hidden(name) ? NOT_SUPPORTED : result;
}

int nvmlInit_v2(void) {
    int result = begin("nvmlInit_v2");
    starts += result == 0;
    return end(result);
}

int nvmlShutdown(void) {
    int injected = begin("nvmlShutdown");
    if (starts == 0) {
        note_violation("nvmlShutdown was called more often than nvmlInit");
        return end(UNINITIALIZED);
    }
    starts--;
    return end(injected);
}

const char *nvmlErrorString(int result) {
    return result == NOT_SUPPORTED ? "Not Supported" : result == NOT_FOUND ? "Not Found" : "Unknown Error";
}

int nvmlSystemGetDriverVersion(char *version, unsigned int capacity) {
    int result = begin_reading("nvmlSystemGetDriverVersion");
    if (result == 0) {
        snprintf(version, capacity, "570.86.15");
    }
    return end(result);
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **device) {
    int result = begin_reading("nvmlDeviceGetHandleByPciBusId_v2");
    if (result == 0 && strcmp(bus_id, "0000:01:00.0") != 0) {
        result = NOT_FOUND;
    }
    if (result == 0) {
        *device = &starts;
    }
    return end(result);
}

int nvmlDeviceGetName(void *device, char *name, unsigned int capacity) {
    (void)device;
    int result = begin_reading("nvmlDeviceGetName");
    if (result == 0) {
        snprintf(name, capacity, "Fake GPU 0");
    }
    return end(result);
}

int nvmlDeviceGetMemoryInfo(void *device, DarisNvmlMemory *memory) {
    (void)device;
    int result = begin_reading("nvmlDeviceGetMemoryInfo");
    if (result == 0) {
        *memory = (DarisNvmlMemory){
            .total = configuration.memory, .free = configuration.memory - (1u << 30), .used = 1u << 30};
    }
    return end(result);
}

int nvmlDeviceGetPowerUsage(void *device, unsigned int *milliwatts) {
    (void)device;
    int result = begin_reading("nvmlDeviceGetPowerUsage");
    *milliwatts = 250500;
    return end(result);
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    (void)device;
    int result = begin_reading("nvmlDeviceGetTotalEnergyConsumption");
    *millijoules = 1234500 + used_millijoules;
    return end(result);
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *celsius) {
    (void)device;
    int result = begin_reading("nvmlDeviceGetTemperature");
    *celsius = 41 + (unsigned int)sensor;
    return end(result);
}

int nvmlDeviceGetClockInfo(void *device, int clock, unsigned int *megahertz) {
    (void)device;
    int result = begin_reading("nvmlDeviceGetClockInfo");
    *megahertz = clock == DARIS_NVML_CLOCK_SM ? 1980 : 2619;
    return end(result);
}

int nvmlDeviceGetUtilizationRates(void *device, DarisNvmlUtilisation *utilisation) {
    (void)device;
    int result = begin_reading("nvmlDeviceGetUtilizationRates");
    *utilisation = (DarisNvmlUtilisation){.gpu = 75, .memory = 40};
    return end(result);
}
