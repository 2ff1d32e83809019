import DarisCore

/// A deterministic search for the parameters with the least loss: one parameter after another is tried up and down, with
/// steps that grow where they help and shrink where they do not, and seeded changes of several at once come in between.
/// The same input gives the same result.
struct ParameterSearch {
    let parameters: [CalibrationParameter]
    let trials: Int
    let seed: UInt64

    /// The device with the least loss of those tried.
    ///
    /// - Parameter report: told after each trial.
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
