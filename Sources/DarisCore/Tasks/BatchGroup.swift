/// Tasks of one model at one fixed batch size, whose jobs may run a stage together, and how long that takes.
///
/// A job of them may itself make several inferences; `jobs` counts jobs. Only sizes that were measured are ever run.
public struct BatchGroup: Hashable, Sendable, Codable {
    /// A size of batch that was measured.
    public struct Size: Hashable, Sendable, Codable {
        /// n: how many jobs run together, from 2.
        public var jobs: Int
        /// The average full-load execution time of each stage at this size; it stands in for the maximum recent one until
        /// there is history, as AFET does for MRET.
        public var afet: [Nanoseconds]

        /// A size with its times by stage.
        public init(jobs: Int, afet: [Nanoseconds]) {
            self.jobs = jobs
            self.afet = afet
        }
    }

    /// The sizes, smallest first.
    public var sizes: [Size]

    /// The most jobs of one batch.
    public static let jobLimit = 64
    /// The sizes that are measured: one CUDA graph or one set of tensors each.
    package static let measuredSizes = [2, 4, 8, 16, 32, 64]

    /// The time of a stage of `jobs` jobs; `nil` if no such size was measured.
    package func afet(jobs: Int, stage: Int) -> Nanoseconds? { sizes.first { $0.jobs == jobs }?.afet[stage] }

    /// A group that can run batches of these sizes.
    public init(sizes: [Size]) { self.sizes = sizes }
}

extension [TaskSpecification] {
    /// The tasks with their batch groups, one entry a task.
    package func grouped(_ groups: [Int?]) -> [TaskSpecification] {
        zip(self, groups).map { task, group in
            var task = task
            task.batchGroup = group
            return task
        }
    }
}
