// CUDADriver
