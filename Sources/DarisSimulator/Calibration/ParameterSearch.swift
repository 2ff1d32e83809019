import DarisCore

/// A deterministic search for the parameters with the least loss. It tries one parameter after another up and down,
/// with steps that grow after a success and shrink after a failure. In between it tries seeded changes of several
/// parameters at once. The same input gives the same result.
struct ParameterSearch {
    let parameters: [CalibrationParameter]
    let trials: Int
    let seed: UInt64

    /// The device with the least loss of those tried.
    ///
    /// - Parameter report: Called after each trial.
    func minimise(
        from start: GPUModel, loss: (GPUModel) -> Double, report: (Calibration.Progress) -> Void
    ) -> GPUModel {
        var random = SplitMix64(seed: seed)
        var steps = [Double](repeating: 0.12, count: parameters.count)
        var best = start
        var leastLoss = loss(best)
        var trial = 0
        func attempt(_ candidate: GPUModel) -> Bool {
            trial += 1
            let value = loss(candidate)
            defer { report(Calibration.Progress(trial: trial, trials: trials, loss: leastLoss)) }
            guard value < leastLoss else { return false }
            (best, leastLoss) = (candidate, value)
            return true
        }
        func moved(_ model: inout GPUModel, _ index: Int, by share: Double) {
            let parameter = parameters[index]
            let value = parameter.read(model) * (1 + share)
            parameter.write(&model, min(max(value, parameter.range.lowerBound), parameter.range.upperBound))
        }
        while trial < trials {
            for index in parameters.indices where trial < trials {
                var (up, down) = (best, best)
                moved(&up, index, by: steps[index])
                moved(&down, index, by: -steps[index])
                let helped = attempt(up) || (trial < trials && attempt(down))
                steps[index] = helped ? min(steps[index] * 1.3, 0.4) : max(steps[index] * 0.6, 0.004)
                guard trial < trials else { break }
                var several = best
                for other in parameters.indices where random.next() % 4 == 0 {
                    moved(&several, other, by: steps[other] * Double(Int(random.next() % 2001) - 1000) / 500)
                }
                _ = attempt(several)
            }
        }
        return best
    }
}

/// A parameter of a device that calibration may change.
struct CalibrationParameter: Sendable {
    let name: String
    let range: ClosedRange<Double>
    let read: @Sendable (GPUModel) -> Double
    let write: @Sendable (inout GPUModel, Double) -> Void

    /// The parameters that all networks share.
    static let sharing: [CalibrationParameter] = [
        sharing("stageOverheadMs", 0.005...0.3, \.stageOverheadMs), sharing("noise", 0.02...0.4, \.noise),
        sharing("windowOverlap", 0.02...1, \.windowOverlap), sharing("kernelGap", 0.005...0.3, \.kernelGap),
        sharing("streamInterference", 0.005...0.5, \.streamInterference),
        sharing("launchLanes", 1...12, \.launchLanes), sharing("launchCrowding", 0.005...1, \.launchCrowding),
        sharing("queueLanes", 8...15.5, \.queueLanes), sharing("queueCrowding", 0.02...3, \.queueCrowding),
    ]

    /// The parameters of one network.
    static func network(_ name: String) -> [CalibrationParameter] {
        [
            cost(name, "launchMs", 0.1...10, \.launchMs), cost(name, "workSMms", 10...1000, \.workSMms),
            cost(name, "parallelism", 4...68, \.parallelism),
            cost(name, "bandwidthShare", 0.4...1, \.bandwidthShare),
        ]
    }

    private static func sharing(
        _ name: String, _ range: ClosedRange<Double>, _ path: WritableKeyPath<GPUModel.Sharing, Double> & Sendable
    ) -> CalibrationParameter {
        CalibrationParameter(
            name: name, range: range, read: { $0.sharing[keyPath: path] }, write: { $0.sharing[keyPath: path] = $1 })
    }

    private static func cost(
        _ network: String, _ name: String, _ range: ClosedRange<Double>,
        _ path: WritableKeyPath<NetworkCost, Double> & Sendable
    ) -> CalibrationParameter {
        CalibrationParameter(
            name: "\(network).\(name)", range: range, read: { $0.networks[network]?[keyPath: path] ?? 0 },
            write: { $0.networks[network]?[keyPath: path] = $1 })
    }
}
