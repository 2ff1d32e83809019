/// The figures of a device at one moment. Each is `nil` if the device, or the rights of the process, do not give it.
package struct NVMLReadings: Hashable, Sendable {
    /// The product's name.
    package var name: String?
    /// The memory in use, by all processes, in bytes.
    package var usedMemoryBytes: Int?
    /// All of the memory, in bytes.
    package var totalMemoryBytes: Int?
    /// The power drawn, in watts.
    package var watts: Double?
    /// The energy used since the driver was loaded, in joules.
    package var joules: Double?
    /// The temperature in degrees Celsius.
    package var celsius: Int?
    /// The clock of the SMs in MHz.
    package var multiprocessorMegahertz: Int?
    /// The clock of the memory in MHz.
    package var memoryMegahertz: Int?
    /// The share of the last sample period, up to a second, in which a kernel ran: 0 to 1.
    package var utilisation: Double?
    /// The share of the last sample period in which memory was read or written: 0 to 1.
    package var memoryUtilisation: Double?
}
