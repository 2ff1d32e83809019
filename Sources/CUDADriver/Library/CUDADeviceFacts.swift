/// What is fixed about a CUDA device.
public struct CUDADeviceFacts: Hashable, Sendable {
    /// The device's number, as the driver counts.
    public let index: Int
    /// The product's name.
    public let name: String
    /// The compute capability: `9.0` is major 9, minor 0.
    public let computeCapability: CUDAVersion
    /// The number of streaming multiprocessors (SMs).
    public let multiprocessorCount: Int
    /// The device's memory in bytes.
    public let totalMemoryBytes: Int
    /// The size of the cache that all SMs share, in bytes.
    public let l2CacheBytes: Int
    /// The device's place on the PCI bus, such as `0000:3b:00.0`, by which NVML knows it too.
    public let busID: String
    /// What tells the device from all others, as `CUDA_VISIBLE_DEVICES` takes it: `GPU-` and 32 digits; `nil` with drivers
    /// before CUDA 11.4.
    public let uuid: String?
    /// Whether only one process at a time may use the device: compute mode `EXCLUSIVE_PROCESS`.
    public let isExclusive: Bool

    /// A device with these facts.
    public init(
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
