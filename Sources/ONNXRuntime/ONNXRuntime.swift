// ONNXRuntime
