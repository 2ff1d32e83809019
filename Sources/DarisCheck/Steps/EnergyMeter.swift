import CUDADriver

/// The energy that a GPU uses, where NVML counts it.
struct EnergyMeter {
    private let device: NVMLDevice?

    /// A meter of the GPU at this place on the PCI bus; one that tells nothing for `nil` or without NVML.
    init(busID: String?) {
        device = busID.flatMap { busID in
            guard let library = try? NVMLLibrary.open() else { return nil }
            return try? library.device(busID: busID)
        }
    }

    /// The energy used since the driver was loaded in J, or `nil` where it is not counted.
    var joules: Double? { device?.joules() }

    /// The readings of this moment.
    var readings: NVMLReadings? { device?.readings() }

    /// Energy an inference in J.
    ///
    /// - Parameter before: `joules` before the inferences.
    func joules(since before: Double?, inferences: Int) -> Double? {
        guard let before, let after = joules, inferences > 0, after > before else { return nil }
        return (after - before) / Double(inferences)
    }
}
