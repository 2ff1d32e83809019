/// The energy that a GPU uses, by NVML's counter: what every figure in joules or watts of Daris comes from.
///
/// ```swift
/// let meter = EnergyMeter(busID: context.device.busID)
/// let before = meter.joules
/// …
/// print(meter.joules(since: before) ?? 0)
/// ```
///
/// The counter is of the whole card, other users included, and moves on a few times a second: a difference over less than a second
/// can be off by some joules.
package struct EnergyMeter: Sendable {
    private let device: NVMLDevice?

    /// A meter of the GPU at this address on the PCI bus. For `nil` or without NVML it has no readings.
    ///
    /// - Parameter path: NVML's library, if not the usual one.
    package init(busID: String?, path: String? = nil) {
        device = busID.flatMap { busID in
            guard let library = try? NVMLLibrary.open(path: path) else { return nil }
            return try? library.device(busID: busID)
        }
    }

    /// The energy used since the driver was loaded in J, or `nil` if not reported.
    package var joules: Double? { device?.joules() }

    /// The power drawn now in W, or `nil` if not reported.
    package var watts: Double? { device?.watts() }

    /// The current readings.
    package var readings: NVMLReadings? { device?.readings() }

    /// The energy used since a reading, in J; `nil` if it is not reported or the counter has not moved on.
    ///
    /// - Parameter before: The value of `joules` then.
    package func joules(since before: Double?) -> Double? {
        guard let before, let after = joules, after > before else { return nil }
        return after - before
    }

    /// Energy an inference in J; `nil` if it is not reported, or there was none.
    ///
    /// - Parameter before: The value of `joules` before the inferences.
    package func joules(since before: Double?, inferences: Int) -> Double? {
        guard inferences > 0, let joules = joules(since: before) else { return nil }
        return joules / Double(inferences)
    }
}
