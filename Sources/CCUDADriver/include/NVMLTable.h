// The functions of NVML, NVIDIA's management library, which only reads here.

#ifndef DARIS_NVML_TABLE_H
#define DARIS_NVML_TABLE_H

#include <stddef.h>

/// What a call returned; 0 is success.
typedef int DarisNvmlResult;
typedef struct DarisNvmlDevice_ *DarisNvmlDevice;

/// A device's memory in bytes.
typedef struct DarisNvmlMemory {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
} DarisNvmlMemory;

/// Percentages of the last sample period in which kernels ran and memory was read or written.
typedef struct DarisNvmlUtilisation {
    unsigned int gpu;
    unsigned int memory;
} DarisNvmlUtilisation;

/// Sensors and clocks.
enum { DARIS_NVML_TEMPERATURE_GPU = 0, DARIS_NVML_CLOCK_SM = 1, DARIS_NVML_CLOCK_MEMORY = 2 };

/// The functions. Those that read a figure are NULL where the library does not have them.
typedef struct DarisNvml {
    DarisNvmlResult (*init)(void);
    DarisNvmlResult (*shutdown)(void);
    const char *(*error_text)(DarisNvmlResult result);
    DarisNvmlResult (*driver_version)(char *version, unsigned int capacity);
    DarisNvmlResult (*device)(const char *bus_id, DarisNvmlDevice *device);
    DarisNvmlResult (*name)(DarisNvmlDevice device, char *name, unsigned int capacity);
    DarisNvmlResult (*memory)(DarisNvmlDevice device, DarisNvmlMemory *memory);
    DarisNvmlResult (*milliwatts)(DarisNvmlDevice device, unsigned int *milliwatts);
    DarisNvmlResult (*millijoules)(DarisNvmlDevice device, unsigned long long *millijoules);
    DarisNvmlResult (*temperature)(DarisNvmlDevice device, int sensor, unsigned int *celsius);
    DarisNvmlResult (*clock)(DarisNvmlDevice device, int clock, unsigned int *megahertz);
    DarisNvmlResult (*utilisation)(DarisNvmlDevice device, DarisNvmlUtilisation *utilisation);
} DarisNvml;

/// Loads NVML and looks its functions up, but calls none. Returns 1 if those that are needed are there; otherwise 0, and
/// up to `capacity` bytes of why, always terminated. A loaded library stays loaded until the process ends.
int daris_nvml_open(const char *path, DarisNvml *library, char *message, size_t capacity);

#endif
