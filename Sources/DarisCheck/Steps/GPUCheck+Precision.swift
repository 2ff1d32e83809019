import DarisCore
import DarisRuntime

/// Networks in other precisions and layouts.
extension GPUCheck {
    /// The batch of the closed loops.
    private static var batch: Int { 64 }
    /// Their numbers of lanes.
    private static var lanes: [Int] { [1, 2] }

    func measurePrecision() throws {
        guard !options.isRehearsal else {
            note("a CPU has one precision and layout")
            return finishSkipped()
        }
        var left = CheckVariant.allCases.count * options.networks.count
        var isComplete = true
        for variant in CheckVariant.allCases {
            for network in options.networks {
                guard !isUp else {
                    isComplete = false
                    continue
                }
                try measure(network, variant, shareOf: left)
                left -= 1
            }
        }
        finish(all: isComplete, measured: results.precision.count)
    }

    private func measure(_ network: CheckNetwork, _ variant: CheckVariant, shareOf count: Int) throws {
        let gpu = variant.options
        say("\(network.name), \(variant.rawValue)")
        let entry = LoopPlan.Entry(network: network, batch: Self.batch, stages: 1)
        do {
            let bench = try bench(
                network, device: options.device, stages: 1, batch: entry.batch, lanes: Self.lanes.max() ?? 1, gpu: gpu)
            defer { bench.shutDown() }
            for lanes in Self.lanes {
                let share = timeLeft.inSeconds / Double(count) / 4
                let loop = try closedLoop(bench, entry, lanes: lanes, seconds: share)
                results.precision.append(PrecisionRecord(variant: variant, loop: loop))
            }
            for text in bench.notes { note("\(network.name), \(variant.rawValue): \(text)") }
            try save()
        } catch let failure as ResultsFolder.Failure {
            throw failure
        } catch {
            note("\(network.name), \(variant.rawValue): \(error)")
        }
    }
}
