import DarisCore

/// The headroom of a plan: how much the load can grow before the plan breaks its constraints.
package struct Headroom: Hashable, Sendable, Codable {
    /// The number of LP tasks of one kind that could be HP, if only this kind changes.
    package struct Promotion: Hashable, Sendable, Codable {
        /// The name of the first task of the kind.
        package var task: String
        /// The network they run.
        package var network: String
        /// The number of tasks of the kind.
        package var tasks: Int
        /// The number that could be HP with all constraints kept.
        package var promotable: Int
    }

    /// The largest factor for all rates that keeps the constraints, to about 2 %; `nil` if the plan already breaks
    /// them.
    package var rateScale: Double?
    /// Whether the constraints still hold near `rateLimit` times the rates.
    package var isRateUnlimited: Bool
    /// The tasks that could be HP.
    package var promotions: [Promotion]

    /// The highest multiple of the rates that is tried.
    package static let rateLimit = 16.0
}

extension PlanningProblem {
    /// The headroom of a plan, by a bisection on the load, and one for each kind of LP tasks on how many are HP.
    ///
    /// - Parameter duration: The simulated time of each trial.
    package func headroom(of candidate: Candidate, duration: Nanoseconds = .seconds(Int64(5))) -> Headroom {
        func isFeasible(rateScale: Double = 1, promoted: Set<Int> = []) -> Bool {
            figures(
                candidate, duration: duration, runs: 1, rateScale: rateScale, promoted: promoted
            )?.isFeasible(constraints) ?? false
        }
        var headroom = Headroom(rateScale: nil, isRateUnlimited: false, promotions: [])
        guard isFeasible() else { return headroom }
        var (low, high) = (1.0, 2.0)
        while high <= Headroom.rateLimit, isFeasible(rateScale: high) { (low, high) = (high, high * 2) }
        if high > Headroom.rateLimit {
            headroom.isRateUnlimited = true
        } else {
            while high / low > 1.02 {
                let middle = (low * high).squareRoot()
                if isFeasible(rateScale: middle) { low = middle } else { high = middle }
            }
        }
        headroom.rateScale = low

        let tasks = tasks(candidate.stageScale)
        var kinds: [[Int]] = []
        for index in tasks.indices where tasks[index].specification.priority == .low {
            let kind = kinds.firstIndex { other in
                let first = tasks[other[0]]
                return first.network == tasks[index].network && first.stages == tasks[index].stages
                    && first.specification.period == tasks[index].specification.period
                    && first.specification.deadline == tasks[index].specification.deadline
            }
            if let kind { kinds[kind].append(index) } else { kinds.append([index]) }
        }
        for kind in kinds {
            var (least, most) = (0, kind.count)
            while least < most {
                let middle = (least + most + 1) / 2
                if isFeasible(promoted: Set(kind.prefix(middle))) { least = middle } else { most = middle - 1 }
            }
            headroom.promotions.append(
                Headroom.Promotion(
                    task: tasks[kind[0]].specification.name, network: tasks[kind[0]].network, tasks: kind.count,
                    promotable: least))
        }
        return headroom
    }
}
