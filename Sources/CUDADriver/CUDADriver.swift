import CCUDADriver

/// The search for CUDA devices.
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
    /// Opens and starts the driver, and returns its devices.
    ///
    /// - Parameter library: The driver's library, a path or a name that the system's loader knows; by default the one
    ///   that ``CUDALibrary/open(path:maxConnections:patience:)`` finds.
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

/// The CUDA devices of this machine.
package enum CUDAProbe: Hashable, Sendable {
    /// No device can be used; `reason` is a sentence without a full stop.
    case unavailable(reason: String)
    /// At least one device; the driver supports CUDA up to `driverVersion`.
    case devices([CUDADeviceFacts], driverVersion: CUDAVersion)
}

/// The fixed properties of a CUDA device.
package struct CUDADeviceFacts: Hashable, Sendable {
    /// The device's number, as the driver counts.
    package let index: Int
    /// The product's name.
    package let name: String
    /// The compute capability: `9.0` is major 9, minor 0.
    package let computeCapability: CUDAVersion
    /// The number of streaming multiprocessors (SMs).
    package let multiprocessorCount: Int
    /// The device's memory in bytes.
    package let totalMemoryBytes: Int
    /// The size of the cache that all SMs share, in bytes.
    package let l2CacheBytes: Int
    /// The device's address on the PCI bus, such as `0000:3b:00.0`, which NVML uses too.
    package let busID: String
    /// The device's unique name in the form of `CUDA_VISIBLE_DEVICES`: `GPU-` and 32 digits; `nil` with drivers before
    /// CUDA 11.4.
    package let uuid: String?
    /// Whether only one process at a time may use the device: compute mode `EXCLUSIVE_PROCESS`.
    package let isExclusive: Bool

    /// A device with these facts.
    package init(
        index: Int, name: String, computeCapability: CUDAVersion, multiprocessorCount: Int, totalMemoryBytes: Int,
        l2CacheBytes: Int, busID: String, uuid: String? = nil, isExclusive: Bool = false
    ) {
        self.index = index
        self.name = name
        self.computeCapability = computeCapability
        self.multiprocessorCount = multiprocessorCount
        self.totalMemoryBytes = totalMemoryBytes
        self.l2CacheBytes = l2CacheBytes
        self.busID = busID
        self.uuid = uuid
        self.isExclusive = isExclusive
    }
}
