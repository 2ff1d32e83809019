import DarisCore

/// A change of one rule of the scheduler, to measure the rule's effect (paper section VI).
package struct Ablation: Sendable {
    /// The name of the change.
    package let name: String
    /// Whether networks stay uncut.
    package let isUnstaged: Bool
    /// Whether there are express lanes if there were none, and none if there were.
    package let switchesExpress: Bool
    private let change: @Sendable (inout SchedulerOptions) -> Void

    init(
        _ name: String, isUnstaged: Bool = false, switchesExpress: Bool = false,
        _ change: @escaping @Sendable (inout SchedulerOptions) -> Void = { _ in }
    ) {
        self.name = name
        self.isUnstaged = isUnstaged
        self.switchesExpress = switchesExpress
        self.change = change
    }

    /// The options with the change.
    package func applied(to options: SchedulerOptions) -> SchedulerOptions {
        var options = options
        change(&options)
        return options
    }

    /// No change, then each change alone.
    package static let all: [Ablation] = [
        Ablation("as given"),
        Ablation("no staging", isUnstaged: true),
        Ablation("express lanes", switchesExpress: true),
        Ablation("no last-stage level") { $0.lastStageLevel = false },
        Ablation("no late level") { $0.lateLevel = false },
        Ablation("no fixed priority (EDF)") { $0.fixedPriority = false },
        Ablation("WCET instead of MRET") { $0.worstCaseExecutionTime = true },
        Ablation("window 1") { $0.windowSize = 1 },
        Ablation("window 2") { $0.windowSize = 2 },
        Ablation("window 10") { $0.windowSize = 10 },
        Ablation("window 50") { $0.windowSize = 50 },
        Ablation("no migration") { $0.migration = false },
        Ablation("no admission") { $0.admission = false },
        Ablation("no forgetting") { $0.forgetting = false },
        // These go with neither batching nor express lanes, and are left out beside them.
        Ablation("published rules") { $0.rules = .all },
        Ablation("published admission") { $0.change { $0.sharedAdmission = true } },
        Ablation("published migration") { $0.change { $0.movesHomes = true } },
        Ablation("published window") { $0.change { $0.rejectionsAge = true } },
        Ablation("published levels") { $0.change { $0.lateBeforeLast = true } },
    ]

    /// No change, then each change that means anything under some options: those of batching where it is on.
    package static func all(for options: SchedulerOptions) -> [Ablation] {
        guard options.largestBatch > 1 else { return all }
        return all + [Ablation("no batching") { $0.batching = nil }]
            + BatchingRule.allCases.filter { options.follows($0) }.map { rule in
                Ablation("batching without \(rule.rawValue)") { $0.batchingRules.remove(rule) }
            }
    }

    /// The figures of one change.
    package struct Row: Sendable {
        /// The name of the change.
        package var name: String
        /// The figures with the change.
        package var figures: CandidateFigures
    }

    /// Simulates all changes on one candidate, on all cores.
    ///
    /// - Parameter runs: The number of seeds for each change.
    package static func run(
        _ problem: PlanningProblem, candidate: Candidate, duration: Nanoseconds, runs: Int
    ) -> [Row] {
        concurrentMap(all(for: problem.options)) { ablation -> Row? in
            var problem = problem
            problem.options = ablation.applied(to: problem.options)
            var candidate = candidate
            if ablation.isUnstaged { candidate.stageScale = 0 }
            var name = ablation.name
            if ablation.switchesExpress {
                let hasExpress = candidate.partition.express > 0
                candidate.partition.express = hasExpress ? 0 : candidate.partition.streams
                if hasExpress { name = "no \(name)" }
            }
            return problem.figures(candidate, duration: duration, runs: runs).map { Row(name: name, figures: $0) }
        }.compactMap { $0 }
    }
}

extension SchedulerOptions {
    /// Changes the rules of the published implementation that hold.
    fileprivate mutating func change(_ change: (inout PublishedRules) -> Void) {
        var rules = rules ?? PublishedRules()
        change(&rules)
        self.rules = rules
    }
}
