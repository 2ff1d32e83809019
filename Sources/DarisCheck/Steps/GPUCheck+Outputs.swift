import DarisConfiguration
import DarisCore
import DarisRuntime

/// The outputs of networks beside those of the CPU.
extension GPUCheck {
    func compareOutputs() throws {
        var isComplete = true
        for network in options.networks {
            guard !isUp else {
                isComplete = false
                break
            }
            do {
                let record = try compare(network)
                results.outputs.append(record)
                if !record.agrees {
                    note("\(network.name) differs by \(CheckReport.scientific(record.relativeDifference))")
                }
                try save()
            } catch let failure as ResultsFolder.Failure {
                throw failure
            } catch {
                note("\(network.name): \(error)")
            }
        }
        finish(all: isComplete, measured: results.outputs.count)
    }

    /// One job on the device, staged and in full precision, and one on the CPU, whole, on the same inputs.
    private func compare(_ network: CheckNetwork) throws -> OutputRecord {
        say("\(network.name) on the CPU, whole")
        let reference = try bench(network, device: DeviceKind.cpu.name, stages: 1, batch: 1)
        defer { reference.shutDown() }
        var generator = SplitMix64(seed: 7)
        let inputs = reference.device.tensorSizes(of: 0).inputs.map { size in
            (0..<(size.byteCount ?? 0) / 4).flatMap { _ in
                withUnsafeBytes(of: Float(generator.next() >> 40) / Float(1 << 24), Array.init)
            }
        }
        let expected = try reference.outputs(of: 0, inputs: inputs)
        say("\(network.name) on \(options.device) in \(network.stages) stages")
        let bench = try bench(
            network, device: options.device, stages: network.stages, batch: 1, gpu: GPUOptions(precision: .fp32))
        defer { bench.shutDown() }
        let found = try bench.outputs(of: 0, inputs: inputs)
        for text in bench.notes { note("\(network.name): \(text)") }
        return OutputRecord(
            network: network.name, stages: network.stages, batch: 1,
            relativeDifference: Self.relativeDifference(found, expected))
    }

    /// The largest difference of outputs of 32-bit floats, relative to the largest expected number. It is the largest
    /// finite number if a size differs or a number is infinite or no number.
    static func relativeDifference(_ found: [[UInt8]], _ expected: [[UInt8]]) -> Double {
        guard found.map(\.count) == expected.map(\.count) else { return .greatestFiniteMagnitude }
        var (difference, largest) = (0.0, 0.0)
        for (found, expected) in zip(found, expected) {
            for (a, b) in zip(floats(found), floats(expected)) {
                guard a.isFinite, b.isFinite else { return .greatestFiniteMagnitude }
                difference = max(difference, abs(Double(a) - Double(b)))
                largest = max(largest, abs(Double(b)))
            }
        }
        return difference == 0 ? 0 : min(.greatestFiniteMagnitude, difference / largest)
    }

    private static func floats(_ bytes: [UInt8]) -> [Float] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}
