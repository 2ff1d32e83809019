import CCUDADriver

/// The CUDA driver, opened at run time.
///
/// ```swift
/// switch CUDADriver.probe() {
/// case .devices(let devices, let version): print("CUDA \(version): \(devices.map(\.name))")
/// case .unavailable(let reason): print("no CUDA: \(reason)")
/// }
/// ```
///
/// Nothing of CUDA is loaded or started before the first call.
public enum CUDADriver {
    /// Opens and starts the driver, and says which devices there are.
    ///
    /// - Parameter library: The driver's library, a path or a name that the system's loader knows.
    public static func probe(library: String = "libcuda.so.1") -> CUDAProbe {
        do {
            return try probe(DriverCalls(library: library))
        } catch {
            return .unavailable(reason: error.reason)
        }
    }

    private static func probe(_ driver: DriverCalls) throws(DriverFailure) -> CUDAProbe {
        try driver.check(driver.functions.`init`(0), "cuInit")
        var version: Int32 = 0
        try driver.check(driver.functions.driver_version(&version), "cuDriverGetVersion")
        var count: Int32 = 0
        try driver.check(driver.functions.device_count(&count), "cuDeviceGetCount")
        guard count > 0 else { return .unavailable(reason: "the CUDA driver is there, but it sees no device") }
        var devices: [CUDADeviceFacts] = []
        for index in 0..<count { devices.append(try driver.facts(ofDevice: index)) }
        return .devices(devices, driverVersion: CUDAVersion(driverNumber: Int(version)))
    }
}
