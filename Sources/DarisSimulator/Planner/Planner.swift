import DarisCore

/// A search for the partition with the highest throughput under the constraints, by simulation.
///
/// The search prunes: it adds contexts, and streams for each number of contexts, only while that helps. It tries a few
/// oversubscriptions, and simulates only the best few candidates for long.
package struct Planner: Sendable {
    /// The progress of the search.
    package struct Progress: Sendable {
        /// The current activity, as text.
        package var activity: String
        /// Candidates simulated so far.
        package var simulated: Int
        /// The best feasible JPS so far.
        package var bestJPS: Double
    }

    /// A finished search.
    package struct Outcome: Sendable {
        /// The finalists, best first; feasible ones before others.
        package var finalists: [CandidateFigures]
        /// All simulated candidates, with short runs except for the finalists.
        package var all: [CandidateFigures]

        /// The plan to use; `nil` if no candidate keeps the constraints.
        package var best: CandidateFigures?
    }

    /// The problem.
    package let problem: PlanningProblem
    /// The kinds of partition to try.
    package var kinds: [PartitionKind] = [.streams, .mps, .green]
    /// The limit of contexts.
    package var contextLimit = 16
    /// The limit of streams for each context.
    package var streamLimit = 12
    /// The number of candidates that are simulated for long.
    package var finalistCount = 8
    /// What the best plan is best at.
    package var objective = Objective.throughput
    /// Whether to try more and fewer stages on the best candidates.
    package var searchesStages = false

    /// What a plan is chosen by, among those that keep the constraints.
    package enum Objective: String, Hashable, Sendable, Codable, CaseIterable {
        /// Completed inferences a second; of those within 3 % the fewest lanes.
        case throughput
        /// The least energy of an inference.
        case energy
        /// The least price of an inference: the part of the card that is taken, over what it completes.
        case cost
    }

    /// The simulated time of a candidate in the first round.
    package var shortRun = Nanoseconds.seconds(Int64(2))
    /// The simulated time of a finalist, for each of `longRuns` seeds.
    package var longRun = Nanoseconds.seconds(Int64(5))
    /// The number of seeds of the long runs.
    package var longRuns = 3
    /// The share of the highest JPS within which the model cannot tell candidates apart: the one with fewer lanes wins.
    static let tolerance = 0.03

    /// A planner.
    package init(_ problem: PlanningProblem) { self.problem = problem }

    /// Searches. Deterministic.
    package func search(report: @escaping (Progress) -> Void = { _ in }) -> Outcome {
        var search = Search(planner: self, report: report)
        for kind in kinds {
            switch kind {
            case .streams: search.growStreams()
            case .mps, .green: search.growContexts(kind)
            case .cores: break
            }
        }
        search.refine()
        return search.outcome()
    }

    /// What the search makes as large as it can.
    func merit(_ figures: CandidateFigures) -> Double {
        switch objective {
        case .throughput: figures.jps
        case .energy: 1 / max(figures.joulesPerInference ?? .infinity, 1e-12)
        case .cost: figures.jps / max(figures.share(of: problem.gpu), 1e-12)
        }
    }

    /// The candidates, best first: feasible ones before others, then by JPS. Of those within `tolerance` of the highest
    /// JPS the one with the fewest lanes comes first, since it takes less memory and answers HP jobs sooner; of equal
    /// ones that with the highest JPS.
    func ranked(_ figures: [CandidateFigures]) -> [CandidateFigures] {
        let byJPS = figures.sorted { a, b in
            let (first, second) = (a.isFeasible(problem.constraints), b.isFeasible(problem.constraints))
            if first != second { return first }
            if first { return a.jps > b.jps }
            return (a.hpDMR, a.lpDMR, -a.jps) < (b.hpDMR, b.lpDMR, -b.jps)
        }
        guard let top = byJPS.first, top.isFeasible(problem.constraints) else { return byJPS }
        guard objective == .throughput else {
            let feasible = byJPS.filter { $0.isFeasible(problem.constraints) }
            return feasible.sorted { merit($0) > merit($1) } + byJPS.filter { !$0.isFeasible(problem.constraints) }
        }
        let equals = byJPS.filter { $0.isFeasible(problem.constraints) && $0.jps >= top.jps * (1 - Self.tolerance) }
        let winner = equals.min { a, b in
            let (x, y) = (a.candidate.partition.laneCount, b.candidate.partition.laneCount)
            if x != y { return x < y }
            return a.jps > b.jps
        }
        return [winner ?? top] + byJPS.filter { $0.candidate != (winner ?? top).candidate }
    }
}

/// The state of a search.
private struct Search {
    let planner: Planner
    let report: (Planner.Progress) -> Void
    private var known: [Candidate: CandidateFigures] = [:]
    private var order: [Candidate] = []

