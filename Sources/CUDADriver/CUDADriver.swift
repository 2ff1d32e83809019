import CCUDADriver

/// The CUDA driver, as far as one question goes: which devices are there?
///
/// ```swift
/// switch CUDADriver.probe() {
/// case .devices(let devices, let version): print("CUDA \(version): \(devices.map(\.name))")
/// case .unavailable(let reason): print("no CUDA: \(reason)")
/// }
/// ```
///
/// Nothing of CUDA is loaded or started before the first call.
package enum CUDADriver {
    /// Opens and starts the driver, and says which devices there are.
    ///
    /// - Parameter library: The driver's library, a path or a name that the system's loader knows; if not given, as
    ///   ``CUDALibrary/open(path:maxConnections:patience:)`` finds it.
    package static func probe(library: String? = nil) -> CUDAProbe {
        do throws(CUDAError) {
            let driver = try CUDALibrary.open(path: library)
            guard driver.deviceCount > 0 else {
                return .unavailable(
                    reason: "the CUDA driver is there (CUDA \(driver.version)), but it sees no device; "
                        + (CUDAError.advice(for: DARIS_CUDA_NO_DEVICE) ?? ""))
            }
            var devices: [CUDADeviceFacts] = []
            for index in 0..<driver.deviceCount { devices.append(try driver.facts(ofDevice: index)) }
            return .devices(devices, driverVersion: driver.version)
        } catch {
            return .unavailable(reason: error.description)
        }
    }
}
