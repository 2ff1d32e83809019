import CCUDADriver

extension CUDALibrary {
    /// What is fixed about a device.
    ///
    /// - Parameter index: The device's number, as the driver counts.
    package func facts(ofDevice index: Int) throws(CUDAError) -> CUDADeviceFacts {
        let purpose: StaticString = "reading what a GPU is"
        let device = try handle(ofDevice: index)
        var name = [CChar](repeating: 0, count: 256)
        try check(functions.device_name(&name, Int32(name.count), device), "cuDeviceGetName", purpose)
        var bytes = 0
        try check(functions.device_memory(&bytes, device), "cuDeviceTotalMem", purpose)
        var busID = [CChar](repeating: 0, count: 32)
        try check(functions.device_bus_id(&busID, Int32(busID.count), device), "cuDeviceGetPCIBusId", purpose)
        let mode = try attribute(DARIS_CUDA_COMPUTE_MODE, of: device)
        return CUDADeviceFacts(
            index: index, name: String(terminated: name),
            computeCapability: CUDAVersion(
                major: try attribute(DARIS_CUDA_COMPUTE_CAPABILITY_MAJOR, of: device),
                minor: try attribute(DARIS_CUDA_COMPUTE_CAPABILITY_MINOR, of: device)),
            multiprocessorCount: try attribute(DARIS_CUDA_MULTIPROCESSOR_COUNT, of: device), totalMemoryBytes: bytes,
            l2CacheBytes: try attribute(DARIS_CUDA_L2_CACHE_BYTES, of: device), busID: String(terminated: busID),
            uuid: try uuid(of: device),
            isExclusive: [DARIS_CUDA_MODE_EXCLUSIVE, DARIS_CUDA_MODE_EXCLUSIVE_PROCESS].contains(mode))
    }

    /// In the form of `nvidia-smi -L`.
    private func uuid(of device: DarisCudaDevice) throws(CUDAError) -> String? {
        guard let read = functions.device_uuid else { return nil }
        var uuid = DarisCudaUUID()
        try check(read(&uuid, device), "cuDeviceGetUuid", "reading what a GPU is")
        let digits = withUnsafeBytes(of: uuid) { bytes in
            bytes.enumerated().map { index, byte in
                ([4, 6, 8, 10].contains(index) ? "-" : "") + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return "GPU-" + digits.joined()
    }

    /// The driver's handle of a device.
    func handle(ofDevice index: Int) throws(CUDAError) -> DarisCudaDevice {
        // Without a device the driver has not started, and would say only that.
        guard deviceCount > 0 else {
            throw failure(DarisCudaResult(DARIS_CUDA_NO_DEVICE), "cuInit", "finding GPU \(index)")
        }
        var device: DarisCudaDevice = 0
        let result = functions.device(&device, Int32(clamping: index))
        guard result == DARIS_CUDA_SUCCESS else { throw failure(result, "cuDeviceGet", "finding GPU \(index)") }
        return device
    }

    private func attribute(_ attribute: Int, of device: DarisCudaDevice) throws(CUDAError) -> Int {
        var value: Int32 = 0
        try check(
            functions.device_attribute(&value, Int32(attribute), device), "cuDeviceGetAttribute",
            "reading what a GPU is")
        return Int(value)
    }
}
