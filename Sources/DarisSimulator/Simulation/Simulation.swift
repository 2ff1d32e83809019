import DarisCore

/// Tasks on a simulated GPU. They are measured under full load and placed; then the scheduler runs in virtual time.
///
/// ```swift
/// let simulation = try Simulation(tasks, on: gpu, partition: partition, kind: .mps, options: .init(), seed: 1)
/// let result = simulation.run(phases: phases, duration: .seconds(10))
/// ```
///
/// The same input gives the same result, byte for byte.
package struct Simulation: Sendable {
    /// The device.
    package let gpu: GPUModel
    /// The kind of partition.
    package let kind: PartitionKind
    /// The scheduler's configuration, with measured AFETs.
    package private(set) var configuration: SchedulerConfiguration
    /// The costs of the stages of each task.
    package let costs: [[SimulatedStage]]
    /// Their costs in batches, by number of jobs; empty without batching.
    package let batchedCosts: [[Int: [SimulatedStage]]]
    /// The seed of execution times.
    package let seed: UInt64

    /// Measures and places tasks.
    ///
    /// - Throws: `SchedulerError` with the invalid task and field.
    package init(
        _ tasks: [SimulatedTask], on gpu: GPUModel, partition: Partition, kind: PartitionKind,
        options: SchedulerOptions, seed: UInt64
    ) throws(SchedulerError) {
        let afets = Self.afets(tasks, on: gpu, partition: partition, kind: kind, seed: seed)
        let specifications = zip(tasks, afets).map { task, afet in
            var specification = task.specification
            specification.afet = afet
            return specification
        }
        try self.init(
            specifications, of: tasks, on: gpu, partition: partition, kind: kind, options: options, seed: seed)
    }

    /// Places tasks with known AFETs. With batching, the times of batches are measured here.
    ///
    /// - Parameters:
    ///   - specifications: The tasks with their AFETs.
    ///   - tasks: The tasks with their costs.
    /// - Throws: `SchedulerError` with the invalid task and field.
    package init(
        _ specifications: [TaskSpecification], of tasks: [SimulatedTask], on gpu: GPUModel, partition: Partition,
        kind: PartitionKind, options: SchedulerOptions, seed: UInt64
    ) throws(SchedulerError) {
        self.gpu = gpu
        self.kind = kind
        costs = tasks.map(\.stages)
        self.seed = seed
        guard options.largestBatch > 1 else {
            batchedCosts = []
            configuration = try SchedulerConfiguration(partition: partition, tasks: specifications, options: options)
            return
        }
        batchedCosts = tasks.map(\.batched)
        let profile = BatchProfile(
            tasks, options, on: gpu, partition: partition, kind: kind, seed: seed)
        configuration = try SchedulerConfiguration(
            partition: partition, tasks: specifications.grouped(profile.groupOfTask), options: options,
            batchGroups: profile.groups)
    }

    /// Measures the AFET of each stage of each task. Tasks with equal stages share a measurement.
    package static func afets(
        _ tasks: [SimulatedTask], on gpu: GPUModel, partition: Partition, kind: PartitionKind, seed: UInt64
    ) -> [[Nanoseconds]] {
        let profiler = FullLoadProfiler(stageCounts: tasks.map(\.stages.count), partition)
        let costs = tasks.map(\.stages)
        var known: [[SimulatedStage]: [Nanoseconds]] = [:]
        return tasks.indices.map { index in
            if let afet = known[costs[index]] { return afet }
            var device = VirtualGPU(gpu, partition: partition, kind: kind, costs: costs, seed: seed ^ 0xAFE7)
            let afet = profiler.afet(of: index, on: &device, seed: seed)
            known[costs[index]] = afet
            return afet
        }
    }

    /// The idle device.
    package var device: VirtualGPU {
        VirtualGPU(
            gpu, partition: configuration.partition, kind: kind, costs: costs, batched: batchedCosts, seed: seed)
    }

    /// Releases jobs for `duration`, periodically from `phases` on, and runs until the last has ended.
    ///
    /// Traps if the run violates an invariant, since its figures would be worthless.
    package func run(phases: [Nanoseconds], duration: Nanoseconds) -> VirtualTimeDriver.Result {
        let result = VirtualTimeDriver(configuration, phases: phases, duration: duration).run(on: device)
        if let violation = result.violation { preconditionFailure("a defect of Daris: \(violation)") }
        return result
    }

    /// Seeded random phases, one for each task, within its period.
    package func randomPhases(seed: UInt64) -> [Nanoseconds] {
        var random = SplitMix64(seed: seed)
        return configuration.tasks.map { Nanoseconds(Int64(random.next() % UInt64($0.period.rawValue))) }
    }
}

/// A task of the simulator: its specification without execution times, and its costs.
package struct SimulatedTask: Hashable, Sendable {
    /// The task; its AFET is ignored.
    package var specification: TaskSpecification
    /// The name of its network.
    package var network: String
    /// The costs of its stages.
    package var stages: [SimulatedStage]
    /// The costs of its stages in batches, by number of jobs; empty if unknown.
    package var batched: [Int: [SimulatedStage]]

    /// A task with stages of these costs.
    package init(
        _ specification: TaskSpecification, network: String, stages: [SimulatedStage],
        batched: [Int: [SimulatedStage]] = [:]
    ) {
        self.specification = specification
        self.network = network
        self.stages = stages
        self.batched = batched
    }

    /// A task that runs a network cut into `stages` stages, alone or in a batch of any measured size; `nil` if the device has no
    /// cost of the network.
    package init?(_ specification: TaskSpecification, network: String, on gpu: GPUModel, stages: Int) {
        let batch = specification.batch
        guard let alone = gpu.stages(of: network, stages: stages, inferences: batch) else { return nil }
        self.init(
            specification, network: network, stages: alone,
            batched: Dictionary(
                uniqueKeysWithValues: BatchGroup.measuredSizes.map { jobs in
                    (jobs, gpu.stages(of: network, stages: stages, inferences: batch * jobs) ?? [])
                }))
    }
}
