// The CUDA driver's and NVML's calls that Daris makes, in Daris's own words. Both libraries are opened at run time:
// neither a header nor a library of CUDA is needed to build.

#ifndef CCUDADriver_H
#define CCUDADriver_H

#include "CUDATypes.h"

#include "CUDATable.h"
#include "NVMLTable.h"

#endif
