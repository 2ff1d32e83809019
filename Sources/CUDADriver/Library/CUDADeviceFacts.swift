/// What is fixed about a CUDA device.
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
    /// The device's place on the PCI bus, such as `0000:3b:00.0`, by which NVML knows it too.
    package let busID: String
    /// What tells the device from all others, as `CUDA_VISIBLE_DEVICES` takes it: `GPU-` and 32 digits; `nil` with drivers
    /// before CUDA 11.4.
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
