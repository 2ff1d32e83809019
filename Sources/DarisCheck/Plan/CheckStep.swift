/// The steps of a check, in the order in which they run.
package enum CheckStep: String, Hashable, Sendable, Codable, CaseIterable {
    /// The facts about the device.
    case facts
    /// Whether contexts run on their own SMs.
    case maps
    /// Whether the outputs of networks on the device equal those on the CPU.
    case outputs
    /// Stage times against SM quota and busy neighbours.
    case profile
    /// Each network alone, batch by batch.
    case batching
    /// Daris with many partitions on one task set.
    case sweep
    /// The paper's task sets on the best partitions.
    case taskSets

    /// The step's name.
    package var title: String {
        switch self {
        case .facts: "device facts"
        case .maps: "SM maps"
        case .outputs: "outputs"
        case .profile: "stage profiles"
        case .batching: "batching alone"
        case .sweep: "partitions"
        case .taskSets: "task sets"
        }
    }

    /// Its number, counted from 1.
    package var number: Int { (Self.allCases.firstIndex(of: self) ?? 0) + 1 }

    /// Its share of the time, relative to the others.
    var share: Double {
        switch self {
        case .facts: 1
        case .maps: 2
        case .outputs: 15
        case .profile: 18
        case .batching: 20
        case .sweep: 24
        case .taskSets: 20
        }
    }
}

/// The state of a step, with its problems.
package struct StepRecord: Hashable, Sendable, Codable {
    /// The state of a step.
    package enum State: String, Hashable, Sendable, Codable {
        /// It has not begun.
        case pending
        /// All its measurements were made.
        case done
        /// Its time ended before.
        case cut
        /// It measured nothing, for the reasons in `problems`.
        case failed
        /// It does not apply to this device.
        case skipped
        /// The check was interrupted.
        case interrupted
    }

    /// The step.
    package var step: CheckStep
    /// The state of the step.
    package var state = State.pending
    /// The time taken, in seconds.
    package var seconds = 0.0
    /// The problems and remarks, a sentence each.
    package var problems: [String] = []

    /// A step that has not begun.
    package init(_ step: CheckStep) { self.step = step }
}
