/// The figures of a device at one moment. Each is `nil` if the device, or the rights of the process, do not give it.
public struct NVMLReadings: Hashable, Sendable {
    /// The product's name.
    public var name: String?
    /// The memory in use, by all processes, in bytes.
    public var usedMemoryBytes: Int?
    /// All of the memory, in bytes.
    public var totalMemoryBytes: Int?
    /// The power drawn, in watts.
    public var watts: Double?
    /// The energy used since the driver was loaded, in joules.
    public var joules: Double?
    /// The temperature in degrees Celsius.
    public var celsius: Int?
    /// The clock of the SMs in MHz.
    public var multiprocessorMegahertz: Int?
    /// The clock of the memory in MHz.
    public var memoryMegahertz: Int?
    /// The share of the last sample period, up to a second, in which a kernel ran: 0 to 1.
    public var utilisation: Double?
    /// The share of the last sample period in which memory was read or written: 0 to 1.
    public var memoryUtilisation: Double?
}
