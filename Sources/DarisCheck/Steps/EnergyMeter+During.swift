import CUDADriver
import Dispatch
import Synchronization

/// The energy that a measurement took, and what the device said meanwhile.
struct EnergyUsed {
    /// In J; `nil` if it is not counted.
    var joules: Double?
    /// Clocks and power; `nil` if the device tells nothing.
    var load: DeviceLoad?

    /// Energy an inference in J.
    func joules(of inferences: Int) -> Double? {
        joules.flatMap { inferences > 0 ? $0 / Double(inferences) : nil }
    }
}

extension EnergyMeter {
    /// Runs `body` and returns the energy used meanwhile. Clocks are read on a thread of its own, five times a second and once at
    /// the end; a meter without readings starts none.
    func during<Result>(_ body: () throws -> Result) rethrows -> (Result, EnergyUsed) {
        guard readings != nil else { return (try body(), EnergyUsed()) }
        let samples = Samples()
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "daris-clocks"))
        timer.schedule(deadline: .now() + 0.1, repeating: 0.2)
        timer.setEventHandler { if let readings { samples.add(readings) } }
        timer.resume()
        defer { timer.cancel() }
        let (before, start) = (joules, DispatchTime.now())
        let result = try body()
        let used = joules(since: before)
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1e9
        if let readings { samples.add(readings) }
        return (result, EnergyUsed(joules: used, load: samples.load(watts: used.map { $0 / max(seconds, 1e-9) })))
    }
}

/// Readings of a device during a measurement.
private final class Samples: Sendable {
    private struct State {
        var clocks: [Int] = []
        var celsius: [Int] = []
    }

    private let state = Mutex(State())

    func add(_ readings: NVMLReadings) {
        state.withLock { state in
            if let clock = readings.multiprocessorMegahertz { state.clocks.append(clock) }
            if let celsius = readings.celsius { state.celsius.append(celsius) }
        }
    }

    func load(watts: Double?) -> DeviceLoad {
        state.withLock { state in
            DeviceLoad(
                watts: watts,
                clockMHz: state.clocks.isEmpty
                    ? nil : Double(state.clocks.reduce(0, +)) / Double(state.clocks.count),
                leastClockMHz: state.clocks.min(), celsius: state.celsius.max())
        }
    }
}
