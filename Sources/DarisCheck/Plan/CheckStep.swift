/// The steps of a check, in the order in which they run: what decides most comes first.
package enum CheckStep: String, Hashable, Sendable, Codable, CaseIterable {
    /// The facts about the device.
    case facts
    /// Question 1: closed loops of whole and of cut networks on 1 to 4 lanes.
    case loops
    /// Question 2: the four task sets in one stage, with large batches on three streams.
    case largeBatches
    /// Question 3: Inception v3 as it was run before.
    case asBefore
    /// Each network alone and whole, batch by batch.
    case batching
    /// The paper's task sets on the best partitions, several times.
    case taskSets
    /// Whether the outputs of networks on the device equal those on the CPU.
    case outputs
    /// Daris job by job, without batches, as in the paper.
    case unbatched
    /// Closed loops in other precisions and layouts.
    case precision
    /// The same networks in PyTorch.
    case pytorch
    /// Whether contexts run on their own SMs.
    case maps
    /// Stage times against SM quota and busy neighbours.
    case profile
    /// Daris with many partitions on one task set.
    case sweep

    /// The step's name.
    package var title: String {
        switch self {
        case .facts: "device facts"
        case .loops: "question 1: closed loops"
        case .largeBatches: "question 2: one stage, batches of 64"
        case .asBefore: "question 3: as before"
        case .batching: "batching alone"
        case .taskSets: "task sets"
        case .outputs: "outputs"
        case .unbatched: "without batching"
        case .precision: "precision and layout"
        case .pytorch: "PyTorch"
        case .maps: "SM maps"
        case .profile: "stage profiles"
        case .sweep: "partitions"
        }
    }

    /// Its number, counted from 1.
    package var number: Int { (Self.allCases.firstIndex(of: self) ?? 0) + 1 }

    /// The time that it takes on a large card, and the least with which it is worth beginning, in seconds.
    var need: (least: Double, full: Double) {
        switch self {
        case .facts: (1, 2)
        case .loops: (20, 60)
        case .largeBatches: (25, 60)
        case .asBefore: (10, 25)
        case .batching: (40, 75)
        case .taskSets: (60, 130)
        case .outputs: (12, 15)
        case .unbatched: (20, 50)
        case .precision: (20, 45)
        case .pytorch: (60, 150)
        case .maps: (2, 3)
        case .profile: (30, 50)
        case .sweep: (20, 80)
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
        /// It does not apply to this device, or the time allowed does not hold it.
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
