import CCUDADriver

/// A device of NVML.
package final class NVMLDevice: Sendable {
    private nonisolated(unsafe) let pointer: OpaquePointer
    private let library: NVMLLibrary

    init(_ pointer: OpaquePointer, library: NVMLLibrary) {
        self.pointer = pointer
        self.library = library
    }

    /// The current figures. Those that the device does not report are `nil`.
    package func readings() -> NVMLReadings {
        let functions = library.functions
        var readings = NVMLReadings()
        var name = [CChar](repeating: 0, count: 96)
        if functions.name?(pointer, &name, UInt32(name.count)) == 0 { readings.name = String(terminated: name) }
        var memory = DarisNvmlMemory()
        if functions.memory?(pointer, &memory) == 0 {
            readings.usedMemoryBytes = Int(clamping: memory.used)
            readings.totalMemoryBytes = Int(clamping: memory.total)
        }
        readings.watts = watts()
        readings.joules = joules()
        readings.celsius = number(functions.temperature, Int32(DARIS_NVML_TEMPERATURE_GPU))
        readings.multiprocessorMegahertz = number(functions.clock, Int32(DARIS_NVML_CLOCK_SM))
        readings.memoryMegahertz = number(functions.clock, Int32(DARIS_NVML_CLOCK_MEMORY))
        var utilisation = DarisNvmlUtilisation()
        if functions.utilisation?(pointer, &utilisation) == 0 {
            readings.utilisation = Double(utilisation.gpu) / 100
            readings.memoryUtilisation = Double(utilisation.memory) / 100
        }
        return readings
    }

    /// The energy used since the driver was loaded, in joules, or `nil` if the device does not report it.
    package func joules() -> Double? {
        var millijoules: UInt64 = 0
        guard library.functions.millijoules?(pointer, &millijoules) == 0 else { return nil }
        return Double(millijoules) / 1_000
    }

    /// The power drawn now, in watts, or `nil` if the device does not report it.
    package func watts() -> Double? { number(library.functions.milliwatts).map { Double($0) / 1_000 } }

    private func number(
        _ read: (@convention(c) (OpaquePointer?, UnsafeMutablePointer<UInt32>?) -> DarisNvmlResult)?
    ) -> Int? {
        var value: UInt32 = 0
        return read?(pointer, &value) == 0 ? Int(value) : nil
    }

    private func number(
        _ read: (@convention(c) (OpaquePointer?, Int32, UnsafeMutablePointer<UInt32>?) -> DarisNvmlResult)?,
        _ kind: Int32
    ) -> Int? {
        var value: UInt32 = 0
        return read?(pointer, kind, &value) == 0 ? Int(value) : nil
    }
}

/// The figures of a device at one moment. Each is `nil` if the device or the rights of the process do not provide it.
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
