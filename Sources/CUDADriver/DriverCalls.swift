import CCUDADriver

/// The driver's functions, with failures as errors.
struct DriverCalls {
    let functions: DarisCuda

    /// Loads the driver, but starts nothing.
    init(library: String) throws(DriverFailure) {
        var functions = DarisCuda()
        var message = [CChar](repeating: 0, count: 512)
        guard daris_cuda_open(library, &functions, &message, message.count) == 1 else {
            throw DriverFailure(reason: "the CUDA driver's library cannot be used: \(Self.text(message))")
        }
        self.functions = functions
    }

    /// Throws if `result` is not success, with CUDA's own name and text for it.
    func check(_ result: DarisCudaResult, _ call: StaticString) throws(DriverFailure) {
        guard result != 0 else { return }
        var name: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        // Left nil for a number that the driver does not know.
        _ = functions.error_name(result, &name)
        _ = functions.error_text(result, &text)
        let known = [name, text].compactMap { $0.map { String(cString: $0) } }.joined(separator: ", ")
        throw DriverFailure(reason: "\(call) failed with error \(result)\(known.isEmpty ? "" : " (\(known))")")
    }

    /// What is fixed about a device.
    func facts(ofDevice index: Int32) throws(DriverFailure) -> CUDADeviceFacts {
        var device: DarisCudaDevice = 0
        try check(functions.device(&device, index), "cuDeviceGet")
        var name = [CChar](repeating: 0, count: 256)
        try check(functions.device_name(&name, Int32(name.count), device), "cuDeviceGetName")
        var bytes = 0
        try check(functions.device_memory(&bytes, device), "cuDeviceTotalMem")
        return CUDADeviceFacts(
            index: Int(index), name: Self.text(name),
            computeCapability: CUDAVersion(
                major: try attribute(DARIS_CUDA_COMPUTE_CAPABILITY_MAJOR, of: device),
                minor: try attribute(DARIS_CUDA_COMPUTE_CAPABILITY_MINOR, of: device)),
            multiprocessorCount: try attribute(DARIS_CUDA_MULTIPROCESSOR_COUNT, of: device), totalMemoryBytes: bytes)
    }

    private func attribute(_ attribute: Int, of device: DarisCudaDevice) throws(DriverFailure) -> Int {
        var value: Int32 = 0
        try check(functions.device_attribute(&value, Int32(attribute), device), "cuDeviceGetAttribute")
        return Int(value)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
