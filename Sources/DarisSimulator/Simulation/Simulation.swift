import DarisCore

/// Tasks on a simulated GPU: measures them under full load, places them, and runs the scheduler in virtual time.
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
    /// How its contexts get their SMs.
    package let kind: PartitionKind
    /// What the scheduler is made from, AFETs measured.
    package private(set) var configuration: SchedulerConfiguration
    /// What the stages of each task cost.
    package let costs: [[StageCost]]
    /// What they cost in batches, by number of jobs; empty while batching is off.
    package let batchedCosts: [[Int: [StageCost]]]
    /// The seed of execution times.
    package let seed: UInt64

    /// Measures and places tasks.
    ///
    /// - Throws: `SchedulerError` naming the task and field that cannot be used.
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

    /// Places tasks whose AFETs are known already; what batches take is measured here, if there are to be any.
    ///
    /// - Parameters:
    ///   - specifications: the tasks with their AFETs.
    ///   - tasks: what each of them costs.
    /// - Throws: `SchedulerError` naming the task and field that cannot be used.
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
            tasks, largest: options.largestBatch, on: gpu, partition: partition, kind: kind, seed: seed)
        configuration = try SchedulerConfiguration(
            partition: partition, tasks: specifications.grouped(profile.groupOfTask), options: options,
            batchGroups: profile.groups)
    }

    /// The AFET of each stage of each task. Tasks with equal stages share a measurement.
    package static func afets(
        _ tasks: [SimulatedTask], on gpu: GPUModel, partition: Partition, kind: PartitionKind, seed: UInt64
    ) -> [[Nanoseconds]] {
        let profiler = FullLoadProfiler(stageCounts: tasks.map(\.stages.count), lanes: partition.lanes)
        let costs = tasks.map(\.stages)
        var known: [[StageCost]: [Nanoseconds]] = [:]
        return tasks.indices.map { index in
            if let afet = known[costs[index]] { return afet }
            var device = SimulatedGPU(gpu, partition: partition, kind: kind, costs: costs, seed: seed ^ 0xAFE7)
            let afet = profiler.afet(of: index, on: &device, seed: seed)
            known[costs[index]] = afet
            return afet
        }
    }

    /// The device at rest.
    package var device: SimulatedGPU {
        SimulatedGPU(
            gpu, partition: configuration.partition, kind: kind, costs: costs, batched: batchedCosts, seed: seed)
    }

    /// Releases jobs for `duration`, periodically from `phases` on, and runs until the last has ended.
    ///
    /// Traps if something that must always hold did not: no figure of such a run is worth anything.
    package func run(phases: [Nanoseconds], duration: Nanoseconds) -> VirtualTimeDriver.Result {
        let result = VirtualTimeDriver(configuration, phases: phases, duration: duration).run(on: device)
        if let violation = result.violation { preconditionFailure("a defect of Daris: \(violation)") }
        return result
    }

    /// Seeded random phases, one a task, each within its period.
    package func randomPhases(seed: UInt64) -> [Nanoseconds] {
        var random = SplitMix64(seed: seed)
        return configuration.tasks.map { Nanoseconds(Int64(random.next() % UInt64($0.period.rawValue))) }
    }
}
