import CDarisSystem
import DarisCore
import Glibc
import ONNXRuntime

extension CPUDevice: ChangingDevice {
    /// Itself, unless it belongs to a worker process, whose memory is laid out at its start.
    package var changing: (any ChangingDevice)? { hosting == nil ? self : nil }

    /// Loads a model beside what runs.
    ///
    /// Sessions with threads of their own are made on the calling thread where their stages do not make way, since threads
    /// get the priority of the one that starts them.
    package func load(
        _ model: StagedModel, batch: Int, instances count: Int, makesWay: Bool
    ) throws(PreparationError) -> any LoadedInstances {
        let makesWay = makesWay && partition.express > 0
        let loader = CPUStageLoader(environment: environment, coreSets: coreSets)
        let hasPools = coreSets.contains { $0.count > 1 }
        let sessions =
            if hasPools && !makesWay { try loader.sessions(model) } else {
                try DedicatedThread.makingWay { () throws(PreparationError) in try loader.sessions(model) }
            }
        let options = try runtime(model.name) { () throws(ONNXRuntimeError) in
            try RunOptions(library: environment.library)
        }
        return try DedicatedThread.makingWay { () throws(PreparationError) in
            let shapes = try TensorShapes.discover(model, stages: sessions.map { $0[0] }, batch: batch)
            let own = shapes.inputs + shapes.made.values
            if let problem = MachineMemory.own.problem(with: (0..<count).flatMap { _ in own }) {
                throw .unsupported(name: model.name, reason: "its tensors take \(problem)")
            }
            var instances: [Instance] = []
            for number in 0..<count {
                let tensors = try runtime(model.name) { () throws(ONNXRuntimeError) in
                    try TaskTensors(
                        model, shapes: shapes, sessions: sessions, seed: UInt64(number), warmsUp: number == 0)
                }
                instances.append(Instance(tensors: tensors, makesWay: makesWay))
            }
            return CPUInstances(
                instances: instances, model: model, signature: ModelSignature(model, shapes: shapes),
                hasPools: hasPools,
                options: options)
        }
    }

    /// Gives instances of a place what was loaded for them, or takes it from them.
    package func put(_ loaded: (any LoadedInstances)?, at place: Range<Int>) -> any Sendable {
        var others: [Instance?] = (loaded as? CPUInstances)?.instances ?? []
        precondition(others.count <= place.count, "there is no place for \(others.count) instances")
        others += Array(repeating: nil, count: place.count - others.count)
        let next = others
        return instances.withLock { instances in
            let former = Array(instances[place])
            instances.replaceSubrange(place, with: next)
            return former
        }
    }
}

/// A model in the CPU's memory, with tensors for the instances of a task.
struct CPUInstances: LoadedInstances {
    let instances: [CPUDevice.Instance]
    let model: StagedModel
    let signature: ModelSignature
    /// Whether stages run on other threads, too.
    let hasPools: Bool
    let options: RunOptions

    private static let warmUps = 2
    private static let repeats = 8

    func executionTimes() throws(PreparationError) -> [Nanoseconds] {
        try DedicatedThread.makingWay { () throws(PreparationError) in
            var times: [Nanoseconds] = []
            for stage in model.stages.indices { times.append(try time(stage)) }
            return times
        }
    }

    /// The mean of the processor's time, which does not count while a thread makes way. With other threads it says too little, and
    /// the shortest time by the clock stands in.
    private func time(_ stage: Int) throws(PreparationError) -> Nanoseconds {
        var (total, shortest) = (Int64(0), Int64.max)
        for run in 0..<Self.warmUps + Self.repeats {
            let (start, used) = (daris_monotonic_nanoseconds(), Self.threadTime)
            let error = instances[0].tensors.run(stage: stage, context: 0, io: nil, options: options)
            if let error {
                throw .unsupported(name: model.name, reason: "it fails while it is measured: \(error)")
            }
            guard run >= Self.warmUps else { continue }
            total += Self.threadTime - used
            shortest = min(shortest, daris_monotonic_nanoseconds() - start)
        }
        let mean = total / Int64(Self.repeats)
        return Nanoseconds(hasPools ? max(mean, shortest) : mean)
    }

    private static var threadTime: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
