#ifndef CCUDADriver_H
#define CCUDADriver_H
#endif
