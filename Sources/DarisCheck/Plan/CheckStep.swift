/// The steps of a check, in the order in which they run.
package enum CheckStep: String, Hashable, Sendable, Codable, CaseIterable {
    /// What the device is.
    case facts
    /// Whether contexts run on the SMs that they were promised.
    case maps
    /// Whether networks compute on the device what they compute on the CPU.
    case outputs
    /// Stage times against SM quota and busy neighbours.
    case profile
    /// Each network alone, batch by batch.
    case batching
    /// Daris with many partitions on one task set.
    case sweep
    /// The paper's task sets on the best partitions.
    case taskSets

    /// What it is called.
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
