public import DarisCore

/// A way to cut a device: what the planner chooses between.
public struct Candidate: Hashable, Sendable, Codable {
    /// How contexts get their SMs.
    public var kind: PartitionKind
    /// N_c, N_s and OS.
    public var partition: Partition
    /// The stages of every network relative to what the task set says: 1 as it says, 2 twice as many, 0 uncut.
    public var stageScale: Double

    /// A candidate.
    public init(kind: PartitionKind, partition: Partition, stageScale: Double = 1) {
        self.kind = kind
        self.partition = partition
        self.stageScale = stageScale
    }

    /// `mps 6×1 OS 6`.
    public var label: String {
        let os = partition.oversubscription
        let shape = "\(kind.rawValue) \(partition.contexts)×\(partition.streams)"
        let share = partition.contexts == 1 ? "" : os == os.rounded() ? " OS \(Int(os))" : " OS \(os)"
        return shape + share + (stageScale == 1 ? "" : stageScale == 0 ? ", uncut" : ", stages ×\(stageScale)")
    }
}

/// What came of simulating a candidate.
public struct CandidateFigures: Hashable, Sendable, Codable {
    /// What was simulated.
    public var candidate: Candidate
    /// Completed inferences a second.
    public var jps: Double
    /// HP deadline miss rate, 0 to 1.
    public var hpDMR: Double
    /// LP deadline miss rate, 0 to 1.
    public var lpDMR: Double
    /// LP acceptance, 0 to 1.
    public var acceptance: Double
    /// Mean HP response time in ms.
    public var hpResponseMs: Double
    /// Mean LP response time in ms.
    public var lpResponseMs: Double
    /// Device memory in MiB.
    public var memoryMiB: Double

    /// Whether it keeps the constraints.
    public func isFeasible(_ constraints: PlanningConstraints) -> Bool {
        hpDMR <= constraints.hpDMR && lpDMR < constraints.lpDMR && memoryMiB <= constraints.memoryMiB
    }
}

/// What a plan must keep.
public struct PlanningConstraints: Hashable, Sendable, Codable {
    /// The highest HP deadline miss rate, 0 to 1; 0 unless the user says otherwise.
    public var hpDMR: Double
    /// The LP deadline miss rate to stay below, 0 to 1; 0.02 unless the user says otherwise.
    public var lpDMR: Double
    /// The most device memory in MiB.
    public var memoryMiB: Double

    /// Constraints.
    public init(hpDMR: Double = 0, lpDMR: Double = 0.02, memoryMiB: Double) {
        self.hpDMR = hpDMR
        self.lpDMR = lpDMR
        self.memoryMiB = memoryMiB
    }
}