    init(planner: Planner, report: @escaping (Planner.Progress) -> Void) {
        self.planner = planner
        self.report = report
    }

    /// Adds streams to one context while that helps.
    mutating func growStreams() {
        var best = 0.0
        var worse = 0
        for streams in 1...planner.streamLimit where worse < 2 {
            let partition = Partition(contexts: 1, streams: streams, oversubscription: 1)
            let value = merit([Candidate(kind: .streams, partition: partition)])
            worse = value > best * 1.005 ? 0 : worse + 1
            best = max(best, value)
        }
    }

    /// Adds contexts while that helps: first with one stream and several oversubscriptions, then with more streams at
    /// the best.
    mutating func growContexts(_ kind: PartitionKind) {
        var best = 0.0
        var worse = 0
        for contexts in 1...planner.contextLimit where contexts > 1 && worse < 3 {
            let all = Double(contexts)
            let shares = Set([1, 1.5, 2, (all / 2).rounded(), all].filter { $0 >= 1 && $0 <= all }).sorted()
            let candidates = shares.map {
                Candidate(kind: kind, partition: Partition(contexts: contexts, streams: 1, oversubscription: $0))
            }
            var value = merit(candidates)
            let top = candidates.max { (known[$0]?.jps ?? 0) < (known[$1]?.jps ?? 0) }
            if let share = top?.partition.oversubscription, contexts <= 8 {
                for streams in 1...planner.streamLimit where streams > 1 {
                    let partition = Partition(contexts: contexts, streams: streams, oversubscription: share)
                    let next = merit([Candidate(kind: kind, partition: partition)])
                    if next < value * 1.005 { break }
                    value = next
                }
            }
            worse = value > best * 1.005 ? 0 : worse + 1
            best = max(best, value)
        }
    }

    /// Simulates the neighbours of the best few candidates, with express lanes, and with other numbers of stages if requested.
    mutating func refine() {
        for figures in planner.ranked(Array(order.compactMap { known[$0] })).prefix(3) {
            let partition = figures.candidate.partition
            var neighbours: [Candidate] = []
            for share in [partition.oversubscription - 1, partition.oversubscription + 1, 1.25, 1.75, 3]
            where share >= 1 && share <= Double(partition.contexts) {
                var changed = figures.candidate
                changed.partition.oversubscription = share
                neighbours.append(changed)
            }
            if planner.problem.options.hasFixedPriorities {
                var changed = figures.candidate
                changed.partition.express = partition.express == 0 ? partition.streams : 0
                neighbours.append(changed)
            }
            if planner.searchesStages {
                for scale in [0.25, 0.5, 2, 4] {
                    var changed = figures.candidate
                    changed.stageScale = scale
                    neighbours.append(changed)
                }
            }
            _ = merit(neighbours)
        }
    }

    /// Simulates the finalists for long and ranks the results.
    mutating func outcome() -> Planner.Outcome {
        let chosen = planner.ranked(order.compactMap { known[$0] }).prefix(planner.finalistCount).map(\.candidate)
        let problem = planner.problem
        progress("simulating the \(chosen.count) best for longer")
        let (duration, runs) = (planner.longRun, planner.longRuns)
        let long = concurrentMap(Array(chosen)) {
            problem.figures($0, duration: duration, runs: runs)
        }
        for case let figures? in long { known[figures.candidate] = figures }
        let finalists = planner.ranked(long.compactMap { $0 })
        let best = finalists.first { $0.isFeasible(problem.constraints) }
        return Planner.Outcome(finalists: finalists, all: order.compactMap { known[$0] }, best: best)
    }

    /// Simulates new candidates, and returns the best JPS of all given ones, discounted for broken constraints.
    private mutating func merit(_ candidates: [Candidate]) -> Double {
        let problem = planner.problem
        let duration = planner.shortRun
        let fresh = candidates.filter { candidate in
            known[candidate] == nil && problem.memoryMiB(of: candidate) <= problem.constraints.memoryMiB
        }
        for case let figures? in concurrentMap(fresh, { problem.figures($0, duration: duration, runs: 1) }) {
            known[figures.candidate] = figures
            order.append(figures.candidate)
        }
        if let last = candidates.last { progress(last.label) }
        return candidates.compactMap { known[$0] }.map { figures in
            let excess =
                max(0, figures.hpDMR - problem.constraints.hpDMR)
                + max(0, figures.lpDMR - 2 * problem.constraints.lpDMR)
            return planner.merit(figures) * max(0.1, 1 - 5 * excess)
        }.max() ?? 0
    }

    private func progress(_ activity: String) {
        let feasible = known.values.filter { $0.isFeasible(planner.problem.constraints) }
        report(
            Planner.Progress(
                activity: activity, simulated: order.count, bestJPS: feasible.map(\.jps).max() ?? 0))
    }
}
