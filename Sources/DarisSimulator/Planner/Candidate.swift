import DarisCore

/// A way to cut a device: what the planner chooses between.
package struct Candidate: Hashable, Sendable, Codable {
    /// How contexts get their SMs.
    package var kind: PartitionKind
    /// N_c, N_s and OS.
    package var partition: Partition
    /// The stages of every network relative to what the task set says: 1 as it says, 2 twice as many, 0 uncut.
    package var stageScale: Double

    /// A candidate.
    package init(kind: PartitionKind, partition: Partition, stageScale: Double = 1) {
        self.kind = kind
        self.partition = partition
        self.stageScale = stageScale
    }

    /// `mps 6×1 OS 6`.
    package var label: String {
        let os = partition.oversubscription
        let shape = "\(kind.rawValue) \(partition.contexts)×\(partition.streams)"
        let share = partition.contexts == 1 ? "" : os == os.rounded() ? " OS \(Int(os))" : " OS \(os)"
        return shape + share + (stageScale == 1 ? "" : stageScale == 0 ? ", uncut" : ", stages ×\(stageScale)")
    }
}

/// What came of simulating a candidate.
package struct CandidateFigures: Hashable, Sendable, Codable {
    /// What was simulated.
    package var candidate: Candidate
    /// Completed inferences a second.
    package var jps: Double
    /// HP deadline miss rate, 0 to 1.
    package var hpDMR: Double
    /// LP deadline miss rate, 0 to 1.
    package var lpDMR: Double
    /// LP acceptance, 0 to 1.
    package var acceptance: Double
    /// Mean HP response time in ms.
    package var hpResponseMs: Double
    /// Mean LP response time in ms.
    package var lpResponseMs: Double
    /// Device memory in MiB.
    package var memoryMiB: Double

    /// Whether it keeps the constraints.
    package func isFeasible(_ constraints: PlanningConstraints) -> Bool {
        hpDMR <= constraints.hpDMR && lpDMR < constraints.lpDMR && memoryMiB <= constraints.memoryMiB
    }
}

/// What a plan must keep.
package struct PlanningConstraints: Hashable, Sendable, Codable {
    /// The highest HP deadline miss rate, 0 to 1; 0 unless the user says otherwise.
    package var hpDMR: Double
    /// The LP deadline miss rate to stay below, 0 to 1; 0.02 unless the user says otherwise.
    package var lpDMR: Double
    /// The most device memory in MiB.
    package var memoryMiB: Double

    /// Constraints.
    package init(hpDMR: Double = 0, lpDMR: Double = 0.02, memoryMiB: Double) {
        self.hpDMR = hpDMR
        self.lpDMR = lpDMR
        self.memoryMiB = memoryMiB
    }
}
